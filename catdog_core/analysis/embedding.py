"""Photos as a network sees them, laid out in two dimensions, and kept beside its answers.

    predictions/<dataset>-<split>-map.npz          principal components, thumbnails, neighbours
    predictions/<dataset>-<split>-map-<method>.npz  a layout made of them on request

What a network's last layer gets of a photo may be a thousand numbers and more. Their first
principal components are kept: two make a map at once, the others are what t-SNE and UMAP begin
with. scikit-learn is imported inside the functions: it takes a second.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from ..base import file_cache
from ..data.datasets import Dataset
from . import predictions, projections
from .predictions import PredictionTable
from .projections import LayoutMethod, Numbers

MAX_PHOTOS = 2000
"""Photos on a map at most; of a larger part so many are drawn by lot."""
MAX_COMPONENTS = 50
"""Principal components kept at most."""
NEIGHBOURS = 5
FORMAT = 1


class _Metadata(TypedDict, total=False):
    """What an array file holds beside its arrays, as JSON; a layout's has `format` and `key`."""

    format: int
    fingerprint: str
    model: str
    files: list[str]
    values: int
    key: str


@dataclass(frozen=True, eq=False)
class Embedding:
    """N photos as a network sees them.

    Attributes:
        files: names within the dataset.
        parts: (N, P) principal components of what the last layer gets, the largest first, P ≥ 2.
        shares: (P,) the part of all variance in each, 0..1.
        nearest: (N, K) rows of the photos with the smallest Euclidean distance in `parts`.
        thumbnails: a small JPEG of each.
        values: how many numbers the last layer gets of a photo.
        key: names the content.
    """

    files: tuple[str, ...]
    parts: Numbers
    shares: Numbers
    nearest: NDArray[np.int64]
    thumbnails: tuple[bytes, ...]
    values: int
    key: str

    def __len__(self) -> int:
        return len(self.files)


def sample_files(names: Sequence[str], most: int = MAX_PHOTOS, seed: int = 0) -> list[str]:
    """Return at most `most` of some files, drawn at random by a seed, in their order."""
    if len(names) <= most:
        return list(names)
    rows = np.random.default_rng(seed).choice(len(names), most, replace=False)
    return [names[row] for row in sorted(rows)]


def build_embedding(
    names: Sequence[str], features: Numbers, thumbnails: Sequence[bytes], values: int
) -> Embedding:
    """Reduce a network's features of photos to principal components, and find near photos.

    The components are those of the centred features (PCA, Pearson 1901): up to 50 of them hold
    nearly all variance of what a last layer gets, and t-SNE and UMAP are quicker and less noisy on
    them. A component's sign is free; scikit-learn makes its largest loading positive,
    and the same photos give the same map whatever their order.

    Args:
        names: of N ≥ 1 photos.
        features: (N, D), finite.
        thumbnails: N small JPEG files.
        values: how many the network had of a photo; more than D where these were projected.
    """
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    values64 = np.asarray(features, np.float64)
    count = min(MAX_COMPONENTS, *values64.shape)
    parts, shares = np.zeros((len(names), max(count, 2))), np.zeros(max(count, 2))
    if (values64 != values64[0]).any():  # else the network sees all photos alike
        # Whole it takes ten times as long, for components nobody looks at.
        solver = "full" if count == min(values64.shape) else "randomized"
        pca = PCA(count, svd_solver=solver, random_state=0)
        with threadpool_limits(1):  # as for `layout_embedding`
            parts[:, :count] = pca.fit_transform(values64)
        shares[:count] = pca.explained_variance_ratio_
    near = min(NEIGHBOURS, len(names) - 1)
    nearest = np.empty((len(names), 0), np.int64)
    if near:
        nearest = NearestNeighbors(n_neighbors=near).fit(parts).kneighbors(return_distance=False)
    components: Numbers = parts.astype(np.float32)
    digest = hashlib.blake2b(
        components.tobytes() + "\n".join(names).encode("utf-8", "surrogateescape")
    )
    return Embedding(
        files=tuple(names),
        parts=components,
        shares=shares.astype(np.float32),
        nearest=np.asarray(nearest, np.int64),
        thumbnails=tuple(thumbnails),
        values=values,
        key=digest.hexdigest()[:40],
    )


def layout_embedding(embedding: Embedding, method: LayoutMethod, seed: int = 0) -> Numbers:
    """Return positions of photos, (N, 2), computed here; see `projections.compute_layout`."""
    return projections.compute_layout(embedding.parts, method, seed)


def write_embedding(
    run_dir: Path, dataset: Dataset, split: str, embedding: Embedding, model: str
) -> None:
    """Store an embedding beside the predictions of a run, with the model's `digest_model`.

    Raises:
        CatDogError: the disk is full or not writable.
    """
    metadata: _Metadata = {
        "format": FORMAT,
        "fingerprint": dataset.fingerprint,
        "model": model,
        "files": list(embedding.files),  # escaped: names may hold bytes that are no UTF-8
        "values": embedding.values,
        "key": embedding.key,
    }
    lengths = np.array([len(data) for data in embedding.thumbnails], np.int64)
    arrays: dict[str, NDArray[Any]] = {
        "parts": embedding.parts,
        "shares": embedding.shares,
        "nearest": embedding.nearest,
        "lengths": lengths,
        "thumbnails": np.frombuffer(b"".join(embedding.thumbnails), np.uint8),
    }
    _write_arrays(_embedding_path(run_dir, dataset, split, ""), metadata, arrays)


