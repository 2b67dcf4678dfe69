"""README and docs are true: their commands, pictures, packages and limits exist."""

import re
from pathlib import Path

import pytest

from catdog_core.base.limits import UPLOAD_MEGABYTES, Limits
from catdog_core.data import split_folders

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = {page.name: page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")}
PICTURE = re.compile(r"!\[.*?\]\((.*?)\)", re.S)
OPTIONS = (
    "requirements-cluster.txt",
    "requirements-url.txt",
    "requirements-classroom.txt",
    "requirements-heic.txt",
    "requirements-onnx.txt",
)


def packages(file):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return {re.split(r"\[|>=", line)[0] for line in lines if line[:1].isalpha()}


def test_exactly_two_commands_start_and_test_the_lab():
    blocks = re.findall(r"```sh\n(.*?)\n```", README, re.S)
    assert blocks == [
        "pip install -r requirements.txt && streamlit run streamlit_app.py",
        "pip install -r requirements-dev.txt && pytest",
    ]


def test_the_readme_is_short():
    assert len(README.split()) <= 750
    assert len(PICTURE.findall(README)) == 1


def test_every_picture_is_there_small_and_shown():
    shown = {ROOT / name for name in PICTURE.findall(README)}
    shown |= {ROOT / "docs" / name for text in DOCS.values() for name in PICTURE.findall(text)}
    for picture in shown:
        assert 0 < picture.stat().st_size < 600_000, picture
    assert {*(ROOT / "docs/images").iterdir()} == shown


def test_the_readme_leads_to_every_page():
    linked = set(re.findall(r"\]\(docs/([\w.]+)\)", README))
    assert linked == set(DOCS)


def test_every_package_has_its_reason_and_an_upper_bound():
    page, development = DOCS["packages.md"].split("`requirements-dev.txt`")
    reasons = set(re.findall(r"^\| ([a-z0-9-]+) \|", page, re.M)) - {"package"}
    needed = set().union(*map(packages, ("requirements.txt", *OPTIONS)))
    assert reasons == {name.lower() for name in needed}
    for name in packages("requirements-dev.txt"):
        assert name in development or name in page
    for file in ("requirements.txt", *OPTIONS, "requirements-dev.txt"):
        for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
            assert line[:1] in "#-" or re.search(r">=.*,<", line), line


def test_the_limits_stated_are_those_in_force():
    stated = re.sub(r"\s+", " ", DOCS["limits.md"])
    for name, value in Limits().model_dump().items():
        assert f"| `{name}` | {value:,} |" in stated
    config = (ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    assert f"maxUploadSize = {UPLOAD_MEGABYTES}" in config
    assert f"{UPLOAD_MEGABYTES} MB" in stated
    assert "Two to 200 classes" in stated
    assert split_folders.MAX_CLASSES == 200


@pytest.mark.parametrize("name", ["CHANGELOG.md", "CONTRIBUTING.md"])
def test_linked_pages_exist(name):
    assert f"({name})" in README
    assert (ROOT / name).is_file()
