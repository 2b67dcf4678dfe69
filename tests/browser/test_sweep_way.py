"""The whole way of a sweep in a browser: the form, its trials live, the chart, their curves."""

from __future__ import annotations

import os
import time
from contextlib import suppress

import pytest

from catdog_core.base import files
from catdog_core.data import datasets
from catdog_core.tuning import groups

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(1200)]
pytest.importorskip("ray", reason="the trials of a sweep are trained by Ray")
LONG = 600_000
"""Milliseconds for a Ray, two workers and two epochs each on a busy machine."""


@pytest.fixture
def dataset(shown, monkeypatch):
    """A small drawn dataset in the lab's workspace, which is this process's as well."""
    monkeypatch.setenv("CATDOG_WORKSPACE", str(shown.workspace))
    folder = shown.workspace / "cartoons"
    datasets.make_demo(folder, train=24, validation=12, size=32, seed=0)
    yield datasets.open_folder(folder)
    for sweep in groups.list_groups():  # nothing of Ray outlives the test, also where it fails
        if sweep.is_active:
            groups.stop_group(sweep.id)
        _wait_for_the_end_of(int(files.float_or_default(sweep.state.get("pid"))))


def _wait_for_the_end_of(pid):
    with suppress(ProcessLookupError):
        for _ in range(600):
            os.kill(pid or 2**22, 0)
            time.sleep(0.2)


def draw_a_box_over_all_of(page, area):
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] - 4, steps=5)
    page.mouse.up()


def test_a_sweep_from_its_form_to_the_curves_of_its_trials(shown, page, dataset, expect):
    shown.visit(page, "Compare", dataset=dataset.id)
    page.get_by_role("radio", name="New experiment").click()
    page.get_by_role("radio", name="Sweep", exact=True).click()
    page.locator(".st-key-experiment_epochs input").fill("2")
    page.keyboard.press("Enter")
    page.locator(".st-key-experiment_image_size").get_by_role("slider").press("Home")
    page.get_by_role("radio", name="Random draw").click()
    page.locator(".st-key-sweep_samples input").fill("2")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 runs.")).to_be_visible()
    shown.settle(page)
    page.locator(".st-key-experiment_start button").click()

    expect(page.locator(".st-key-group_stop button")).to_be_visible()
    bar = page.get_by_test_id("stProgress")
    expect(bar).to_contain_text("2 runs")
    expect(bar).to_contain_text("training: ", timeout=LONG)
    expect(page.get_by_test_id("stMain")).to_contain_text("Cost")
    expect(bar).to_have_count(0, timeout=LONG)  # the bar goes when all is done

    (sweep,) = groups.list_groups()
    assert [trial.epoch for trial in sweep.trials.values()] == [2, 2]
    assert {run.training.image_size for run in sweep.runs} == {32}
    expect(page.locator(".st-key-group_chart .scatterlayer .trace")).to_have_count(2)
    expect(page.get_by_test_id("stMain")).to_contain_text("Best so far")

    draw_a_box_over_all_of(page, page.locator(".st-key-group_chart .nsewdrag"))
    expect(page.get_by_text("2 of 2 runs, selected on the chart")).to_be_visible()

    page.locator(".st-key-group_curves button").click()
    expect(page.locator(".st-key-compare_accuracy .scatterlayer .trace")).not_to_have_count(0)
    assert sorted(page.url.partition("runs=")[2].partition("&")[0].split("%2C")) == sorted(
        run.id for run in sweep.runs
    )
