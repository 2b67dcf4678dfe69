"""Which records are whose, and who takes what of a batch: pure functions of the shards' index."""

import numpy as np
import pytest

from catdog_core import datasets, pipeline, records
from catdog_core.cluster import team_size
from catdog_core.errors import ClusterError, SettingsError
from catdog_core.packing import shard_index, shard_shares
from catdog_core.packing.kept_images import KeptImages
from catdog_core.settings import Augmentation, Training


def index(*photos):
    shards = [{"file": f"train-{n:05}.tfrecord", "photos": count} for n, count in enumerate(photos)]
    return {"shards": [*shards, {"file": "validation-00000.tfrecord", "photos": 7}]}


def records_of(spans):
    return [(span.file, number) for span in spans for number in range(span.first, span.last)]


@pytest.fixture(scope="module")
def packed(demo, tmp_path_factory):
    dataset = datasets.read_folder(demo)
    return records.pack(dataset, tmp_path_factory.mktemp("packed") / "shards", 32)


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("photos", [(48,), (10, 10, 3), (1, 5, 2, 9, 4)])
def test_each_record_is_one_workers_and_all_have_equally_many(photos, workers):
    found = [
        records_of(shard_shares.spans(index(*photos), "train", workers, rank))
        for rank in range(workers)
    ]
    everything = [record for mine in found for record in mine]
    assert len(everything) == len(set(everything)) == sum(photos)
    assert max(map(len, found)) - min(map(len, found)) <= 1
    owners = shard_shares.owners(sum(photos), workers)
    assert np.bincount(owners, minlength=workers).tolist() == [len(mine) for mine in found]


def test_a_shard_is_cut_only_where_two_workers_meet():
    spans = [shard_shares.spans(index(10, 10, 10, 10), "train", 4, rank) for rank in range(4)]
    assert [len(mine) for mine in spans] == [1, 1, 1, 1]
    two = [shard_shares.spans(index(10, 10, 10), "train", 2, rank) for rank in range(2)]
    assert two[0][-1] == shard_shares.Span("train-00001.tfrecord", 0, 5)
    assert two[1][0] == shard_shares.Span("train-00001.tfrecord", 5, 10)


@pytest.mark.parametrize("workers", [2, 3, 5])
def test_a_batch_is_shared_out_equally_and_mostly_to_the_owners(workers):
    owner = np.random.default_rng(0).integers(0, workers, (200, 64))
    takers = np.array([shard_shares.takers(batch, workers) for batch in owner])
    counts = [np.bincount(batch, minlength=workers) for batch in takers]
    assert max(map(np.ptp, counts)) <= 1
    assert np.mean(takers == owner) > 0.85
    assert np.array_equal(shard_shares.takers(owner[0], workers), takers[0])


def test_with_the_index_of_real_shards_the_stretches_are_what_the_spans_say(packed):
    found = shard_index.read(packed.path)
    photos = records.load(packed, "train")
    for rank in range(3):
        first, last = shard_shares.stretch(len(photos.labels), 3, rank)
        names = []
        for span in shard_shares.spans(found, "train", 3, rank):
            row = next(row for row in found["shards"] if row["file"] == span.file)
            names += shard_index.read_table(packed.path, row)["files"][span.first : span.last]
        assert names == photos.files[first:last]


def test_images_of_which_a_stretch_is_kept_are_the_same_images(packed):
    stored = records.load(packed, "train", in_memory=False).images
    kept = KeptImages(stored, 10, 30)
    for key in (np.array([12, 29, 10]), np.array([40, 11, 3, 11]), np.arange(48)):
        assert np.array_equal(kept[key], stored[key])


SETTINGS = Augmentation(mixup_alpha=0.4, cutmix_alpha=1.0, noise_range=9, erasing_probability=0.5)


@pytest.mark.parametrize("augmentation", [None, Augmentation(), SETTINGS])
@pytest.mark.parametrize("workers", [2, 3])
def test_the_parts_of_all_workers_are_the_batch_of_one(packed, augmentation, workers):
    photos = records.load(packed, "train")
    owners = shard_shares.owners(len(photos.labels), workers)
    options = {"batch_size": 10, "seed": 4, "first_step": 0, "last_step": 7, "balanced": True}

    def taken(rank):
        return lambda chosen: np.flatnonzero(shard_shares.takers(owners[chosen], workers) == rank)

    whole = list(pipeline.training_batches(photos, augmentation, **options))
    parts = [
        list(pipeline.training_batches(photos, augmentation, **options, take=taken(rank)))
        for rank in range(workers)
    ]
    for step, batch in enumerate(whole):
        for n, tensor in enumerate(batch):
            joined = np.concatenate([part[step][n].numpy() for part in parts])
            rows = sorted(row.tobytes() for row in joined)
            assert rows == sorted(row.tobytes() for row in tensor.numpy())


def test_a_worker_reads_no_photo_that_is_not_in_its_part(packed):
    photos = records.load(packed, "train")
    asked = []

    class Watched:
        dtype, shape = photos.images.dtype, photos.images.shape

        def __getitem__(self, key):
            asked.append(len(key))
            return photos.images[key]

    watched = records.Photos(Watched(), photos.labels, photos.files)
    list(
        pipeline.training_batches(
            watched,
            Augmentation(),
            batch_size=10,
            seed=4,
            first_step=0,
            last_step=3,
            take=lambda chosen: np.arange(4),
        )
    )
    assert asked == [4, 4, 4]


def test_workers_get_as_many_cores_as_all_of_them_can_have():
    assert team_size.cores_each([8, 8], 2) == 8
    assert team_size.cores_each([8, 2], 3) == 2
    assert team_size.cores_each([2], 2) == 1
    with pytest.raises(ClusterError, match="too few for 3 workers"):
        team_size.cores_each([1, 1], 3)


def test_more_workers_than_photos_of_a_batch_are_refused():
    team_size.refuse(Training(batch_size=4), 4)
    with pytest.raises(SettingsError, match="5 workers cannot share a batch of 4 photos"):
        team_size.refuse(Training(batch_size=4), 5)
    with pytest.raises(SettingsError, match="Expected 1 to 64"):
        team_size.refuse(Training(batch_size=512), 65)
