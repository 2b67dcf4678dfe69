"""The loading benchmark on its page: one at a time, bars while it runs, failures in a sentence."""

import threading

import pytest
from streamlit.testing.v1 import AppTest

from catdog_core.base import jobs
from catdog_core.base.errors import CatDogError
from catdog_core.data import datasets
from catdog_core.training.loading_benchmark import BenchmarkProgress, ReaderResult
from catdog_ui import loaders
from catdog_ui.data import loading_benchmark_view

LANES = [
    ReaderResult("generator", "ImageDataGenerator", False, 500.0, 1000.0, 1.0, 1.0, 9000),
    ReaderResult(
        "keras", "image_dataset_from_directory", False, left_out=CatDogError("<b>odd</b> photo")
    ),
    ReaderResult("memory", "The lab, memory", True, 4000.0, 20000.0, 1.0, 0.5, 9000),
]


def script(folder):
    from pathlib import Path

    from catdog_core.data import datasets
    from catdog_ui.data import loading_benchmark_view

    loading_benchmark_view.show_loading_benchmark(datasets.open_folder(Path(folder)))


@pytest.fixture
def section(workspace, demo):
    """The section on its own, before any benchmark of the dataset."""
    yield AppTest.from_function(script, kwargs={"folder": str(demo)}, default_timeout=30).run()
    for key in [key for key in jobs._jobs if key.startswith("race-")]:
        jobs.forget_job(key)


def raced_by(monkeypatch, work):
    """Let `work(job)` stand for the benchmark."""
    monkeypatch.setattr(loaders, "run_loading_benchmark", lambda dataset, job: work(job))


def ended():
    """Wait for the benchmark's thread."""
    for thread in threading.enumerate():
        if thread.name.startswith("job-race-"):
            thread.join(60)


def html(app):
    return " ".join(element.value for element in app.get("html"))


def test_before_a_race_there_is_a_button_and_what_latency_means(section):
    assert not section.exception
    assert "I/O latency" in section.caption[0].value
    assert [button.label for button in section.button] == ["Run benchmark"]


def test_a_race_ends_in_bars_and_one_sentence(section, monkeypatch):
    raced_by(monkeypatch, lambda job: LANES)
    section.button(key="race_start").click().run()
    ended()
    section.run()
    assert section.button(key="race_start").label == "Run again"
    assert "20,000 photos/s" in html(section)
    assert "20.0 times" in section.markdown[0].value


def test_a_race_that_runs_shows_who_is_at_it_and_cannot_be_started_twice(section, monkeypatch):
    going, started = threading.Event(), []

    def work(job):
        started.append(job)
        job.result = BenchmarkProgress("warm", 0.5, tuple(LANES), "memory")
        going.wait(60)
        return LANES

    raced_by(monkeypatch, work)
    section.button(key="race_start").click().run()
    section.run()
    loading_benchmark_view._start_benchmark(
        datasets.list_datasets()[0]
    )  # a second window, or a click that came late
    assert section.button(key="race_start").disabled
    assert "The lab, memory ▸" in html(section)
    assert len(started) == 1
    going.set()
    ended()


def test_a_race_can_be_stopped(section, monkeypatch):
    def work(job):
        while not job.stopped():
            threading.Event().wait(0.01)
        raise CatDogError("The loading benchmark was stopped.")

    raced_by(monkeypatch, work)
    section.button(key="race_start").click().run()
    section.button(key="race_stop").click().run()
    ended()
    section.run()
    assert "stopped" in section.info[0].value
    assert not section.button(key="race_start").disabled


def test_an_error_ends_as_a_sentence(section, monkeypatch):
    def work(job):
        raise CatDogError("The disk is full.")

    raced_by(monkeypatch, work)
    section.button(key="race_start").click().run()
    ended()
    section.run()
    assert "disk is full" in section.error[0].value
    assert not section.exception


def test_bars_grow_with_the_part_done_and_hold_no_foreign_markup():
    drawn = loading_benchmark_view.render_bars(LANES)
    assert "width:50.00%" in drawn  # of the fastest, half done
    assert "width:5.00%" in drawn
    assert "&lt;b&gt;odd" in drawn
    assert "<b>" not in drawn


def test_where_nothing_is_cold_it_is_said_why(section, monkeypatch):
    warm = [ReaderResult("memory", "The lab, memory", True, None, 20000.0, 0.0, 1.0, 9000)]
    raced_by(monkeypatch, lambda job: warm)
    section.button(key="race_start").click().run()
    ended()
    section.run()
    assert "There are no cold results." in section.caption[-1].value
