"""Asks an index whether a version installed here has a known hole; pip-audit does the asking.

Fails where a hole is known that a newer version closes. Where no index answers, or it knows
nothing of the packages, that is said and nothing fails: a machine without a network still checks.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any, NamedTuple

TOOL = "pip-audit>=2.10,<3"
_PATIENCE = 300  # seconds for each of the two steps


class Report(NamedTuple):
    """Packages the index knew, packages it knew nothing of, holes with a cure, holes without."""

    known: int
    unknown: int
    mendable: list[str]
    open: list[str]


def judge(told: dict[str, Any]) -> Report:
    """What pip-audit's JSON comes to."""
    every = told.get("dependencies", [])
    mendable, unmended = [], []
    for package in every:
        for hole in package.get("vulns", []):
            cures = hole.get("fix_versions") or []
            line = f"{package['name']} {package['version']}: {hole['id']}"
            (mendable if cures else unmended).append(
                f"{line}, mended in {cures}" if cures else line
            )
    unknown = sum("skip_reason" in package for package in every)
    return Report(len(every) - unknown, unknown, mendable, unmended)


def installed() -> str:
    """The packages of this environment, pinned to their versions."""
    command = [sys.executable, "-m", "pip", "freeze", "--exclude-editable"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return "\n".join(line for line in lines if "==" in line) + "\n"


def ask(pins: str) -> dict[str, Any]:
    """What pip-audit says of pinned packages, from an environment of its own."""
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        tools = Path(place) / ("Scripts" if sys.platform == "win32" else "bin")
        install = [tools / "python", "-m", "pip", "install", "--quiet", TOOL]
        subprocess.run(install, check=True, capture_output=True, timeout=_PATIENCE)
        listed = Path(place) / "pins.txt"
        listed.write_text(pins)
        command = [tools / "pip-audit", "-r", listed, "--no-deps", "--disable-pip", "-f", "json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
        return dict(json.loads(done.stdout))


def main() -> int:
    """0, or 1 where a newer version of a package closes a known hole."""
    try:
        found = judge(ask(installed()))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"NOTICE: audit skipped, no index answered ({type(error).__name__})")
        return 0
    if not found.known:
        print(f"NOTICE: audit skipped, the index knows none of the {found.unknown} packages")
        return 0
    print(f"audit: {found.known} packages looked up, {found.unknown} unknown to the index")
    for line in found.open:
        print(f"NOTICE: no cure yet: {line}")
    for line in found.mendable:
        print(f"HOLE: {line}")
    return 1 if found.mendable else 0


if __name__ == "__main__":
    raise SystemExit(main())
