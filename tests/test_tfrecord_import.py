"""TFRecords made elsewhere: read when they follow the common schema, else refused in a sentence."""

import gzip
import struct

import numpy as np
import pytest
import tensorflow as tf

from catdog_core import cli
from catdog_core.base.errors import DatasetError
from catdog_core.data import datasets, tfrecord_frames, tfrecord_import
from catdog_core.imaging import decode
from catdog_core.storage import tfrecord


def bytes_(value):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def int_(value):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def picture(number, kind="jpeg"):
    return decode.encode_photo(np.full((20, 30, 3), number * 9 % 256, np.uint8), kind)


def example(number, label, text=b"", name=b"", **more):
    """A record as TensorFlow's scripts for image sets write it."""
    features = {"image/encoded": bytes_(picture(number)), "image/class/label": int_(label)}
    features |= {"image/class/text": bytes_(text)} if text else {}
    features |= {"image/filename": bytes_(name)} if name else {}
    return features | more


def write(path, rows):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows:
            record = tf.train.Example(features=tf.train.Features(feature=row))
            writer.write(record.SerializeToString())
    return path


NAMES = (b"tulip", b"daisy")


@pytest.fixture
def flowers(tmp_path):
    """Two shards for training and one for validation, labels 1 and 2, names not in their order."""
    folder = tmp_path / "flowers"
    folder.mkdir()
    for part, start in (
        ("train-00000-of-00002", 0),
        ("train-00001-of-00002", 8),
        ("val.tfrecord", 16),
    ):
        rows = [
            example(n, n % 2 + 1, NAMES[n % 2], f"photos/IMG_{n}.JPEG".encode())
            for n in range(start, start + 8)
        ]
        write(folder / part, rows)
    return folder


def test_a_set_of_the_common_schema_becomes_a_dataset(workspace, flowers):
    before = sorted(flowers.iterdir())
    dataset = tfrecord_import.import_tfrecords(flowers)
    assert (dataset.name, dataset.source, dataset.classes) == (
        "flowers",
        "tfrecord",
        ("tulip", "daisy"),
    )
    assert dataset.counts() == {
        "train": {"tulip": 8, "daisy": 8},
        "validation": {"tulip": 4, "daisy": 4},
    }
    item = next(item for item in dataset.items() if item.file.endswith("IMG_17.jpg"))
    assert (item.split, item.label) == ("validation", 1)
    assert item.path.read_bytes() == picture(17)
    assert datasets.load_dataset(dataset.id).fingerprint == dataset.fingerprint
    assert sorted(flowers.iterdir()) == before


def test_a_look_tells_the_same_and_writes_nothing(workspace, flowers):
    seen = tfrecord_import.preview_tfrecords(flowers)
    assert not workspace.exists()
    dataset = tfrecord_import.import_tfrecords(flowers)
    assert (seen.name, seen.counts) == (dataset.name, dataset.counts())


def test_the_command_line_brings_them(workspace, flowers, capsys):
    assert cli.main(["import", str(flowers), "--look"]) == 0
    assert "train: 8 tulip, 8 daisy" in capsys.readouterr().out
    assert not workspace.exists()
    assert cli.main(["import", str(flowers)]) == 0
    out = capsys.readouterr().out
    assert "1 is tulip" in out and "24 photos in" in out
    (flowers / "train-00000-of-00002").write_bytes(b"no records at all")
    assert cli.main(["import", str(flowers)]) == 1
    assert "train-00000-of-00002 isn't a TFRecord" in capsys.readouterr().err


def test_it_is_packed_as_any_other(workspace, flowers):
    packed = tfrecord.pack_to_cache(tfrecord_import.import_tfrecords(flowers), 16)
    assert packed.counts == {"train": 16, "validation": 8}
    assert packed.unreadable == []


def test_what_was_assumed_of_the_labels_is_told(workspace, flowers):
    warnings = tfrecord_import.import_tfrecords(flowers).note["warnings"]
    messages = [message.format(**params) for message, params in warnings]
    assert "The record labels start at 1, not 0. 1 is tulip." in messages


def test_without_names_the_labels_are_called_by_their_numbers(workspace, tmp_path):
    path = write(tmp_path / "a.tfrecord", [example(n, n % 2 * 5) for n in range(8)])
    dataset = tfrecord_import.import_tfrecords(path)
    assert dataset.classes == ("class 000", "class 005")
    assert dataset.note["layout"] == "seeded"
    assert any("don't name their classes" in message for message, _ in dataset.note["warnings"])


@pytest.mark.parametrize("first", [0, 1])
def test_names_come_from_a_list_beside_or_from_the_caller(workspace, tmp_path, first):
    path = write(tmp_path / "a.tfrecord", [example(n, n % 2 + first) for n in range(8)])
    dataset = tfrecord_import.import_tfrecords(path, classes=["cats", "dogs"])
    (tmp_path / "labels.txt").write_text(f"{first}:cats\n{first + 1}:dogs\n")
    assert tfrecord_import.import_tfrecords(path).classes == dataset.classes == ("cats", "dogs")


def test_labels_without_a_given_name_are_refused(workspace, tmp_path):
    path = write(tmp_path / "a.tfrecord", [example(n, n % 3 + 1) for n in range(9)])
    with pytest.raises(DatasetError, match="labels 1 to 3, but you gave 2 class names"):
        tfrecord_import.import_tfrecords(path, classes=["cats", "dogs"])


