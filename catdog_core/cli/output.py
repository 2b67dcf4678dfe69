"""What the command line prints while it works: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .. import runs
from ..base.english_plurals import format_count
from ..base.errors import CatDogError
from ..base.files import truncate_for_display
from ..runs.status import RunState
from ..training.execution import execute_run

PROGRESS_INTERVAL = 10.0
"""Seconds of work between two lines of progress where there is no terminal."""


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[..., None]]:
    """Show a progress bar on stderr while the block runs; without a terminal, a line at times.

    Short work says nothing without a terminal, so that stderr stays empty. The value is the
    callback the core asks for: (done, total), or (done) after a first total.
    """
    with _build_progress() as progress:
        task = progress.add_task(title, total=None)
        printed_at = time.monotonic()

        def move(done: int, total: int | None = None) -> None:
            nonlocal printed_at
            if progress.disable and time.monotonic() - printed_at > PROGRESS_INTERVAL:
                printed_at = time.monotonic()
                print(f"{title}: {done}{f' of {total}' if total else ''}", file=sys.stderr)
            if total is None:
                progress.update(task, completed=done)
            else:
                progress.update(task, completed=done, total=total)

        yield move


def confirm(question: str, flag: str) -> None:
    """Ask on the terminal whether to go on.

    Args:
        question: to be answered by y or n; n is the default.
        flag: what answers it without a terminal, such as "--yes".

    Raises:
        CatDogError: the answer is no, or there is no terminal to ask on.
    """
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty():
        raise CatDogError(
            "Nothing was done, because there's no terminal to ask on. Add {flag} to continue "
            "without a question.",
            flag=flag,
        )
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CatDogError("Nothing was done. Answer y to continue, or add {flag}.", flag=flag)


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object on stdout."""
    print(json.dumps(value, ensure_ascii=False))


def print_counts(counts_by_split: dict[str, dict[str, int]]) -> None:
    """Print how many photos each split has of each class."""
    for split, counts in counts_by_split.items():
        print(
            f"{split}: "
            + ", ".join(f"{n} {truncate_for_display(name)}" for name, n in counts.items())
        )


def train_with_progress(folder: Path) -> runs.RunRecord:
    """Train a run in this process: a bar an epoch on a terminal, a line an epoch on stdout.

    Raises:
        CatDogError: it cannot be trained or failed; a program error's trace goes to log.txt.
    """
    with _build_progress() as progress:
        printer = _ProgressPrinter(folder, progress)
        printer.print_former_workers()
        try:
            execute_run(folder, printer.on_state)
        except CatDogError as error:
            if error.__cause__ is not None:
                with suppress(OSError), open(folder / "log.txt", "a", encoding="utf-8") as log:
                    log.writelines(traceback.format_exception(error.__cause__))
            raise
        finally:
            printer.print_epochs()
    return runs.load_run(folder)


class _ProgressPrinter:
    """Turns the states of a training into a moving bar and one line a finished epoch."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        run = runs.load_run(folder)
        self.folder, self.progress = folder, progress
        self.workers = run.workers if isinstance(run, runs.Run) else 1
        self.total = run.planned_epochs or 0
        self.printed_epochs = {row["epoch"] for row in run.epochs}
        self.position: tuple[Any, ...] = ()
        self.task = progress.add_task("starting", total=None)
        self.lock = threading.Lock()  # the worker's heartbeat tells too, from its own thread

    def print_former_workers(self) -> None:
        """Print that a run of several workers, which an earlier version made, goes on with one."""
        if self.workers > 1:
            self._print(f"This run had {self.workers} workers. It now trains with one.")

    def on_state(self, state: RunState) -> None:
        """Print one state of the worker; see `execute_run`."""
        with self.lock:
            # With the ending the last epoch is printed before the models are evaluated.
            names = ("status", "epoch", "ahead", "ending")
            position = tuple(state.get(name) for name in names)
            if position != self.position:
                self.position = position
                self._print_change(state)
            done, total = state.get("batch", 0), state.get("steps")
            if state.get("phase") in ("packing", "features", "evaluation"):
                done, total = state.get("packed", 0), state.get("photos")
            self.progress.update(
                self.task, description=self._title(state), completed=done, total=total
            )

    def print_epochs(self) -> None:
        """Print the epochs that have ended since the last call."""
        for row in runs.read_epochs(self.folder):
            if row["epoch"] not in self.printed_epochs:
                self.printed_epochs.add(row["epoch"])
                self._print(
                    f"Epoch {row['epoch'] + 1}/{self.total}: loss {row['loss']:.4f},"
                    f" accuracy {row['accuracy']:.4f}, val_loss {row['val_loss']:.4f},"
                    f" val_accuracy {row['val_accuracy']:.4f}, {row['seconds']:.1f} s"
                )

    def _print_change(self, state: RunState) -> None:
        if state.get("status") == "queued" and state.get("ahead"):
            self._print(f"Waiting for {format_count(state['ahead'], 'earlier runs')}.")
        self.print_epochs()

    def _title(self, state: RunState) -> str:
        phase = state.get("phase", state.get("status", ""))
        if phase == "train":
            rate = state.get("images_per_second") or 0
            return f"epoch {state.get('epoch', 0) + 1}/{self.total}, {rate:.0f} photos/s"
        return "evaluating" if phase == "evaluation" else str(phase)

    def _print(self, line: str) -> None:
        # Nobody may read it any more, as where the terminal was closed: the training goes on.
        with suppress(OSError, SystemExit):
            # Through the bar's console when both share a terminal, or the line would cut the bar.
            if self.progress.console.is_terminal and sys.stdout.isatty():
                self.progress.console.print(line, highlight=False, markup=False, soft_wrap=True)
            else:
                print(line, flush=True)


def _build_progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=False,
    )
