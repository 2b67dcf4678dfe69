"""Photos and shards elsewhere on the pages: opened by their address, shown like any others."""

import fakes
import pytest
import remote

from catdog_core import datasets, records
from catdog_core.sources import roots

pytestmark = pytest.mark.usefixtures("workspace")


def looked_at(address):
    app = fakes.page("1_Data")
    app.pills("source_kind").set_value("folder").run()
    app.text_input("source_path").set_value(address)
    next(b for b in app.button if b.label == "Look inside").click()
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize("kind", ["photos", "shards"])
def test_an_address_is_understood_then_added_and_its_photos_are_shown(demo, tmp_path, kind):
    folder = demo
    if kind == "shards":
        folder = records.pack(datasets.scan(demo), tmp_path / "packed", 32).path
    place = remote.copied(folder, remote.in_memory())
    app = looked_at(str(place))
    assert "| cats | 24 | 12 |" in fakes.said(app.markdown)
    app.button("source_open").click().run()
    assert not app.exception
    assert not app.error
    (dataset,) = datasets.listing()
    assert dataset.root == place
    assert dataset.source == ("shards" if kind == "shards" else "folder")
    said = fakes.said(app.caption)
    assert place.name in said
    assert "at another place" in said


def test_an_address_that_may_not_be_opened_is_refused_in_a_sentence(monkeypatch):
    remote.in_memory()
    monkeypatch.delenv(roots.URLS, raising=False)
    app = looked_at("http://169.254.169.254/latest/meta-data")
    assert "may not be opened here" in fakes.said(app.error)
    app = looked_at("s3://key:hunter2@bucket/photos")
    assert "Give it in the environment" in fakes.said(app.error)
    assert "hunter2" not in fakes.said(app.error)
