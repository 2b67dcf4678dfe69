"""The memory of packing and reading does not grow with the dataset, nor does a batch's."""

import pytest

from benchmarks import memory

TITLES = ("pack", "read one epoch, shuffled, ready for fit")


@pytest.mark.long
@pytest.mark.slow
def test_memory_does_not_grow_with_the_dataset():
    small, large = memory.measured(500, ("pack", "read")), memory.measured(4_000, ("pack", "read"))
    grown = large["pixels", "MB"] - small["pixels", "MB"]
    assert grown > 230
    bounds = {title: min(small[title, "peak MB"] + 80, 1_000) for title in TITLES}
    peaks = {title: large[title, "peak MB"] for title in TITLES}
    if any(peaks[title] >= bounds[title] for title in TITLES):
        # Other work on a machine only adds to a peak.
        again = memory.measured(4_000, ("pack", "read"))
        peaks = {title: min(peaks[title], again[title, "peak MB"]) for title in TITLES}
    for title in TITLES:
        assert peaks[title] < bounds[title], title
