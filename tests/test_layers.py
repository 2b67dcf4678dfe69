"""Who imports whom, and what starts without TensorFlow, Ray, matplotlib and scikit-learn."""

import ast
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
HEAVY = {"tensorflow", "keras", "matplotlib", "sklearn", "ray"}


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


def files_in(folder):
    found = sorted((PROJECT / folder).rglob("*.py"))
    assert len(found) > 5
    return found


def test_the_core_imports_nothing_of_the_pages():
    pages = {"streamlit", "catdog_ui", "pages", "plotly"}
    assert [path for path in files_in("catdog_core") if imported(path) & pages] == []


def test_what_pages_share_imports_no_page_and_no_heavy_package():
    heavy = {"pages", "streamlit_app", *HEAVY}
    assert [path for path in files_in("catdog_ui") if imported(path) & heavy] == []


def test_pages_import_only_the_two_packages():
    known = {"streamlit", "catdog_core", "catdog_ui", "__future__"}
    every = [PROJECT / "streamlit_app.py", *files_in("pages")]
    assert [path for path in every if imported(path) - known] == []


STARTS = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
from streamlit.testing.v1 import AppTest
app = AppTest.from_file('streamlit_app.py', default_timeout=60).run()
assert app.title and not app.exception
print([name for name in {heavy} if name in sys.modules])
"""


def test_the_command_line_and_the_pages_start_without_a_heavy_package(workspace):
    paths = [*files_in("catdog_ui"), *files_in("catdog_core/commands")]
    names = [".".join(path.relative_to(PROJECT).with_suffix("").parts) for path in paths]
    names = [name for name in names if not name.endswith(("__init__", "__main__", ".catalogue"))]
    done = subprocess.run(
        [sys.executable, "-c", STARTS.format(heavy=HEAVY), "catdog_core.cli", *names],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"
