"""Work in the background: one of a kind at a time, and its end is kept, whatever it was."""

import threading
import time

import pytest

from catdog_core.base import jobs
from catdog_core.base.errors import DownloadError


@pytest.fixture(autouse=True)
def empty(monkeypatch):
    monkeypatch.setattr(jobs, "_jobs", {})


def ended(job):
    end = time.monotonic() + 60
    while job.status == "running" and time.monotonic() < end:
        time.sleep(0.005)
    return job.status


def test_a_result_and_progress_are_kept():
    job = jobs.start_background_job("x", lambda job: job.tell("Doing", 3, 4) or 42)
    assert ended(job) == "done"
    assert (job.result, job.phase, job.done, job.total) == (42, "Doing", 3, 4)
    assert jobs.get_job("x") is job


def test_a_second_click_starts_no_second_one():
    go, calls = threading.Event(), []

    def work(job):
        calls.append(job)
        go.wait(60)

    first = jobs.start_background_job("x", work)
    assert all(jobs.start_background_job("x", work) is first for _ in range(20))
    go.set()
    assert ended(first) == "done" and calls == [first]
    assert ended(jobs.start_background_job("x", work)) == "done" and len(calls) == 2


def test_twenty_windows_that_click_at_once_start_one():
    go, calls, barrier = threading.Event(), [], threading.Barrier(20)

    def click():
        barrier.wait()
        jobs.start_background_job("x", lambda job: calls.append(1) or go.wait(60))

    threads = [threading.Thread(target=click) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    go.set()
    assert ended(jobs.get_job("x")) == "done" and len(calls) == 1


def test_a_users_mistake_and_one_of_the_lab_are_told_apart(caplog):
    def fail(error):
        def work(job):
            raise error

        return work

    known = jobs.start_background_job("x", fail(DownloadError("No network.")))
    assert ended(known) == "failed" and str(known.error) == "No network."
    slip = jobs.start_background_job("y", fail(KeyError("slip")))
    assert ended(slip) == "failed" and "server's log" in str(slip.error)
    assert "slip" in caplog.text


def test_a_stopped_job_says_so():
    def work(job):
        while not job.stopped():
            time.sleep(0.005)
        raise DownloadError("It goes on from there.")

    job = jobs.start_background_job("x", work)
    job.stop()
    assert ended(job) == "stopped" and "goes on" in str(job.error)


def test_only_a_job_that_ended_is_forgotten():
    go = threading.Event()
    job = jobs.start_background_job("x", lambda job: go.wait(60))
    jobs.forget_job("x")
    assert jobs.get_job("x") is job
    go.set()
    ended(job)
    jobs.forget_job("x")
    assert jobs.get_job("x") is None


def test_the_rate_is_that_of_the_last_seconds(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    job = jobs.Job("x")
    for second, done in enumerate([0, 10, 30, 5]):
        now[0] = 100.0 + second
        job.tell("Doing", done, 40)
        assert job.rate == [0, 10, 20, 0][second]
