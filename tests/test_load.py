"""A small class before a real server."""

import pytest
from timeouts import load_factor

from benchmarks import load, server
from catdog_core.data import datasets


@pytest.mark.long
def test_a_small_class_meets_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("CATDOG_WORKSPACE", str(tmp_path / "workspace"))
    datasets.create_demo()
    with server.process(tmp_path) as (address, pid):
        tally = load.crowd(address, pid, load._roles(6, watch=False), min(25 * load_factor(), 150))
    assert tally.faults == []
    assert {"slider moved", "photo predicted", "page opened"} <= set(tally.times)


@pytest.mark.long
def test_100_photos_in_one_upload_are_all_predicted(tmp_path):
    with server.running(tmp_path) as address:
        assert load._hundred(address) < 60 * load_factor()
