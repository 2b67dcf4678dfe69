"""What a sweep remembers of its trials: tries, cost, and who was stopped early for good. Light.

    workspace/sweeps/<id>/trials/<run>.json     writer: the trial, one at a time for a run
    workspace/sweeps/<id>/pruned/<run>.json     writer: the driver, when ASHA has decided

Both lie where every machine of a cluster sees them, and outlive a driver that is killed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .. import files

FORMAT = 1


@dataclass
class Mark:
    """What is known of one trial.

    Attributes:
        driver: which driver it was told by last.
        tries: how often its training was started in all.
        here: how often by that driver; what is bounded.
        seconds: how long it has held its processors, in all.
        cores: how many processors those are.
        host: the machine it trained on last.
    """

    driver: str = ""
    tries: int = 0
    here: int = 0
    seconds: float = 0.0
    cores: float = 0.0
    host: str = ""

    @property
    def core_seconds(self) -> float:
        """Its cost."""
        return self.seconds * self.cores


def root() -> Path:
    """Where the sweeps of this workspace lie."""
    return files.workspace() / "sweeps"


def read(sweep: Path, run: str) -> Mark:
    """What is known of a trial, nothing where there is no file or a damaged one."""
    found = files.read_object(sweep / "trials" / f"{run}.json")
    mark = Mark()
    for field in fields(Mark):
        value: Any = found.get(field.name)
        if field.type == "str":
            setattr(mark, field.name, str(value or ""))
        else:
            number = max(files.number(value), 0)
            setattr(mark, field.name, int(number) if field.type == "int" else number)
    return mark


def write(sweep: Path, run: str, mark: Mark) -> None:
    """Keep what is known of a trial. Raises CatDogError when it cannot be written."""
    files.write_json(sweep / "trials" / f"{run}.json", {"format": FORMAT, **asdict(mark)})


def prune(sweep: Path, run: str, epoch: int, score: float) -> None:
    """Note that a trial was stopped early for good.

    Args:
        sweep: the sweep's folder.
        run: the run's id.
        epoch: whole epochs it had.
        score: what it was judged by; the higher, the better.
    """
    files.write_json(
        sweep / "pruned" / f"{run}.json", {"format": FORMAT, "epoch": epoch, "score": score}
    )


def pruned(sweep: Path) -> frozenset[str]:
    """The ids of the runs that were stopped early; they are never gone on with."""
    return frozenset(path.stem for path in (sweep / "pruned").glob("[!.]*.json"))
