"""Commands and code in the documentation run as they are written, and print what stands there."""

import ast
import contextlib
import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from exec_snippets import find_unnamed_imports
from fakes import run_cli
from PIL import Image

from benchmarks import __main__ as benchmarks
from benchmarks import load, memory
from catdog_core import cli
from catdog_core.data import synthetic
from catdog_core.tuning import grid

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")),
    *(ROOT / "assets/models/default/README.md", *sorted((ROOT / "docs").glob("*.md"))),
]
COMMANDS = typer.main.get_command(cli.app).commands
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
CHEAP = ("demo", "check", "augment")
"""Commands of the session that load no TensorFlow."""
EXAMPLES = {"N": "3", "FORMAT": "onnx"}
"""Values for what stands in capitals where a text alone would be refused."""
PARSERS = {
    "benchmarks": benchmarks.build_parser,
    "benchmarks.load": load.build_parser,
    "benchmarks.memory": memory.build_parser,
}


def find_fences(page, language):
    return [body for name, body in FENCE.findall(page.read_text("utf-8")) if name == language]


def find_commands(page):
    """The commands of a page as lists of words: those shown, then parts that its text names."""
    lines = "\n".join(find_fences(page, "sh")).splitlines()
    lines += [line[2:] for line in session_lines(page) if line.startswith("$ ")]
    prose = FENCE.sub("", page.read_text("utf-8"))
    inline = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)]
    lines += [code for code in inline if code.startswith(("python -m ", "pip install "))]
    parts = [code for code in inline if code.split()[0] in COMMANDS and " " in code]
    shown = [to_words(part) for line in lines for part in line.split(" && ")]
    return shown, [to_words(part) for part in parts]


def to_words(line):
    words = [word.rstrip("…") for word in shlex.split(line, comments=True)]
    return [EXAMPLES.get(word, word) for word in words if word and word[0] != "["]


def session_lines(page):
    return "\n".join(find_fences(page, "console")).splitlines()


def parse_command(words):
    """Have the lab's own parser read the arguments of a command; it raises what it refuses."""
    command, rest = COMMANDS[words[0]], words[1:]
    while hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(words[0], rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_has_arguments_its_parser_takes(page):
    shown, parts = find_commands(page)
    for words in parts:
        with contextlib.suppress(typer._click.exceptions.MissingParameter):
            parse_command(words)
    for words in shown:
        match words:
            case ["python", "-m", "catdog_core", name, *rest]:
                parse_command([name, *rest])
            case ["python", "-m", name, *rest] if name in PARSERS:
                PARSERS[name]().parse_args(rest)
            case ["pip", "install", "-r", file] | ["streamlit", "run", file, *_]:
                assert (ROOT / file).is_file(), words


def test_a_wrong_argument_in_a_command_is_noticed():
    for words in (["train", "pets", "--epoch", "8"], ["models", "list", "x"], ["export", "a"]):
        with pytest.raises(typer.exceptions.TyperException):
            parse_command(words)


def test_the_session_names_every_command():
    session = (ROOT / "docs/session.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"`{name}" not in session] == []


def to_pattern(lines):
    """A pattern of an output as a page shows it: any numbers, and … for what is left out."""
    patterns = [re.sub(r"\d+(\\\.\d+)?", r"[\\d.,]+", re.escape(line)) + r"\n" for line in lines]
    return "".join("(?:.*\n)*?" if each == r"…\n" else each for each in patterns).replace("…", ".*")


@pytest.mark.parametrize(
    "names", [CHEAP, pytest.param((*COMMANDS,), marks=pytest.mark.long)], ids=["cheap", "all"]
)
def test_the_session_runs_as_written_and_prints_what_stands_there(
    names, workspace, tmp_path, monkeypatch, capsys, jobs_in_process
):
    """With small spotted photos, dark or bright, and few steps, so that it takes seconds."""

    def draw_spots(label, size, rng):
        spots = rng.integers(0, 120, (8, 8, 3)) + 120 * label
        return Image.fromarray(spots.astype(np.uint8)).resize((32, 32), Image.Resampling.NEAREST)

    monkeypatch.setattr(synthetic, "draw_pet", draw_spots)
    monkeypatch.chdir(tmp_path)
    small = {"train": ["--image-size", "32", "--steps-per-epoch", "2"]}
    steps = []
    for line in session_lines(ROOT / "docs/session.md"):
        if line.startswith("$ "):
            steps.append((shlex.split(line[2:])[3:], []))
        else:
            steps[-1][1].append(line)
    chosen = [(words, shown) for words, shown in steps if words[0] in names]
    for words, shown in chosen:
        status, out, err = run_cli(capsys, *words, *small.get(words[0], []))
        assert status == 0, (words, err)
        assert re.fullmatch(to_pattern(shown), out), (words, out)
    made = {path.name for path in tmp_path.iterdir()}
    assert {"pets", "sheet.png"} <= made
    assert names is CHEAP or {"first.tflite", "predictions.csv"} <= made


def test_the_pattern_of_an_output_tells_others_apart():
    shown = to_pattern(["Run …/first", "Epoch 1/8: loss 0.6962", "…", "No problems found."])
    good = "Run /x/first\nEpoch 2/9: loss 1.1\nmore\nmore\nNo problems found.\n"
    assert re.fullmatch(shown, good)
    assert re.fullmatch(shown, good.replace("more\n", ""))
    assert not re.fullmatch(shown, good.replace("loss", "losses"))
    assert not re.fullmatch(shown, f"{good}more\n")


def test_python_on_the_pages_names_what_it_needs(tmp_path, monkeypatch):
    for page in PAGES:
        for code in find_fences(page, "python"):
            ast.parse(code)
            assert find_unnamed_imports(code) == [], page.name
    (code,) = find_fences(ROOT / "docs/code_and_reports.md", "python")
    monkeypatch.chdir(tmp_path)
    exec(code, {"history": SimpleNamespace(history={"loss": [np.float32(0.5)]})})
    assert json.loads(Path("history.json").read_text()) == {"loss": [0.5]}


def test_json_on_the_pages_is_what_the_lab_reads():
    (shown,) = find_fences(ROOT / "docs/sweeps.md", "json")
    assert grid.parse_grid(json.loads(shown))
    for page in PAGES:
        for text in find_fences(page, "json"):
            json.loads(text)
