"""Running code that is shown as a reader would, with what a base installation has."""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catdog_core.augmentation.code_templates import make_snippets
from catdog_core.config import NO_AUGMENTATION, Augmentation
from catdog_core.data.synthetic import draw_pet

ROOT = Path(__file__).resolve().parent.parent
PET = np.asarray(draw_pet(0, 150, np.random.default_rng(1)))


def only_settings(**settings: Any) -> Augmentation:
    """These settings and nothing else."""
    return NO_AUGMENTATION.model_copy(update=settings)


def run_snippet(
    library: str, settings: Augmentation, photo: Any = PET, seed: int = 0, side: int = 150
) -> dict[str, Any]:
    """Run the text for a library in the current folder; the names it defines, `variants` first.

    A smaller `side` than the one written takes a part of the time.
    """
    if library == "albumentations" and importlib.util.find_spec("albumentations") is None:
        pytest.skip("albumentations is not installed")
    with Path("photo.jpg").open("wb") as file:
        Image.fromarray(photo).save(file, format="PNG")  # no loss; all readers go by the content
    names: dict[str, Any] = {}
    code = re.sub(r"\b150\b", str(side), make_snippets(settings, seed)[library].code)
    exec(compile(code, library, "exec"), names)
    return names


@functools.cache
def find_modules(packages: tuple[str, ...]) -> frozenset[str]:
    """Top modules that can be imported where pip installs these packages, and Python's own."""
    modules, waiting = set(sys.stdlib_module_names), [*packages]
    names: set[str] = set()
    while waiting:
        name = _normalize(waiting.pop())
        if name in names:
            continue
        names.add(name)
        modules |= _modules_by_package().get(name, {name.replace("-", "_")})
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # of another system
            needed = importlib.metadata.requires(name) or []
            waiting += [_package_name(line) for line in needed if "extra ==" not in line]
    return frozenset(modules)


@functools.cache
def base_packages() -> tuple[str, ...]:
    """The packages of requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return tuple(_package_name(line) for line in lines if line[:1].isalpha())


@functools.cache
def _modules_by_package() -> dict[str, set[str]]:
    modules: dict[str, set[str]] = {}
    for module, packages in importlib.metadata.packages_distributions().items():
        for package in packages:
            modules.setdefault(_normalize(package), set()).add(module)
    return modules


def _package_name(line: str) -> str:
    return re.split(r"[ \[<>=!~;(]", line)[0]


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def find_unnamed_imports(code: str) -> list[str]:
    """Modules that code imports and that its pip line does not bring.

    Without a pip line, or with one of requirements.txt, code may import what the lab needs.
    """
    packages = " ".join(re.findall(r"pip install (.+)", code)).split()
    if not packages or "requirements.txt" in packages:
        packages = [*base_packages(), "catdog_core"]
    tree = ast.parse(code)
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    instead = {node for handler in handlers for node in ast.walk(handler)}  # of what is missing
    imported = set()
    for node in {*ast.walk(tree)} - instead:
        if isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    return sorted({name.split(".")[0] for name in imported} - find_modules(tuple(packages)))


def hide_optional_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make imports of runtimes and libraries that requirements.txt lacks fail."""
    for name in ("ai_edge_litert", "onnxruntime", "albumentations", "tf_keras", "tensorboard"):
        assert name not in find_modules(base_packages())
        for module in [key for key in sys.modules if key.startswith(f"{name}.")]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, name, None)
