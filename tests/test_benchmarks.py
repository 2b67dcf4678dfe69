"""The benchmarks: their peers' work, and what they say to a wrong word."""

import importlib
import re

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


def asked(capsys, *arguments):
    """The exit status of a command line that runs no benchmark, and all it printed."""
    with pytest.raises(SystemExit) as caught:
        benchmarks.main(list(arguments))
    captured = capsys.readouterr()
    return caught.value.code, captured.out + captured.err


def test_help_lists_every_benchmark_and_each_has_its_own(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, text = asked(capsys, "--help")
    assert code == 0
    for name, benchmark in benchmarks.BENCHMARKS.items():
        assert re.search(rf"^ +{name}\s+{re.escape(benchmark.about)}$", text, re.M)
        code, own = asked(capsys, name, "--help")
        assert code == 0 and benchmark.about[1:] in own
        assert ("DIR" in own) == benchmark.takes_folder
        module, function = benchmark.function.split(":")
        assert callable(getattr(importlib.import_module(f"benchmarks.{module}"), function))
    assert asked(capsys, "all", "--help")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["everything"], "There's no benchmark 'everything'."),
        (["loading", "no such folder"], "Choose a folder with train/ and validation/."),
        (["verdicts", "pets"], "unrecognized arguments: pets"),
    ],
)
def test_a_wrong_word_is_told_what_was_expected(arguments, words, capsys):
    code, text = asked(capsys, *arguments)
    assert code == 2 and words in text


def test_a_benchmark_gets_the_folder_it_is_given(monkeypatch, tmp_path, capsys):
    from benchmarks import loading

    (tmp_path / "train").mkdir()
    folders = []
    monkeypatch.setattr(loading, "loading", folders.append)
    benchmarks.main(["loading", str(tmp_path)])
    benchmarks.main(["loading"])
    assert folders == [tmp_path, None]
