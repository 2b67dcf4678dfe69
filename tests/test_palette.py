"""One set of colours: in one place, readable in both themes, apart for colour-blind eyes."""

import itertools
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from catdog_core.base import palette

ROOT = Path(__file__).resolve().parent.parent
CONFIG = tomllib.loads((ROOT / ".streamlit/config.toml").read_text("utf-8"))
THEMES = {name: CONFIG["theme"][name] for name in ("light", "dark")}
HEX = re.compile(r"""["'#]#?[0-9A-Fa-f]{6}["']""")
SHEETS = ("report.py",)
"""A report is a page of its own, read without the lab, with a style sheet of its own."""
FAINTEST = 0.6
"""Opacity of Streamlit's captions."""
# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.052]],
    "deuteranopia": [[0.3673, 0.8606, -0.228], [0.2801, 0.6727, 0.0472], [-0.0118, 0.043, 0.9689]],
    "tritanopia": [[1.2555, -0.0768, -0.1787], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}


def linear(color):
    values = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """The ratio of WCAG 2.2, 1 to 21."""
    light = sorted(float(linear(c) @ (0.2126, 0.7152, 0.0722)) for c in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def mixed(color, ground, share):
    parts = [
        int(color[i : i + 2], 16) * share + int(ground[i : i + 2], 16) * (1 - share)
        for i in (1, 3, 5)
    ]
    return "#" + "".join(f"{round(part):02X}" for part in parts)


def main_color(theme, ground=""):
    """The main colour as it is seen: it may let some of the ground through."""
    color = theme["primaryColor"]
    ground = ground or theme["backgroundColor"]
    return mixed(color[:7], ground, int(color[7:] or "FF", 16) / 255)


def grounds(theme):
    side = theme["sidebar"]
    parts = (theme, side)
    return [
        part[name] for part in parts for name in ("backgroundColor", "secondaryBackgroundColor")
    ]


def lab(rgb):
    """CIE L*a*b* of linear RGB, D65."""
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(matrix) @ np.clip(rgb, 0, 1) / (0.9505, 1.0, 1.089)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one, other, kind):
    """Delta E (CIE 1976) as someone with this colour blindness sees two colours."""
    matrix = np.array(BLINDNESS[kind])
    return float(np.linalg.norm(lab(matrix @ linear(one)) - lab(matrix @ linear(other))))


@pytest.mark.parametrize("name", THEMES)
def test_text_captions_and_links_have_the_contrast_of_wcag_aa(name):
    theme = THEMES[name]
    for ground in grounds(theme):
        assert contrast(theme["textColor"], ground) >= 7
        assert contrast(mixed(theme["textColor"], ground, FAINTEST), ground) >= 4.5, ground
        assert contrast(theme["linkColor"], ground) >= 4.5
        assert contrast(main_color(theme), ground) >= 3


@pytest.mark.parametrize("name", THEMES)
def test_the_keyboards_focus_can_be_seen_on_every_ground(name):
    sheet = (ROOT / "assets/page.css").read_text("utf-8")
    focus = re.search("--focus: (#[0-9a-f]{6})", sheet)[1]
    for ground in grounds(THEMES[name]):
        assert contrast(focus, ground) >= 3, ground
    page = {"light": 0, "dark": 1}[name]  # what sliders pass below has the color of the page
    covering = re.search(r"light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", sheet).groups()[page]
    assert covering.upper() == THEMES[name]["backgroundColor"]


@pytest.mark.parametrize("name", THEMES)
def test_the_words_on_a_main_button_and_on_a_tag_can_be_read(name):
    theme = THEMES[name]
    tag = main_color(theme, theme["secondaryBackgroundColor"])
    assert contrast("#FFFFFF", main_color(theme)) >= 4.5
    assert contrast("#FFFFFF", tag) >= 4.5


@pytest.mark.parametrize("name", THEMES)
def test_the_word_on_a_chosen_button_can_be_read(name):
    theme = THEMES[name]
    color, alpha = theme["primaryColor"][:7], int(theme["primaryColor"][7:] or "FF", 16) / 255
    tinted = mixed(color, theme["backgroundColor"], max(0, alpha - 0.9))  # as Streamlit tints it
    assert contrast(main_color(theme, tinted), tinted) >= 4.5


@pytest.mark.parametrize("name", THEMES)
def test_lines_and_dots_stand_out_from_the_page(name):
    ground = THEMES[name]["backgroundColor"]
    for color in (palette.TRAIN, palette.VALIDATION, palette.TEST, *palette.CLASS_COLORS[:2]):
        assert contrast(color, ground) >= 3, color


@pytest.mark.parametrize("kind", BLINDNESS)
def test_colours_that_are_compared_stay_apart_for_every_eye(kind):
    pairs = [(palette.TRAIN, palette.VALIDATION), palette.CLASS_COLORS[:2], palette.RUN_COLORS[:2]]
    pairs += list(itertools.combinations(palette.RUN_COLORS[:4], 2))
    for one, other in pairs:
        assert distance(one, other, kind) >= 10, (one, other)
    assert distance(palette.TRAIN, palette.VALIDATION, kind) >= 40


def test_colours_are_written_in_one_place_only():
    folders = ("catdog_core", "catdog_ui", "pages")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    files.append(ROOT / "streamlit_app.py")
    written = {
        str(path.relative_to(ROOT)): colours
        for path in files
        if path.name not in ("palette.py", *SHEETS)
        and (colours := HEX.findall(path.read_text("utf-8")))
    }
    assert written == {}
