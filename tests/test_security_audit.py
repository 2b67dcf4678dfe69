"""The audit of installed versions: what fails it, and what only makes it say less."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture
def audit():
    spec = importlib.util.spec_from_file_location("audit", PROJECT / ".ci" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told(*holes, name="pillow"):
    return {"name": name, "version": "13.0.0", "vulns": list(holes)}


HOLE = {"id": "CVE-1", "fix_versions": ["13.0.1"]}


def run(audit, monkeypatch, answer):
    monkeypatch.setattr(audit, "installed", lambda: "pillow==13.0.0\n")
    monkeypatch.setattr(audit, "ask", lambda pins: answer)
    return audit.main()


def test_a_hole_that_a_newer_version_closes_fails(audit, monkeypatch, capsys):
    assert run(audit, monkeypatch, {"dependencies": [told(HOLE), told()]}) == 1
    assert "HOLE: pillow 13.0.0: CVE-1" in capsys.readouterr().out


def test_a_hole_without_a_cure_is_told(audit, monkeypatch, capsys):
    hole = {"id": "CVE-2", "fix_versions": []}
    assert run(audit, monkeypatch, {"dependencies": [told(hole)]}) == 0
    assert "no cure yet" in capsys.readouterr().out


def test_an_index_that_knows_nothing_is_no_clean_bill(audit, monkeypatch, capsys):
    unknown = {"name": "pillow", "version": "13.0.0", "skip_reason": "not found"}
    assert run(audit, monkeypatch, {"dependencies": [unknown]}) == 0
    assert "NOTICE: audit skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    "error",
    [OSError("no network"), subprocess.CalledProcessError(1, "pip"), ValueError("no JSON")],
)
def test_without_an_index_it_says_so_and_fails_nothing(audit, monkeypatch, capsys, error):
    def fail(_pins):
        raise error

    monkeypatch.setattr(audit, "installed", lambda: "")
    monkeypatch.setattr(audit, "ask", fail)
    assert audit.main() == 0
    assert "NOTICE" in capsys.readouterr().out


def test_the_check_runs_it(audit):
    assert "python .ci/audit.py" in (PROJECT / ".ci" / "run").read_text("utf-8")
    assert "==" in audit.installed()
