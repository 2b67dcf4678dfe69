"""The memory of packing and reading does not grow with the dataset, nor does a batch's."""

import pytest

from benchmarks import memory


@pytest.mark.long
def test_memory_does_not_grow_with_the_dataset():
    small, large = memory.measured(500, ("pack", "read")), memory.measured(4_000, ("pack", "read"))
    again = memory.measured(4_000, ("pack", "read"))  # other work on a machine only adds to a peak
    grown = large["pixels", "MB"] - small["pixels", "MB"]
    assert grown > 230
    for title in ("pack", "read one epoch, shuffled, ready for fit"):
        peak = min(large[title, "peak MB"], again[title, "peak MB"])
        assert peak - small[title, "peak MB"] < 80
        assert peak < 1_000
