"""The memory of packing and reading does not grow with the dataset, nor does a batch's."""

import pytest

from benchmarks import memory


@pytest.mark.long
def test_memory_does_not_grow_with_the_dataset():
    small, large = memory.measured(500, ("pack", "read")), memory.measured(4_000, ("pack", "read"))
    grown = large["pixels", "MB"] - small["pixels", "MB"]
    assert grown > 230
    for title in ("pack", "read one epoch, shuffled, ready for fit"):
        # Readers that run ahead on a busy machine hold some more; the dataset itself would be all.
        assert large[title, "peak MB"] - small[title, "peak MB"] < 0.6 * grown
        assert large[title, "peak MB"] < 1_000
