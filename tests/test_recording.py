"""Recording with the camera: frames, classes, clips, and the dataset they become."""

import io
import os
import threading
import time
from functools import cache

import numpy as np
import pytest
from PIL import Image

from catdog_core.base import access, files, stale_files
from catdog_core.base.errors import AccessError, DatasetError, PhotoError
from catdog_core.data import datasets, recording, synthetic

pytestmark = pytest.mark.usefixtures("workspace")


@cache
def frame(label, number, size=96):
    picture = synthetic.draw_pet(label, size, np.random.default_rng((label, number)))
    return jpeg(np.asarray(picture))


def jpeg(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def record(clips, names=("cats", "dogs")):
    """Record as many clips of each class, with as many different frames, as `clips` tells."""
    recording.begin_recording(names)
    for label, counts in enumerate(clips):
        for clip, count in enumerate(counts):
            for number in range(count):
                assert recording.add_frame(
                    label, 10 * label + clip, frame(label, 100 * clip + number)
                )


def shift(pixels, by):
    return np.roll(pixels, by, axis=1)


def test_frames_become_photos_of_their_class_and_clip():
    record([(2, 1), (3,)])
    found = recording.find_recording()
    assert found.classes == {0: "cats", 1: "dogs"}
    assert [(photo.label, photo.clip) for photo in found.photos] == [(0, 0)] * 2 + [(0, 1)] + [
        (1, 10)
    ] * 3
    assert recording.read_photo(found.photos[0].name) == frame(0, 0)
    assert (found.count_clips(0), found.count_clips(1), found.is_complete) == (2, 1, False)


def test_a_camera_that_stands_still_gives_one_photo_of_each_class():
    recording.begin_recording(("cats", "dogs"))
    pixels = np.asarray(Image.open(io.BytesIO(frame(0, 1, 320))), np.int16)
    noise = np.random.default_rng(0).normal(0, 4, (6, *pixels.shape))
    stills = [jpeg(np.clip(pixels + each, 0, 255).astype(np.uint8)) for each in noise]
    for label in (0, 1):
        kept = [recording.add_frame(label, clip, still) for clip, still in enumerate(stills)]
        assert [bool(name) for name in kept] == [True] + [False] * 5
    moved = jpeg(shift(pixels.astype(np.uint8), 32))
    assert recording.add_frame(0, 1, moved)


def test_a_covered_lens_gives_one_photo():
    recording.begin_recording(("cats", "dogs"))
    noise = np.random.default_rng(0).normal(8, 2, (3, 96, 96, 3)).clip(0, 255).astype(np.uint8)
    assert [bool(recording.add_frame(0, 1, jpeg(each))) for each in noise] == [True, False, False]


@pytest.mark.parametrize("seed", range(5))
def test_frames_of_a_clip_stay_on_one_side_now_and_after_another_split(seed):
    record([(4, 5, 3), (6, 2)])
    dataset = recording.save_recording("Mine")
    assert (dataset.source, dataset.classes, dataset.name) == ("camera", ("cats", "dogs"), "Mine")
    assert recording.find_recording() is None and not any(
        path.name[0] != "." for path in recording.recordings_folder().iterdir()
    )
    for state in (dataset, datasets.load_dataset(dataset.id), datasets.resplit(dataset.id, seed)):
        sides = {}
        for file, label, split in state.photos:
            sides.setdefault((label, file.split("/")[-1].rpartition("-")[0]), set()).add(split)
        assert len(sides) == 5 and all(len(each) == 1 for each in sides.values())
        assert {split for each in sides.values() for split in each} == {"train", "validation"}


def test_a_split_that_would_tear_a_clip_apart_is_refused():
    record([(4, 5, 3), (6, 2)])
    dataset = recording.save_recording("Mine")
    with pytest.raises(DatasetError, match=r"dogs has 2 clips.* needs 3 clips"):
        datasets.resplit(dataset.id, test_fraction=0.2)


@pytest.mark.parametrize(
    ("clips", "names", "message"),
    [
        ([(3,), (2, 2)], ("cats", "dogs"), "cats has 1 clip"),
        ([(2, 2), ()], ("cats", "dogs"), "dogs has 0 clips"),
        ([(2, 2)], ("cats",), "at least two classes"),
    ],
)
def test_an_incomplete_recording_is_no_dataset_and_stays(clips, names, message):
    record(clips, names)
    with pytest.raises(DatasetError, match=message):
        recording.save_recording("Mine")
    assert len(recording.find_recording().photos) == sum(map(sum, clips))
    assert datasets.list_datasets() == []


def test_photos_and_classes_can_be_deleted_and_a_class_renamed():
    record([(2, 1), (2,)])
    first = recording.find_recording().photos[0].name
    for name in (first, first, "../recording.json", "recording.json"):
        recording.remove_photo(name)
    assert len(recording.find_recording().photos) == 4
    assert recording.rename_class(1, " big   dogs ").classes == {0: "cats", 1: "big dogs"}
    assert recording.add_class("birds").classes[2] == "birds"
    left = recording.remove_class(0)
    assert left.classes == {1: "big dogs", 2: "birds"} and len(left.photos) == 2
    assert recording.add_class("cats").classes[3] == "cats"  # no number is given twice
    with pytest.raises(DatasetError, match="no such class"):
        recording.add_frame(0, 1, frame(0, 1))


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".cats", "Dogs", "dogs ", "a\\b"])
def test_a_name_that_no_class_may_have_is_refused(name):
    recording.begin_recording(("cats", "dogs"))
    for change in (lambda: recording.add_class(name), lambda: recording.rename_class(0, name)):
        with pytest.raises(DatasetError):
            change()
    assert recording.find_recording().classes == {0: "cats", 1: "dogs"}


