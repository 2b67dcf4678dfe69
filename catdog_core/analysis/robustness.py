"""A model's accuracy as photos are changed more and more, one kind of change at a time.

    predictions/<dataset>-<split>-robustness-<change>.npz   answers, strength by strength

Each strength is kept as soon as it is there: a page draws what there is, and a pass that was
stopped continues. Answers hold as long as the model and the photos are the same, also when photos
are excluded or relabeled. The photos are decoded once for all models, strengths and changes.
Imports no TensorFlow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..augmentation import photo_changes
from ..augmentation.photo_changes import CHANGES, ChangeName
from ..base import file_cache
from ..base.errors import N_, CatDogError, DatasetError, Term
from ..base.file_cache import FileCache
from ..data.datasets import Dataset
from ..imaging import decode
from ..imaging.decode import Photo
from . import class_matching, embedding, metrics, predictions
from .diagnose import Remark

if TYPE_CHECKING:
    from .predict import Predictor

FORMAT = 1
MAX_PHOTOS = 1000
"""Photos measured at most, unless said otherwise; of more, so many are drawn by a seed."""
MAX_MODELS = 3
"""Models measured side by side at most."""
SEED = 0
"""Of the directions and the noise. All models and strengths meet the same photos."""
_DECODED_BYTES = 256_000_000  # of decoded photos that are held; larger ones are fewer
_P = 0.05  # chance below which a difference counts, for all strengths together
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class RobustnessCurve:
    """A model's answers to N photos at S strengths of one change.

    Attributes:
        change: its name.
        files: names of the photos within the dataset.
        labels: (N,) int64, the true classes.
        strengths: those measured so far, ascending.
        guesses: (S, N) the class each photo is called.
        confidences: (S, N) float32, the probability of that class.
        unreadable: photos that could not be read and are left out.
    """

    change: ChangeName
    files: tuple[str, ...]
    labels: NDArray[np.int64]
    strengths: tuple[float, ...] = ()
    guesses: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), np.int64))
    confidences: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    def is_right(self, strength: float) -> NDArray[np.bool_]:
        """Return whether the answer to each photo is right, (N,)."""
        return np.asarray(self.guesses[self.strengths.index(strength)] == self.labels)

    def accuracy(self, strength: float) -> float:
        """Return the share of right answers, 0..1."""
        return float(self.is_right(strength).mean())

    def interval(self, strength: float) -> tuple[float, float]:
        """Return the 95 % interval of the accuracy, as fractions."""
        return metrics.wilson_interval(int(self.is_right(strength).sum()), len(self))

    def restrict(self, files: Sequence[str]) -> RobustnessCurve:
        """Return the answers to some of the photos, in this order."""
        row_by_file = {file: row for row, file in enumerate(self.files)}
        rows = [row_by_file[file] for file in files]
        return replace(
            self,
            files=tuple(files),
            labels=self.labels[rows],
            guesses=self.guesses[:, rows],
            confidences=self.confidences[:, rows],
        )

    def with_answers(
        self, strength: float, guesses: NDArray[np.int64], confidences: NDArray[np.float32]
    ) -> RobustnessCurve:
        """Return the curve with one more strength, in its place."""
        at = int(np.searchsorted(self.strengths, strength))
        shape = (len(self.strengths), len(self))
        return replace(
            self,
            strengths=(*self.strengths[:at], strength, *self.strengths[at:]),
            guesses=np.insert(self.guesses.reshape(shape), at, guesses, axis=0),
            confidences=np.insert(self.confidences.reshape(shape), at, confidences, axis=0),
        )


@dataclass(frozen=True, eq=False)
class RobustnessSubject:
    """A model to measure, and where its answers are kept.

    Attributes:
        predictor: the model.
        columns: its output column of each class of the dataset.
        model: the `predictions.digest_model` of its file; empty where nothing is kept.
        run_dir: the folder of its run or imported model; None where nothing is kept.
    """

    predictor: Predictor
    columns: tuple[int, ...]
    model: str = ""
    run_dir: Path | None = None

    @property
    def outputs(self) -> list[str]:
        """The model's names of the dataset's classes."""
        return [self.predictor.classes[column] for column in self.columns]


def make_subject(
    predictor: Predictor,
    dataset: Dataset,
    run_dir: Path | None = None,
    mapping: Mapping[str, str] | None = None,
) -> RobustnessSubject:
    """Return a model as a subject, its classes matched with the dataset's.

    Args:
        predictor: the model.
        dataset: what it is measured on.
        run_dir: where its answers are kept; None keeps none.
        mapping: classes of the dataset by the model's names, where these don't match.

    Raises:
        ModelError: its classes are others than the dataset's.
    """
    match = class_matching.match_classes(
        predictor.classes, dataset.classes, predictor.names_known, mapping
    )
    model = predictions.digest_model(run_dir / "best.keras") if run_dir else ""
    return RobustnessSubject(predictor, tuple(match.columns), model, run_dir)


def measure_robustness(
    subjects: Sequence[RobustnessSubject],
    dataset: Dataset,
    split: str | None,
    change: ChangeName,
    strengths: Sequence[float] = (),
    most: int = MAX_PHOTOS,
    progress: Progress | None = None,
) -> Iterator[list[RobustnessCurve]]:
    """Measure models under one change: unchanged photos first, then strength by strength.

    Args:
        subjects: the models; they may take photos of different sizes.
        dataset, split: the photos; None for all splits.
        change: the name of the change.
        strengths: those to measure beside the one that changes nothing; the usual ones if empty.
        most: photos at most; fewer where the models' photos are so large that memory would not do.
        progress: called with (photos done, photos in all); what it raises ends the work, and the
            strengths that are done are kept.

    Yields:
        The curves so far, of each model, whenever a model has done one more strength.

    Raises:
        DatasetError: no photo can be read.
        ModelError: a model's outputs are no probabilities.
        SettingsError: a strength is beyond what the change allows.
    """
    wanted = photo_changes.check_strengths(change, tuple(strengths or CHANGES[change].strengths))
    clean = float(CHANGES[change].clean)
    in_turn = [clean, *(strength for strength in wanted if strength != clean)]
    photos = load_photos(dataset, split, {s.predictor.size for s in subjects}, most)
    files, unreadable = next(iter(photos.values()))[1:]
    labels = {item.file: item.label for item in dataset.items(split)}
    empty = RobustnessCurve(
        change, files, np.array([labels[file] for file in files], np.int64), unreadable=unreadable
    )
    curves = [_begin_curve(subject, dataset, split, empty) for subject in subjects]
    total = sum(len(set(wanted) - set(curve.strengths)) for curve in curves) * len(files)
    done = 0
    yield curves
    for strength in in_turn:
        for number, subject in enumerate(subjects):
            if strength in curves[number].strengths:
                continue
            guesses, confidences = [], []
            for part in _predict_changed(
                subject, photos[subject.predictor.size][0], files, change, strength
            ):
                guesses.append(part.argmax(axis=1))
                confidences.append(part.max(axis=1).astype(np.float32))
                done += len(part)
                if progress:
                    progress(done, total)
            curves[number] = curves[number].with_answers(
                strength, np.concatenate(guesses), np.concatenate(confidences)
            )
            if subject.run_dir:
                _write_curve(subject, dataset, split, curves[number])
            yield list(curves)


def _predict_changed(
    subject: RobustnessSubject,
    photos: NDArray[np.uint8],
    files: Sequence[str],
    change: ChangeName,
    strength: float,
) -> Iterator[NDArray[np.float64]]:
    """Yield probabilities (B, C) batch by batch; the next batch is changed meanwhile."""

    def changed(rows: range) -> NDArray[np.uint8]:
        return np.stack(
            [
                photo_changes.apply_change(photos[row], change, strength, files[row], SEED)
                for row in rows
            ]
        )

    size = subject.predictor.batch
    batches = [range(n, min(n + size, len(files))) for n in range(0, len(files), size)]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(changed, batches[0])
        for following in [*batches[1:], None]:
            batch = waiting.result()
            if following is not None:
                waiting = pool.submit(changed, following)
            yield subject.predictor.predict(batch)[:, list(subject.columns)]


_Decoded = tuple[NDArray[np.uint8], tuple[str, ...], tuple[str, ...]]
"""Photos (N, H, W, 3), their names, and the names of those that could not be read."""
_decoded: FileCache[_Decoded] = FileCache(_DECODED_BYTES, lambda decoded: decoded[0].nbytes)


def load_photos(
    dataset: Dataset, split: str | None, sizes: set[tuple[int, int]], most: int
) -> dict[tuple[int, int], _Decoded]:
    """Return the same photos at each size; what is known from another pass is not read again.

    Raises:
        DatasetError: none can be read.
    """
    each = sum(prod(size) * 3 for size in sizes)
    items = {item.file: item for item in dataset.items(split)}
    names = embedding.sample_files(list(items), max(1, min(most, _DECODED_BYTES // each)))

    def load(size: tuple[int, int]) -> _Decoded:
        loaded = list(decode.load_photos([items[name].path for name in names], size))
        good = [n for n, photo in enumerate(loaded) if not isinstance(photo, CatDogError)]
        if not good:
            raise DatasetError(
                "'{name}' has no readable photos in {split}. Add at least one to evaluate.",
                name=dataset.name,
                split=Term(split or N_("any split")),
            )
        bad = tuple(names[n] for n in sorted(set(range(len(names))) - set(good)))
        read: list[Photo] = [loaded[n] for n in good]  # type: ignore[misc]
        return np.stack(read), tuple(names[n] for n in good), bad

    decoded = {
        size: _decoded.get(
            (dataset.id, str(dataset.root), dataset.fingerprint, split, len(names), size),
            (),
            partial(load, size),
        )
        for size in sizes
    }
    shared = set.intersection(*(set(files) for _, files, _ in decoded.values()))
    if any(len(shared) < len(files) for _, files, _ in decoded.values()):
        # A large photo can be readable at a reduced size only.
        left = tuple(name for name in names if name in shared)
        out = tuple(name for name in names if name not in shared)
        for size, (photos, files, _) in decoded.items():
            row_by_file = {file: row for row, file in enumerate(files)}
            decoded[size] = photos[[row_by_file[file] for file in left]], left, out
    return decoded


def _begin_curve(
    subject: RobustnessSubject, dataset: Dataset, split: str | None, empty: RobustnessCurve
) -> RobustnessCurve:
    """Return what is kept of a model's answers to exactly these photos, else the empty curve."""
    stored = None
    if subject.run_dir:
        stored = read_curve(
            subject.run_dir, dataset, split, empty.change, subject.outputs, _scale(subject)
        )
    if stored is None or not set(empty.files) <= set(stored.files):
        return empty
    return stored.restrict(empty.files)


