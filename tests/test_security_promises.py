"""SECURITY.md: every promise names tests, and these exist and test something."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
TEXT = (PROJECT / "SECURITY.md").read_text("utf-8")
ROWS = [row for row in re.findall(r"^\| (.+?) \| (.+?) \|$", TEXT, re.M) if row[0] != "promise"]


def named(cell):
    return re.findall(r"`(tests/[\w/]+\.py)`", cell)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_every_promise_is_held_by_tests_that_exist(row):
    assert named(row[1])
    for name in named(row[1]):
        assert "\ndef test_" in (PROJECT / name).read_text("utf-8"), name


def test_every_test_of_access_and_security_is_named():
    there = {f"tests/{path.name}" for path in (PROJECT / "tests").glob("test_security*.py")}
    there |= {f"tests/{path.name}" for path in (PROJECT / "tests").glob("test_access*.py")}
    assert there <= set(named(TEXT))


def test_what_the_configuration_promises_is_set():
    config = (PROJECT / ".streamlit" / "config.toml").read_text("utf-8")
    assert 'address = "127.0.0.1"' in config
    assert 'allowedHosts = ["localhost", "127.0.0.1"]' in config
    assert "gatherUsageStats = false" in config and 'showErrorDetails = "none"' in config
    assert "enableCORS = false" not in config and "enableXsrfProtection = false" not in config
