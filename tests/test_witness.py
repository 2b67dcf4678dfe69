"""A workspace made before the program was rebuilt opens, says the same, and its runs go on.

What it said then is in `witness/expected.json`, which stays as it is. What a later version does
otherwise on purpose is one row of `CHANGED`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from witness import facts

from catdog_core import runs
from catdog_core.data import datasets

EXPECTED: dict[str, Any] = json.loads(facts.EXPECTED.read_text())
TOLERANCE = 1e-4
FAR = 0.05
"""Of figures after many more steps, where another machine sums in another order."""


class Says(str):
    """A refusal: one line, with this word in it, such as what to use instead."""


# ---- What is otherwise now, by its place in expected.json ------------------------------------
# `Says("import")` stands for a refusal that names what to use instead.
CHANGED: dict[str, Any] = {
    "histories/pickle": Says("json.dump"),
    # The first photo that can be read is shown, not the one that can't.
    "page/2_Augment/errors": 0,
    # Photos at a URL are imported first; until then their dataset is told of on the Data page.
    **{f"by url/{name}": Says("import URL") for name in EXPECTED["by url"]},
    "modules/damaged": 1,
    "modules/datasets": [row for row in EXPECTED["modules"]["datasets"] if row["name"] != "afar"],
    "page/1_Data of afar/tables": [],
    **{
        f"page/{view}/offers": [name for name in page["offers"] if name != "afar"]
        for view, page in EXPECTED["page"].items()
    },
    **{f"page/{view}/errors": 1 for view in EXPECTED["page"] if view.startswith("1_Data")},
    # A level is the median of the last epochs, not their mean, and what still improves is said so.
    "verdict/notes/kind": "too_short",  # a gap of 20 points, which 24 photos make by chance
    "verdict/notes/remarks": [],
    "verdict/notes/steps": ["more_validation"],
    "verdict/plain/steps": ["more_epochs"],
    "verdict/augmented/kind": "healthy",
    "verdict/augmented/steps": ["more_epochs"],
    "verdict/rate 0.0001/steps": ["more_epochs", "find_rate", "check_labels"],
    "verdict/notes/numbers/rise": 0.072534,
    "modules/twin/0/1/augmented": -7.291669,
    "modules/twin/0/1/plain": 14.375001,
    "modules/twin/1/1/augmented": 0.666667,
    "modules/twin/1/1/difference": -8.333331,
    "modules/twin/1/1/plain": 0.75,
    "page/4_Compare twin/tables": [[2, 8]],  # a column more: the gap
    "page/4_Compare twin/shows": ["Twin", "66.7", "79.2"],
    # Names are unique, and runs that can be compared are chosen at first.
    "changed/runs/5": "Muon (2)",
    "page/4_Compare/shows": ["Batches", "Two workers", "batch size 8 · Batches", "pets", "50.0"],
    "page/4_Compare/tables": [[3, 13]],
    "page/4_Compare runs/tables": [[3, 25]],
    "page/3_Train/shows": ["Muon", "shelter", "50.0"],  # the newest run of the newest dataset
    # One worker trains a run now.
    "lists/workers": {},
    # Training writes no event files; those of then stay.
    "resumed/muon/events": {"train": [1, 2], "validation": [1, 2]},
    "resumed/two-workers/events": {"train": [1, 2], "validation": [1, 2]},
}
# ------------------------------------------------------------------------------------------------


def wanted(path: str) -> Any:
    """What is expected now at a place such as "histories/pickle"."""
    return _changed(_at(path), path)


def _at(path: str) -> Any:
    value: Any = EXPECTED
    for part in path.split("/"):
        value = value[part]
    return value


def _changed(value: Any, path: str) -> Any:
    if path in CHANGED:
        return CHANGED[path]
    if isinstance(value, dict):
        return {key: _changed(each, f"{path}/{key}") for key, each in value.items()}
    if isinstance(value, list):
        return [_changed(each, f"{path}/{n}") for n, each in enumerate(value)]
    return value


def assert_same(got: Any, path: str, tolerance: float = TOLERANCE) -> None:
    assert facts.differences(facts.rounded(got), wanted(path), tolerance, path) == []


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> Iterator[facts.Lab]:
    """One copy for all that only look; each of its models is loaded once."""
    from catdog_core.analysis import predict

    with (
        facts.opened(tmp_path_factory.mktemp("witness")) as lab,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(predict, "load_predictor", functools.cache(predict.load_predictor))
        yield lab


@pytest.fixture
def lab(tmp_path) -> Iterator[facts.Lab]:
    """A copy that a test may change."""
    with facts.opened(tmp_path) as lab:
        yield lab


def long(test: Any) -> Any:
    """Marks what many processes take part in, whose start alone takes minutes on a busy machine."""
    return pytest.mark.long(pytest.mark.slow(pytest.mark.timeout(1200)(test)))


@pytest.mark.parametrize("name", facts.FACTS)
def test_commands_say_what_they_said(lab, name):
    assert_same(facts.FACTS[name](lab), name)


def test_photos_opened_at_a_url_are_imported_and_evaluate_as_they_did(lab):
    pytest.importorskip("fsspec", reason="URLs are an option of the lab")
    assert facts.command("import", facts.URL)[0] == 0
    (dataset,) = (each for each in datasets.list_datasets() if each.name == "afar (2)")
    assert dataset.fingerprint == runs.load_run(lab.run("by-url")).dataset_fingerprint
    status, out, _ = facts.command("evaluate", lab.run("by-url"), dataset.root, "--json")
    then = EXPECTED["by url"]["evaluate"]
    got = {name: value for name, value in json.loads(out).items() if name in then}
    assert status == 0 and facts.differences(facts.rounded(got), then, TOLERANCE, "by url") == []


@pytest.mark.parametrize("name", facts.RUNS)
def test_each_training_is_called_what_it_was_called(opened, name):
    assert_same(facts.verdict(opened, name), f"verdict/{name}", FAR)


@pytest.mark.parametrize("name", facts.MODELS)
def test_each_model_evaluates_to_the_same_figures(opened, name):
    assert_same(facts.evaluated(opened, name), f"evaluate/{name}")


@pytest.mark.parametrize("name", facts.MODELS)
def test_each_model_says_the_same_of_single_photos(opened, name):
    assert_same(facts.predicted(opened, name), f"predict/{name}")


@pytest.mark.parametrize("view", facts.VIEWS)
def test_each_page_opens_and_shows_what_it_showed(opened, view):
    got, then = facts.page(opened, view), wanted(f"page/{view}")
    assert (got["exceptions"], got["errors"]) == (0, then["errors"])
    for what in ("offers", "shows"):  # more than then is no fault
        assert [each for each in then[what] if each not in got[what]] == []
    assert [size for size in then["tables"] if size not in got["tables"]] == []
    if view != "8_Learn":  # the course begins with another section since, which has no chart
        assert got["charts"] >= then["charts"]


@long
def test_runs_are_exported_and_models_then_answer_as_before(lab, jobs_in_process):
    assert_same(facts.exported(lab), "exported")


@pytest.fixture(scope="module")
def gone_on(tmp_path_factory) -> dict[str, Any]:
    """What the stopped runs end with."""
    with facts.opened(tmp_path_factory.mktemp("gone-on")) as lab:
        return facts.resumed(lab)


def same_arithmetic() -> bool:
    """Whether this machine computes to the last bit as the one the record was made on."""
    return facts.on_one_thread() == EXPECTED["arithmetic"]


@long
def test_stopped_runs_go_on_to_the_recorded_end(gone_on):
    got, exact = facts.rounded(gone_on), same_arithmetic()
    for name in ("muon", "two-workers"):
        then = wanted(f"resumed/{name}")
        if not exact and isinstance(then, dict):
            got[name] |= {model: then[model] for model in ("best", "backup")}
        assert facts.differences(got[name], then, 0 if exact else FAR, name) == []


@long
def test_a_resume_that_is_broken_off_again_ends_bit_for_bit_as_one_that_is_not(lab, gone_on):
    for epoch, batch in ((3, 5), (4, 2), (5, 8)):
        facts.broken_off(lab.run("muon"), epoch, batch)
    assert facts.command("resume", lab.run("muon"))[0] == 0
    end = facts.final(lab.run("muon"))
    assert end == gone_on["muon"] and end["status"] == "done"


@long
def test_the_run_of_two_workers_goes_on_with_one_about_as_it_did_with_two(gone_on):
    assert_same({"two-workers": gone_on["two-workers"]["rows"]}, "together", FAR)


@long
def test_the_stopped_sweep_goes_on_to_its_end(lab):
    pytest.importorskip("ray", reason="sweeps are an option")
    assert_same(facts.swept(lab), "swept", FAR)