def curve_path(run_dir: Path, dataset_id: str, split: str | None, change: ChangeName) -> Path:
    """Return where a model's answers under a change are kept."""
    table = predictions.predictions_path(run_dir, dataset_id, split or "all")
    return table.with_name(f"{table.stem}-robustness-{change}.npz")


def read_curve(
    run_dir: Path,
    dataset: Dataset,
    split: str | None,
    change: ChangeName,
    outputs: Sequence[str] | None = None,
    scale: str | None = None,
) -> RobustnessCurve | None:
    """Return what is kept of a model's answers to photos of a split as the dataset is now.

    Args:
        run_dir: the folder of a run or an imported model.
        dataset, split: the photos; those that are excluded by now are left out.
        change: the name of the change.
        outputs: the model's names of the dataset's classes; None for whatever they were then.
        scale: of its input values; None for whatever it was then.

    Returns:
        None where there is nothing, or it is damaged, of another model or of other photos.
    """
    path = curve_path(run_dir, dataset.id, split, change)
    if not path.is_file():
        return None
    try:
        stored = file_cache.read_arrays(path)
        about: dict[str, Any] = json.loads(str(stored["about"]))
        if (
            about["format"] != FORMAT
            or about["model"] != predictions.digest_model(run_dir / "best.keras")
            or about["seed"] != SEED
            or (outputs is not None and about["outputs"] != list(outputs))
            or (scale is not None and about["scale"] != scale)
            or sorted(about["classes"]) != sorted(dataset.classes)
            or not predictions.has_same_photos(dataset, about["fingerprint"])
        ):
            return None
        # Class numbers are those of the order then; the order may have changed since.
        number = np.array([dataset.classes.index(name) for name in about["classes"]])
        labels = {item.file: item.label for item in dataset.items(split)}
        files = tuple(map(str, about["files"]))
        strengths = tuple(map(float, stored["strengths"]))
        guesses, confidences = number[stored["guesses"]], stored["confidences"]
        if guesses.shape != confidences.shape or guesses.shape != (len(strengths), len(files)):
            return None
        here = [file for file in files if file in labels]
        curve = RobustnessCurve(
            change,
            files,
            np.array([labels.get(file, 0) for file in files], np.int64),
            strengths,
            guesses,
            confidences,
            tuple(file for file in map(str, about["unreadable"]) if file in labels),
        )
        return curve.restrict(here) if here else None
    except (*file_cache.ARRAY_READ_ERRORS, IndexError, AttributeError, CatDogError):
        return None


