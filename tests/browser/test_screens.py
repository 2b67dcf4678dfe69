"""Every page as it looks with data in it: wide, light and English; narrow, dark and Korean.

It fits its window, its words can be read and all that it shows has a name. The pictures are kept
for people to look at; with CATDOG_DOC_IMAGES set, the wide ones also become those of the docs.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import accessibility_checks
import pytest
from accessibility_checks import PAGES
from PIL import Image

# The first of them prepares the server with data.
pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900)]

DOCS = Path(__file__).resolve().parents[2] / "docs" / "images"
SCREENS = [(1440, "light", "en"), (390, "dark", "ko")]
LONGEST = 1500
"""Pixels of a page's height shown in the documentation."""
OVERFLOW = """() => Math.max(...[
  document.scrollingElement, document.querySelector('[data-testid=stMain]')
].map(box => box.scrollWidth - box.clientWidth))"""
"""Pixels by which a page is too wide. Not the document but its main part scrolls in Streamlit."""
VARIANTS = ".st-key-augment_variants img"
VARIANTS_IN_VIEW = """() => [...document.querySelectorAll('.st-key-augment_variants img')].filter(
  image => {
    const box = image.getBoundingClientRect();
    return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === image;
  }).length"""
"""How many variants of the Augment page can be seen."""
WIDE_BLOCK = """() => {
  const block = document.createElement('div');
  block.style.cssText = 'width: 900px; height: 20px';
  document.querySelector('[data-testid=stMainBlockContainer]').append(block);
}"""


@pytest.mark.parametrize("name", PAGES, ids=lambda name: name or "Home")
@pytest.mark.parametrize(("width", "theme", "language"), SCREENS)
def test_page_fits_its_screen_and_can_be_read(shown, pictures, name, width, theme, language):
    page = shown.page(width, theme=theme)
    section = {"section": "overfitting"} if name == "Learn" else {}
    shown.visit(page, name, **shown.choice, **section, lang=language)
    _fill(shown, page, name)
    _unroll(page, width)
    file = f"{name or 'Home'}-{width}-{theme}{'' if language == 'en' else '-' + language}.png"
    picture = page.screenshot(path=pictures / file)
    if os.environ.get("CATDOG_DOC_IMAGES") and (width, theme, language) == SCREENS[0]:
        _document(picture, DOCS / f"{name or 'home'}.png".lower())

    assert page.locator("h1").first.is_visible()
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.get_by_text("Traceback").count() == 0
    page.wait_for_function(f"() => ({OVERFLOW})() <= 1")  # charts follow the window by and by
    assert accessibility_checks.settled_low_contrast_texts(page) == []
    assert accessibility_checks.unnamed_elements(page) == []
    assert accessibility_checks.silent_stops(page) == []
    assert accessibility_checks.faint_focus(page) == []
    if width < 640:
        assert accessibility_checks.small_targets(page) == []
    shown.close_pages()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_variants_stay_in_view_while_the_last_slider_moves(shown, width, height):
    page = shown.page(width, height)
    shown.visit(page, "Augment", **shown.choice)
    page.locator('[data-testid="stExpander"] summary').last.click()
    slider = page.locator("input[type=range]").last
    before = page.locator(VARIANTS).first.get_attribute("src")
    slider.focus()
    for _ in range(20):
        slider.press("ArrowRight")
    page.wait_for_function(f"src => document.querySelector('{VARIANTS}').src !== src", arg=before)
    assert page.evaluate(VARIANTS_IN_VIEW) >= 5
    shown.close_pages()


def test_a_block_too_wide_would_be_noticed(shown):
    page = shown.page(390)
    shown.visit(page)
    page.evaluate(WIDE_BLOCK)
    assert page.evaluate(OVERFLOW) > 400
    shown.close_pages()


def _fill(lab, page, name):
    """Bring a page to what it is for: charts drawn, photos predicted."""
    if name == "Predict":
        page.locator(".st-key-predict_try button").click()
        page.locator(".st-key-predict_csv button").wait_for()
    if name in ("Train", "Compare", "Evaluate", "Learn"):
        # Not the first of all: the bar of an empty bin is a point without a height.
        page.locator(".js-plotly-plot .point:visible").first.wait_for()
    lab.settle(page)


def _unroll(page, width):
    """Make the window as high as the page, so that one picture holds all of it."""
    page.evaluate("() => document.fonts.ready")
    for _ in range(2):  # what comes into view may grow
        height = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": width, "height": max(height, 600)})
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def _document(picture, path):
    """Keep the upper part of a screenshot with few colours: small, and sharp enough to read."""
    with Image.open(io.BytesIO(picture)) as image:
        part = image.convert("RGB").crop((0, 0, image.width, min(image.height, LONGEST)))
    path.parent.mkdir(parents=True, exist_ok=True)
    part.quantize(256).save(path, optimize=True)
    assert path.stat().st_size < 400_000
