"""The status of a run is decided in one pure function; every state of it."""

import pytest
from filelock import FileLock

from catdog_core.base import locks
from catdog_core.runs import status


@pytest.mark.parametrize(
    ("stored", "locked", "since_request", "since_beat", "expected"),
    [
        (None, False, None, 0, "stopped"),  # made, never started
        (None, False, 3.0, 0, "queued"),  # its worker is on its way
        (None, False, 20.0, 0, "lost"),  # it never came
        (None, True, 1.0, 0, "queued"),  # it holds its lock, has said nothing yet
        ("queued", True, None, 1, "queued"),
        ("running", True, None, 1, "running"),
        ("running", True, None, 16, "stalled"),
        ("running", False, None, 0, "lost"),
        ("queued", False, None, 0, "lost"),
        ("stopped", False, None, 0, "stopped"),
        ("stopped", False, 2.0, 0, "queued"),  # being resumed
        ("stopped", False, -50.0, 0, "stopped"),  # the clock was set back
        ("done", False, None, 99, "done"),
        ("failed", False, None, 99, "failed"),
    ],
)
def test_every_status_follows_from_state_lock_and_time(
    stored, locked, since_request, since_beat, expected
):
    result = status.derive_status(
        stored, locked=locked, since_request=since_request, since_beat=since_beat
    )
    assert result == expected


def test_a_lock_is_seen_while_held_and_free_after(tmp_path):
    path = tmp_path / "lock"
    assert not locks.is_locked(path)
    with FileLock(path):
        assert locks.is_locked(path)
    assert not locks.is_locked(path)


def test_silence_is_counted_by_the_readers_own_clock(tmp_path, monkeypatch):
    now = 100.0
    monkeypatch.setattr(status.time, "monotonic", lambda: now)
    state = {"status": "running", "beat": 7, "time": 5.0}
    with FileLock(tmp_path / "lock"):
        assert status.current_status(tmp_path, state, requested_at=0) == "running"
        now = 116.0
        assert status.current_status(tmp_path, state, requested_at=0) == "stalled"
        assert status.current_status(tmp_path, {**state, "beat": 8}, requested_at=0) == "running"
