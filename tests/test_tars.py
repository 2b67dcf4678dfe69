"""An untrusted tar, plain or compressed, ends as a zip does: a dataset, or one sentence."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from catdog_core.base.errors import DatasetError
from catdog_core.data import archives, datasets, imports
from catdog_core.imaging import decode

PLAIN = [f"{name}/{i}.jpg" for name in ("cats", "dogs") for i in range(4)]
KINDS = {"tar": bytes, "tar.gz": gzip.compress, "tar.bz2": bz2.compress, "tar.xz": lzma.compress}


def packed(names=PLAIN, *members, format=tarfile.PAX_FORMAT, encoding="utf-8"):
    """A tar of photos at `names`, then of (TarInfo, content) pairs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format, encoding=encoding) as archive:
        for number, name in enumerate(names):
            data = decode.encode_photo(np.full((20, 20, 3), 8 * number % 256, np.uint8))
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def bring(data, name="x.tar"):
    return imports.import_archive(io.BytesIO(data), name)


def left_behind(workspace):
    return [p for p in workspace.rglob("*") if p.is_file()] if workspace.exists() else []


def special(kind, name="cats/odd.jpg", target="/etc/passwd"):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize("kind", KINDS)
def test_every_compression_becomes_a_dataset(workspace, kind):
    dataset = bring(KINDS[kind](packed()), f"my pets.{kind}")
    assert (dataset.name, dataset.source, dataset.classes) == ("my pets", "tar", ("cats", "dogs"))
    assert len(dataset.items()) == 8 and dataset.root.is_relative_to(workspace)
    assert datasets.load_dataset(dataset.id) == dataset


@pytest.mark.parametrize("name", ["x.tar", "x.tgz", "X.TAR.GZ"])
def test_the_content_tells_the_compression_whatever_the_name(workspace, name):
    assert len(bring(KINDS["tar.xz"](packed()), name).items()) == 8


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_format_of_tar_is_read_long_names_too(workspace, format):
    names = [f"{'w' * 90}/{name}" for name in PLAIN]
    assert len(bring(packed(names, format=format)).items()) == 8


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../evil.jpg", "unsafe path"),
        ("/etc/evil.jpg", "unsafe path"),
        ("cats\\..\\..\\evil.jpg", "unsafe path"),
        ("C:/evil.jpg", "unsafe path"),
        ("cats/inner.rar", "another archive"),
        ("cats/inner.tar.gz", "damaged or truncated"),
        ("a/" * 40 + "a.jpg", "folders deep"),
    ],
)
def test_unsafe_names_are_refused_and_nothing_is_left(workspace, tmp_path, name, words):
    with pytest.raises(DatasetError, match=words):
        bring(packed([*PLAIN, name]))
    assert left_behind(workspace) == []
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.GNUTYPE_SPARSE,
        b"Q",
    ],
)
def test_links_devices_pipes_and_sparse_files_are_refused(workspace, kind):
    with pytest.raises(DatasetError, match="link or device"):
        bring(packed(PLAIN, (special(kind), b"")))


def test_what_pythons_own_filter_refuses_is_refused(tmp_path):
    kinds = [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
    names = ["a.jpg", "../a.jpg", "b/../../a.jpg", "..", "./../a.jpg", "a/./../../../b.jpg"]
    for member in [special(kind, name) for kind in kinds for name in names]:
        try:
            tarfile.data_filter(member, str(tmp_path))
        except tarfile.FilterError:
            with pytest.raises(DatasetError):
                archives.inspect_archive(io.BytesIO(packed(PLAIN, (member, b""))), "x.tar")


@pytest.mark.parametrize(
    "headers",
    [
        {"GNU.sparse.map": "0,1"},
        {"GNU.sparse.size": "9"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"},
    ],
)
def test_maps_of_holes_are_refused(headers):
    member = tarfile.TarInfo("cats/holes.jpg")
    member.pax_headers = headers
    with pytest.raises(DatasetError, match="link or device"):
        archives.inspect_archive(io.BytesIO(packed(PLAIN, (member, b"1\n0\n"))), "x.tar")


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
def test_a_bomb_is_refused_before_it_is_unpacked(workspace, kind):
    with pytest.raises(DatasetError, match="unpacks from"):
        bring(KINDS[kind](packed(PLAIN, (tarfile.TarInfo("a.jpg"), bytes(80_000_000)))))
    assert left_behind(workspace) == []


def test_a_size_no_disk_could_hold_is_refused_unread():
    data = bytearray(packed(["cats/a.jpg"], format=tarfile.GNU_FORMAT))
    huge = tarfile.TarInfo("cats/a.jpg")
    huge.size = 10**13
    data[:512] = huge.tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(DatasetError, match=r"unpacks to 10,000,000,000,000 bytes"):
        archives.inspect_archive(io.BytesIO(data), "x.tar")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_of_megabytes_is_refused_unread(kind):
    member = special(kind)
    member.size = 100_000_000
    with pytest.raises(DatasetError, match="header of 100,000,000 bytes"):
        archives.inspect_archive(io.BytesIO(member.tobuf(tarfile.GNU_FORMAT)), "x.tar")


def test_a_chain_of_headers_is_refused():
    one = special(tarfile.XHDTYPE)
    one.size = 12
    chain = one.tobuf(tarfile.GNU_FORMAT) + b"12 path=abc\n".ljust(512, b"\0")
    with pytest.raises(DatasetError, match="unusual way"):
        archives.inspect_archive(io.BytesIO(chain * 5000), "x.tar")


def test_a_dictionary_larger_than_photos_need_is_refused():
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}]
    data = lzma.compress(packed(), filters=filters)
    with pytest.raises(DatasetError, match=r"[Mm]emory"):
        archives.inspect_archive(io.BytesIO(data), "x.tar.xz")


