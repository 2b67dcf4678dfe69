"""The augment command: contact sheets, presets by name and file, mixing, refusals."""

import numpy as np
import pytest
from fakes import run_cli as run
from PIL import Image

from catdog_core.analysis import plots
from catdog_core.augmentation import presets
from catdog_core.config import NO_AUGMENTATION, Augmentation


def test_augment_writes_a_contact_sheet_that_a_seed_repeats(capsys, photo, tmp_path):
    sheets = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for sheet, seed in zip(sheets, (1, 1, 2), strict=True):
        flags = ["--seed", seed, "--rotation-range", "90", "--no-vertical-flip"]
        assert run(capsys, "augment", photo, sheet, *flags)[0] == 0
    first, again, other = [sheet.read_bytes() for sheet in sheets]
    assert first == again != other


def test_a_preset_saved_or_downloaded_on_the_page_serves_the_shell(
    capsys, workspace, photo, tmp_path
):
    augmentation = Augmentation(hue_range=60, vertical_flip=False)
    presets.save_preset("mine", augmentation)
    file = tmp_path / "shared.json"
    file.write_text(presets.dump_preset("shared", augmentation))
    sheets = [tmp_path / "a.png", tmp_path / "b.png"]
    for sheet, source in zip(sheets, ("mine", file), strict=True):
        assert run(capsys, "augment", photo, sheet, "--augment", source)[0] == 0
    assert sheets[0].read_bytes() == sheets[1].read_bytes()


def test_augment_writes_a_pdf_and_says_that_mixing_needs_other_photos(capsys, photo, tmp_path):
    sheet = tmp_path / "sheet.pdf"
    status, _, err = run(capsys, "augment", photo, sheet, "--mixup-alpha", 0.4)
    assert status == 0 and sheet.read_bytes().startswith(b"%PDF")
    assert "need a second photo" in err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"fill_mode": "mirror"}', "fill_mode is 'mirror'. Use one of nearest, reflect"),
    ],
)
@pytest.mark.parametrize("command", ["augment", "train"])
def test_a_preset_file_from_elsewhere_is_refused_by_name(
    capsys, workspace, photo, tmp_path, command, content, words
):
    settings = tmp_path / "elsewhere.json"
    settings.write_text(content)
    arguments = [photo, tmp_path / "o.png"] if command == "augment" else [tmp_path]
    status, out, err = run(capsys, command, *arguments, "--augment", settings)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "elsewhere.json" in err and words in err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--rotation-range", "400"], "rotation_range is '400'. Use a number from 0 to 180"),
        (["--fill-mode", "mirror"], "'mirror'. Use one of nearest, reflect, wrap, constant"),
        (["--contrast-range", "2", "1"], "Use two numbers from 0 to 3, the smaller first"),
    ],
)
def test_a_flag_out_of_range_is_refused_by_name(capsys, workspace, photo, tmp_path, flags, words):
    status, out, err = run(capsys, "augment", photo, tmp_path / "o.png", *flags)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert words in err
    assert not (tmp_path / "o.png").exists()


def test_saved_presets_are_found_by_name_and_named_where_one_is_missing(
    capsys, workspace, photo, tmp_path, monkeypatch
):
    presets.save_preset("My cats", NO_AUGMENTATION)
    titles = []
    monkeypatch.setattr(
        plots, "write_contact_sheet", lambda *args, title, **more: titles.append(title)
    )
    assert run(capsys, "augment", photo, tmp_path / "o.png", "--augment", "My cats")[0] == 0
    assert titles == ["photo.png: nothing is changed"]
    err = run(capsys, "augment", photo, tmp_path / "o.png", "--augment", "My dogs")[2]
    assert "no augmentation 'My dogs'" in err and "My cats" in err and "strong" in err


def test_mixing_on_a_sheet_takes_another_photo(capsys, workspace, photo, tmp_path):
    other = tmp_path / "other.png"
    Image.fromarray(np.full((40, 60, 3), 200, np.uint8)).save(other)
    sheets = [tmp_path / name for name in ("alone.png", "mixed.png", "again.png")]
    flags = ["--augment", "none", "--cutmix-alpha", 1, "--count", 2]
    alone = run(capsys, "augment", photo, sheets[0], *flags)
    assert (alone[0], alone[2].count("\n")) == (0, 1)
    assert "--with PHOTO" in alone[2]
    for sheet in sheets[1:]:
        assert run(capsys, "augment", photo, sheet, *flags, "--with", other)[2] == ""
    first, second, third = [sheet.read_bytes() for sheet in sheets]
    assert first != second == third


def test_the_title_of_a_sheet_tells_no_mixing_that_was_left_out(
    capsys, workspace, photo, tmp_path, monkeypatch
):
    titles = []
    monkeypatch.setattr(
        plots, "write_contact_sheet", lambda *args, title, **more: titles.append(title)
    )
    flags = ["--augment", "none", "--mixup-alpha", 1]
    for more in ([], ["--with", photo]):
        assert run(capsys, "augment", photo, tmp_path / "o.png", *flags, *more)[0] == 0
    assert ["MixUp" in title for title in titles] == [False, True]


def test_a_photo_to_mix_in_that_is_not_used_or_not_there_is_told(
    capsys, workspace, photo, tmp_path
):
    out = tmp_path / "o.png"
    status, _, err = run(capsys, "augment", photo, out, "--with", photo, "--count", 1)
    assert (status, err.count("\n")) == (0, 1)
    assert "isn't mixed in" in err
    flags = ["--mixup-alpha", 1, "--with", tmp_path / "gone.png"]
    status, _, err = run(capsys, "augment", photo, tmp_path / "p.png", *flags)
    assert (status, err.count("\n")) == (1, 1)
    assert "gone.png" in err and not (tmp_path / "p.png").exists()
