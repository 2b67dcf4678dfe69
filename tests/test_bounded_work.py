"""A small input asks for no large work: it is refused, or answered in seconds and little memory.

The inputs and their readers are in `bounded_cases`. They are replayed in a process of their own,
under limits of the system, so that a reader without a bound fails these tests and no more.
"""

import io
import json
import os
import subprocess
import sys
from http.client import HTTPMessage
from pathlib import Path
from types import SimpleNamespace

import bounded_cases
import pytest

from catdog_core.base import bounded_readers
from catdog_core.data import download

SECONDS, MEGABYTES = 4, 350  # where the same inputs took minutes, or gigabytes
HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """What came of each case, by its group; replayed in one process."""
    paths = os.pathsep.join([str(HERE.parent), str(HERE)])
    done = subprocess.run(
        [sys.executable, HERE / "bounded_cases.py", tmp_path_factory.mktemp("cases")],
        env={**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout[-400:] + done.stderr[-2000:]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    return {g: [one for one in results if one["group"] == g] for g in bounded_cases.GROUPS}


@pytest.mark.parametrize("group", bounded_cases.GROUPS)
def test_a_small_input_is_refused_or_answered_within_bounds(group, replayed):
    results = replayed[group]
    assert len(results) > 5
    slow = [one for one in results if one["seconds"] > SECONDS or one["megabytes"] > MEGABYTES]
    assert not slow
    assert not [one for one in results if one["outcome"].startswith("HIT")]


@pytest.mark.parametrize("group", ["histories", "settings", "archives", "models", "bundles"])
def test_what_asks_for_too_much_is_refused_in_one_line(group, replayed):
    refused = [one["outcome"] for one in replayed[group] if one["outcome"] != "answered"]
    assert len(refused) >= len(replayed[group]) // 2
    assert not [line for line in refused if "\n" in line or len(line) < 40]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 61 + "]" * 61, "nested more than 60"),
        ('{"a":' * 61 + "1" + "}" * 61, "nested more than 60"),
        ("[" + "1," * 30_000 + "1]", "more than 25,000 values"),
        ('{"a": 0.' + "1" * 41 + "}", "more than 40 digits"),
        ('"' + "a" * 200_000 + '"', "more than 200,000 bytes"),
    ],
)
def test_json_beyond_a_bound_is_refused_before_it_is_built(text, reason, monkeypatch):
    if "nested" not in reason:
        monkeypatch.setattr(bounded_readers.json, "loads", None)
    for data in (text, text.encode()):
        with pytest.raises(bounded_readers.BoundError, match=reason):
            bounded_readers.parse_bounded_json(data)


@pytest.mark.parametrize(
    "value",
    [
        {"a": "1" * 5000, "b": [1e300, -1e-300, 10**39], "c": None},
        ["[" * 100, '"' * 50, "\\" * 99, "{,[" * 50],
        "한국어 \U0001f600 \ud800",
    ],
)
@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "utf-32-be"])
def test_json_within_the_bounds_is_read_as_ever(value, code):
    data = json.dumps(value, ensure_ascii=False).encode(code, "surrogatepass")
    assert bounded_readers.parse_bounded_json(data) == json.loads(data) == value


@pytest.mark.parametrize("told", ["9" * 5000, "-1", "many", "1e9", "٣", "", "12"])
def test_a_length_that_is_none_is_not_taken_for_one(told):
    headers = HTTPMessage()
    headers["Content-Length"], headers["Content-Range"] = told, f"bytes {told}-9/{told}"
    response = SimpleNamespace(headers=headers)
    good = told == "12"
    assert download._content_length(response) == (12 if good else 0)
    assert download._content_range(response) == ((12, 12) if good else (-1, 0))


def test_only_so_many_bytes_of_a_json_file_are_read(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_bytes(b" " * 5_000_000 + b"1")
    sizes = []

    class Counted(io.FileIO):
        def read(self, size=-1):
            sizes.append(size)
            return super().read(size)

    monkeypatch.setattr(bounded_readers, "open_regular", Counted)
    with pytest.raises(bounded_readers.BoundError):
        bounded_readers.read_bounded_json(path, 1000)
    assert sizes == [1001]
