"""Sort photos: how long guesses take to learn from answers, and how many answers they need."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np

from catdog_core.analysis import sorting
from catdog_core.analysis.sorting import Guesses, SeenPhotos
from catdog_core.base import files
from catdog_core.data import datasets, piles
from catdog_core.data.piles import Answer, Pile

from .measure import console, report

_ROUNDS, _COUNTS = 5, (20, 100, 500, 1500)
_DRAWN = 600


def sorting_photos(folder: Path | None = None) -> None:
    """Learn from 20 and more answers on all photos; then answer by the labels until 95 in 100."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ[files.WORKSPACE] = str(Path(directory) / "workspace")
        if folder is None:
            folder = Path(directory) / "pets"
            datasets.make_demo(folder, _DRAWN - 100, 100)
        dataset = datasets.open_folder(folder)
        truth = {item.file: dataset.classes[item.label] for item in dataset.items()}
        pile = piles.create_pile_from_folder(dataset.root)
        pile = piles.set_classes(pile.id, dataset.classes)
        from catdog_core.analysis import pile_features

        seen = pile_features.look_at_pile(pile, None)
        rows = {
            f"learn from {count:,} answers": _time_learning(pile, seen, truth, count)
            for count in _COUNTS
            if count < len(seen.files)
        }
        report(f"New guesses for {len(seen.files):,} photos, {_ROUNDS} rounds", rows)
        groups, share = sorting.group_photos(seen.features, len(dataset.classes))
        names = [
            max(dataset.classes, key=[truth[f] for f in _files_of(seen, groups, group)].count)
            for group in range(len(dataset.classes))
        ]
        starts = {
            "names of classes only": sorting.first_guesses(seen, pile),
            "groups by likeness": sorting.name_groups(seen, names, groups, share),
        }
        for name, first in starts.items():
            _count_answers(name, pile, seen, truth, first)


def _files_of(seen: SeenPhotos, groups: sorting.Labels, group: int) -> list[str]:
    return [file for file, each in zip(seen.files, groups, strict=True) if each == group]


def _time_learning(pile: Pile, seen: SeenPhotos, truth: dict[str, str], count: int) -> list[float]:
    rng, times = np.random.default_rng(0), []
    first = sorting.first_guesses(seen, pile)
    for _ in range(_ROUNDS):
        some = rng.choice(len(seen.files), count, replace=False)
        answers = [Answer(str(n), seen.files[n], truth[seen.files[n]], "") for n in some]
        start = time.perf_counter()
        sorting.learn(pile, answers, first, seen)
        times.append(time.perf_counter() - start)
    return times


def _count_answers(
    name: str, pile: Pile, seen: SeenPhotos, truth: dict[str, str], first: Guesses
) -> None:
    """Answer by the labels, the least certain first, until the guesses are good."""
    answers: list[Answer] = []
    guesses = first
    while sorting.record_guesses(answers).reached is None and len(answers) < len(seen.files):
        queue = sorting.build_queue(pile, guesses, answers)
        for photo in [each for each in queue if not each.is_reviewed][: sorting.RETRAIN_EVERY]:
            guess = pile.classes[photo.guess] if photo.guess >= 0 else ""
            answers.append(Answer(str(len(answers)), photo.file, truth[photo.file], guess))
        guesses = sorting.learn(pile, answers, first, seen)
    done = {answer.file for answer in answers}
    rest = [
        guesses.classes[label] == truth[file]
        for file, label in zip(guesses.files, guesses.labels, strict=True)
        if file not in done and label >= 0
    ]
    reached = sorting.record_guesses(answers).reached
    accuracy = f"{np.mean(rest):.3f}" if rest else "–"
    console.print(
        f"{name}: {reached} answers until 38 of 40 guesses were right; {len(answers)} given, "
        f"accuracy on the other {len(rest):,} photos {accuracy}"
    )
