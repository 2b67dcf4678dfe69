"""Archives in an archive, and beside each other: one level, under the limits of one archive."""

import io
import re
import tarfile
import zipfile

import pytest
from fakes import failed_clearly, run_cli
from fuzz.seeds import seed_photos

from catdog_core.base.errors import DatasetError
from catdog_core.data import archives, imports

PHOTOS = list(seed_photos().values())[:5]


def zipped(content, packing=zipfile.ZIP_DEFLATED):
    """A zip of files: names alone are photos, each with bytes of its own."""
    buffer = io.BytesIO()
    named = content if isinstance(content, dict) else dict.fromkeys(content)
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for number, (name, data) in enumerate(named.items()):
            own = PHOTOS[number % 5] + name.encode()
            archive.writestr(name, own if data is None else data)
    return buffer.getvalue()


def tarred(names, mode="w:gz"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for number, name in enumerate(names):
            data = PHOTOS[number % 5] + name.encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def some(*folders, count=3):
    return [f"{folder}/{number}.jpg" for folder in folders for number in range(count)]


LOOSE = [f"{number}.jpg" for number in range(3)]
NESTED = {
    "splits": (
        {"train.zip": zipped(some("train/cats", "train/dogs")), "test1.zip": zipped(some("test1"))}
        | {"sampleSubmission.csv": b"id,label\n"},
        {"train": {"cats", "dogs"}},
    ),
    "a zip for each class": (
        {"cats.zip": zipped(LOOSE), "dogs.zip": zipped([f"x{name}" for name in LOOSE])},
        {"train": {"cats", "dogs"}},
    ),
    "class folders of the same name": (
        {"cats.zip": zipped(some("cats")), "Dogs.zip": zipped(some("dogs"))},
        {"train": {"cats", "dogs"}},
    ),
    "photos in a folder of one name": (
        {"cats.zip": zipped(some("images")), "dogs.zip": zipped(some("images", count=4))},
        {"train": {"cats", "dogs"}},
    ),
    "a wrapper": (
        {"petimages/PetImages.zip": zipped(some("PetImages/Cat", "PetImages/Dog"))},
        {"train": {"Cat", "Dog"}},
    ),
    "parts of one download": (
        {
            "pets-001.zip": zipped(some("pets/cats", "pets/dogs")),
            "pets-002.zip": zipped([f"pets/{name}" for name in some("cats", count=5)[3:]]),
        },
        {"train": {"cats", "dogs"}},
    ),
    "parts of Google Drive": (
        {
            "pets-20260102T030405Z-001.zip": zipped(some("pets/cats")),
            "pets-20260102T030405Z-1-002.zip": zipped(some("pets/dogs", count=4)),
        },
        {"train": {"cats", "dogs"}},
    ),
    "classes of Google Drive": (
        {f"{name}-20260102T030405Z-001.zip": zipped(LOOSE) for name in ("cats", "dogs")},
        {"train": {"cats", "dogs"}},
    ),
    "a class in a folder that says nothing": (
        {"cats.zip": zipped(LOOSE), "dogs.zip": zipped(some("images"))},
        {"train": {"cats", "dogs"}},
    ),
    "a word of the name is the split": (
        {
            "pets.zip": zipped(some("cats", "dogs")),
            "validation-pets.zip": zipped(some("cats", "dogs", count=2)),
        },
        {"train": {"cats", "dogs"}, "validation": {"cats", "dogs"}},
    ),
    "each in a folder of its name": (
        {
            "pets.zip": zipped(some("pets/cats", "pets/dogs")),
            "pets-test-set.zip": zipped(some("pets-test-set/cats", "pets-test-set/dogs")),
        },
        {"train": {"cats", "dogs"}, "test": {"cats", "dogs"}},
    ),
    "other names of the zips": (
        {"Archive.zip": zipped(some("cats")), "Archive 2.zip": zipped(some("dogs"))},
        {"train": {"cats", "dogs"}},
    ),
    "tars": (
        {
            "train.tar.gz": tarred(some("cats", "dogs")),
            "val.tar": tarred(some("cats", "dogs"), "w"),
        },
        {"train": {"cats", "dogs"}, "validation": {"cats", "dogs"}},
    ),
    "left by macOS": (
        {"__MACOSX/._cats.zip": b"x", ".hidden.zip": b"x", "cats.zip": zipped(LOOSE)}
        | {"dogs (1).zip": zipped(some("dogs"))},
        {"train": {"cats", "dogs"}},
    ),
}


@pytest.mark.parametrize("name", NESTED)
def test_one_level_of_archives_in_a_zip_is_opened(workspace, name):
    content, expected = NESTED[name]
    data = zipped(content)
    seen = archives.inspect_archive(io.BytesIO(data), "kaggle.zip")
    dataset = imports.import_archive(io.BytesIO(data), "kaggle.zip")
    assert seen.counts == dataset.counts()
    for split, classes in expected.items():
        assert set(dataset.counts()[split]) == classes
    assert all(item.path.read_bytes()[:2] for item in dataset.items())
    assert {path.name for path in workspace.iterdir()} == {"datasets"}


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.7z", b"7z\xbc\xaf\x27\x1c", "x.7z is packed as 7z"),
        ("x.zip", b"Rar!\x1a\x07\x00", "x.zip is packed as rar"),
        ("x.tar.zst", b"\x28\xb5\x2f\xfd", "is packed as zst"),
        ("x.alz", b"ALZ\1", "is packed as alz"),
        ("x.lzh", b"text", "isn't an archive the lab can read"),
        ("x.zip.001", zipped(LOOSE), "is one part of a split archive"),
        ("x.part1.rar", b"Rar!\x1a\x07\x00", "is one part of a split archive"),
        ("x.zip", b"\n<!DOCTYPE html><html>", "is a web page, not an archive"),
    ],
)
def test_what_is_no_zip_or_tar_is_named_with_what_to_do(name, data, words):
    for look in (archives.inspect_archive, imports.import_archive):
        with pytest.raises(DatasetError, match=re.escape(words)):
            look(io.BytesIO(data + bytes(600)), name)