def _write_curve(
    subject: RobustnessSubject, dataset: Dataset, split: str | None, curve: RobustnessCurve
) -> None:
    assert subject.run_dir is not None
    about = {
        "format": FORMAT,
        "model": subject.model,
        "seed": SEED,
        "outputs": subject.outputs,
        "scale": _scale(subject),
        "classes": list(dataset.classes),
        "fingerprint": dataset.fingerprint,
        "files": list(curve.files),
        "unreadable": list(curve.unreadable),
    }
    path = curve_path(subject.run_dir, dataset.id, split, curve.change)
    file_cache.write_arrays(
        path,
        about=np.array(json.dumps(about)),
        strengths=np.array(curve.strengths),
        guesses=curve.guesses.astype(np.int32),
        confidences=curve.confidences,
    )


def _scale(subject: RobustnessSubject) -> str:
    return str(subject.predictor.input_scale)


def align_curves(curves: Sequence[RobustnessCurve]) -> list[RobustnessCurve]:
    """Return curves of the photos that all of them have, so that they can be compared."""
    if not curves:
        return []
    shared = set.intersection(*(set(curve.files) for curve in curves))
    files = [file for file in curves[0].files if file in shared]
    return [curve.restrict(files) for curve in curves] if files else []


def find_telling_strength(curves: Sequence[RobustnessCurve]) -> float | None:
    """Return the strength that shows most: where models differ most, or accuracy is lowest.

    Only strengths that all curves have count, beside the unchanged photos; None without any.
    """
    strengths = _shared_strengths(curves)
    if not strengths:
        return None

    def spread(strength: float) -> float:
        values = [curve.accuracy(strength) for curve in curves]
        return max(values) - min(values)

    if len(curves) > 1:
        telling = [s for s in strengths if _is_beyond_chance(curves, s, len(strengths))]
        if telling:
            return max(telling, key=spread)
    return min(strengths, key=lambda s: sum(curve.accuracy(s) for curve in curves))


