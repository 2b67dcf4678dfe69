"""docs/scale.md: its tables follow from its constants, and these from what the code says."""

import inspect
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks import scale, scale_tables
from catdog_core import pipeline
from catdog_core.curation import looks
from catdog_core.packing import shards

PAGE = (Path(__file__).resolve().parent.parent / "docs/scale.md").read_text("utf-8")
C = scale_tables.constants(PAGE)


@pytest.mark.parametrize("name", list(scale_tables.TABLES))
def test_a_table_of_the_page_is_what_its_constants_come_to(name):
    table = scale_tables.markdown(scale_tables.TABLES[name](C))
    assert f"<!-- {name} -->\n{table}\n<!-- end -->" in PAGE


def test_another_constant_gives_another_page():
    changed = PAGE.replace("| `jpeg_bytes` |", "| `jpeg_bytes` | 1 | x |\n| `was` |")
    assert scale_tables.drawn(PAGE) == PAGE
    assert scale_tables.drawn(changed).count("\n") == changed.count("\n")
    assert scale_tables.drawn(changed) != changed


def test_the_constants_that_stand_in_the_code_are_those():
    assert scale.SHARD == shards.SHARD_BYTES
    assert C.looks_bytes == looks._ROW.itemsize
    assert f"maxsize={scale.ORDERS}" in inspect.getsource(pipeline.training_batches)


@pytest.mark.parametrize("load, slots", [(0.5, 1), (3.0, 5), (7.0, 10)])
def test_erlangs_formula_gives_what_its_sum_does(load, slots):
    terms = [load**n / math.factorial(n) for n in range(slots)]
    last = load**slots / math.factorial(slots) * slots / (slots - load)
    assert scale.erlang(load, slots) == pytest.approx(last / (sum(terms) + last))


def test_waiting_is_what_a_queue_of_chance_comes_to():
    """A line of runs, one after another, drawn by chance: the formula against its own model."""
    rng = np.random.default_rng(0)
    minutes, slots, count = 0.7, 8, 60_000
    arrivals = np.cumsum(rng.exponential(scale.EVERY / scale.STUDENTS, count))
    lengths = rng.exponential(minutes, count)
    free, waited = [0.0] * slots, 0.0
    for at, length in zip(arrivals, lengths, strict=True):
        first = min(range(slots), key=free.__getitem__)
        start = max(at, free[first])
        waited += start - at
        free[first] = start + length
    assert waited / count == pytest.approx(scale.wait(minutes, slots), rel=0.25)
    assert math.isinf(scale.wait(minutes, 7))


def test_sizes_and_times_are_told_in_their_unit():
    assert [scale_tables.size(n) for n in (0, 999, 67_500, 6.76e12)] == [
        "0 B",
        "999 B",
        "67.5 kB",
        "6.76 TB",
    ]
    assert [scale_tables.span(n) for n in (0, 0.0123, 90, 7200, 1e6)] == [
        "0 s",
        "12.3 ms",
        "90 s",
        "2 h",
        "11.6 days",
    ]
