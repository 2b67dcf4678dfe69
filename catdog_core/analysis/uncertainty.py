"""How sure a model is of a photo, and photos sorted into folders by what it says.

Entropy is made of the probabilities: it is high where classes are close. Energy is made of the
scores before the softmax: it is high where none of the classes fits, which probabilities, forced to
sum to 1, cannot say.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from math import exp, log, log2
from pathlib import PurePosixPath

UNSURE_FOLDER = "unsure"
"""The folder of photos without a label."""
WANTED_ACCURACY = 0.9
"""A model counts as sure of its prediction where it is right at least this often, 0..1."""
_FEWEST_ANSWERS = 30


def entropy(probabilities: Sequence[float]) -> float:
    """Return Shannon's entropy in bits: 0 for a sure answer, log2(classes) for none at all."""
    return sum(-p * log2(p) for p in probabilities if p > 0)


def energy(scores: Sequence[float]) -> float:
    """Return the energy at temperature 1: minus the logarithm of the sum of e^score.

    W. Liu et al., "Energy-based Out-of-distribution Detection", NeurIPS 2020, arXiv:2010.03759.

    A network gives its largest scores to photos like those it learned from, so a low energy says
    "such photos I know" and a high one "none of my classes". The softmax divides by that very sum:
    probabilities have lost it.

    Args:
        scores: before the softmax, one a class; or one before a sigmoid, z. Two scores -z/2 and
            z/2 have the same probabilities, so these are taken for it; with them the energy is
            determined by how far z is from 0, as the entropy is.
    """
    values = [-scores[0] / 2, scores[0] / 2] if len(scores) == 1 else list(scores)
    most = max(values)
    return -most - log(sum(exp(value - most) for value in values))


def is_unsure(probabilities: Sequence[float], least: float) -> bool:
    """Return whether the likeliest class has a probability below `least`, 0..1."""
    return max(probabilities) < least


def suggest_threshold(answers: Iterable[tuple[float, bool]]) -> float | None:
    """Return the probability below which a model is right less often than `WANTED_ACCURACY`.

    The accuracy is taken to rise with the probability (isotonic regression), so a few lucky
    answers change nothing.

    Args:
        answers: of photos the model wasn't trained on, the highest probability, 0..1, and whether
            its class is right.

    Returns:
        None where there are fewer than 30 answers, or the model is never right that often.
    """
    ordered = sorted(answers)
    if len(ordered) < _FEWEST_ANSWERS:
        return None
    blocks: list[list[float]] = []  # lowest probability, right answers, answers
    for probability, right in ordered:
        blocks.append([probability, float(right), 1])
        while len(blocks) > 1 and (
            blocks[-2][0] == blocks[-1][0]
            or blocks[-2][1] * blocks[-1][2] >= blocks[-1][1] * blocks[-2][2]
        ):
            _, right_above, count_above = blocks.pop()
            blocks[-1][1] += right_above
            blocks[-1][2] += count_above
    good = (lowest for lowest, right, count in blocks if right >= WANTED_ACCURACY * count)
    return next(good, None)


def default_threshold(classes: int) -> float:
    """Return a threshold, 0..1, halfway between a pure guess and certainty."""
    return (1 + 1 / classes) / 2


def zip_by_label(photos: Iterable[tuple[str, str | None, bytes]], classes: Sequence[str]) -> bytes:
    """Return a zip archive with a folder a class, and one of the photos without a label.

    Files of the same name get a number. Names are made safe for every system: what may not stand
    in a file name becomes a dash, and no name leads out of its folder.

    Args:
        photos: name, label and content of each file; None as the label means unsure.
        classes: all labels there may be; two that differ stay apart.
    """
    taken: set[str] = set()
    folders: dict[str | None, str] = {None: _unique_name(UNSURE_FOLDER, "", taken)}
    for name in classes:
        folders[name] = _unique_name(_safe_name(name), "", taken)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # photos shrink no further
        for name, label, data in photos:
            path = PurePosixPath(_safe_name(name.replace("\\", "/").rsplit("/", 1)[-1]))
            file = _unique_name(f"{folders[label]}/{path.stem}", path.suffix, taken)
            archive.writestr(zipfile.ZipInfo(file), data)  # without a date: the same bytes again
    return out.getvalue()


def _unique_name(stem: str, suffix: str, taken: set[str]) -> str:
    """Return the first of "a.jpg", "a (2).jpg", … not taken; systems may ignore the case."""
    name, number = f"{stem}{suffix}", 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem} ({number}){suffix}"
    taken.add(name.casefold())
    return name


def _safe_name(name: str) -> str:
    clean = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]', "-", name).strip(" .")[-100:]
    # Windows keeps these names for devices, with any extension.
    reserved = re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)", clean)
    return f"_{clean}" if reserved or not clean else clean
