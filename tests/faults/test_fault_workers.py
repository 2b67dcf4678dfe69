"""What happens to workers: killed, hung, doubled, under a wrong clock, taken for another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from timeouts import load_factor
from waiting import is_training, start_and_wait, wait_until

from benchmarks import server, websocket_client
from catdog_core import runs
from catdog_core.base import files, locks, processes, subprocess_jobs
from catdog_core.base.errors import RunError
from catdog_core.runs import run_process, status

SLEEP = "import time; time.sleep(120)"


def test_a_killed_worker_is_lost_within_20_s_and_another_takes_its_place(new_run, light):
    first, second = new_run(), new_run()
    worker = start_and_wait(first)
    runs.start_run(second)
    wait_until(lambda: runs.load_run(second).runs_ahead == 1)
    worker.kill()
    begun = time.monotonic()
    wait_until(lambda: runs.load_run(first).status == "lost", 20)
    wait_until(lambda: is_training(second))
    assert time.monotonic() - begun < 20 * load_factor()
    assert runs.load_run(first).can_resume


@pytest.mark.long
def test_a_worker_killed_before_its_first_word_is_lost_within_20_s(new_run, light):
    run = new_run()
    runs.start_run(run)
    light[0].kill()
    light[0].wait()
    wait_until(lambda: runs.load_run(run).status == "lost", 20)
    assert runs.load_run(run).can_resume


@pytest.mark.long
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot halt a process")
def test_a_hung_worker_is_stopped_within_10_s(new_run, light):
    run = new_run()
    worker = start_and_wait(run)
    os.kill(worker.pid, signal.SIGSTOP)
    begun = time.monotonic()
    runs.stop_run(run)
    wait_until(lambda: runs.load_run(run).status == "stopped", 10)
    assert time.monotonic() - begun < 10 * load_factor()
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    start_and_wait(run)  # and goes on
    runs.stop_run(run)
    wait_until(lambda: runs.load_run(run).status == "stopped", 10)


@pytest.mark.long
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot halt a process")
def test_the_command_line_ends_a_hung_worker_too(new_run, light):
    run = new_run()
    worker = start_and_wait(run)
    os.kill(worker.pid, signal.SIGSTOP)
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "catdog_core", "stop", str(run)], cwd=files.PROJECT, timeout=120
    )
    assert done.returncode == 0
    wait_until(lambda: runs.load_run(run).status == "stopped", 10)
    assert time.monotonic() - begun < 20 * load_factor()  # Python's start among them


@pytest.mark.long
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot halt a process")
def test_a_hung_worker_is_shown_as_stalled_and_one_that_waits_holds_nobody_up(
    new_run, light, monkeypatch
):
    first, second, third = new_run(), new_run(), new_run()
    start_and_wait(first)
    runs.start_run(second)
    wait_until(lambda: runs.load_run(second).runs_ahead == 1)
    runs.start_run(third)
    wait_until(lambda: runs.load_run(third).runs_ahead == 2)
    os.kill(runs.load_run(second).state["pid"], signal.SIGSTOP)
    wait_until(lambda: runs.load_run(second).status == "stalled", 25)
    runs.stop_run(first)
    wait_until(lambda: is_training(third), 25)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot halt a process")
def test_a_halted_worker_is_shown_as_stalled_and_goes_on_once_it_is_continued(
    new_run, light, monkeypatch
):
    monkeypatch.setattr(status, "STALL_TIMEOUT", 3.0 * load_factor())
    run = new_run()
    worker = start_and_wait(run)
    worker.suspend()
    wait_until(lambda: runs.load_run(run).status == "stalled", 25)
    assert not runs.load_run(run).can_resume and "error" not in runs.load_run(run).state
    worker.resume()
    wait_until(lambda: runs.load_run(run).status == "running", 25)
    assert runs.load_run(run).state["pid"] == worker.pid
    runs.stop_run(run)
    wait_until(lambda: runs.load_run(run).status == "stopped", 10)


def test_who_was_halted_itself_takes_no_worker_for_hung(new_run, monkeypatch):
    run, ended, leap = new_run(), [], [0.0]
    real = time.monotonic

    class Clock:
        sleep = staticmethod(time.sleep)
        monotonic = staticmethod(lambda: real() + leap[0])

    monkeypatch.setattr(run_process, "time", Clock)
    monkeypatch.setattr(run_process, "kill_worker", lambda state: ended.append(state))
    files.write_json(run / "state.json", {"format": 1, "status": "running", "beat": 3})
    with locks.FileLock(run / "lock"):
        (run / "stop").touch()
        watch = run_process.watch_stop(run)
        leap[0] = 1000.0  # as a clock shows after SIGSTOP and SIGCONT
        watch.join(1.0)
        (run / "stop").unlink()
        watch.join(60)
    assert ended == []


@pytest.mark.long
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot halt a process")
def test_trainings_and_pages_survive_a_server_that_is_halted(new_run, light, tmp_path):
    run = new_run()
    worker = start_and_wait(run)
    with (
        server.process(tmp_path) as (address, pid),
        websocket_client.visitor(address) as one,
    ):
        one.open("Train")
        psutil.Process(pid).suspend()
        before = runs.load_run(run).state["beat"]
        wait_until(
            lambda: runs.load_run(run).state["beat"] > before + status.STALL_TIMEOUT / 2 + 1, 60
        )
        assert runs.load_run(run).status == "running"
        psutil.Process(pid).resume()
        with websocket_client.visitor(address) as other:
            page_bytes = b"".join(m.message.SerializeToString() for m in other.open("Train"))
            assert page_bytes and not other.faults
        assert not one.faults
    assert worker.is_running() and runs.load_run(run).status == "running"


@pytest.mark.long
def test_a_worker_that_beats_is_not_ended_by_a_stop(new_run, light, monkeypatch):
    monkeypatch.setattr(run_process, "STOP_TIMEOUT", 3.5)
    run = new_run()
    worker = start_and_wait(run)
    (run / "stop").mkdir()  # a wish it sees, and that cannot be taken away by unlink alone
    wait_until(lambda: runs.load_run(run).status == "stopped", 10)
    assert light[0].wait(60) == 0, "it ended by itself"
    assert not worker.is_running()


def test_no_stranger_is_ever_signalled(new_run):
    run = new_run()
    decoy = subprocess.Popen([sys.executable, "-c", SLEEP])
    try:
        identity = processes.process_identity(decoy.pid)
        assert identity and identity == processes.process_identity(decoy.pid)
        for started_at in (identity + "9", "", None, 17, processes.process_identity(os.getpid())):
            state = {"pid": decoy.pid, "started": started_at, "beat": 3, "status": "running"}
            files.write_json(run / "state.json", {"format": 1, **state})
            assert not run_process.kill_worker(state)
        for pid in (0, -1, 1, "x", None, 2**22 + 1):
            assert not run_process.kill_worker({"pid": pid, "started": identity})
        assert decoy.poll() is None
        assert run_process.kill_worker({"pid": decoy.pid, "started": identity})
        assert decoy.wait(60) != 0
    finally:
        decoy.kill()
        decoy.wait()


def test_a_hung_lock_holder_of_another_number_survives_a_stop(new_run, monkeypatch):
    monkeypatch.setattr(run_process, "STOP_TIMEOUT", 0.5)
    run = new_run()
    decoy = subprocess.Popen([sys.executable, "-c", SLEEP])
    state = {"pid": decoy.pid, "started": "boot 1", "beat": 3, "status": "running"}
    files.write_json(run / "state.json", {"format": 1, **state})
    holder = locks.FileLock(run / "lock")
    try:
        with holder:
            runs.stop_run(run)
            run_process.watch_stop(run).join(60)
        assert decoy.poll() is None
    finally:
        decoy.kill()
        decoy.wait()


def test_of_two_starts_in_the_same_instant_one_starts(new_run, light):
    run = new_run()
    barrier, refused = threading.Barrier(4), []

    def press():
        barrier.wait()
        try:
            runs.start_run(run)
        except RunError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(light) == 1
    assert len(refused) == 3 and "already" in refused[0]


def test_of_two_runs_started_in_the_same_instant_one_trains_and_one_waits(new_run, light):
    pair = [new_run(), new_run()]
    threads = [threading.Thread(target=runs.start_run, args=(run,)) for run in pair]
    for thread in threads:
        thread.start()
    wait_until(lambda: sorted(runs.load_run(run).status for run in pair) == ["queued", "running"])
    wait_until(lambda: [r.runs_ahead for r in runs.list_runs() if r.status == "queued"] == [1])
    first = next(run for run in pair if runs.load_run(run).status == "running")
    runs.stop_run(first)
    wait_until(lambda: sorted(runs.load_run(run).status for run in pair) == ["running", "stopped"])


def test_two_who_look_at_once_do_not_take_each_other_for_a_worker(new_run):
    run = new_run()
    (run / "lock").touch()
    seen = []

    def look():
        seen.extend(locks.is_locked(run / "lock") for _ in range(2000))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8000 and not any(seen)


def test_a_clock_set_back_changes_no_status_and_loses_no_stop(new_run, monkeypatch):
    run = new_run()
    now = time.time()
    files.write_json(
        run / "state.json", {"format": 1, "status": "stopped", "beat": 40, "time": now + 1}
    )
    monkeypatch.setattr(run_process, "start_worker", lambda *_: None)
    monkeypatch.setattr(time, "time", lambda: now - 86_400)
    runs.start_run(run)
    assert (
        runs.load_run(run).status == "queued"
    )  # not "stopped", though the last word is of tomorrow
    runs.stop_run(run)
    assert not runs.load_run(run).stop_is_stale
    monkeypatch.setattr(time, "time", lambda: now - 2 * 86_400)
    assert runs.load_run(run).status == "queued"
    later = time.monotonic() + status.START_TIMEOUT + 1
    monkeypatch.setattr(status.time, "monotonic", lambda: later)
    assert runs.load_run(run).status == "stopped"


@pytest.mark.long
def test_a_worker_goes_on_running_whatever_the_clock_of_the_reader_says(
    new_run, light, monkeypatch
):
    run = new_run()
    start_and_wait(run)
    now = time.time()
    for shift in (-86_400, 86_400, 0):
        monkeypatch.setattr(time, "time", lambda shift=shift: now + shift)
        assert runs.load_run(run).status == "running"


@pytest.mark.long
def test_whoever_comes_after_the_clock_was_set_back_still_waits_behind(new_run, light):
    first, second = new_run(), new_run()
    start_and_wait(first)
    state = runs.load_run(first).state
    ahead = time.time() + 86_400  # as if the first had come tomorrow
    worker = psutil.Process(state["pid"])
    worker.suspend()
    files.write_json(first / "state.json", {**state, "queued": ahead})
    runs.start_run(second)
    wait_until(lambda: runs.load_run(second).state.get("queued", 0) > ahead)
    worker.resume()


def test_a_process_that_cannot_be_started_is_told_and_the_run_is_as_it_was(new_run, monkeypatch):
    run = new_run()

    def refuse(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess_jobs.subprocess, "Popen", refuse)
    with pytest.raises(RunError, match="couldn't start: Resource temporarily"):
        runs.start_run(run)
    assert runs.load_run(run).status == "stopped"
