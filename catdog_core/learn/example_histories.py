"""Three recorded trainings, for what the learner's own run may not show: real numbers, no photos.

They are of the course network on the course photos; `example_histories.json` holds them, and its
`made` says how each was trained.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, cast

from ..analysis import diagnose
from ..analysis.diagnose import RunContext, Verdict
from ..base.errors import N_
from ..base.metric_rows import EpochRow
from ..runs import run_folder

EXAMPLE_NAMES: dict[str, str] = {
    "plain": N_("Without augmentation"),
    "augmented": N_("With augmentation"),
    "slow": N_("Underfitting"),
}
"""What each is called on a page, by its name."""
_FILE = Path(__file__).with_name("example_histories.json")


@dataclass(frozen=True)
class ExampleHistory:
    """A recorded training.

    Attributes:
        rows: one an epoch, as in metrics.jsonl: epoch from 0, loss, accuracy, val_loss and
            val_accuracy; accuracies are fractions.
        validation_photos: how many photos the validation figures rest on.
        augmented: whether its training photos were.
    """

    rows: tuple[EpochRow, ...]
    validation_photos: int
    augmented: bool

    def diagnose(self) -> Verdict:
        """Return what happened in it, by the rules that judge the learner's runs."""
        context = RunContext(validation_photos=self.validation_photos, augmented=self.augmented)
        return diagnose.diagnose(self.rows, context)

    @property
    def best_epoch(self) -> int:
        """The epoch, from 0, that a run would keep by its validation loss."""
        best = run_folder.best_epoch(self.rows, "val_loss")
        assert best is not None
        return best


@cache
def load_examples() -> Mapping[str, ExampleHistory]:
    """Return the recorded trainings by their names in `EXAMPLE_NAMES`."""
    stored = json.loads(_FILE.read_text("utf-8"))
    return {name: _read_example(stored[name]) for name in EXAMPLE_NAMES}


def _read_example(stored: Mapping[str, Any]) -> ExampleHistory:
    columns = stored["columns"]
    rows = tuple(
        cast(EpochRow, {"epoch": epoch, **dict(zip(columns, values, strict=True))})
        for epoch, values in enumerate(stored["epochs"])
    )
    return ExampleHistory(rows, stored["validation_photos"], stored["augmented"])


@cache
def collect_example_facts() -> Mapping[str, float]:
    """Return the numbers of the recorded trainings that explanations name.

    `plain_gap` is the last gap of the training without augmentation in percentage points;
    `plain_best` is the epoch, from 1, since which it overfits, `plain_lowest` and `plain_end` are
    its validation loss then and at the end, all three as its verdict tells them. `slow_…` is the
    last epoch of the one that learns too little, `ahead_…` the epoch, from 1, in which the
    augmented training's validation accuracy was furthest above.
    """
    examples = load_examples()
    rows = {name: diagnose.clean_history(example.rows) for name, example in examples.items()}
    plain, slow = rows["plain"][-1], rows["slow"][-1]
    ahead = max(rows["augmented"], key=lambda row: row["val_accuracy"] - row["accuracy"])
    verdict = examples["plain"].diagnose()
    facts = {
        **{f"slow_{name}": float(slow[name]) for name in diagnose.METRICS},
        **{f"ahead_{name}": float(ahead[name]) for name in diagnose.METRICS},
        "plain_gap": 100 * (plain["accuracy"] - plain["val_accuracy"]),
        "plain_best": (verdict.since or (0, 0))[0] + 1,
        "plain_lowest": float(verdict.params["best"]),
        "plain_end": float(verdict.params["end"]),
        "ahead_epoch": int(ahead["epoch"]) + 1,
    }
    assert all(isfinite(value) for value in facts.values())
    return facts
