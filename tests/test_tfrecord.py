"""TFRecord shards and batches: every photo once, in an order that follows from the seed."""

import numpy as np
import pytest
import tensorflow as tf

from catdog_core.augmentation import augment
from catdog_core.base.errors import DatasetError
from catdog_core.config import Augmentation, Training
from catdog_core.data import datasets
from catdog_core.imaging import decode
from catdog_core.storage import shard_writer, tfrecord
from catdog_core.training import pipeline


@pytest.fixture(scope="module")
def packed(demo, tmp_path_factory):
    return tfrecord.pack_dataset(
        datasets.scan_folder(demo), tmp_path_factory.mktemp("packed") / "out", size=32
    )


@pytest.fixture(scope="module")
def photos(packed):
    return tfrecord.load_split(packed, "train")


def test_shards_hold_what_the_decoder_gives(demo, packed, photos):
    items = {item.file: item for item in datasets.scan_folder(demo).items("train")}
    assert sorted(photos.files) == sorted(items)
    assert photos.images.shape == (48, 32, 32, 3)
    for image, label, file in zip(photos.images[:5], photos.labels, photos.files, strict=False):
        assert label == items[file].label
        assert np.array_equal(image, decode.decode_and_fit(items[file].path.read_bytes(), 32))


def test_a_part_of_the_validation_sees_every_class(packed):
    labels = tfrecord.load_split(packed, "validation").labels
    assert 3 <= labels[:12].sum() <= 9


def test_the_index_describes_the_shards(packed):
    assert tfrecord.open_packed(packed.path) == packed
    assert packed.classes == ("cats", "dogs")
    assert packed.counts == {"train": 48, "validation": 24}
    stems = ["index", "train-00000", "train-00000", "validation-00000", "validation-00000"]
    assert sorted(path.stem for path in packed.path.iterdir()) == stems
    assert packed.bytes == sum(path.stat().st_size for path in packed.path.glob("*.tfrecord"))


def test_anybodys_tensorflow_reads_the_shards(packed, photos):
    wanted = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
        "file": tf.io.FixedLenFeature([], tf.string),
    }
    shards = tf.data.Dataset.list_files(f"{packed.path}/train-*.tfrecord", shuffle=False)
    records_ = shards.interleave(tf.data.TFRecordDataset)
    rows = [tf.io.parse_single_example(record, wanted) for record in records_]
    pixels = [tf.io.decode_raw(row["image"], tf.uint8).numpy() for row in rows]
    assert np.array_equal(np.reshape(pixels, photos.images.shape), photos.images)
    assert [int(row["label"]) for row in rows] == photos.labels.tolist()
    assert [row["file"].numpy().decode() for row in rows] == photos.files


def test_shards_are_split_by_size(demo, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_writer, "SHARD_BYTES", 20 * 32 * 32 * 3)
    many = tfrecord.pack_dataset(datasets.scan_folder(demo), tmp_path / "out", size=32)
    assert len(list(many.path.glob("train-*.tfrecord"))) == 3
    assert len(tfrecord.load_split(many, "train").labels) == 48


def test_an_unreadable_photo_is_named_and_left_out(demo, tmp_path):
    import shutil

    shutil.copytree(demo, tmp_path / "set")
    (tmp_path / "set/train/cats/cat.0003.jpg").write_bytes(b"no")
    packed_dataset = tfrecord.pack_dataset(
        datasets.scan_folder(tmp_path / "set"), tmp_path / "out", size=32
    )
    assert [file for file, _ in packed_dataset.unreadable] == ["train/cats/cat.0003.jpg"]
    assert packed_dataset.counts["train"] == 47
    assert [file for file, _ in tfrecord.open_packed(packed_dataset.path).unreadable] == [
        packed_dataset.unreadable[0][0]
    ]


def test_nothing_is_packed_over_something(demo, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DatasetError, match="isn't empty"):
        tfrecord.pack_dataset(datasets.scan_folder(demo), tmp_path, size=32)


