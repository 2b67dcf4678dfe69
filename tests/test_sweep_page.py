"""Sweeps on the Compare page: the chart of settings and results, its words, its ways on."""

import fakes
import pytest

from catdog_core import files, runs
from catdog_core.outcomes import sweep_table
from catdog_ui.compare import sweep_chart, sweep_runs, sweep_words

pytestmark = pytest.mark.usefixtures("workspace")
SWEEP = {"id": "s1", "kind": "sweep", "name": "which rate?"}
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)


def page(**query):
    return fakes.page("4_Compare", **query)


def trial(name, accuracy=None, group=SWEEP, **training):
    folder = fakes.run(name, epochs=0, status="done" if accuracy else None, **training)
    if accuracy is not None:
        row = {"epoch": 0, "loss": 0.5, "accuracy": 0.8, "val_loss": 0.5, "val_accuracy": accuracy}
        files.append_line(folder / "metrics.jsonl", {**row, "seconds": 1.0})
    if group:
        runs.join(folder, group)
    return folder.name


def swept(rates):
    return [
        trial(f"rate {rate:g}", 0.6 + n / 20, learning_rate=rate) for n, rate in enumerate(rates)
    ]


@pytest.fixture
def trials(workspace):
    return [
        trial(f"rate {rate:g}", 0.6 + n / 20, learning_rate=rate) for n, rate in enumerate(RATES)
    ]


def chart(members, chosen=()):
    found = sweep_table.table([runs.load(key) for key in members])
    return sweep_chart.figure(found, found.columns, chosen)


def test_an_address_opens_its_sweep_with_the_best_run_first(trials):
    app = page(group="s1")
    assert not app.exception
    assert app.dataframe[0].value["Run"].iloc[0] == "rate 0.03"
    assert list(app.dataframe[0].value["Learning rate"])[:2] == [0.03, 0.01]


def test_the_words_name_the_setting_that_goes_with_the_result(trials):
    said = fakes.said(page(group="s1").caption)
    assert "Best so far: “rate 0.03” with 85.0%" in said
    assert "Learning rate goes with the result: rank correlation +1.00 over 6 runs" in said
    assert "Higher did better" in said


def test_of_few_runs_no_setting_is_named(workspace):
    swept(RATES[:3])
    assert "cannot be told from 3 results" in fakes.said(page(group="s1").caption)


def test_a_relation_that_chance_gives_often_is_told_as_one(workspace):
    for n, (rate, accuracy) in enumerate(
        zip(RATES, (0.7, 0.6, 0.72, 0.66, 0.64, 0.74), strict=True)
    ):
        trial(f"rate {n}", accuracy, learning_rate=rate)
    assert "it may be chance" in fakes.said(page(group="s1").caption)


def test_runs_without_a_result_are_drawn_to_their_last_setting(trials):
    waiting = trial("waits", learning_rate=2e-3)
    lines = {trace.customdata[0]: trace for trace in chart([*trials, waiting]).data}
    assert list(lines[waiting].y) == [0]
    assert list(lines[trials[0]].y) == [0, -1]
    assert lines[waiting].line.dash == "dot"


def test_runs_of_the_same_value_stand_beside_each_other_and_keep_their_order(workspace):
    keys = [trial(f"r{n}", 0.6 + n / 20, batch_size=10 + 10 * (n % 2)) for n in range(6)]
    at = {trace.customdata[0]: trace.x[0] for trace in chart(keys).data}
    assert len(set(at.values())) == 6
    assert at[keys[0]] < at[keys[2]] < at[keys[4]] < at[keys[1]]


def test_the_axis_of_a_rate_is_logarithmic(trials):
    at = {trace.customdata[0]: trace.x[0] for trace in chart(trials).data}
    places = [at[key] for key in trials]
    assert places[2] - places[0] == pytest.approx(places[4] - places[2])


def test_what_is_picked_on_the_chart_is_drawn_strongly_and_fills_the_table(trials):
    picked = {"selection": {"points": [{"customdata": [trials[1]]}, {"customdata": trials[1]}]}}
    assert sweep_runs.picked(picked) == [trials[1]]
    strong = [
        trace.customdata[0] for trace in chart(trials, [trials[1]]).data if trace.opacity == 1
    ]
    assert strong == [trials[1]]


def test_the_best_runs_open_side_by_side(trials):
    app = page(group="s1")
    app.button("sweep_curves").click().run()
    assert not app.exception
    assert app.multiselect[0].value == trials[:2:-1]


def test_a_trial_is_called_without_the_name_of_its_sweep_even_where_that_is_cut_off(workspace):
    for name, told in (("rate 1 · which ra", "rate 1"), ("a · b", "a · b"), ("plain", "plain")):
        assert sweep_words.name(runs.load(trial(name))) == told


def test_names_of_runs_are_never_rendered(workspace):
    keys = [trial(f"<b>{n}</b> *x*", 0.6 + n / 20, batch_size=10 + n) for n in range(3)]
    assert all("<b>" not in trace.name for trace in chart(keys).data)
    assert "\\*x\\*" in fakes.said(page(group="s1").caption)


def test_runs_ticked_on_compare_have_the_chart_too(workspace):
    keys = [trial(f"r{n}", 0.6 + n / 20, None, batch_size=10 + n) for n in range(3)]
    app = page(runs=",".join(keys))
    assert not app.exception
    assert app.expander[0].label == "Settings and results of these runs"
