"""Pictures for files: nothing cut off, readable whatever was drawn."""

import io

import numpy as np
import pytest
from PIL import Image

from catdog_core.analysis import plots
from catdog_core.augmentation import augment
from catdog_core.augmentation.mixing import Mix
from catdog_core.augmentation.transform import Transform
from catdog_core.base import plot_fonts, report_language
from catdog_core.base.field_specs import describe_fields
from catdog_core.config import NO_AUGMENTATION, PRESETS, Augmentation

PHOTO = np.full((150, 150, 3), 90, np.uint8)
EVERYTHING = Augmentation(
    **{c.name: c.high for c in describe_fields(Augmentation) if c.kind == "float"},
    **{c.name: (0.5, 3.0) for c in describe_fields(Augmentation) if c.kind == "range"},
    fill_mode="constant",
)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were about to be written, in place of files."""
    figures = []
    monkeypatch.setattr(plots, "_save_figures", lambda sheets, out, kind: figures.extend(sheets))
    return figures


def sheet(kind="png", count=3, **more):
    """The bytes of a contact sheet."""
    file = io.BytesIO()
    plots.write_contact_sheet(
        augment.make_variants(PHOTO, Augmentation(), count), file, kind=kind, **more
    )
    return file.getvalue()


def inches(figure, text):
    """Where a text stands, from the upper left corner of its page: left, top, right, bottom."""
    box = text.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    height = figure.get_figheight()
    return box.x0, height - box.y1, box.x1, height - box.y0


@pytest.mark.parametrize(
    ("settings", "count"),
    [(PRESETS["notes"], 20), (EVERYTHING, 1), (EVERYTHING, 7), (EVERYTHING, 31)],
)
def test_every_caption_stands_whole_under_its_variant(drawn, tmp_path, settings, count):
    variants, mixes = (
        augment.make_variants(PHOTO, settings, count),
        [Mix(0.3, (0, 0, 9, 9))] * count,
    )
    plots.write_contact_sheet(variants, tmp_path / "sheet.png", mixes=mixes)
    (figure,) = drawn
    figure.canvas.draw()
    axes = figure.axes[0]
    captions = [text for text in axes.texts if text.get_text()]
    assert len(captions) == len(axes.images) == count
    for picture, text in zip(axes.images, captions, strict=True):
        x0, x1, y1, _ = picture.get_extent()
        left, top, right, bottom = inches(figure, text)
        assert x0 - 0.07 <= left and right <= x1 + 0.07  # half the gap to the next one
        assert y1 <= top
        below = [e[3] for i in axes.images if (e := i.get_extent())[0] == x0 and e[3] > y1]
        assert bottom <= min(below, default=figure.get_figheight())


def test_a_head_shows_the_originals_and_a_title_of_any_length(drawn, tmp_path):
    for title in ("short", plots.describe_augmentation(EVERYTHING), "a" * 900):
        plots.write_contact_sheet(
            augment.make_variants(PHOTO, Augmentation(), 1),
            tmp_path / "sheet.png",
            originals=[PHOTO, PHOTO],
            title=title,
        )
    for figure in drawn:
        figure.canvas.draw()
        axes = figure.axes[0]
        *little, variant = axes.images
        left, _, right, bottom = inches(figure, axes.texts[0])
        assert len(little) == 2
        assert max(picture.get_extent()[1] for picture in little) < left
        assert right <= figure.get_figwidth()
        assert bottom <= variant.get_extent()[3]


def test_a_caption_tells_every_drawn_value():
    caption = plots.format_transform(
        Transform(
            theta=-12,
            shift_x=3,
            shear=4,
            brightness=1.2,
            channel_shift=-9,
            contrast=0.8,
            saturation=1.3,
            hue=7,
            blur=1.25,
            noise=14.2,
            erased=(1, 2, 30, 40),
            flip_vertical=True,
        )
    )
    parts = (
        "-12°|x +3 px|y +0 px|zoom 1.00 × 1.00  ↕|shear +4°|light × 1.20|shift -9|contrast × 0.80"
        "|saturation × 1.30|hue +7°|blur 1.2 px|noise 14|erased 30 × 40 px"
    )
    assert [part for part in parts.split("|") if part not in caption] == []


def test_a_caption_leaves_out_what_changes_no_value():
    assert plots.format_transform(Transform()) == "+0°  x +0 px  y +0 px\nzoom 1.00 × 1.00"


def test_mixed_variants_tell_the_shares_of_both_photos(drawn, tmp_path):
    mixes = [Mix(0.7), Mix(0.25, (0, 0, 130, 130))]
    variants = augment.make_variants(PHOTO, NO_AUGMENTATION, 2)
    plots.write_contact_sheet(variants, tmp_path / "sheet.png", mixes=mixes)
    captions = [
        text.get_text().splitlines()[-1] for text in drawn[0].axes[0].texts if text.get_text()
    ]
    assert captions == ["MixUp 70 : 30 %", "CutMix 25 : 75 %"]


def test_a_settings_line_tells_what_changes_something():
    assert plots.describe_augmentation(NO_AUGMENTATION) == "nothing is changed"
    assert plots.describe_augmentation(
        NO_AUGMENTATION.model_copy(
            update={"rotation_range": 20, "contrast_range": (0.5, 2.0), "mixup_alpha": 0.2}
        )
    ) == ("rotation 20°, contrast 0.5–2\u00a0×, MixUp 0.2\u00a0α, fill mode nearest")
    assert "erased area" in plots.describe_augmentation(EVERYTHING)
    assert "erased area" not in plots.describe_augmentation(Augmentation())


def test_many_variants_make_a_wider_picture_and_more_pages(drawn, tmp_path):
    variants = augment.make_variants(np.full((8, 8, 3), 90, np.uint8), NO_AUGMENTATION, 200)
    plots.write_contact_sheet(variants, tmp_path / "sheet.png")
    assert [len(figure.axes[0].images) for figure in drawn] == [200]
    assert max(drawn[0].get_size_inches() * drawn[0].dpi) < 2**14
    drawn.clear()
    plots.write_contact_sheet(variants, tmp_path / "sheet.pdf")
    assert [len(figure.axes[0].images) for figure in drawn] == [20] * 10


@pytest.mark.parametrize(("kind", "head"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_a_sheet_comes_as_bytes_in_the_format_asked_for_and_twice_the_same(kind, head):
    first = sheet(kind)
    assert first.startswith(head) and first == sheet(kind) != sheet(kind, 2)
    assert kind == "pdf" or Image.open(io.BytesIO(first)).size[0] > 900


def test_a_sheet_of_an_unknown_format_is_a_png():
    assert sheet("unknown", 1).startswith(b"\x89PNG")


def test_a_title_may_hold_any_sign():
    for title in ("$x^{", "고양이 🐈.jpg", "\x00\n\t", "%d {} \\frac"):
        assert sheet(count=1, title=title)


def test_a_file_is_written_by_its_extension_else_as_png(tmp_path):
    variants = augment.make_variants(PHOTO, Augmentation(), 1)
    for name, head in (
        ("a.pdf", b"%PDF"),
        ("a.png", b"\x89PNG"),
        ("a.any", b"\x89PNG"),
        ("a", b"\x89P"),
    ):
        plots.write_contact_sheet(variants, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(head)
    assert len(list(tmp_path.iterdir())) == 4


def test_history_shows_training_red_and_validation_blue_from_epoch_1(drawn, tmp_path):
    numbers = {"accuracy": 0.6, "val_accuracy": 0.5, "loss": 0.6, "val_loss": 0.7}
    plots.write_history_plot(
        [{"epoch": n, **numbers} for n in range(3)], 1, tmp_path / "curves.png"
    )
    left, right = drawn[0].axes
    assert (left.get_title(), right.get_title()) == ("Accuracy", "Loss")
    training, validation = left.lines[:2]
    assert (training.get_color(), validation.get_color()) == ("#D55E00", "#0072B2")
    assert list(training.get_xdata()) == [1, 2, 3]


def test_curves_speak_korean_without_an_empty_box(tmp_path, monkeypatch):
    words = {"Accuracy": "정확도", "Loss": "손실", "Training": "훈련", "Epoch": "에포크"}
    numbers = {"accuracy": 0.6, "val_accuracy": None, "loss": float("nan"), "val_loss": 0.7}
    rows = [{"epoch": n, **numbers} for n in range(3)]

    def say(message, **params):
        return words.get(message, message)

    plots.write_history_plot(
        rows, 1, tmp_path / "curves.svg", say
    )  # a sign without a glyph would warn
    left, _ = plots.plot_history(rows, 1, say).axes
    assert left.get_title() == "정확도"


def test_guessing_is_a_line_of_each_curve():
    numbers = {"accuracy": 0.6, "val_accuracy": 0.5, "loss": 0.6, "val_loss": 0.7}
    rows = [{"epoch": n, **numbers} for n in range(3)]
    english = report_language.format_english
    for axes, value in zip(
        plots.plot_history(rows, 1, english, (0.9, 0.33)).axes, (0.9, 0.33), strict=True
    ):
        (line,) = [line for line in axes.lines if line.get_label() == "guessing"]
        assert list(line.get_ydata()) == [value, value]
    for axes in plots.plot_history(rows, 1, english).axes:
        assert "guessing" not in [line.get_label() for line in axes.lines]


def test_without_a_font_with_hangul_curves_are_in_english(monkeypatch):
    numbers = {"accuracy": 0.6, "val_accuracy": 0.5, "loss": 0.6, "val_loss": 0.7}
    for cached in (plot_fonts.find_hangul_font, plot_fonts.drawable_code_points):
        cached.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(plot_fonts, "_PACKAGE", "no_such_package")
        patched.setattr(plot_fonts, "_SYSTEM", ())
        left, _ = plots.plot_history([{"epoch": 0, **numbers}], 0, lambda _: "한글").axes
        assert left.get_title() == "Accuracy" and plot_fonts.replace_undrawable("고a") == "□a"
    for cached in (plot_fonts.find_hangul_font, plot_fonts.drawable_code_points):
        cached.cache_clear()


def test_a_font_of_the_system_serves_where_the_package_is_missing(monkeypatch):
    plot_fonts.find_hangul_font.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(plot_fonts, "_PACKAGE", "no_such_package")
        patched.setattr(plot_fonts, "_SYSTEM", ("Not there", "DejaVu Serif"))
        assert plot_fonts.find_hangul_font() == "DejaVu Serif"
    plot_fonts.find_hangul_font.cache_clear()