def test_two_labels_of_one_name_stay_two_classes(workspace, tmp_path):
    rows = [example(n, 134 + n % 2, b"crane") for n in range(8)]
    dataset = tfrecord_import.import_tfrecords(write(tmp_path / "a.tfrecord", rows))
    assert dataset.classes == ("crane (134)", "crane (135)")


def test_one_label_of_two_names_is_refused(workspace, tmp_path):
    rows = [example(n, n % 2, b"cat" if n < 4 else b"dog") for n in range(8)]
    with pytest.raises(DatasetError, match="named cat in one record and dog in another"):
        tfrecord_import.import_tfrecords(write(tmp_path / "a.tfrecord", rows))


def test_names_never_lead_out_of_the_dataset(workspace, tmp_path):
    rows = [example(n, n % 2, (b"../../a", b"/etc")[n % 2], b"../../../evil.jpg") for n in range(8)]
    dataset = tfrecord_import.import_tfrecords(write(tmp_path / "a.tfrecord", rows))
    assert dataset.classes == ("../../a", "/etc")
    assert all(
        item.path.resolve().is_relative_to(dataset.root.resolve()) for item in dataset.items()
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tfrecord", "workspace"]


def test_what_is_no_photo_is_left_out_and_counted(workspace, tmp_path):
    rows = [example(n, n % 2) for n in range(8)]
    rows.append(example(9, 0) | {"image/encoded": bytes_(b"no photo")})
    assert (
        tfrecord_import.import_tfrecords(write(tmp_path / "a.tfrecord", rows)).note["ignored"] == 1
    )


SOUND = [example(n, n % 2) for n in range(8)]


def sound(tmp_path):
    return bytearray(write(tmp_path / "a.tfrecord", SOUND).read_bytes())


def masked(data):
    return struct.pack("<I", tfrecord_frames.masked_crc32c(data))


def with_length(length):
    head = struct.pack("<Q", length)
    return head + masked(head) + b"x" * 100


def flipped(data, position):
    data[position] ^= 255
    return data


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda data: data[:-3], "is truncated"),
        (lambda data: data[: len(data) // 3], "is truncated"),
        (lambda data: data + b"\0\0\0", "is truncated"),
        (lambda data: flipped(data, 0), "isn't a TFRecord"),
        (lambda data: flipped(data, 300), "A record's checksum doesn't match"),
        (lambda data: flipped(data, len(data) - 1), "A record's checksum doesn't match"),
        (lambda data: with_length(2**40), "claims a record of 1,099,511,627,776 bytes"),
        (lambda data: data + with_length(2**63), "claims a record"),
        (lambda data: with_length(20_000_000), "is truncated"),
        (gzip.compress, "is compressed"),
        (lambda data: b"", "has no records."),
        (lambda data: picture(1), "isn't a TFRecord"),
    ],
)
def test_a_spoilt_file_is_refused_in_a_sentence(workspace, tmp_path, spoil, words):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(spoil(sound(tmp_path)))
    with pytest.raises(DatasetError, match=words):
        tfrecord_import.import_tfrecords(path)
    assert datasets.list_datasets() == []
    assert not list((workspace).rglob("*.jpg"))


@pytest.mark.parametrize(
    "row, words",
    [
        ({"image": bytes_(picture(1)), "label": int_(0)}, "has records with image, label"),
        ({"image/encoded": bytes_(picture(1))}, "has records with image/encoded"),
        ({}, "has records with other features"),
        (example(1, 0) | {"image/class/label": bytes_(b"cat")}, "another kind"),
    ],
)
def test_another_schema_is_named(workspace, tmp_path, row, words):
    with pytest.raises(DatasetError, match=words):
        tfrecord_import.import_tfrecords(write(tmp_path / "a.tfrecord", [row]))


def test_records_that_are_no_examples_are_told(workspace, tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "a.tfrecord")) as writer:
        writer.write(b"\xff\xfe not an example")
    with pytest.raises(DatasetError, match="another kind"):
        tfrecord_import.import_tfrecords(tmp_path / "a.tfrecord")


def test_a_folder_without_tfrecords_is_told(workspace, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    assert not tfrecord_frames.holds_tfrecords(tmp_path)
    with pytest.raises(DatasetError, match="contains no TFRecord"):
        tfrecord_import.import_tfrecords(tmp_path)
    with pytest.raises(DatasetError, match=r"gone\.tfrecord can't be read"):
        tfrecord_import.import_tfrecords(tmp_path / "gone.tfrecord")


def test_too_many_records_are_refused(workspace, tmp_path, set_limits):
    set_limits(archive_entries=5)
    with pytest.raises(DatasetError, match="6 records or more"):
        tfrecord_import.import_tfrecords(write(tmp_path / "a.tfrecord", SOUND))


@pytest.mark.parametrize(
    "name, is_one",
    [
        ("a.tfrecord", True),
        ("a.TFRecords", True),
        ("b.tfrec", True),
        ("flowers_train_00000-of-00005.tfrecord", True),
        ("d-train.tfrecord-00000-of-00001", True),
        ("train-00000-of-01024", True),
        ("a.jpg", False),
        ("record", False),
    ],
)
def test_tfrecords_are_known_by_their_names(tmp_path, name, is_one):
    assert tfrecord_frames.is_tfrecord_name(tmp_path / name) == is_one