def describe_curves(
    curves: Sequence[RobustnessCurve], names: Sequence[str], strength: float | None = None
) -> list[Remark]:
    """Say what the curves show at one strength, a remark a model, and where two of them cross.

    A model "falls" where McNemar's test tells its answers from its own on unchanged photos, with
    Bonferroni's correction for the number of strengths; else it "holds".

    Args:
        curves: of the same photos.
        names: of the models.
        strength: to speak of; by default the one that shows most.
    """
    strengths = _shared_strengths(curves)
    at = find_telling_strength(curves) if strength is None else strength
    if at not in strengths:
        return []
    clean = float(CHANGES[curves[0].change].clean)
    remarks = []
    for curve, name in zip(curves, names, strict=True):
        before, after = curve.accuracy(clean), curve.accuracy(at)
        p = _mcnemar(curve.is_right(clean), curve.is_right(at)) * len(strengths)
        is_lower = p < _P and after < before
        message = FALLS if is_lower else HOLDS
        remarks.append(
            Remark(
                "falls" if is_lower else "holds",
                message,
                {"name": name, "before": before, "after": after},
            )
        )
    remarks.sort(key=lambda remark: remark.id)
    if len(curves) == 2 and (crossing := _find_crossing(curves, strengths)):
        remarks.append(_describe_crossing(curves, names, *crossing))
    return remarks


