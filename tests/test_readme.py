"""The README tells the truth: its commands, pictures, packages and limits are there."""

import re
from pathlib import Path

import pytest

from catdog_core import cli
from catdog_core.base.limits import UPLOAD_MEGABYTES, Limits
from catdog_core.data import layout

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


OPTIONS = ("requirements-cluster.txt", "requirements-url.txt")


def packages(file):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return {re.split(r"\[|>=", line)[0] for line in lines if line[:1].isalpha()}


def test_exactly_two_commands_start_and_test_the_lab():
    blocks = re.findall(r"```sh\n(.*?)\n```", README, re.S)
    assert blocks == [
        "pip install -r requirements.txt && streamlit run streamlit_app.py",
        "pip install -r requirements-dev.txt && pytest",
    ]


def test_every_picture_is_there_and_small():
    names = re.findall(r"!\[.*?\]\((.*?)\)", README, re.S)
    assert len(names) >= 3
    for name in names:
        assert 0 < (ROOT / name).stat().st_size < 600_000, name


def test_every_package_has_its_reason_and_an_upper_bound():
    table = README.split("## What it is built on")[1]
    reasons = set(re.findall(r"^\| ([a-z0-9-]+) \|", table, re.M)) - {"package"}
    assert reasons == set().union(*map(packages, ("requirements.txt", *OPTIONS)))
    for name in packages("requirements-dev.txt"):
        assert name in table
    for file in ("requirements.txt", *OPTIONS, "requirements-dev.txt"):
        for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
            assert line[:1] in "#-" or re.search(r">=.*,<", line), line


def test_every_command_shown_exists():
    shown = set(re.findall(r"python -m catdog_core ([a-z]+)", README))
    known = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    known |= {group.name for group in cli.app.registered_groups}
    assert shown <= known
    for name in known:
        assert name in README


def test_the_limits_stated_are_those_in_force():
    stated = re.sub(r"\s+", " ", README.split("## Limits")[1].split("\n## ")[0])
    for name, value in Limits().model_dump().items():
        assert f"| `{name}` | {value:,} |" in stated
    config = (ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    assert f"maxUploadSize = {UPLOAD_MEGABYTES}" in config
    assert f"{UPLOAD_MEGABYTES} MB" in stated
    assert "Two to 200 classes" in stated
    assert layout.MAX_CLASSES == 200


def test_a_real_demo_command_prints_what_the_readme_shows(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo", "pets"]) == 0
    assert capsys.readouterr().out.strip() in README


@pytest.mark.parametrize("name", ["CHANGELOG.md", "CONTRIBUTING.md"])
def test_linked_pages_exist(name):
    assert f"({name})" in README
    assert (ROOT / name).is_file()
