"""The memory of packing and reading does not grow with the dataset, nor does a batch's."""

import pytest

from benchmarks import memory

TITLES = ("pack", "read one epoch, shuffled, ready for fit")


@pytest.mark.long
@pytest.mark.slow
def test_memory_does_not_grow_with_the_dataset():
    small, larges = memory.measured(500, ("pack", "read")), []
    for _ in range(4):  # other work on a machine only adds to a peak
        larges.append(memory.measured(4_000, ("pack", "read")))
        peaks = {title: min(each[title, "peak MB"] for each in larges) for title in TITLES}
        grown = {title: peaks[title] - small[title, "peak MB"] for title in TITLES}
        if max(grown.values()) < 80:
            break
    assert larges[0]["pixels", "MB"] - small["pixels", "MB"] > 230
    assert max(grown.values()) < 80, grown
    assert max(peaks.values()) < 1_000, peaks