def _describe_crossing(
    curves: Sequence[RobustnessCurve], names: Sequence[str], strength: float, leader: int
) -> Remark:
    change = curves[0].change
    clean = float(CHANGES[change].clean)
    price = abs(curves[0].accuracy(clean) - curves[1].accuracy(clean))
    return Remark(
        "crossing",
        CROSSING,
        {
            "first": names[leader],
            "second": names[1 - leader],
            "price": 100 * price,
            "strength": photo_changes.format_strength(change, strength),
        },
    )


def _find_crossing(
    curves: Sequence[RobustnessCurve], strengths: Sequence[float]
) -> tuple[float, int] | None:
    """Return where two lines cross, and which is ahead on unchanged photos; None where chance
    could have made either end of it."""
    clean = float(CHANGES[curves[0].change].clean)
    if not _is_beyond_chance(curves, clean, 1):
        return None
    ahead = {s: curves[0].accuracy(s) - curves[1].accuracy(s) for s in (clean, *strengths)}
    leader = 0 if ahead[clean] > 0 else 1
    for side in (
        [s for s in strengths if s > clean],
        [s for s in reversed(strengths) if s < clean],
    ):
        turned = [
            s
            for s in side
            if ahead[s] * ahead[clean] < 0 and _is_beyond_chance(curves, s, len(strengths))
        ]
        if not turned:
            continue
        before = clean
        for s in side:
            if ahead[s] * ahead[clean] <= 0:
                part = ahead[before] / (ahead[before] - ahead[s])
                return float(f"{before + part * (s - before):.2g}"), leader
            before = s
    return None


def _shared_strengths(curves: Sequence[RobustnessCurve]) -> list[float]:
    """Return the strengths all curves have; none before the unchanged photos are measured."""
    if not curves or not len(curves[0]):
        return []
    clean = float(CHANGES[curves[0].change].clean)
    shared = set.intersection(*(set(curve.strengths) for curve in curves))
    return sorted(shared - {clean}) if clean in shared else []


def _is_beyond_chance(curves: Sequence[RobustnessCurve], strength: float, tries: int) -> bool:
    """Return whether the best and the worst model differ by more than chance."""
    ordered = sorted(curves, key=lambda curve: curve.accuracy(strength))
    p = _mcnemar(ordered[0].is_right(strength), ordered[-1].is_right(strength))
    return p * tries < _P


def _mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return metrics.mcnemar_test(int((first & ~second).sum()), int((~first & second).sum()))


def choose_examples(
    curves: Sequence[RobustnessCurve], strength: float, count: int = 6
) -> list[int]:
    """Return rows of photos that show what the strength does, both classes by turns.

    Those on which models differ come first, then those that a model got right unchanged and gets
    wrong now, then all others.
    """
    clean = float(CHANGES[curves[0].change].clean)
    now = np.stack([curve.is_right(strength) for curve in curves])
    before = np.stack([curve.is_right(clean) for curve in curves])
    differs = now.any(axis=0) & ~now.all(axis=0)
    lost = (before & ~now).any(axis=0)
    rank = np.where(differs, 0, np.where(lost, 1, 2))
    turn = np.zeros(len(rank), np.int64)  # the how-manieth of its class at its rank
    seen: dict[tuple[int, int], int] = {}
    labels = curves[0].labels
    for row in range(len(rank)):
        place = (int(rank[row]), int(labels[row]))
        turn[row] = seen[place] = seen.get(place, -1) + 1
    order = sorted(range(len(rank)), key=lambda row: (rank[row], turn[row], labels[row]))
    return order[:count]


FALLS = N_("“{name}” falls from {before:.0%} to {after:.0%}.")
HOLDS = N_("“{name}” stays at {after:.0%}.")
CROSSING = N_(
    "On unchanged photos, “{first}” is {price:.0f} percentage points better. From about"
    " {strength}, “{second}” is better."
)
