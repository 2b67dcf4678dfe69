"""The benchmarks: their peers' work, and what they say to a wrong word."""

import numpy as np
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import other_libraries


def test_keras_layers_give_batches_as_ours_are():
    from catdog_core.storage.tfrecord import PhotoSplit

    photos = PhotoSplit(np.zeros((40, 32, 32, 3), np.uint8), np.zeros(40, np.int64), [])
    images, labels = next(iter(other_libraries.keras_layers(photos)))
    assert images.shape == (20, 32, 32, 3) and images.dtype == "float32"
    assert labels.shape == (20,)


def test_a_peer_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(other_libraries.importlib.util, "find_spec", lambda name: None)
    assert other_libraries.albumentations() is None


@pytest.mark.parametrize("arguments", [["everything"], ["loading", "no such folder"]])
def test_a_wrong_word_is_told_what_was_expected(arguments):
    with pytest.raises(SystemExit) as caught:
        benchmarks.main(arguments)
    assert "train/ and validation/" in str(caught.value)
