"""Places elsewhere: what an address may be, what is never told, and who may open which."""

import json
import pickle

import pytest
import remote

from catdog_core import access
from catdog_core.access import Visitor
from catdog_core.errors import DatasetError, DownloadError
from catdog_core.sources import places, roots
from catdog_core.sources.places import Remote

pytest.importorskip("fsspec", reason="places elsewhere need fsspec")


def test_a_path_stays_a_path_and_an_address_is_made_plain(tmp_path):
    assert places.of(str(tmp_path)) == tmp_path
    assert str(places.of("s3://bucket//photos/")) == "s3://bucket/photos"
    assert places.of("sftp://me@host/photos").name == "photos"


@pytest.mark.parametrize(
    "address",
    ["s3://AKIA:hunter2@bucket/x", "https://h/x?token=hunter2", "sftp://me:hunter2@host/x"],
)
def test_an_address_with_a_secret_is_refused_without_repeating_it(address):
    with pytest.raises(DatasetError, match="Give it in the environment") as caught:
        places.of(address)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str(caught.value.params)


@pytest.mark.parametrize(
    "address",
    [
        "zip://a::file:///etc/passwd",
        "reference://x",
        "file:///photos/../etc",
        "s3://",
        "s3://bucket/\x1b[2J",
        "simplecache::s3://bucket/x",
        "s3://bucket/x::file:///etc",
    ],
)
def test_an_address_that_nests_or_leads_elsewhere_is_refused(address):
    with pytest.raises(DatasetError, match="Expected"):
        places.of(address)


def test_files_elsewhere_are_listed_with_stamps_that_change_with_them(tmp_path):
    place = remote.in_memory()
    (place / "cats/1 #?.jpg").write_bytes(b"one")
    (place / "empty.jpg").write_bytes(b"")
    before = place.fresh().listing
    (place / "cats/1 #?.jpg").write_bytes(b"two!")
    after = place.fresh().listing
    assert set(after) == {"cats/1 #?.jpg", "empty.jpg"}
    assert before["cats/1 #?.jpg"] != after["cats/1 #?.jpg"]
    assert before["empty.jpg"] == after["empty.jpg"]
    assert (place / "empty.jpg").read(10) == b""
    assert (place / "cats/1 #?.jpg").read(3) == b"two"


def test_a_place_goes_to_other_processes_as_its_address_alone():
    place = remote.in_memory()
    assert pickle.loads(pickle.dumps(place)) == place
    assert not vars(pickle.loads(pickle.dumps(place))).keys() & {"listing"}


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    place = Remote(f"file://{tmp_path}/shards")
    (place / "a.json").write_bytes(b"whole")
    import fsspec

    def broken(self, path, value, **_more):
        (tmp_path / "shards" / path.rsplit("/", 1)[-1]).write_bytes(value[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fsspec.get_filesystem_class("file"), "pipe_file", broken)
    with pytest.raises(DownloadError, match="No space left"):
        (place / "a.json").write_bytes(b"other")
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["a.json"]
    assert (tmp_path / "shards" / "a.json").read_bytes() == b"whole"


def test_a_missing_package_is_named():
    with pytest.raises(DatasetError, match="pip install gcsfs"):
        places.of("gs://bucket/photos").exists()


@pytest.fixture
def lab(workspace, monkeypatch):
    for name in (roots.ROOTS, roots.URLS):
        monkeypatch.delenv(name, raising=False)

    def shared(**settings):
        workspace.mkdir(exist_ok=True)
        (workspace / "access.json").write_text(json.dumps({"shared": True, **settings}))

    monkeypatch.setattr(access, "_ask", lambda: Visitor("Ada", "student"))
    return shared


def test_ones_own_lab_opens_object_stores_but_no_hosts_that_were_not_named(lab, monkeypatch):
    assert roots.confine(places.of("s3://any/photos")) == Remote("s3://any/photos")
    for address in ("http://169.254.169.254/latest", "sftp://host/x", "hdfs://name/x"):
        with pytest.raises(DatasetError, match="may not be opened here"):
            roots.confine(places.of(address))
    monkeypatch.setenv(roots.URLS, "https://data.example/photos s3://mine")
    assert roots.confine(places.of("https://data.example/photos/cats"))
    with pytest.raises(DatasetError, match=r"Expected a place within https://data\.example"):
        roots.confine(places.of("s3://any/photos"))


def test_a_shared_lab_opens_only_places_that_were_named(lab):
    lab()
    with pytest.raises(DatasetError, match="may not be opened here"):
        roots.confine(places.of("s3://bucket/photos"))
    lab(urls=["s3://bucket/class"])
    assert roots.confine(places.of("s3://bucket/class/cats"))
    for address in ("s3://bucket/classified", "s3://bucket", "memory://x"):
        with pytest.raises(DatasetError, match="may not be opened here"):
            roots.confine(places.of(address))


def test_a_file_by_its_address_is_confined_as_by_its_path(lab, tmp_path):
    inside, outside = tmp_path / "photos", tmp_path / "private"
    inside.mkdir()
    outside.mkdir()
    lab(roots=[str(inside)], urls=["file:///tmp"])
    assert roots.confine(Remote(f"file://{inside}")) == Remote(f"file://{inside}")
    (inside / "link").symlink_to(outside)
    for place in (outside, inside / "link", inside):
        with pytest.raises(DatasetError, match="may not be opened here"):
            roots.confine(Remote(f"file://{place}"))
