"""A small class before a real server."""

import pytest
from timeouts import load_factor

from benchmarks import load, server
from catdog_core.data import datasets


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of a lab with the drawn photos, and its process."""
    folder = tmp_path_factory.mktemp("load")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(folder / "workspace"))
        datasets.create_demo()
    with server.process(folder) as lab:
        yield lab


@pytest.mark.long
@pytest.mark.slow
def test_100_photos_in_one_upload_are_all_predicted(served):
    assert load._hundred(served[0]) < 60 * load_factor()


@pytest.mark.long
@pytest.mark.slow
def test_a_small_class_meets_no_error(served):
    tally = load.crowd(*served, load._roles(6, watch=False), min(15 * load_factor(), 150))
    assert tally.faults == []
    assert {"slider moved", "photo predicted", "page opened"} <= set(tally.times)
