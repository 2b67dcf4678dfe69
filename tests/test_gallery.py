"""Galleries: every untrusted text is escaped, pictures travel inside the page."""

import numpy as np
import pytest

from catdog_core.imaging import decode
from catdog_ui import gallery
from catdog_ui.i18n import escape

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


@pytest.fixture
def picture():
    return decode.encode_photo(np.zeros((8, 8, 3), dtype=np.uint8))


def test_captions_tooltips_and_alts_are_escaped(picture):
    text = gallery.image_grid_html(
        [picture], [HOSTILE], [HOSTILE], alts=[HOSTILE], colors=[HOSTILE]
    )
    assert text.count("<img") == 1
    assert "<script" not in text


def test_pictures_travel_inside_the_page(picture):
    text = gallery.image_grid_html(
        [picture, decode.encode_photo(np.zeros((8, 8, 3), np.uint8), "png")]
    )
    assert "data:image/jpeg;base64," in text
    assert "data:image/png;base64," in text


def test_the_caption_is_the_description_unless_there_is_one(picture):
    assert 'alt="a cat"' in gallery.image_grid_html([picture], ["a cat"])
    assert 'alt="asleep"' in gallery.image_grid_html([picture], ["a cat"], alts=["asleep"])


@pytest.mark.parametrize(
    "name", ["*bold*", "[a](b)", "<b>", "$x$", ":red[x]", "`code`", "1. one", "- a", "# h", "a|b"]
)
def test_names_stay_plain_text_in_labels(name):
    shown = escape(name)
    assert shown != name
    assert shown.replace("\\", "") == name


def test_a_name_of_several_lines_becomes_one():
    assert escape("a\n\n# b") == "a \\# b"
