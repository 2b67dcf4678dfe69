"""The benchmarks: their arithmetic, their peers' work, and what they say to a wrong word."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import measure, peers


def cells(output):
    """The rows of a printed table, without its head and frame."""
    rows = [line.split("│")[1:-1] for line in output.splitlines() if "│" in line]
    return [[cell.strip() for cell in row] for row in rows]


def test_a_race_tells_ratios_to_the_first_and_to_ours(monkeypatch, capsys):
    clock = iter([0, 0, *[0, 2, 2, 6] * 3])  # a turn of theirs takes 2 s, of ours 4 s
    monkeypatch.setattr(measure, "time", SimpleNamespace(perf_counter=clock.__next__))
    found = {"theirs": measure.Peer(list, 8), "ours": measure.Peer(list, 8)}
    measure.race("Photos", found, 3, ours="ours")
    assert cells(capsys.readouterr().out) == [
        ["theirs", "4", "4", "4", "1.00", "0.50 ×"],
        ["ours", "2", "2", "2", "0.50", "1.00 ×"],
    ]


def test_times_are_told_in_milliseconds(capsys):
    measure.report("Slider", {"painted": [0.01, 0.02, 0.03]})
    assert cells(capsys.readouterr().out) == [["painted", "20.0", "29.0", "10.0", "30.0"]]


def test_keras_layers_give_batches_as_ours_are():
    from catdog_core.records import Photos

    photos = Photos(np.zeros((40, 32, 32, 3), np.uint8), np.zeros(40, np.int64), [])
    images, labels = next(iter(peers.keras_layers(photos)))
    assert images.shape == (20, 32, 32, 3) and images.dtype == "float32"
    assert labels.shape == (20,)


def test_a_peer_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: None)
    assert peers.albumentations() is None


@pytest.mark.parametrize("arguments", [["everything"], ["loading", "no such folder"]])
def test_a_wrong_word_is_told_what_was_expected(arguments):
    with pytest.raises(SystemExit) as told:
        benchmarks.main(arguments)
    assert "train/ and validation/" in str(told.value)
