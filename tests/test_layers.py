"""The order of the layers, and what starts without TensorFlow, Ray, matplotlib and scikit-learn."""

import ast
import functools
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).resolve().parent.parent
HEAVY = {"tensorflow", "keras", "matplotlib", "sklearn", "ray"}
LAYERS = (
    "base",
    "config",
    "imaging",
    "augmentation",
    "data",
    "storage",
    "models",
    "runs",
    "training",
    "analysis",
    "tuning",
    "export",
    "learn",
    "server",
    "cli",
)
"""The packages of the core: each imports only from those before it, and from itself."""
ENTRY_PACKAGES = ("cli", "server", "catdog_ui")
"""Where own modules may be imported inside functions, so that a start loads nothing heavy.
Elsewhere only a module that runs as a process of its own may, or a line that says why: `# lazy: …`.
"""


class Import(NamedTuple):
    """One import of an own module by another: dotted names, whether it is lazy, and its line."""

    importer: str
    imported: str
    in_function: bool
    line: str


def modules(root, package):
    """The modules of a package of the checkout at `root`: paths by dotted name."""
    module_paths = {}
    for path in sorted((root / package).rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        module_paths[name.removesuffix(".__init__")] = path
    return module_paths


@functools.cache
def import_statements(text):
    """The import statements of a module's code, each with whether it is inside a function."""
    nodes = list(ast.walk(ast.parse(text)))
    inside = {
        id(each)
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for each in ast.walk(node)
    }
    imports = (each for each in nodes if isinstance(each, ast.Import | ast.ImportFrom))
    return [(each, id(each) in inside) for each in imports]


def own_imports(module_paths):
    """Every import between the modules `module_paths`, those inside functions too."""
    for name, path in module_paths.items():
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        for node, in_function in import_statements(text):
            targets = []
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            else:
                base = node.module or ""
                if node.level:
                    above = package[: len(package) - node.level + 1]
                    base = ".".join([*above, *([node.module] if node.module else [])])
                full = [f"{base}.{alias.name}" for alias in node.names]
                targets = [each if each in module_paths else base for each in full]
            for target in targets:
                if target in module_paths and target != name:
                    yield Import(name, target, in_function, lines[node.lineno - 1])


def layer(name):
    """The place of a module's package in `LAYERS`; -1 for the core's `__init__` and `__main__`."""
    part = name.split(".")[1] if "." in name else ""
    return -1 if part in ("", "__main__") else LAYERS.index(part)


def circles(imports):
    """The modules that import each other in a circle."""
    after = defaultdict(set)
    for each in imports:
        after[each.importer].add(each.imported)

    def reach(start):
        seen, waiting = set(), [start]
        while waiting:
            for following in after[waiting.pop()] - seen:
                seen.add(following)
                waiting.append(following)
        return seen

    return sorted(name for name in list(after) if name in reach(name))


def may_be_lazy(each, path):
    """Whether a module may import another one inside a function."""
    parts = each.importer.split(".")
    if "__main__" in parts or {parts[0], *parts[1:2]} & set(ENTRY_PACKAGES):
        return True
    return 'if __name__ == "__main__":' in path.read_text(encoding="utf-8") or (
        "# lazy: " in each.line
    )


def problems(root):
    """What is wrong with the imports of the checkout at `root`, a line each."""
    core, ui = modules(root, "catdog_core"), modules(root, "catdog_ui")
    module_paths = {**core, **ui}
    imports = list(own_imports(module_paths))
    messages = [
        f"upward: {each.importer} imports {each.imported}"
        for each in imports
        if each.importer in core
        and (each.imported in ui or layer(each.imported) > layer(each.importer) > -1)
    ]
    messages += [f"in a circle: {name}" for name in circles(imports)]
    messages += [
        f"inside a function: {each.importer} imports {each.imported}"
        for each in imports
        if each.in_function and not may_be_lazy(each, module_paths[each.importer])
    ]
    return messages


def test_each_package_imports_only_from_the_layers_before_it_and_in_no_circle():
    assert problems(PROJECT) == []


def test_the_root_of_the_core_holds_packages_only():
    names = {path.name for path in (PROJECT / "catdog_core").iterdir() if path.suffix == ".py"}
    assert names == {"__init__.py", "__main__.py"}
    packages = {path.parent.name for path in (PROJECT / "catdog_core").glob("*/__init__.py")}
    assert packages == set(LAYERS)


@pytest.mark.parametrize(
    "file, text, problem",
    [
        ("base/planted.py", "from ..training import planted\n", "upward"),
        ("base/planted.py", "def f():\n    import catdog_core.training.planted\n", "upward"),
        ("base/planted.py", "def f():\n    from . import other\n", "inside a function"),
        ("base/other.py", "from . import planted\n", "in a circle"),
    ],
)
def test_a_planted_import_is_found(tmp_path, file, text, problem):
    sound = {
        "__init__.py": "",
        **{f"{package}/__init__.py": "" for package in LAYERS},
        "base/planted.py": "from . import other\n",
        "base/other.py": "",
        "training/planted.py": "from ..base import planted\n",
    }
    (tmp_path / "catdog_ui").mkdir()
    for name, content in {**sound, file: text}.items():
        path = tmp_path / "catdog_core" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert any(each.startswith(problem) for each in problems(tmp_path))
    (tmp_path / "catdog_core" / file).write_text(sound[file])
    assert problems(tmp_path) == []


def imported_packages(path):
    """The top packages a file imports anywhere, relative imports by their own package."""
    own = path.relative_to(PROJECT).parts[0]
    packages = set()
    for node, _ in import_statements(path.read_text(encoding="utf-8")):
        if isinstance(node, ast.Import):
            packages |= {alias.name.split(".")[0] for alias in node.names}
        else:
            packages.add(own if node.level else (node.module or "").split(".")[0])
    return packages


def files_in(folder):
    paths = sorted((PROJECT / folder).rglob("*.py"))
    assert len(paths) > 5
    return paths


def test_the_core_imports_nothing_of_the_pages():
    pages = {"streamlit", "catdog_ui", "pages", "plotly"}
    assert [path for path in files_in("catdog_core") if imported_packages(path) & pages] == []


def test_what_pages_share_imports_no_page_and_no_heavy_package():
    heavy = {"pages", "streamlit_app", *HEAVY}
    assert [path for path in files_in("catdog_ui") if imported_packages(path) & heavy] == []


def test_pages_import_only_the_two_packages():
    known = {"streamlit", "catdog_core", "catdog_ui", "__future__"}
    every = [PROJECT / "streamlit_app.py", *files_in("pages")]
    assert [path for path in every if imported_packages(path) - known] == []


STARTS = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
from streamlit.testing.v1 import AppTest
app = AppTest.from_file('streamlit_app.py', default_timeout=60).run()
assert app.title and not app.exception
print([name for name in {heavy} if name in sys.modules])
"""


def test_the_command_line_runs_and_the_pages_start_without_a_heavy_package(workspace):
    names = [
        *(name for name in modules(PROJECT, "catdog_ui") if not name.endswith("_tool")),
        *(name for name in modules(PROJECT, "catdog_core") if name.split(".")[1:2] == ["cli"]),
        *("catdog_core.runs", "catdog_core.cli"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", STARTS.format(heavy=HEAVY), *names],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"
