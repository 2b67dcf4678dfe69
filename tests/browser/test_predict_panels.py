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
    page.get_by_text("before the sigmoid").wait_for()
    page.locator('img[alt^="image.png: predicted"]').wait_for()


def test_a_click_into_the_map_chooses_the_unit(shown, page):
    shown.visit(page, "Predict", run="default")
    page.get_by_text("Try non-pet photos").click()
    page.get_by_text("before the sigmoid").wait_for()
    page.get_by_text("X-ray: look inside the network").click()
    page.get_by_text("Click the map or move").wait_for()
    shown.settle(page)
    before = [one.inner_text() for one in page.get_by_test_id("stSliderThumbValue").all()]
    area = page.locator(".js-plotly-plot .nsewdrag").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    spot = {"x": box["width"] * 0.25, "y": box["height"] * 0.75}
    area.hover(position=spot)
    page.locator(".hoverlayer .hovertext").wait_for()
    area.click(position=spot)
    page.wait_for_function(MOVED, arg=before[-2:])
    shown.settle(page)
    after = [one.inner_text() for one in page.get_by_test_id("stSliderThumbValue").all()]
    row, column = (int(text) for text in after[-2:])
    assert row == pytest.approx(0.75 * 144, abs=6) and column == pytest.approx(0.25 * 144, abs=6)
