"""The command sort: guesses as a table, the corrected table into a dataset."""

import csv
import json
import shutil

import pytest

from catdog_core import cli

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def pile(demo, tmp_path):
    """Twelve photos of each class without folders that say so."""
    folder = tmp_path / "pile"
    folder.mkdir()
    for path in sorted(demo.glob("train/*/*.jpg")):
        if int(path.stem.split(".")[1]) < 12:
            shutil.copy(path, folder)
    return folder


def run(capsys, *arguments):
    code = cli.main(["sort", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_guesses_of_a_model_become_a_dataset_once_they_are_corrected(
    pile, tmp_path, capsys, default_model_loaded
):
    table, out = tmp_path / "guesses.csv", tmp_path / "sorted"
    (pile / "broken.jpg").write_bytes(b"no photo")
    code, _, errors = run(capsys, pile, "--model", "default", "--csv", table)
    assert code == 0 and "broken.jpg" in errors
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24 and {row["label"] for row in rows} <= {"cats", "dogs"}
    certainties = [float(row["certainty"]) for row in rows]
    assert certainties == sorted(certainties)
    for row in rows:
        row["label"] = "" if "0003" in row["file"] else row["file"].split(".")[0] + "s"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    code, text, _ = run(capsys, pile, "--labels", table, "--out", out)
    assert code == 0 and "train" in text
    made = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.jpg"))
    assert len(made) == 22 and all(f"/{name[-12:-9]}s/" in name for name in made)
    assert len(list(pile.iterdir())) == 25  # nothing moved
    code, _, errors = run(capsys, pile, "--labels", table, "--out", out)
    assert code == 1 and "isn't empty" in errors


def test_what_does_not_go_together_is_said(pile, tmp_path, capsys):
    for arguments in ((), ("--model", "default", "--groups", "2"), ("--labels", "a.csv")):
        code, _, errors = run(capsys, pile, *arguments)
        assert code == 1 and "--" in errors  # the flags to use


@pytest.mark.slow
def test_groups_by_likeness_without_a_model(pile, capsys):
    code, text, _ = run(capsys, pile, "--groups", "2", "--json")
    guesses = json.loads(text)["guesses"]
    assert code == 0 and len(guesses) == 24
    assert {guess["label"] for guess in guesses} == {"group 1", "group 2"}
