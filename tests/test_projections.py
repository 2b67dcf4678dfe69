"""Layouts worked out by a process that can be stopped."""

import threading

import numpy as np
import psutil
import pytest

from catdog_core.analysis import projections
from catdog_core.base.errors import CatDogError


def clusters(n, parts=10):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, parts)).astype(np.float32)
    features[::2, 0] += 30
    return features


def at_work():
    """The processes of this one that lay photos out."""
    workers = []
    for process in psutil.Process().children(recursive=True):
        try:
            workers += [process] * ("catdog_core.analysis.projections" in process.cmdline())
        except psutil.NoSuchProcess:
            continue
    return workers


@pytest.mark.parametrize("method", projections.available_methods())
def test_a_process_of_its_own_gives_the_very_same_places(method):
    parts = clusters(60)
    apart = projections.compute_layout_in_subprocess(parts, method, lambda: False)
    assert apart.shape == (60, 2)
    assert (apart == projections.compute_layout(parts, method)).all()
    left, right = apart[::2], apart[1::2]
    wide = max(left.std(axis=0).max(), right.std(axis=0).max())
    assert np.linalg.norm(left.mean(axis=0) - right.mean(axis=0)) > 2 * wide
    assert at_work() == []


def test_a_layout_that_is_stopped_ends_its_process_and_gives_nothing():
    wish = threading.Event()

    def stopped():
        assert len(at_work()) == 1
        wish.set()
        return True

    with pytest.raises(CatDogError, match=r"was stopped. Nothing was saved"):
        projections.compute_layout_in_subprocess(
            clusters(2000, 50), "tsne", stopped
        )  # 5 s and more, would it go on
    assert wish.is_set() and at_work() == []


def test_a_process_that_breaks_off_is_told_in_a_sentence(monkeypatch):
    monkeypatch.setattr(projections, "__name__", "catdog_core.analysis.no_such_module")
    with pytest.raises(CatDogError, match="broke off"):
        projections.compute_layout_in_subprocess(clusters(60), "tsne", lambda: False)


def test_what_needs_no_work_starts_no_process(monkeypatch):
    monkeypatch.setattr(projections.subprocess_jobs, "run_subprocess", None)
    for parts, method in ((clusters(60), "pca"), (clusters(4), "tsne"), (np.zeros((9, 3)), "tsne")):
        assert projections.compute_layout_in_subprocess(parts, method, lambda: False).shape == (
            len(parts),
            2,
        )


def test_umap_is_offered_where_it_is_installed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert projections.available_methods() == ["pca", "tsne"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert projections.available_methods() == ["pca", "tsne", "umap"]
