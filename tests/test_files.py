"""Files are replaced whole or not at all, and read tolerant of a torn line."""

import pytest

from catdog_core.base import files
from catdog_core.base.errors import CatDogError


def test_a_failed_write_leaves_the_earlier_file_and_no_litter(tmp_path):
    path = tmp_path / "model.keras"
    files.write_bytes(path, b"good")
    with pytest.raises(ValueError, match="half way"), files.atomic_replace(path) as temporary:
        temporary.write_bytes(b"half")
        raise ValueError("half way")
    assert path.read_bytes() == b"good"
    assert [p.name for p in tmp_path.iterdir()] == ["model.keras"]


def test_a_full_disk_is_told_in_a_sentence(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    files.write_json(tmp_path / "a.json", 1)
    monkeypatch.setattr(files, "_sync", full)
    with pytest.raises(CatDogError, match="earlier files are intact: No space left on device"):
        files.write_json(tmp_path / "a.json", 2)
    assert files.read_json(tmp_path / "a.json") == 1


def test_the_temporary_name_keeps_the_extension(tmp_path):
    with files.atomic_replace(tmp_path / "model.keras") as temporary:
        assert temporary.suffix == ".keras"
        temporary.touch()


def test_a_torn_last_line_is_left_out_and_closed_by_the_next(tmp_path):
    path = tmp_path / "m.jsonl"
    files.append_json_line(path, {"epoch": 0})
    with path.open("ab") as file:
        file.write(b'{"epoch": 1, "lo')
    assert files.read_json_lines(path) == [{"epoch": 0}]
    files.append_json_line(path, {"epoch": 1})
    assert files.read_json_lines(path) == [{"epoch": 0}, {"epoch": 1}]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 200_000])
def test_a_damaged_json_file_is_told_in_a_sentence(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(CatDogError, match="damaged"):
        files.read_json(tmp_path / "x.json")


@pytest.mark.parametrize(
    "name", ["../../etc", "CON", "", "a/b\\c", "고양이", " . ", "x" * 500, "\u202egpj"]
)
def test_a_slug_is_a_plain_short_name(name):
    slug = files.slugify(name)
    assert slug.replace("-", "").isalnum()
    assert len(slug) <= 40


def test_shown_escapes_control_and_direction_marks():
    assert files.truncate_for_display("a\nb\x00\u202ec") == "a\\nb\\x00\\u202ec"
    assert len(files.truncate_for_display("x" * 5000)) == 80