def test_too_many_entries_are_refused(set_limits):
    set_limits(archive_entries=7)
    with pytest.raises(DatasetError, match="8 entries or more"):
        archives.inspect_archive(io.BytesIO(packed()), "x.tar")


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_cut_anywhere_is_refused(workspace, kind):
    data = KINDS[kind](packed().rstrip(b"\0"))
    for part in (0, 0.01, 0.3, 0.6, 1):
        if part == 1 and kind != "tar":
            data = data[:-1]
        with pytest.raises(DatasetError):
            bring(data[: int(len(data) * part)], f"x.{kind}")
    assert left_behind(workspace) == []


@pytest.mark.parametrize("at", [512 * 3, 512 * 6 + 100])
def test_a_damaged_header_is_no_end_of_the_archive(at):
    data = bytearray(packed())
    preview = archives.inspect_archive(io.BytesIO(data), "x.tar")
    data[at] ^= 0xFF
    try:
        assert (
            archives.inspect_archive(io.BytesIO(data), "x.tar") == preview
        )  # it was a byte of a photo
    except DatasetError as error:
        assert "damaged" in str(error)


@pytest.mark.parametrize("kind", ["tar.gz", "tar.xz"])
def test_a_wrong_checksum_is_told(kind):
    data = bytearray(KINDS[kind](packed()))
    data[-6 if kind == "tar.gz" else -30] ^= 0xFF
    with pytest.raises(DatasetError, match="damaged"):
        archives.inspect_archive(io.BytesIO(data), f"x.{kind}")


def test_several_compressed_parts_are_read_as_one():
    data = packed()
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        parts = pack(data[:5000]) + pack(data[5000:])
        assert archives.inspect_archive(io.BytesIO(parts), "x.tar").total == 8


def test_a_zip_named_tar_and_a_tar_named_zip_are_told_apart(workspace):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("cats/a.jpg", b"x")
    with pytest.raises(DatasetError, match="but a zip file"):
        bring(buffer.getvalue(), "x.tar.gz")
    with pytest.raises(DatasetError, match="but a tar file"):
        bring(packed(), "x.zip")
    with pytest.raises(DatasetError, match="packed as rar"):
        bring(packed(), "x.rar")


def test_windows_devices_and_korean_names_become_safe_folders(workspace):
    names = ["Cats", "dogs", "CON", "고양이", "ab:c", "dot."]
    dataset = bring(packed([f"./{c}/{i}.jpg" for c in names for i in range(2)]))
    assert set(dataset.classes) == set(names)
    folders = {item.file.split("/")[0] for item in dataset.items()}
    assert len({folder.lower() for folder in folders}) == 6
    assert all(folder.isascii() and ":" not in folder for folder in folders)


def test_names_packed_on_korean_windows_are_read_as_meant(workspace):
    names = [f"{c}/{i}.jpg" for c in ("고양이", "dogs") for i in range(2)]
    data = packed(names, format=tarfile.GNU_FORMAT, encoding="cp949")
    assert bring(data).classes == ("dogs", "고양이")


def test_plain_file_names_are_kept_others_are_numbered(workspace):
    odd = ["CON.jpg", "a b.jpg", "-rf.jpg", "1.JPG", "개.jpg", "x" * 90 + ".jpg"]
    dataset = bring(packed([*PLAIN, *(f"cats/{name}" for name in odd)]))
    names = [item.path.name for item in dataset.items() if item.label == 0]
    assert {"0.jpg", "1.jpg", "2.jpg", "3.jpg"} < set(names)
    assert len({name.lower() for name in names}) == 10
    assert sum(name[:4] == "0000" for name in names) == 6


def test_what_is_understood_is_told_before_anything_is_written(workspace):
    junk = ["__MACOSX/x/._0.jpg", "x/Train/.DS_Store", "x/read.me", "x/Train/cats/film.mp4"]
    names = [f"x/{part}/{name}" for part in ("Train", "val") for name in PLAIN]
    data = packed([*names, *junk])
    preview = archives.inspect_archive(io.BytesIO(data), "pets.tar")
    assert preview.counts == {
        "train": {"cats": 4, "dogs": 4},
        "validation": {"cats": 4, "dogs": 4},
    }
    assert (preview.wrapper, preview.layout, preview.ignored, preview.name) == (
        "x",
        "split",
        2,
        "pets",
    )
    assert left_behind(workspace) == []
    words = " ".join(message.format(**values) for message, values in preview.sentences())
    assert "16 photos in 2 classes" in words and "outer folder x is skipped" in words
    dataset = bring(data, "pets.tar")
    assert dataset.counts() == preview.counts and dataset.note["ignored"] == preview.ignored


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_made_of_an_archive_is_read_or_refused_in_a_sentence(kind):
    rng, original = random.Random(0), KINDS[kind](packed())
    for _ in range(150):
        data = bytearray(original)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with suppress(DatasetError):
            assert archives.inspect_archive(io.BytesIO(data), "x.tar").total <= 8
