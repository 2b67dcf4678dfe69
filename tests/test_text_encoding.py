"""One encoding for all names of an archive, by all of them together; a word where it is unsure."""

import io
import struct
import tarfile
import zipfile
import zlib

import pytest
from fakes import failed_clearly, run_cli

from catdog_core.base.errors import DatasetError
from catdog_core.data import archive_safety, archives, imports
from catdog_core.data.text_encoding import guess_encoding, parse_encoding


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


LANGUAGES = {
    "German, cp437": ("cp437", "Hunde/Kätzchen Hündchen/Katzen Löwe/Bär Vögel Frösche/Mäuse Größe"),
    "German, cp850": ("cp850", "Hunde/Kätzchen Löwe/Bär Übungsfotos Füße Schäferhunde/Pudel"),
    "German, Windows": ("cp1252", "Hunde/Kätzchen Hündchen Löwe/Bär Übung/Prüfung Frösche Füße"),
    "French, cp437": ("cp437", "Chiens/Été bébé forêt/été Entraînement/Validité Hérisson/Lézard"),
    "French, cp850": ("cp850", "Chiens/Été À_trier Entraînement forêt/été chatons/chiots_élevés"),
    "French, Windows": ("cp1252", "Chiens/Été bébé Entraînement/Validité À_trier Où/là façade"),
    "Korean": (
        "cp949",
        "고양이/강아지 개/고양이 곰/새 푸들/시바견 학습/검증 뽀삐 꽃 개",
    ),
    "Japanese": (
        "shift_jis",
        "猫/犬/ねこ/いぬ 猫/犬 ネコ/イヌ 柴犬/三毛猫 訓練/検証 猫 犬",
    ),
    "Chinese": (
        "gbk",
        "狗/猫咪 猫/狗 小猫/小狗 训练集/验证集 哈士奇/布偶猫 图片 猫 鸟",
    ),
    "Chinese, traditional": ("big5", "狗/貓咪 小貓/小狗 訓練/測試 蘋果/香蕉 貓"),
    "not declared UTF-8": (
        "utf-8",
        "고양이/강아지 Kätzchen Été 猫/犬 ねこ 狗/猫咪 кошки/собаки",
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_a_language_are_read_as_meant(language):
    encoding, archives_ = LANGUAGES[language]
    for names in archives_.split():
        folders = [name.replace("_", " ") for name in names.split("/")]
        data = [f"{folder}/{n}.jpg".encode(encoding) for folder in folders for n in range(2)]
        guess = guess_encoding(data)
        read = [name.decode(guess.encoding).split("/")[0] for name in data]
        assert read == [folder for folder in folders for _ in range(2)], (names, guess)


def test_where_it_is_unsure_the_ways_to_read_the_names_are_offered_the_likeliest_first():
    guess = guess_encoding(["犬/0.jpg".encode("shift_jis")])
    assert not guess.sure and guess.choices[0].encoding == guess.encoding == "shift_jis"
    assert guess.choices[0].names == "犬"
    assert len({choice.names for choice in guess.choices}) == len(guess.choices) > 2


@pytest.mark.parametrize(
    ("typed", "known"), [("CP949", "cp949"), ("Shift-JIS", "shift_jis"), ("windows-1252", "cp1252")]
)
def test_an_encoding_can_be_typed_in_any_usual_spelling(typed, known):
    assert parse_encoding(typed) == known


@pytest.mark.parametrize("typed", ["klingon", "", "utf-7", "rot13", "x" * 999, "a\0b"])
def test_other_encodings_are_refused_in_a_sentence(typed):
    with pytest.raises(DatasetError, match="isn't an encoding of names"):
        parse_encoding(typed)


def test_one_encoding_is_chosen_though_a_name_alone_would_be_another():
    # Alone, the bytes of the second are sound UTF-8.
    names = ["고양이/0.jpg".encode("cp949"), "né/0.jpg".encode()]
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


def test_the_encoding_can_be_chosen(workspace, tmp_path, capsys):
    data = zipped([(f"{c}/{i}.jpg", "cp1250") for c in ("kočky", "psi") for i in range(2)])
    seen = archives.inspect_archive(io.BytesIO(data), "x.zip", encoding="cp1250")
    assert seen.counts["train"].keys() == {"kočky", "psi"} and seen.warnings == []
    assert "cp1250" in [choice.encoding for choice in seen.encodings]
    (tmp_path / "x.zip").write_bytes(data)
    _, out, _ = run_cli(capsys, "import", tmp_path / "x.zip", "--look")
    assert "--encoding" in out and "cp1250 (kočky)" in out
    status, out, _ = run_cli(capsys, "import", tmp_path / "x.zip", "--encoding", "Windows-1250")
    assert status == 0 and "kočky" in out and "--encoding" not in out
    assert failed_clearly(run_cli(capsys, "import", tmp_path / "x.zip", "--encoding", "utf-8"))
    assert failed_clearly(run_cli(capsys, "import", tmp_path / "x.zip", "--encoding", "klingon"))