def test_photos_read_when_indexed_are_those_kept_in_memory(packed, photos):
    stored = tfrecord.load_split(packed, "train", in_memory=False)
    assert not isinstance(stored.images, np.ndarray)
    assert (stored.labels.tolist(), stored.files) == (photos.labels.tolist(), photos.files)
    for key in (5, -1, slice(3, 40, 7), [7, 7, 0], photos.labels == 1, slice(0, 0)):
        assert np.array_equal(stored.images[key], photos.images[key])
    assert stored.images.nbytes == photos.images.nbytes
    with pytest.raises(IndexError):
        stored.images[48]


def test_only_a_small_split_is_kept_in_memory(packed, photos, monkeypatch):
    assert isinstance(tfrecord.load_split(packed, "train").images, np.ndarray)
    monkeypatch.setattr(tfrecord, "IN_MEMORY", photos.images.nbytes - 1)
    assert not isinstance(tfrecord.load_split(packed, "train").images, np.ndarray)
    assert isinstance(tfrecord.load_split(packed, "validation").images, np.ndarray)


def test_batches_are_the_same_from_memory_and_from_shards(packed, photos):
    stored = tfrecord.load_split(packed, "train", in_memory=False)
    both = zip(batches(stored, Augmentation()), batches(photos, Augmentation()), strict=True)
    assert all(np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1]) for a, b in both)


def batches(photos, augmentation=None, first=0, last=6, seed=0):
    dataset = pipeline.training_batches(
        photos, augmentation, batch_size=8, seed=seed, first_step=first, last_step=last
    )
    return [(x.numpy(), y.numpy()) for x, y in dataset]


def test_a_pass_shows_every_photo_once(photos):
    seen = np.concatenate([x for x, _ in batches(photos)]).astype(np.uint8)
    assert seen.shape == (48, 32, 32, 3)
    assert {photo.tobytes() for photo in seen} == {photo.tobytes() for photo in photos.images}


