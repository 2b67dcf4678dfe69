"""Shards elsewhere: a dataset like others, streamed through a cache that keeps its bound."""

import os
import threading
from io import BytesIO

import numpy as np
import pytest
import remote
from PIL import Image

from catdog_core import datasets, pipeline, records, runs
from catdog_core.cluster import tasks
from catdog_core.errors import DatasetError, DownloadError
from catdog_core.packing import cache, elsewhere, shard_room, streamed
from catdog_core.settings import Training
from catdog_core.sources import preview
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
def shards_there(local):
    """The same shards at a place elsewhere."""
    return remote.copied(local, remote.in_memory())


def test_a_folder_of_shards_elsewhere_is_a_dataset(workspace, folder, shards_there):
    told = preview.of_folder(shards_there)
    dataset = datasets.open_folder(shards_there)
    readable = [row for row in datasets.scan(folder).photos if "broken" not in row[0]]
    assert list(dataset.photos) == readable
    assert told.counts == dataset.counts()
    item = dataset.items("validation")[0]
    with Image.open(BytesIO(item.path.read_bytes())) as picture:
        assert picture.size == (SIZE, SIZE)
    assert not (dataset.root / "no/such.jpg").exists()
    with pytest.raises(DatasetError, match="is packed already"):
        elsewhere.pack(dataset, remote.in_memory(), SIZE)


def streamed_split(place, split="train"):
    dataset = datasets.open_folder(place)
    packed = records.cached(dataset, SIZE)
    return packed, records.load(packed, split, in_memory=False)


def wait_for(condition):
    """Until the shards that are fetched behind the reader are here."""
    ended = threading.Event()
    for _ in range(600):
        if condition():
            return
        ended.wait(0.1)
    raise AssertionError("it never came to that")


@pytest.mark.parametrize("room", [10**9, 1])
def test_batches_are_the_same_whether_shards_are_here_are_fetched_or_asked_for(
    workspace, local, shards_there, allow, room
):
    allow(shard_cache_bytes=room)
    _, there = streamed_split(shards_there)
    here = records.load(records.opened(local), "train")
    batches = [
        list(
            pipeline.training_batches(
                photos, None, batch_size=5, seed=1, first_step=0, last_step=6
            ).as_numpy_iterator()
        )
        for photos in (here, there)
    ]
    for (images, labels), (other, same) in zip(*batches, strict=True):
        assert np.array_equal(images, other)
        assert np.array_equal(labels, same)


def test_shards_that_were_fetched_are_not_asked_for_again(workspace, shards_there, monkeypatch):
    packed, photos = streamed_split(shards_there)
    whole = photos.images[:]
    count = len(list(packed.path.glob("train-*.json")))
    assert len(list(packed.path.glob("train-*.tfrecord"))) == count

    def never(place, start, end):
        raise AssertionError(f"{place} was asked for")

    monkeypatch.setattr(Remote, "read_part", never)
    assert np.array_equal(photos.images[[5, 0, 3]], whole[[5, 0, 3]])


def test_the_bound_of_the_cache_is_kept_and_what_nobody_reads_makes_way(
    workspace, local, shards_there, allow
):
    shard = max(path.stat().st_size for path in local.glob("*.tfrecord"))
    allow(shard_cache_bytes=2 * shard)
    packed, photos = streamed_split(shards_there)
    whole = photos.images[:]  # wants all of every shard, of which not all have room
    ends = (".tfrecord", ".json")
    there, in_all = (len(list(packed.path.glob(f"train-*{end}"))) for end in ends)
    assert 0 < there < in_all
    assert shard_room.taken() <= 2 * shard
    assert np.array_equal(photos.images[:], whole)
    # Another dataset comes, of which nobody reads the first any more.
    (shards_there / "index.json").write_bytes((shards_there / "index.json").read_bytes() + b"\n")
    packed.hold.release()
    other, more = streamed_split(shards_there)
    assert other.path != packed.path
    assert np.array_equal(more.images[:], whole)
    assert not list(packed.path.glob("*.tfrecord"))
    assert 0 < shard_room.taken() <= 2 * shard


def test_a_fetch_that_is_cut_off_leaves_no_broken_copy(workspace, shards_there, monkeypatch):
    packed, photos = streamed_split(shards_there)
    monkeypatch.setattr(streamed, "_BLOCK", 1000)
    monkeypatch.setattr(tasks, "_PAUSE", 0.0)
    true_read, asked = Remote.read_part, []

    def cut(place, start, end):
        asked.append((place.name, start))
        if start and len(asked) < 9:
            raise DownloadError("{url} did not answer.", url=place.url)
        return true_read(place, start, end)

    monkeypatch.setattr(Remote, "read_part", cut)
    with pytest.raises(DownloadError):
        photos.images[:3]
    assert list(packed.path.glob("*.tfrecord")) == []
    assert photos.images[:].shape[0] == len(photos.files)