def test_classes_named_like_splits_or_in_other_letters_stay_classes():
    record([(1, 1), (1, 1)], ("train", "고양이"))
    dataset = recording.save_recording("Mine")
    assert dataset.classes == ("train", "고양이")
    assert dataset.counts() == {
        split: {"train": 1, "고양이": 1} for split in ("train", "validation")
    }


@pytest.mark.parametrize(
    "data",
    [b"", b"no photo", frame(0, 1)[:200], frame(0, 1).replace(b"\xff\xd8\xff", b"\x89PN", 1)],
)
def test_what_is_no_jpeg_is_no_frame(data):
    recording.begin_recording(("cats", "dogs"))
    with pytest.raises(PhotoError):
        recording.add_frame(0, 1, data)
    assert recording.find_recording().photos == ()


def test_frames_too_large_are_refused_before_they_are_decoded(monkeypatch):
    recording.begin_recording(("cats", "dogs"))
    large = jpeg(np.zeros((1100, 1000, 3), np.uint8))
    monkeypatch.setattr(recording.decode, "decode_photo", pytest.fail)
    for data in (large, frame(0, 1) + bytes(recording.FRAME_BYTES)):
        with pytest.raises(PhotoError, match="too large"):
            recording.add_frame(0, 1, data)


def test_a_recording_is_bounded_in_photos_bytes_and_classes(monkeypatch):
    record([(2, 1), ()])
    monkeypatch.setattr(recording, "MAX_PHOTOS", 4)
    assert recording.add_frame(0, 1, frame(0, 7))
    with pytest.raises(DatasetError, match="full"):
        recording.add_frame(0, 1, frame(0, 8))
    monkeypatch.setattr(recording, "MAX_PHOTOS", 100)
    monkeypatch.setattr(recording, "MAX_BYTES", 5 * len(frame(0, 8)) - 4000)
    with pytest.raises(DatasetError, match="full"):
        recording.add_frame(0, 1, frame(0, 8))
    for number in range(recording.MAX_CLASSES - 2):
        recording.add_class(f"class {number}")
    with pytest.raises(DatasetError, match="at most 9"):
        recording.add_class("one more")


def share(monkeypatch):
    monkeypatch.setattr(
        access, "load_access_settings", lambda: access.Access(shared=True, everyone="audience")
    )


