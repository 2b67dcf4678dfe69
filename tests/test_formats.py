"""docs/formats.md tells of every format the code has a number for, with that very number."""

import ast
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
CORE = PROJECT / "catdog_core"
ROWS = re.findall(
    r"^\| (.+?) \| `?([\w.]+)`?[^|]* \| ([^|]+?) \| .+ \|$",
    (PROJECT / "docs/formats.md").read_text("utf-8"),
    re.M,
)


def _numbers():
    formats = {}
    for path in CORE.rglob("[!_]*.py"):
        text = path.read_text("utf-8")
        for node in ast.parse(text).body if "FORMAT" in text else ():
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FORMAT":
                name = ".".join(path.relative_to(CORE).with_suffix("").parts)
                formats[name] = ast.literal_eval(node.value)
    return formats


NUMBERS = _numbers()


@pytest.mark.parametrize("module", sorted(NUMBERS))
def test_each_format_of_the_code_stands_in_the_table_with_its_number(module):
    documented = {
        int(number) for _, writer, number in ROWS if writer == module and number.isdigit()
    }
    if module == "base.access":  # written by hand
        documented = {1}
    assert documented == {NUMBERS[module]}


def test_the_modules_the_table_names_are_there():
    modules = {
        ".".join(path.relative_to(CORE).with_suffix("").parts) for path in CORE.rglob("*.py")
    }
    named = {
        writer for _, writer, _ in ROWS if writer not in ("worker", "a", "by", "written", "---")
    }
    assert len(named) > 15 and named <= modules
