"""One encoding for all names of an archive, by all of them together; a word where it is unsure."""

import io
import struct
import tarfile
import zipfile
import zlib

import pytest

from catdog_core.data import archive_safety, archives, imports
from catdog_core.data.text_encoding import guess_encoding


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("utf-8", ["고양이", "강아지"]),
        ("utf-8", ["caf\u00e9"]),
        ("utf-8", ["кошки"]),
        ("cp949", ["고양이", "강아지"]),
        ("cp949", ["개", "말"]),
        ("cp949", ["학습/호랑이", "검증/사자"]),
        ("shift_jis", ["猫", "犬"]),
        ("shift_jis", ["ねこ", "イヌ"]),
        ("shift_jis", ["表", "犬"]),
        ("euc_jp", ["ねこ", "いぬ"]),
        ("gbk", ["猫", "狗"]),
        ("gbk", ["训练/苹果", "测试/香蕉"]),
        ("big5", ["小貓", "小狗"]),
        ("big5", ["功夫貓", "蘋果"]),
        ("cp437", ["caf\u00e9", "b\u00e9b\u00e9"]),
        ("cp1252", ["L\u00f6we", "B\u00e4r"]),
        ("latin-1", ["V\u00f6gel"]),
        ("mac_roman", ["caf\u00e9"]),
        ("cp866", ["кошки", "собаки"]),
        ("cp1251", ["кошки", "собаки"]),
    ],
)
def test_the_encoding_follows_from_all_names(encoding, names):
    data = [f"{name}/0.jpg".encode(encoding) for name in names]
    guessed_encoding = guess_encoding(data).encoding
    assert [name.decode(guessed_encoding) for name in data] == [f"{name}/0.jpg" for name in names]


def test_one_encoding_is_chosen_though_a_name_alone_would_be_another():
    # Alone, the bytes of the second are sound UTF-8.
    names = ["고양이/0.jpg".encode("cp949"), b"\xc3\xa8/0.jpg"]
    assert guess_encoding(names[1:]).encoding == "utf-8"
    assert guess_encoding(names).encoding == "cp949"


def test_what_fits_nothing_well_is_unsure():
    assert not guess_encoding(["고양이/0.jpg".encode(), "강아지/0.jpg".encode("cp949")]).sure
    assert guess_encoding([b"cats/0.jpg"]).sure


def zipped(names):
    """A zip of (name, encoding or None for one that is declared) pairs."""
    buffer, raw = io.BytesIO(), {}
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, (name, encoding) in enumerate(names):
            written = name
            if encoding:
                data = name.encode(encoding)
                written = f"{number:04d}".ljust(len(data), "#")
                raw[written.encode()] = data
            archive.writestr(written, b"photo %d" % number)
    data = buffer.getvalue()
    for mark, name in raw.items():
        data = data.replace(mark, name)
    return data


@pytest.mark.parametrize("encoding", ["cp949", "utf-8"])
def test_declared_and_other_names_of_a_folder_are_one_class(workspace, encoding):
    names = [(f"{c}/{i}.jpg", (None, encoding)[i % 2]) for c in ("고양이", "개") for i in range(4)]
    data = zipped(names)
    seen = archives.inspect_archive(io.BytesIO(data), "x.zip")
    dataset = imports.import_archive(io.BytesIO(data), "x.zip")
    assert dataset.classes == ("개", "고양이") and seen.counts == dataset.counts()
    assert seen.warnings == [] and len(dataset.items()) == 8


def test_an_extra_field_declares_a_name():
    raw = b"\x80\x81\x82\x83.jpg"
    name = "고양이/0.jpg".encode()
    field = struct.pack("<BL", 1, zlib.crc32(raw)) + name
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("AAAA.jpg")
        info.extra = struct.pack("<HH", 0x7075, len(field)) + field
        archive.writestr(info, b"photo")
    (entry,) = archive_safety.ZipEntries(io.BytesIO(buffer.getvalue().replace(b"AAAA", raw[:4])))
    assert (str(entry.path), entry.raw) == ("고양이/0.jpg", None)


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("encoding", ["cp949", "utf-8", "cp1251"])
def test_names_of_a_tar_are_read_in_one_encoding(workspace, format, encoding):
    classes = ("кошки", "собаки") if encoding == "cp1251" else ("고양이", "개")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format, encoding=encoding) as archive:
        for number, name in enumerate(f"{c}/{i}.jpg" for c in classes for i in range(3)):
            member = tarfile.TarInfo(name)
            member.size = 5
            archive.addfile(member, io.BytesIO(b"abcd%d" % number))
    dataset = imports.import_archive(io.BytesIO(buffer.getvalue()), "x.tar")
    assert set(dataset.classes) == set(classes) and len(dataset.items()) == 6


def test_an_unsure_encoding_is_told_with_the_names(workspace):
    data = zipped([(f"{c}/{i}.jpg", "cp1250") for c in ("kočky", "psi") for i in range(2)])
    seen = archives.inspect_archive(io.BytesIO(data), "x.zip")
    (warning,) = [text.format(**values) for text, values in seen.warnings]
    assert "The archive doesn't state its name encoding, so" in warning
    assert len(seen.counts["train"]) == 2
