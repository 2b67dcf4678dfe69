"""Every page as it looks with data in it: wide and narrow, light and dark.

The pictures are kept for people to look at; with CATDOG_DOC_IMAGES set, the wide light ones also
become those of the documentation.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from catdog_core import runs
from catdog_core.config import PRESETS, Training
from catdog_core.data import datasets

pytestmark = pytest.mark.browser

DOCS = Path(__file__).resolve().parents[2] / "docs" / "images"
MORE = ((390, "dark", "ko"), (1440, "dark", "en"))
"""Each width, theme and language once more: that every pair of them fits costs minutes."""
SCREENS = [
    (1440, "light", "en"),
    *(pytest.param(*screen, marks=pytest.mark.long) for screen in MORE),
]
PAGES = ["", "Data", "Augment", "Train", "Compare", "Evaluate", "Predict", "Export", "Learn"]
LONGEST = 1500
"""Pixels of a page's height shown in the documentation."""
OVERFLOW = """() => Math.max(...[
  document.scrollingElement, document.querySelector('[data-testid=stMain]')
].map(box => box.scrollWidth - box.clientWidth))"""
"""Pixels by which a page is too wide. Not the document but its main part scrolls in Streamlit."""
WIDE_BLOCK = """() => {
  const block = document.createElement('div');
  block.style.cssText = 'width: 900px; height: 20px';
  document.querySelector('[data-testid=stMainBlockContainer]').append(block);
}"""
EPOCHS = 10 if os.environ.get("CATDOG_DOC_IMAGES") else 3
SMALL_TRAINING = Training(epochs=EPOCHS, image_size=64, learning_rate=1e-3, validation_steps=5)


@pytest.fixture(scope="module")
def shown(lab):
    """The lab with the demo dataset and two finished runs: one as it is, one with augmentation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(lab.workspace))
        dataset = datasets.create_demo()
        folders = [
            runs.create_run(dataset, SMALL_TRAINING, augmentation, name=name)
            for augmentation, name in ((PRESETS["gentle"], "gently augmented"), (None, "as it is"))
        ]
    for folder in folders:
        lab.command("resume", str(folder))
    lab.choice = {"dataset": dataset.id, "run": folders[-1].name}
    return lab


@pytest.mark.parametrize("name", PAGES, ids=lambda name: name or "Home")
@pytest.mark.parametrize(("width", "theme", "language"), SCREENS)
def test_page_fits_its_screen(shown, pictures, name, width, theme, language):
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
    if name == "Evaluate":
        start = page.locator("[class*=st-key-start_evaluate] button")
        start.or_(page.locator(".js-plotly-plot")).first.wait_for()
        lab.settle(page)  # as a chart may have come since, the model is asked but once
        if start.count():  # the first look asks the model, later ones find its answers
            start.click()
    if name in ("Train", "Compare", "Evaluate", "Learn"):
        page.locator(".js-plotly-plot .point").first.wait_for()
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
