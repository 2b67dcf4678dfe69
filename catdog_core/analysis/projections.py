"""Ways to lay photos out in two dimensions, here or in a process that can be stopped.

scikit-learn's and umap-learn's code cannot be interrupted: a thread at it goes on for minutes
whatever is asked of it. So pages have a process do it, which is ended when it is not wanted.
"""

from __future__ import annotations

import base64
import importlib.util
from collections.abc import Callable
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from ..base import subprocess_jobs
from ..base.errors import CatDogError

LayoutMethod = Literal["pca", "tsne", "umap"]
Numbers = NDArray[np.float32]


class _LayoutRequest(TypedDict):
    """What the subprocess is asked: (N, width) float32 in base64, and the method."""

    parts: str
    width: int
    method: LayoutMethod


class _LayoutEvent(TypedDict, total=False):
    """What it answers: (N, 2) float32 in base64."""

    positions: str


def available_methods() -> list[LayoutMethod]:
    """Return the methods there are; UMAP only where the package `umap-learn` is installed."""
    methods: list[LayoutMethod] = ["pca", "tsne"]
    return [*methods, "umap"] if importlib.util.find_spec("umap") else methods


def compute_layout(parts: Numbers, method: LayoutMethod, seed: int = 0) -> Numbers:
    """Return positions of photos in two dimensions, (N, 2); the axes have no unit.

    "pca", principal components (Pearson 1901), takes the first two: the directions in which the
    photos differ most. It is a plain projection, so distances on the map are never larger than
    they are. "tsne" (van der Maaten and Hinton 2008) and "umap" (McInnes et al. 2018,
    arXiv:1802.03426) keep near what is near and let everything else go: groups are real, but the
    distances between them and their sizes mean nothing. They take seconds to minutes.

    Args:
        parts: (N, P) principal components, the largest first, P ≥ 2.
        method: one of `available_methods`.
        seed: the same gives the same positions.
    """
    n = len(parts)
    if is_trivial_layout(parts, method):
        return parts[:, :2]
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    if method == "umap":
        from umap import UMAP

        # 15 neighbours is umap-learn's own choice; a photo has no more than all others.
        reducer: Any = UMAP(n_neighbors=min(15, n - 1), random_state=seed, n_jobs=1)
    else:
        from sklearn.manifold import TSNE

        # Perplexity is about the number of neighbours that count: 30 is scikit-learn's choice, and
        # more than a third of the photos leaves no structure to see. It begins with PCA, not at
        # random, so that groups come to lie as they do there (Kobak and Berens 2019).
        reducer = TSNE(perplexity=min(30.0, (n - 1) / 3), init="pca", random_state=seed)
    # Beside a training two threads of OpenMP wait for each other most of the time: one is quicker.
    with threadpool_limits(1, user_api="openmp"):
        return np.asarray(reducer.fit_transform(parts), np.float32)


def is_trivial_layout(parts: Numbers, method: LayoutMethod) -> bool:
    """Return whether nothing is to be computed: PCA, a handful of photos, or all alike."""
    return method == "pca" or len(parts) < 5 or not parts.any()


def compute_layout_in_subprocess(
    parts: Numbers, method: LayoutMethod, stopped: Callable[[], bool]
) -> Numbers:
    """Compute a layout as `compute_layout`, in a process that ends at once when stopped.

    Args:
        parts, method: as for `compute_layout`.
        stopped: asked twice a second.

    Raises:
        CatDogError: it was stopped, or the process broke off.
    """
    if is_trivial_layout(parts, method):
        return compute_layout(parts, method)
    encoded = ""

    def on_event(event: _LayoutEvent) -> None:
        nonlocal encoded
        if stopped():
            raise CatDogError("The embedding map was stopped. Nothing was saved.")
        encoded = event.get("positions", encoded)

    request: _LayoutRequest = {
        "parts": _encode_array(parts),
        "width": parts.shape[1],
        "method": method,
    }
    silent = (
        "The process that lays the photos out broke off, perhaps because memory ran out. Close"
        " other programs and try again."
    )
    subprocess_jobs.run_subprocess(__name__, request, on_event, silent, quiet=True)
    return _decode_array(encoded, 2)


def _handle_request(request: Any) -> None:
    """Compute the layout of a `_LayoutRequest` and emit its "positions", in the subprocess."""
    parts = _decode_array(request["parts"], request["width"])
    subprocess_jobs.emit(positions=_encode_array(compute_layout(parts, request["method"])))


def _encode_array(values: Numbers) -> str:
    return base64.b64encode(np.ascontiguousarray(values, np.float32).tobytes()).decode()


def _decode_array(text: str, width: int) -> Numbers:
    return np.frombuffer(base64.b64decode(text), np.float32).reshape(-1, width)


if __name__ == "__main__":
    subprocess_jobs.handle_request(_handle_request)
