"""The Evaluate page in a real browser: the map's photos, a tapped cell, and the address."""

from __future__ import annotations

import re
from contextlib import suppress

import numpy as np
import pytest

from catdog_core.analysis import embedding, predictions
from catdog_core.data import datasets
from catdog_core.imaging import decode
from catdog_core.runs import model_registry

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900)]

POINTS = ".st-key-evaluate_map .role-mark.marks path"
START = re.compile("^data:image/jpeg;base64,")
TOOLTIP = "#vg-tooltip-element.visible"


@pytest.fixture(scope="module")
def answered(shown):
    """The lab with the drawn photos, and answers of the model that comes with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(shown.workspace))
        dataset = datasets.create_demo()
        items = dataset.items("validation")
        answers = {}
        for number, item in enumerate(items):  # every tenth is called wrong
            second = abs(item.label - (0.9 if number % 10 == 0 else 0.05))
            answers[item.file] = np.array([1 - second, second])
        table = predictions.build_prediction_table(dataset, "validation", answers)
        model = predictions.digest_model(model_registry.default_model_folder() / "best.keras")
        predictions.write_predictions(
            model_registry.default_model_folder(), dataset, "validation", table, model
        )
        rng = np.random.default_rng(0)
        features = rng.normal(size=(len(items), 8)) + [[9 * item.label] + [0] * 7 for item in items]
        photos = [
            decode.make_thumbnail(decode.decode_photo(item.path.read_bytes()), 64) for item in items
        ]
        photo_embedding = embedding.build_embedding(
            [item.file for item in items],
            features.astype(np.float32),
            [decode.encode_photo(photo) for photo in photos],
            8,
        )
        embedding.write_embedding(
            model_registry.default_model_folder(), dataset, "validation", photo_embedding, model
        )
    return {"dataset": dataset.id, "run": "default"}


def test_a_point_of_the_map_shows_its_photo_and_opens_it(shown, answered, page, expect):
    shown.visit(page, "Evaluate", tab="map", **answered)
    points = page.locator(POINTS)
    expect(points).to_have_count(200)
    shown.settle(page)
    point = points.nth(100)
    photo = page.locator(f"{TOOLTIP} img")
    for _ in range(30):  # a map drawn anew meanwhile knows nothing of the pointer
        point.scroll_into_view_if_needed()
        point.hover(force=True)
        with suppress(sync_api.TimeoutError):
            photo.wait_for(timeout=1000)
            break
        page.mouse.move(0, 0)
    expect(photo).to_have_attribute("src", START)
    name = page.locator(f"{TOOLTIP} h2").inner_text()
    point.click(force=True)
    expect(page.get_by_text("Photos selected on the map: 1")).to_be_visible()
    expect(page.locator("figure").filter(has_text=name.rsplit("/", 1)[-1]).first).to_be_visible()


def test_one_tap_on_a_cell_brings_its_photos_into_view(shown, answered, page, expect):
    size = {"width": 390, "height": 844}
    phone = page.context.browser.new_context(viewport=size, has_touch=True, is_mobile=True)
    with phone:
        tapped = phone.new_page()
        shown.visit(tapped, "Evaluate", **answered)
        area = tapped.locator(".st-key-evaluate_matrix .nsewdrag").first
        area.scroll_into_view_if_needed()
        shown.settle(tapped)
        box = area.bounding_box()
        tapped.touchscreen.tap(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
        tapped.wait_for_url("**tab=mistakes*")
        expect(tapped).to_have_url(re.compile("truth=cats.*called=dogs"))
        expect(tapped.get_by_text("photos of cats, the most confident first")).to_be_in_viewport()
        expect(tapped.locator(".st-key-evaluate_photos figure").first).to_be_in_viewport()


def test_the_threshold_lies_in_the_address_without_steps_in_the_history(
    shown, answered, page, expect
):
    shown.visit(page, "Evaluate", **answered)
    slider = page.locator(".st-key-threshold")
    slider.get_by_role("slider").focus()
    steps = page.evaluate("history.length")
    for value in ("0.51", "0.52", "0.53"):
        page.keyboard.press("ArrowRight")
        page.wait_for_url(f"**threshold={value}*")
    assert page.evaluate("history.length") == steps
    shown.settle(page)
    page.reload()
    expect(slider).to_contain_text("0.53")
