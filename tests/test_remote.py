"""Many photos elsewhere: found, checked, packed and streamed as if they lay here."""

import pytest
import remote

from catdog_core import cli, datasets, health
from catdog_core.cluster import tasks
from catdog_core.cluster.tasks import Hands
from catdog_core.curation.survey import Survey
from catdog_core.errors import DatasetError, DownloadError
from catdog_core.packing import elsewhere, shards
from catdog_core.sources import contents, places
from catdog_core.sources.places import Remote

pytest.importorskip("fsspec", reason="places elsewhere need fsspec")
SIZE = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return remote.pets(tmp_path_factory.mktemp("photos") / "pets")


@pytest.fixture(scope="module")
def local(folder, tmp_path_factory):
    """The folder, packed here in shards of three photos."""
    return remote.packed_small(folder, tmp_path_factory.mktemp("packed") / "local", SIZE)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 3 * SIZE * SIZE * 3)
    monkeypatch.setattr(tasks, "_PAUSE", 0.0)


def test_photos_elsewhere_are_the_dataset_they_are_here(workspace, folder):
    there = datasets.open_folder(remote.copied(folder, remote.in_memory()))
    here = datasets.scan(folder)
    assert (there.fingerprint, there.photos, there.classes) == (
        here.fingerprint,
        here.photos,
        here.classes,
    )
    again = datasets.load(there.id)
    assert again.root == there.root
    assert isinstance(again.root, Remote)


def test_the_check_finds_elsewhere_what_it_finds_here_and_reads_each_photo_once(
    workspace, folder, monkeypatch
):
    place = remote.copied(folder, remote.in_memory())
    read, true_read = [], Remote.read
    monkeypatch.setattr(Remote, "read", lambda p, most: read.append(p.url) or true_read(p, most))
    survey = Survey(Hands())
    there = datasets.open_folder(place, survey.read)
    survey.keep(datasets.root() / there.id)
    photos = [url for url in read if url.endswith(".jpg")]
    assert len(photos) == len(set(photos)) == len(there.photos)
    read.clear()
    found = [(each.kind, each.files) for each in health.check(there)]
    assert found == [(each.kind, each.files) for each in health.check(datasets.scan(folder))]
    assert {"unreadable", "leak"} <= {kind for kind, _ in found}
    assert [url for url in read if "broken" not in url] == []


def test_a_second_look_elsewhere_reads_only_what_changed(workspace, folder, monkeypatch):
    place = remote.copied(folder, remote.in_memory())
    first = datasets.open_folder(place)
    changed = place / "train/cats/broken.jpg"
    changed.write_bytes(b"another text")
    read, digest = [], places.digest
    monkeypatch.setattr(places, "digest", lambda path: read.append(str(path)) or digest(path))
    assert datasets.open_folder(place).fingerprint != first.fingerprint
    assert read == [str(changed)]


def test_packing_elsewhere_gives_the_same_bytes(workspace, folder, local, small):
    there = datasets.open_folder(remote.copied(folder, remote.in_memory()))
    out = remote.in_memory()
    told = elsewhere.pack(there, out, SIZE)
    assert {n: (out / n).read_bytes() for n in out.listing} == {
        path.name: path.read_bytes() for path in local.iterdir()
    }
    assert [file for file, _ in told.unreadable] == ["train/cats/broken.jpg"]


def test_packing_elsewhere_goes_on_from_the_shards_that_are_whole(
    workspace, folder, small, monkeypatch
):
    dataset = datasets.scan(folder)
    out = remote.in_memory()

    written, put = [], Remote.put

    def failing(place, file):
        if len(written) >= 5:
            raise DownloadError("{url} did not answer.", url=place.url)
        written.append(place.name)
        put(place, file)

    monkeypatch.setattr(Remote, "put", failing)
    with pytest.raises(DownloadError):
        elsewhere.pack(dataset, out, SIZE)
    whole = {name for name in out.fresh().listing if name.endswith(".json")}
    assert whole
    assert "index.json" not in whole
    written.clear()
    monkeypatch.setattr(Remote, "put", lambda p, file: written.append(p.name) or put(p, file))
    elsewhere.pack(dataset, out, SIZE)
    assert not whole & set(written)
    assert "index.json" in out.fresh().listing
    with pytest.raises(DatasetError, match="already holds something"):
        elsewhere.pack(dataset, out, SIZE * 2)


def test_a_place_that_fails_for_a_moment_is_tried_again_and_no_photo_is_left_out(
    workspace, folder, small, monkeypatch
):
    there = datasets.open_folder(remote.copied(folder, remote.in_memory()))
    true_read, failed = Remote.read, []

    def failing(place, most):
        if place.name.endswith(".jpg") and len(failed) < 2:
            failed.append(place.name)
            raise DownloadError("{url} did not answer.", url=place.url)
        return true_read(place, most)

    monkeypatch.setattr(Remote, "read", failing)
    told = elsewhere.pack(there, remote.in_memory(), SIZE)
    assert len(failed) == 2
    assert [file for file, _ in told.unreadable] == ["train/cats/broken.jpg"]


def test_a_place_that_never_answers_ends_the_packing_with_its_name(
    workspace, folder, small, monkeypatch
):
    there = datasets.open_folder(remote.copied(folder, remote.in_memory()))

    def failing(place, most):
        raise DownloadError("{url} did not answer.", url=place.url)

    monkeypatch.setattr(Remote, "read", failing)
    with pytest.raises(DownloadError, match=r"memory://.* did not answer"):
        elsewhere.pack(there, Remote("memory://never"), SIZE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pack", "s3://key:hunter2@b/x", "out"], "Give it in the environment"),
        (["train", "memory://nothing/there"], "There is nothing in"),
    ],
)
def test_commands_refuse_an_address_in_a_sentence(workspace, folder, capsys, arguments, message):
    told = [each.replace("{here}", str(folder)) for each in arguments]
    assert cli.main(told) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "hunter2" not in said


def test_parts_that_are_done_twice_give_the_same(folder, workspace):
    place = remote.copied(folder, remote.in_memory())
    names = sorted(name for name in place.listing if name.endswith(".jpg"))
    (part,) = contents.parts(place, names)
    assert contents.read_part(*part) == contents.read_part(*part)
    assert (
        Hands(at_once=3).each(contents.read_part, [part] * 4, [1] * 4)
        == [contents.read_part(*part)] * 4
    )
