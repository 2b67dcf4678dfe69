"""Downloads that open in a spreadsheet run nothing there, and lose nothing to programs."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest

from catdog_core.analysis import predictions
from catdog_core.base import csv_safety

PROJECT = Path(__file__).resolve().parent.parent
FORMULAS = ["=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＠x"]


@pytest.mark.parametrize("name", FORMULAS)
def test_what_begins_as_a_formula_begins_with_an_apostrophe(name):
    assert csv_safety.escape_cell(name) == f"'{name}"
    assert csv_safety.escape_cell(name, for_spreadsheet=False) == name


@pytest.mark.parametrize("name", ["", "cat.jpg", "train/cats/cat.1.jpg", "2=2", "'=1"])
def test_any_other_name_stays_as_it_is(name):
    assert csv_safety.escape_cell(name) == name


def test_a_table_of_answers_keeps_its_cells_whatever_is_in_the_names():
    names = tuple(f'{formula}"; x,{number}' for number, formula in enumerate(FORMULAS))
    table = predictions.PredictionTable(
        names, ("=cats", "+dogs"), np.zeros(len(names), np.int64), np.full((len(names), 2), 0.5)
    )
    text = predictions.encode_predictions_csv(table, for_spreadsheet=True).decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["file", "truth", "label", "p_=cats", "p_+dogs"]
    assert [row[0] for row in rows[1:]] == [f"'{name}" for name in names]
    assert {row[1] for row in rows[1:]} == {"'=cats"}


def test_every_csv_a_page_offers_is_made_for_spreadsheets():
    for path in (PROJECT / "catdog_ui").rglob("*.py"):
        text = path.read_text("utf-8")
        assert "csv.writer" not in text, path
        for call in re.findall(r"(?:to_csv|predictions\.encoded)\(.*?\)\n", text, re.S):
            assert "for_spreadsheet=True" in call, path