def test_what_a_killed_reader_left_takes_no_room_for_ever(workspace, local, shards_there, allow):
    packed, photos = streamed_split(shards_there)
    shard = max(path.stat().st_size for path in local.glob("*.tfrecord"))
    allow(shard_cache_bytes=2 * shard)
    left, coming = (packed.path / f".train-0000{n}-abcd.tfrecord" for n in (1, 2))
    for path in (left, coming):
        path.write_bytes(bytes(shard))
    os.utime(left, (0, 0))
    photos.images[:]
    assert not left.exists()
    assert coming.exists()
    photos.images[:]
    assert list(packed.path.glob("train-*.tfrecord"))
    assert shard_room.taken() <= 2 * shard


def test_a_full_disk_costs_the_copies_not_the_photos(workspace, local, shards_there, monkeypatch):
    packed, photos = streamed_split(shards_there)

    def full(_folder, _size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shard_room, "_make_room", full)
    here = records.load(records.opened(local), "train")
    assert np.array_equal(photos.images[:], here.images)
    assert np.array_equal(photos.images[[4, 0]], here.images[[4, 0]])
    assert not list(packed.path.glob("*.tfrecord"))


def test_a_copy_that_rots_is_dropped_and_asked_for_again(workspace, shards_there):
    packed, photos = streamed_split(shards_there)
    whole = photos.images[:]
    copy = next(iter(packed.path.glob("train-*.tfrecord")))
    copy.write_bytes(bytes(copy.stat().st_size))
    assert np.array_equal(photos.images[:], whole)


def test_shards_that_are_damaged_there_are_told(workspace, shards_there):
    path = shards_there / "train-00000.tfrecord"
    _, photos = streamed_split(shards_there)
    path.write_bytes(bytes(len(path.read_bytes())))
    with pytest.raises(DatasetError, match="damaged"):
        photos.images[:]


def test_an_index_that_names_other_files_is_refused(workspace, shards_there):
    index = (shards_there / "index.json").read_bytes()
    for old, new in (
        (b"train-00000.tfrecord", b"../../x-00000.tfrecord"),
        (b'"size": 16', b'"size": 16000'),
        (b"This is no photo", b"{file.__class__:>999999999} no photo"),
    ):
        assert old in index
        (shards_there / "index.json").write_bytes(index.replace(old, new, 1))
        with pytest.raises(DatasetError, match="another format"):
            datasets.open_folder(shards_there)


def test_shards_that_were_packed_anew_are_another_dataset(workspace, shards_there):
    dataset = datasets.open_folder(shards_there)
    index = (shards_there / "index.json").read_bytes()
    (shards_there / "index.json").write_bytes(index + b" ")
    with pytest.raises(DatasetError, match="packed anew"):
        records.cached(dataset, SIZE)
    assert datasets.open_folder(shards_there).fingerprint != dataset.fingerprint


def test_a_run_asks_for_the_size_the_shards_have(workspace, shards_there):
    dataset = datasets.open_folder(shards_there)
    with pytest.raises(DatasetError, match=r"hold photos of 16 pixels\. Expected 150"):
        runs.create(dataset, Training(), None)
    chosen = datasets.Choice(dataset.photos[0][0], "exclude", "")
    decided = datasets.change(dataset.id, [chosen])
    with pytest.raises(DatasetError, match="decided about since they were packed"):
        records.cached(decided, SIZE)


def test_what_streams_is_an_entry_of_the_cache_that_can_be_emptied(workspace, shards_there):
    packed, photos = streamed_split(shards_there)
    photos.images[:]
    assert [entry.whole for entry in cache.usage()] == [True]
    assert cache.clear() == 0  # somebody reads it
    packed.hold.release()
    assert cache.clear() > 0
    assert shard_room.taken() == 0


def test_readers_leave_no_thread_behind(workspace, shards_there):
    packed, photos = streamed_split(shards_there)
    for place in range(len(photos.files)):
        photos.images[[place]]  # each singly, so that its shard is fetched behind it
    count = len(list(packed.path.glob("train-*.json")))
    wait_for(lambda: len(list(packed.path.glob("train-*.tfrecord"))) == count)
    wait_for(lambda: not any(each.name == "shards" for each in threading.enumerate()))
