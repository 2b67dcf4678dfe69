"""Layers: who imports whom, and that light modules stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
LIGHT = (
    "errors",
    "files",
    "processes",
    "interruption",
    "leftovers",
    "cli_output",
    "access",
    "roots",
    "url_import",
    "packed",
    "cli_photos",
    "file_cache",
    "sheets",
    "settings",
    "controls",
    "strangers",
    "model_check",
    "isolated",
    "declared",
    "known_classes",
    "limits",
    "run_folder",
    "about",
    "run_process",
    "images",
    "heat",
    "pooled",
    "epoch_weights",
    "neither",
    "certainty",
    "strips",
    "parts",
    "refusals",
    "left_out",
    "datasets",
    "demo",
    "layout",
    "tree",
    "class_names",
    "text_encoding",
    "contents",
    "folder_ids",
    "cartoon",
    "archives",
    "archive_safety",
    "imports",
    "class_set",
    "download",
    "jobs",
    "subprocess_jobs",
    "model_file",
    "guests",
    "layouts",
    "usage",
    "sample",
    "bundle",
    "bundle_in",
    "recognised",
    "kept",
    "export",
    "formats",
    "tfds",
    "health",
    "findings",
    "heads",
    "looks",
    "likeness",
    "division",
    "choices",
    "decisions",
    "dataset_record",
    "cache",
    "shard_index",
    "shard_images",
    "frames",
    "foreign_labels",
    "augment",
    "presets",
    "links",
    "questions",
    "sweep",
    "code_templates",
    "architecture",
    "backbones",
    "compact_table",
    "torchfile",
    "shipped",
    "status",
    "turn",
    "waiting_line",
    "schedules",
    "recipes",
    "settings_network",
    "network_table",
    "machine",
    "lineage",
    "tensorboard_export",
    "cli_tensorboard",
    "code_data",
    "code_training",
    "notebook",
    "fonts",
    "tongue",
    "report",
    "report_text",
    "lr_finder",
    "trial",
    "estimate",
    "runs",
    "cli",
    "cli_serve",
    "removed",
    "figures",
    "predictions",
    "embedding",
    "metrics",
    "diagnose",
    "histories",
    "history_files",
    "bounded",
    "contrast",
    "sweep_table",
    "ray_here",
    "grid",
    "plans",
    "groups",
    "driver",
    "reasons",
    "palette",
    "curriculum",
    "glossary",
    "own_numbers",
    "by_hand",
)
CORE = PROJECT / "catdog_core"
HEAVY = "tensorflow", "keras", "matplotlib", "sklearn", "ray"


def imported(path):
    """The top packages a file imports anywhere, relative imports by their own package."""
    own = path.relative_to(PROJECT).parts[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(own if node.level else (node.module or "").split(".")[0])
    return found


def _module(path):
    """The dotted name of a file of the project."""
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts)


def loaded_by(code, cwd=PROJECT, env=None):
    """The heavy packages a fresh interpreter has loaded after `code`."""
    probe = f"{code}\nimport sys\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=cwd, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=str)
def test_the_core_knows_nothing_of_the_pages(path):
    assert not imported(path) & {"streamlit", "catdog_ui", "pages", "plotly"}


@pytest.mark.parametrize("path", sorted((PROJECT / "catdog_ui").rglob("*.py")), ids=str)
def test_what_pages_share_knows_no_page_and_no_heavy_package(path):
    assert not imported(path) & {"pages", "streamlit_app", *HEAVY}


@pytest.mark.parametrize(
    "path", [PROJECT / "streamlit_app.py", *sorted((PROJECT / "pages").glob("*.py"))], ids=str
)
def test_pages_reach_only_the_two_packages(path):
    assert imported(path) <= {"streamlit", "catdog_core", "catdog_ui", "__future__"}


def test_light_modules_load_nothing_heavy():
    paths = [path for path in CORE.rglob("[!_]*.py") if path.stem in LIGHT]
    assert {path.stem for path in paths} == set(LIGHT)
    assert loaded_by(f"import {', '.join(map(_module, paths))}") == "[]"


def test_shared_parts_of_the_pages_load_nothing_heavy():
    paths = [*(PROJECT / "catdog_ui").rglob("[!_]*.py")]
    modules = [_module(path) for path in paths if path.stem != "catalogue"]
    assert loaded_by(f"import {', '.join(modules)}") == "[]"


def test_home_paints_without_tensorflow(workspace):
    code = (
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('streamlit_app.py', default_timeout=30).run()\n"
        "assert app.title and not app.exception"
    )
    assert loaded_by(code) == "[]"
