"""Runs cases in processes of their own, finds crashes and hangs, and watches what lies around."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BATCH = 500
SEED = 20260


@dataclass
class FuzzResult:
    """What a loop came to: counts, the costliest cases, and hits, (case, file, what happened)."""

    kind: str
    cases: int = 0
    accepted: int = 0
    refused: int = 0
    slowest: tuple[float, int, str] = (0.0, -1, "")
    largest: tuple[float, int, str] = (0.0, -1, "")
    hits: list[tuple[int, str, str]] = field(default_factory=list)


def run_cases(kind: str, first: int, count: int, home: Path, seed: int = SEED) -> FuzzResult:
    """Replay cases `first` to `first + count` of a kind.

    Args:
        kind: photos, archives or models.
        first: number of the first case.
        count: how many.
        home: an empty folder; only `home/workspace` may change.
        seed: of all chance.
    """
    result, end = FuzzResult(kind), first + count
    sentinel = home / "sentinel"
    sentinel.mkdir(parents=True)
    (sentinel / "note.txt").write_text("untouched")
    (home / "cwd").mkdir()
    while first < end:
        job = {"kind": kind, "seed": seed, "first": first, "count": min(BATCH, end - first)}
        first = _run_batch({**job, "home": str(home)}, home / "cwd", result)
    seen = sorted(str(path.relative_to(home)) for path in home.rglob("*"))
    outside = [relative_path for relative_path in seen if not relative_path.startswith("workspace")]
    if outside != ["cwd", "sentinel", os.path.join("sentinel", "note.txt")]:  # noqa: PTH118
        result.hits.append((-1, "", f"HIT: written outside of the workspace: {outside}"))
    if (sentinel / "note.txt").read_text() != "untouched":
        result.hits.append((-1, "", "HIT: a file outside of the workspace was changed"))
    return result


def _run_batch(job: dict[str, object], cwd: Path, result: FuzzResult) -> int:
    """Run one process; the number of the first case it did not come to."""
    known = {**os.environ, "PYTHONPATH": os.pathsep.join((str(PROJECT), str(PROJECT / "tests")))}
    temporary = Path(str(job["home"])) / "workspace-tmp"
    temporary.mkdir(exist_ok=True)
    known |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "TMPDIR": str(temporary)}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "fuzz.child", json.dumps(job)],
        cwd=cwd,
        env=known,
        capture_output=True,
        check=False,
    )
    open_case, file = None, ""
    for line in done.stdout.splitlines():
        row = json.loads(line)
        if "alarm" in row:
            result.hits.append((open_case or -1, file, f"HIT: reached for {row['alarm']}"))
        elif "file" in row:
            open_case, file = row["case"], row["file"]
        else:
            _count_result(result, row, file)
            open_case = None
    if done.returncode == 0:
        return int(str(job["first"])) + int(str(job["count"]))
    if open_case is None:
        raise RuntimeError(f"the process did not start: {done.stderr.decode()[-2000:]}")
    if not result.hits or result.hits[-1][0] != open_case:
        note = done.stderr.decode(errors="replace")[-300:]
        result.hits.append((open_case, file, f"HIT: ended by status {done.returncode}: {note}"))
    result.cases += 1
    return open_case + 1


def _count_result(result: FuzzResult, row: dict[str, object], file: str) -> None:
    case, outcome = int(str(row["case"])), str(row["outcome"])
    result.cases += 1
    result.accepted += outcome == "accepted"
    result.refused += outcome == "refused"
    if outcome.startswith("HIT"):
        result.hits.append((case, file, outcome))
    result.slowest = max(result.slowest, (float(str(row["seconds"])), case, file))
    result.largest = max(result.largest, (float(str(row["megabytes"])), case, file))