def test_archives_in_a_tar_are_opened_as_well(workspace):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        for name in ("cats", "dogs"):
            data = zipped([f"{name}{photo}" for photo in LOOSE])
            member = tarfile.TarInfo(f"{name}.zip")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    assert imports.import_archive(buffer, "pets.tar.xz").classes == ("cats", "dogs")


def test_several_archives_become_one_dataset(workspace, tmp_path, capsys):
    files = {"cats.zip": zipped(LOOSE), "dogs.tar.gz": tarred([f"d{name}" for name in LOOSE])}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    dataset = imports.import_archives([(io.BytesIO(data), name) for name, data in files.items()])
    assert (dataset.classes, dataset.name) == (("cats", "dogs"), "cats + dogs")
    paths = [tmp_path / name for name in files]
    status, out, _ = run_cli(capsys, "import", *paths)
    assert status == 0 and "6 photos in" in out and "cats" in out
    assert failed_clearly(run_cli(capsys, "import", paths[0], tmp_path / "birds.zip"))


def bomb(size):
    return zipped({f"cats/{number}.jpg": bytes(10_000_000) for number in range(size // 10_000_000)})


HOSTILE = {
    "three levels": (
        lambda: zipped({"a.zip": zipped({"b.zip": zipped(some("cats", "dogs"))})}),
        "another",
    ),
    "a bomb": (lambda: zipped({"a.zip": bomb(100_000_000)}), "decompression bomb"),
    "a bomb packed twice": (
        lambda: zipped({"a.zip": zipped({}) + bytes(45_000_000)}),
        "complete|bomb",
    ),
    "a tar of zeros": (lambda: zipped({"a.tar": bytes(60_000_000)}), "decompression bomb"),
    "a bomb in a tar": (
        lambda: zipped({"a.tar.gz": tarred(["cats/0.jpg"]), "b.zip": bomb(60_000_000)}),
        "decompression bomb",
    ),
    "many small bombs": (
        lambda: zipped({f"{number}.zip": bomb(20_000_000) for number in range(5)}),
        "decompression bomb",
    ),
    "a path that leads out": (lambda: zipped({"a.zip": zipped(["../x.jpg"])}), "unsafe path"),
    "a name that leads out": (
        lambda: zipped({"../a.zip": zipped(some("cats", "dogs"))}),
        "unsafe path",
    ),
    "an absolute path": (lambda: zipped({"a.zip": zipped(["/x.jpg"])}), "unsafe path"),
    "damaged": (lambda: zipped({"a.zip": zipped(LOOSE)[:-30]}), r"a\.zip isn't a complete archive"),
    "no zip": (lambda: zipped({"a.zip": b"text" * 99}), r"a\.zip isn't a complete archive"),
    "another kind": (lambda: zipped({"a.7z": b"7z"}), "another archive"),
    "deep folders": (
        lambda: zipped({"a/" * 20 + "a.zip": zipped(["b/" * 20 + "1.jpg"])}),
        "folders deep",
    ),
}
"""What makes it, and words of its refusal; made when it is tried: some are of 100 MB."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_inner_archive_is_refused_and_leaves_nothing(workspace, tmp_path, name):
    make, words = HOSTILE[name]
    data = make()
    for _ in range(2):
        with pytest.raises(DatasetError, match=words) as caught:
            imports.import_archive(io.BytesIO(data), "theirs.zip")
        assert "\n" not in str(caught.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_entries_and_bytes_of_all_archives_count_together(workspace, set_limits):
    files = {f"{c}.zip": zipped([f"{c}{name}" for name in LOOSE]) for c in ("cats", "dogs")}
    several = [(io.BytesIO(data), name) for name, data in files.items()]
    set_limits(archive_entries=7)
    for one in ([(io.BytesIO(zipped(files)), "pets.zip")], several):
        with pytest.raises(DatasetError, match="8 entries or more"):
            archives.inspect_archives(one)
    set_limits(archive_entries=8)
    assert archives.inspect_archives(several).total == 6
    set_limits(archive_bytes=9000)
    for one in ([(io.BytesIO(zipped(files)), "pets.zip")], several):
        with pytest.raises(DatasetError, match="Pack at most 9,000 bytes"):
            archives.inspect_archives(one)


def test_more_inner_archives_than_anyone_packs_are_refused(workspace, monkeypatch):
    monkeypatch.setattr("catdog_core.data.nested_archives._MAX_INNER", 2)
    data = zipped({f"{number}.zip": zipped(LOOSE) for number in range(3)})
    with pytest.raises(DatasetError, match="more than 2 archives"):
        archives.inspect_archive(io.BytesIO(data), "x.zip")


def test_each_inner_archive_has_an_encoding_of_its_own(workspace):
    def raw(name, encoding, count):
        mark = "#" * len(name.encode(encoding))
        data = zipped([f"{mark}/{number}{count}.jpg" for number in range(count)])
        return data.replace(mark.encode(), name.encode(encoding))

    data = zipped({"a.zip": raw("고양이", "cp949", 3), "b.zip": raw("강아지", "utf-8", 4)})
    seen = archives.inspect_archive(io.BytesIO(data), "x.zip")
    assert seen.counts["train"].keys() == {"고양이", "강아지"} and seen.warnings == []


def project(**odd):
    """A Teachable Machine image project as public reports describe it."""
    classes = ("Cat", "Dog's, big", "고양이/강아지")
    samples = {f"{name}-!-{number}.jpg": None for name in classes for number in range(4)}
    return zipped({"manifest.json": b'{"type": "image"}', **samples, **odd})


@pytest.mark.parametrize("name", ["pets.tm", "pets.zip"])
def test_a_teachable_machine_project_opens_as_a_dataset(workspace, name):
    dataset = imports.import_archive(io.BytesIO(project()), name)
    assert dataset.classes == ("Cat", "Dog's, big", "고양이_강아지")
    assert len(dataset.items()) == 12 and dataset.note["left_out"] == "1 × .json"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            zipped({"manifest.json": b"{}", "Clap-!-0.webm": b"x"}),
            "Teachable Machine image project",
        ),
        (zipped(some("cats", "dogs")), "Teachable Machine image project"),
        (project(**{"..-!-0.jpg": None}), "unsafe path"),
        (b"text" * 99, "isn't a complete archive"),
    ],
)
def test_what_is_no_image_project_is_refused_in_a_sentence(workspace, data, words):
    with pytest.raises(DatasetError, match=words):
        imports.import_archive(io.BytesIO(data), "theirs.tm")


def test_what_is_left_out_is_counted_by_ending(workspace, tmp_path, capsys):
    names = ["cats/a.mov", "cats/b.MOV", "dogs/c.mov", "labels.csv", "README"]
    data = zipped(dict.fromkeys(some("cats", "dogs")) | dict.fromkeys(names, b"x"))
    expected = "Other files skipped: 5 (3 × .mov, 1 × .csv, 1 × readme)."
    seen = archives.inspect_archive(io.BytesIO(data), "x.zip")
    assert expected in [text.format(**values) for text, values in seen.sentences()]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(tmp_path / "set")
    (tmp_path / "set" / "cats" / "broken.png").write_bytes(b"no photo")
    _, out, _ = run_cli(capsys, "check", tmp_path / "set")
    assert expected in out and "1 photo can't be read and is left out: 1 × .png" in out
