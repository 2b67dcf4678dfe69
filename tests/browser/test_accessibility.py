"""For every eye and hand: contrast, names, the keyboard, and a page that does not jump."""

from __future__ import annotations

import accessibility_checks
import pytest

from catdog_core import runs
from catdog_core.config import Training
from catdog_core.data import datasets

pytestmark = pytest.mark.browser

SMALL = Training(epochs=2, image_size=32, learning_rate=1e-3, steps_per_epoch=5, validation_steps=2)
GROWING = Training(epochs=6, image_size=64, learning_rate=1e-3)
PAGES = ["", "Data", "Augment", "Train", "Compare", "Evaluate", "Predict", "Export", "Learn"]
MOST_TABS = 40
TRAINED = 250_000
"""Milliseconds in which the growing run is trained, also on a busy machine."""
LARGEST_SHIFT = 0.1
"""What web.dev calls good."""


@pytest.fixture(scope="module")
def shown(lab):
    """The lab with the demo dataset and a finished run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(lab.workspace))
        dataset = datasets.create_demo()
        folder = runs.create_run(dataset, SMALL, None, name="small")
    lab.command("resume", str(folder))
    lab.choice = {"dataset": dataset.id, "run": folder.name, "lang": "en"}
    return lab


def test_home_is_used_by_keyboard_alone(lab, page):
    lab.visit(page, lang="en")
    inside = "() => !!document.activeElement.closest('.st-key-home_demo')"
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate(inside):
            break
    assert page.evaluate(inside)
    assert page.evaluate("() => document.activeElement.matches(':focus-visible')")
    page.keyboard.press("Enter")
    page.wait_for_url("**dataset=**")
    page.locator(".st-key-home_train button:enabled").wait_for()


@pytest.mark.long
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES, ids=lambda name: name or "Home")
def test_words_can_be_read_and_all_that_is_shown_has_a_name(shown, name, theme):
    page = shown.page(theme=theme)
    shown.visit(page, name, **shown.choice)
    if name in ("Train", "Compare", "Data"):
        page.locator(".js-plotly-plot").first.wait_for()
    assert accessibility_checks.settled_low_contrast_texts(page) == []
    assert accessibility_checks.unnamed_elements(page) == []
    shown.close_pages()


@pytest.mark.long
def test_a_page_keeps_still_while_its_charts_grow(shown, page):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(shown.workspace))
        dataset = datasets.load_dataset(shown.choice["dataset"])
        folder = runs.create_run(dataset, GROWING, None, name="growing")
        runs.start_run(folder)
    shown.visit(page, "Train", **{**shown.choice, "run": folder.name})
    page.locator(".js-plotly-plot").first.wait_for()
    page.evaluate(accessibility_checks.WATCH_SHIFTS_JS)
    page.locator(".st-key-download_keras").wait_for(timeout=TRAINED)
    shifts = page.evaluate("() => window.shifts")
    print(f"CLS {accessibility_checks.layout_shift(page):.4f} of {len(shifts)} shifts", shifts)
    assert accessibility_checks.layout_shift(page) <= LARGEST_SHIFT