def test_each_visitor_has_a_recording_and_the_audience_none(monkeypatch):
    share(monkeypatch)
    kim, lee = access.Visitor("kim", "student"), access.Visitor("lee", "student")
    with access.act_as(kim):
        record([(2,), ()])
        name = recording.find_recording().photos[0].name
    with access.act_as(lee):
        assert recording.find_recording() is None
        record([(1,), ()], ("trees", "cars"))
        recording.remove_photo(name)
        with pytest.raises(PhotoError, match="no longer exists"):
            recording.read_photo(name)
        monkeypatch.setattr(recording, "MAX_RECORDINGS", 2)
    with (
        access.act_as(access.Visitor("pat", "student")),
        pytest.raises(DatasetError, match="limit"),
    ):
        recording.begin_recording(("a", "b"))
    with access.act_as(kim):
        assert len(recording.find_recording().photos) == 2
    with access.act_as(access.Visitor("kim", "audience")):
        for change in (
            lambda: recording.begin_recording(("a", "b")),
            lambda: recording.add_frame(0, 1, frame(0, 9)),
            lambda: recording.remove_photo(name),
            lambda: recording.remove_class(0),
            lambda: recording.save_recording("Mine"),
            recording.discard_recording,
        ):
            with pytest.raises(AccessError):
                change()


def test_two_tabs_record_into_one_recording_and_lose_nothing():
    errors = []

    def tab(number):
        try:
            recording.begin_recording(("cats", "dogs"))
            for index in range(6):
                recording.add_frame(number % 2, number, frame(number % 2, 10 * number + index))
        except Exception as error:
            errors.append(error)

    tabs = [threading.Thread(target=tab, args=(number,)) for number in range(4)]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join()
    assert not errors and len(recording.find_recording().photos) == 24


def test_a_recording_saved_in_one_tab_is_over_in_the_other():
    record([(1, 1), (1, 1)])
    recording.save_recording("Mine")
    for change in (recording.discard_recording, lambda: recording.add_frame(0, 1, frame(0, 1))):
        with pytest.raises(DatasetError, match="no recording"):
            change()


def test_a_recorded_dataset_is_gone_on_with_and_stays_as_it_is(demo):
    record([(3, 2), (2, 1)])
    dataset = recording.save_recording("Mine")
    left_out = dataset.photos[0][0]
    dataset = datasets.edit_photos(dataset.id, [datasets.PhotoEdit(left_out, "exclude")])
    begun = recording.continue_dataset(dataset)
    assert len(begun.photos) == 7 and begun.is_complete
    assert not recording.add_frame(1, 99, frame(1, 0))  # it is there already
    assert recording.add_frame(1, 99, frame(1, 50))
    with pytest.raises(DatasetError, match="in progress"):
        recording.continue_dataset(dataset)
    second = recording.save_recording("Mine")
    assert len(second.photos) == 8 and second.name == "Mine (2)"
    assert len(datasets.load_dataset(dataset.id).photos) == 7
    with pytest.raises(DatasetError, match="wasn't recorded"):
        recording.continue_dataset(datasets.open_folder(demo))


def test_an_old_recording_goes_at_the_next_start_and_a_younger_one_stays():
    record([(1,), ()])
    folder = recording.find_recording().folder
    age(folder, stale_files.RECORDING_SECONDS - 100)
    assert stale_files.remove_leftovers() == 0 and recording.find_recording()
    age(folder, stale_files.RECORDING_SECONDS + 100)
    assert stale_files.remove_leftovers() == 1
    assert recording.find_recording() is None
    assert [path.name for path in recording.recordings_folder().iterdir()] == [".begin.lock"]


def age(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_damaged_record_is_nobodys_recording():
    record([(1,), ()])
    folder = recording.find_recording().folder
    (folder / "recording.json").write_text("{")
    assert recording.find_recording() is None
    record([(1,), ()])
    files.write_json(folder / "recording.json", {"format": 1, "classes": []})
    assert recording.find_recording().folder != folder