def read_embedding(run_dir: Path, dataset: Dataset, split: str) -> Embedding | None:
    """Return the stored embedding where it is whole, of this model and these photos; else None."""
    try:
        metadata, arrays = _read_arrays(_embedding_path(run_dir, dataset, split, ""))
        if metadata["format"] > FORMAT or not predictions.has_same_photos(
            dataset, metadata["fingerprint"]
        ):
            return None
        if metadata["model"] != predictions.digest_model(Path(run_dir) / "best.keras"):
            return None
        ends = np.cumsum(arrays["lengths"])
        pictures = arrays["thumbnails"].tobytes()
        embedding = Embedding(
            files=tuple(map(str, metadata["files"])),
            parts=arrays["parts"],
            shares=arrays["shares"],
            nearest=arrays["nearest"],
            thumbnails=tuple(
                pictures[end - size : end]
                for end, size in zip(ends, arrays["lengths"], strict=True)
            ),
            values=int(metadata["values"]),
            key=str(metadata["key"]),
        )
        is_complete = (
            len(embedding)
            == len(embedding.parts)
            == len(embedding.nearest)
            == len(embedding.thumbnails)
        )
        return embedding if is_complete and embedding.parts.shape[1] >= 2 else None
    except (*file_cache.ARRAY_READ_ERRORS, IndexError):
        return None


def write_layout(
    run_dir: Path,
    dataset: Dataset,
    split: str,
    method: LayoutMethod,
    embedding: Embedding,
    xy: Numbers,
) -> None:
    """Store a layout of an embedding. Raises CatDogError."""
    path = _embedding_path(run_dir, dataset, split, f"-{method}")
    _write_arrays(path, {"format": FORMAT, "key": embedding.key}, {"xy": xy})


def read_layout(
    run_dir: Path, dataset: Dataset, split: str, method: LayoutMethod, embedding: Embedding
) -> Numbers | None:
    """Return the stored layout of this very embedding, or None; PCA's is always there."""
    if method == "pca":
        return layout_embedding(embedding, "pca")
    try:
        metadata, arrays = _read_arrays(_embedding_path(run_dir, dataset, split, f"-{method}"))
        xy = arrays["xy"]
        known = metadata["format"] <= FORMAT and metadata["key"] == embedding.key
        return xy if known and xy.shape == (len(embedding), 2) else None
    except (*file_cache.ARRAY_READ_ERRORS, IndexError):
        return None


def neighbour_labels(
    embedding: Embedding, names: Iterable[str], labels: Iterable[int]
) -> NDArray[np.int64]:
    """Return the class most of a photo's nearest have, (N,); the nearest one's in a tie.

    Args:
        embedding: the photos.
        names: those that count, such as the photos of a table.
        labels: of these, the class each counts as now.

    Returns:
        -1 where none of the nearest counts.
    """
    known = dict(zip(names, labels, strict=True))
    each = np.array([known.get(file, -1) for file in embedding.files], np.int64)
    around = each[embedding.nearest]  # (N, K)
    if not around.shape[1]:
        return np.full(len(embedding), -1, np.int64)
    alike = (around[:, :, None] == around[:, None, :]).sum(axis=2)
    best = np.where(around < 0, 0, alike).argmax(axis=1)  # the first of equals is the nearest
    return np.asarray(around[np.arange(len(embedding)), best], np.int64)


def encode_layout_csv(embedding: Embedding, xy: Numbers, table: PredictionTable) -> bytes:
    """Return a layout as a CSV file: one row a photo under ``file,truth,label,x,y``.

    Args:
        embedding: the photos.
        xy: (N, 2) their positions.
        table: answers, among them those for these photos.
    """
    rows = {file: row for row, file in enumerate(table.files)}
    called = table.probabilities.argmax(axis=1)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["file", "truth", "label", "x", "y"])
    for file, point in zip(embedding.files, xy.tolist(), strict=True):
        row = rows[file]
        names = (table.classes[label] for label in (table.labels[row], called[row]))
        writer.writerow([file, *names, *(f"{value:.6g}" for value in point)])
    return out.getvalue().encode("utf-8", "surrogateescape")


def _embedding_path(run_dir: Path, dataset: Dataset, split: str, method: str) -> Path:
    path = predictions.predictions_path(run_dir, dataset.id, split)
    return path.with_name(f"{path.stem}-map{method}.npz")


def _write_arrays(path: Path, metadata: _Metadata, arrays: dict[str, NDArray[Any]]) -> None:
    text = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
    file_cache.write_arrays(path, about=text, **arrays)


def _read_arrays(path: Path) -> tuple[_Metadata, dict[str, NDArray[Any]]]:
    arrays = file_cache.read_arrays(path)
    return json.loads(arrays.pop("about").tobytes()), arrays
