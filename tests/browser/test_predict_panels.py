"""The Predict page in a real browser: a pasted picture, a clicked unit."""

import base64

import pytest

from catdog_core.analysis import ood_examples
from catdog_core.imaging import decode

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900)]

FIELD = '[data-testid="stChatInputTextArea"]'
PASTE = """([selector, data]) => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    const given = new DataTransfer();
    given.items.add(new File([bytes], "image.png", {type: "image/png"}));
    document.querySelector(selector).dispatchEvent(
        new ClipboardEvent("paste", {clipboardData: given, bubbles: true, cancelable: true}));
}"""
MOVED = """old => {
    const all = [...document.querySelectorAll("[data-testid=stSliderThumbValue]")];
    return all.length >= 2 && all.slice(-2).every((one, n) => one.innerText != old[n]);
}"""
"""True when row and column are others than they were."""


def test_a_pasted_picture_gets_an_answer(shown, page):
    shown.visit(page, "Predict", run="default")
    page.get_by_text("Clipboard", exact=True).click()
    page.locator(FIELD).click()
    picture = base64.b64encode(
        decode.encode_photo(ood_examples.draw_example("car"), "png")
    ).decode()
    page.evaluate(PASTE, [FIELD, picture])
    page.locator('[data-testid="stChatInputSubmitButton"]:enabled').wait_for()  # it is uploaded
    page.locator(FIELD).press("Enter")
    page.locator('img[alt^="image.png: predicted"]').wait_for()


def test_a_click_into_the_map_chooses_the_unit(shown, page):
    shown.visit(page, "Predict", run="default")
    page.get_by_text("Try non-pet photos").click()
    page.get_by_text("Look closer", exact=True).click()
    page.get_by_text("X-ray", exact=True).click()
    page.get_by_text("Click the map or move").wait_for()
    shown.settle(page)
    first, second = _thumbnail_numbers(page)[:2]
    assert _chosen_channel(page) == first
    _click_chart(page, 0, (1.5 / 8, 0.1))
    page.wait_for_function(CHOSEN, arg=second)
    shown.settle(page)
    before = [one.inner_text() for one in page.get_by_test_id("stSliderThumbValue").all()]
    _click_chart(page, 1, (0.25, 0.75))
    page.wait_for_function(MOVED, arg=before[-2:])
    shown.settle(page)
    after = [one.inner_text() for one in page.get_by_test_id("stSliderThumbValue").all()]
    row, column = (int(text) for text in after[-2:])
    assert row == pytest.approx(0.75 * 144, abs=6) and column == pytest.approx(0.25 * 144, abs=6)


CHOSEN = """number => document.querySelector(
    "[class*='st-key-predict_xray_channel'] input").value == number
"""


def _thumbnail_numbers(page):
    return page.locator(".js-plotly-plot").first.locator(".textpoint text").all_text_contents()


def _chosen_channel(page):
    return page.locator("[class*='st-key-predict_xray_channel'] input").first.input_value()


def _click_chart(page, number, place):
    """Click into a chart, once it has noticed the pointer; the place is a share of its area."""
    area = page.locator(".js-plotly-plot .nsewdrag").nth(number)
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    spot = {"x": box["width"] * place[0], "y": box["height"] * place[1]}
    area.hover(position=spot)
    page.locator(".hoverlayer .hovertext").first.wait_for()
    area.click(position=spot)