class Numbered:
    """Features that say which photo they are of, and in which variant."""

    def __init__(self, photos, variants=1):
        rows = np.arange(photos * variants)
        self.images = np.stack([rows % photos, rows // photos], 1).astype(np.float32)
        self.labels = (rows % 2).astype(np.int64)


def steps_of(data, size, last, first=0, seed=3, **options):
    built = pipeline.training_batches(
        data, None, batch_size=size, seed=seed, first_step=first, last_step=last, **options
    )
    return [x.numpy().astype(int) for x, _ in built]


@pytest.mark.parametrize(("count", "size"), [(48, 8), (48, 20), (7, 3), (5, 8), (1, 4), (41, 40)])
def test_each_pass_is_a_permutation_whether_the_batch_divides_or_not(count, size):
    per_pass = -(-count // size)
    shown = steps_of(Numbered(count), size, 4 * per_pass)
    orders = []
    for number in range(4):
        batches_ = shown[number * per_pass : (number + 1) * per_pass]
        assert [len(batch) for batch in batches_[:-1]] == [size] * (per_pass - 1)
        assert len(batches_[-1]) == count - size * (per_pass - 1)
        orders.append(np.concatenate(batches_)[:, 0].tolist())
        assert sorted(orders[-1]) == list(range(count))
    assert count < 5 or len({tuple(order) for order in orders}) == 4


@pytest.mark.parametrize(("count", "variants", "size"), [(10, 3, 4), (8, 2, 8), (9, 4, 5)])
def test_a_pass_over_variants_shows_each_photo_once_and_all_passes_each_variant(
    count, variants, size
):
    per_pass = -(-count // size)
    shown = steps_of(Numbered(count, variants), size, 2 * variants * per_pass, variants=variants)
    passes = [np.concatenate(shown[n * per_pass : (n + 1) * per_pass]) for n in range(2 * variants)]
    assert all(sorted(rows[:, 0].tolist()) == list(range(count)) for rows in passes)
    for start in (0, variants):
        pairs = {tuple(row) for rows in passes[start : start + variants] for row in rows.tolist()}
        assert len(pairs) == count * variants
    assert len(set(passes[0][:, 1].tolist())) > 1


def test_a_start_within_a_pass_meets_the_same_batches_also_where_the_last_is_short():
    for options in ({}, {"variants": 3}, {"pipeline": 1}):
        data = Numbered(11, options.get("variants", 1))
        every = steps_of(data, 4, 14, **options)
        later = steps_of(data, 4, 14, first=5, **options)
        assert all(np.array_equal(a, b) for a, b in zip(every[5:], later, strict=True))


def test_runs_of_the_first_pipeline_keep_whole_batches_across_passes():
    shown = steps_of(Numbered(10), 4, 5, seed=7, pipeline=1)
    assert [len(batch) for batch in shown] == [4] * 5
    expected = np.concatenate([np.random.default_rng((7, 1, n)).permutation(10) for n in (0, 1)])
    assert np.concatenate(shown)[:, 0].tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("pipeline_version", "steps", "shown"),
    [(2, 3, 10), (2, 6, 20), (2, 7, 24), (2, 2, 8), (1, 3, 12), (1, 7, 28)],
)
def test_the_photos_shown_are_counted_as_the_batches_show_them(pipeline_version, steps, shown):
    training = Training(batch_size=4)
    assert training.count_shown(steps, 10, pipeline_version) == shown
    batches_ = steps_of(Numbered(10), 4, steps, pipeline=pipeline_version)
    assert sum(map(len, batches_)) == shown


def test_batches_are_floats_of_0_to_255_with_their_labels(photos):
    images_, labels = batches(photos)[0]
    assert (images_.dtype, labels.dtype) == (np.float32, np.int64)
    assert 100 < images_.max() <= 255
    by_photo = dict(zip([p.tobytes() for p in photos.images], photos.labels, strict=True))
    assert [by_photo[i.astype(np.uint8).tobytes()] for i in images_] == labels.tolist()


def test_a_later_start_meets_the_same_batches(photos):
    all_batches = batches(photos, Augmentation(), 0, 12)
    later = batches(photos, Augmentation(), 7, 12)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(all_batches[7:], later, strict=True))


def test_passes_and_seeds_differ(photos):
    first, second, other = (
        batches(photos)[0],
        batches(photos, last=12)[6],
        batches(photos, seed=1)[0],
    )
    assert not np.array_equal(first[0], second[0])
    assert not np.array_equal(first[0], other[0])


def test_training_photos_are_augmented_and_validation_photos_never(photos, monkeypatch):
    calls = []
    real = augment.augment_batch
    monkeypatch.setattr(augment, "augment_batch", lambda *a: calls.append(1) or real(*a))
    batches(photos, Augmentation(), last=3)
    assert len(calls) == 3
    plain = list(pipeline.eval_batches(photos, 20))
    assert len(calls) == 3
    assert [len(labels) for _, labels in plain] == [20, 20, 8]
    assert np.array_equal(np.concatenate([x for x, _ in plain]), photos.images)
    assert len(list(pipeline.eval_batches(photos, 20, steps=2))) == 2


@pytest.mark.parametrize(("classes", "shape"), [(2, (8,)), (3, (8, 3))])
def test_mixed_batches_carry_shares_and_their_validation_fits_them(photos, classes, shape):
    settings = Augmentation(mixup_alpha=1.0)
    batches = pipeline.training_batches(
        photos, settings, batch_size=8, seed=1, first_step=0, last_step=3, classes=classes
    )
    images, labels = next(iter(batches))
    assert labels.shape == shape and images.dtype == "float32"
    assert ((labels.numpy() > 0.01) & (labels.numpy() < 0.99)).any()
    plain = pipeline.eval_batches(photos, 8, classes=classes, shares=True)
    assert next(iter(plain))[1].shape == shape
    again = pipeline.training_batches(
        photos, settings, batch_size=8, seed=1, first_step=0, last_step=3, classes=classes
    )
    assert np.array_equal(next(iter(again))[1], labels)
