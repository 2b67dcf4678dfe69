"""The documentation says what the code does: generated pages are fresh, links and names exist."""

import re
from pathlib import Path

import pytest

from catdog_core.base.field_specs import describe_fields
from catdog_core.config import Augmentation, Training
from docs import generate

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    ROOT / "assets/models/default/README.md",
    *sorted(DOCS.glob("*.md")),
]


def text(name):
    return (DOCS / name).read_text("utf-8")


@pytest.mark.parametrize("name", generate.PAGES)
def test_generated_pages_are_fresh(name):
    assert text(name) == generate.PAGES[name](), "run `python docs/generate.py`"


@pytest.mark.parametrize("model", [Training, Augmentation])
def test_every_setting_has_its_row_and_every_flag_its_line(model):
    for control in describe_fields(model):
        assert f"| `{control.name}` |" in text("settings.md")
        assert f"`--{control.name.replace('_', '-')} " in text("cli.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_the_pages_lead_somewhere(page):
    body = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", body):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, part = target.partition("#")
        there = (page.parent / file) if file else page
        assert there.exists(), target
        if part and there.suffix == ".md":
            heads = re.findall(r"^#+ (.+)$", there.read_text("utf-8"), re.M)
            names = {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}
            assert part in names, target


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_each_page_begins_with_what_its_reader_can_do_after_it(page):
    parts = page.read_text("utf-8").split("\n\n")
    first = next(part for part in parts[1:] if not part.startswith("<!--"))
    assert parts[0].startswith("# ") and first.startswith("After this page")


def test_modules_the_architecture_names_exist():
    for name in re.findall(r"`((?:catdog_|tests/)[\w/]+(?:\.py)?)`", text("architecture.md")):
        assert (ROOT / name).exists() or (ROOT / f"{name}.py").exists(), name


PACKAGES = sorted(path.parent.name for path in (ROOT / "catdog_core").glob("*/__init__.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_modules_of_the_core_that_pages_name_exist(page):
    names = re.findall(rf"[`\[(\"]({'|'.join(PACKAGES)})\.(?!md\b)(\w+)", page.read_text("utf-8"))
    for package, name in names:
        if package == "server" and re.fullmatch("[a-z]+([A-Z][a-z]+)+", name):
            continue  # a setting of Streamlit's own server
        folder = ROOT / "catdog_core" / package
        public = (folder / "__init__.py").read_text("utf-8")
        assert (folder / f"{name}.py").exists() or f'"{name}"' in public, f"{package}.{name}"


def test_the_container_listens_where_its_health_is_asked_and_runs_without_rights():
    file = (ROOT / "Dockerfile").read_text("utf-8")
    steps = [line for line in file.splitlines() if line[:1].isalpha()]
    assert steps[0].startswith("FROM python:3.11-slim")
    assert steps.index("USER lab") < next(i for i, s in enumerate(steps) if s.startswith("CMD"))
    port = re.search(r"^EXPOSE (\d+)", file, re.M)[1]
    assert f"--server.port={port}" in file
    assert f"127.0.0.1:{port}/api/v1/health" in file
    volume = re.search(r"^VOLUME (\S+)", file, re.M)[1]
    assert f"CATDOG_WORKSPACE={volume}" in file
    assert (ROOT / "requirements.txt").is_file() and "workspace" in (
        ROOT / ".dockerignore"
    ).read_text("utf-8")
