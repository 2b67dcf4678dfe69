"""Predict → Live in a real Chromium whose camera is a video of drawn pets."""

import accessibility_checks
import pytest
from test_screens import OVERFLOW

from benchmarks.camera import Camera

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900)]

START, FREEZE = ".catdog-live button >> nth=0", ".catdog-live button >> nth=1"
ROUTE = "/live/predict"
IS_COLORED = """() => {
  const canvas = document.querySelector(".catdog-live canvas");
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(data.filter((_, n) => n % 4 == 0)).size > 20;
}"""
"""Whether the heat map's picture shows something."""
ANSWERED = "() => document.querySelector('.live-speed')?.textContent"
LABEL_IS = "text => document.querySelector('.live-label').textContent === text"
HIDE_JS = """() => {
  Object.defineProperty(document, "hidden", {value: true, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""
SHOW_JS = """() => {
  delete document.hidden;
  document.dispatchEvent(new Event("visibilitychange"));
}"""
INSECURE_JS = "Object.defineProperty(window, 'isSecureContext', {value: false})"


@pytest.fixture(scope="module")
def browser_flags(tmp_path_factory):
    return Camera(tmp_path_factory.mktemp("camera")).flags


@pytest.fixture
def frames(page):
    """The requests of the page with a frame."""
    sent = []
    page.on("request", lambda request: ROUTE in request.url and sent.append(request.url))
    return sent


def open_live(lab, page, **query):
    lab.visit(page, "Predict", view="live", **query)
    page.locator(START).wait_for()


def start(page):
    page.locator(START).focus()
    page.keyboard.press("Enter")
    page.wait_for_function(ANSWERED)


def wait_for_more(page, frames, count=3):
    """Wait until more frames are sent."""
    wanted = len(frames) + count
    while len(frames) < wanted:
        page.wait_for_timeout(20)  # lets events come; a test that hangs is ended by its timeout


def assert_no_more(page, frames):
    """A frame that was on its way may have been the last."""
    page.wait_for_timeout(300)
    sent = len(frames)
    page.wait_for_timeout(1000)
    assert len(frames) == sent


def test_the_camera_is_answered_while_the_page_runs_again_and_a_frame_can_be_frozen(
    lab, page, frames
):
    open_live(lab, page)
    assert not frames
    start(page)
    page.wait_for_function(IS_COLORED)
    meters = page.locator(".catdog-live [role=meter]")
    assert [meter.get_attribute("aria-label") for meter in meters.all()] == ["cats", "dogs"]
    shown = meters.evaluate_all("all => all.map(one => Number(one.ariaValueNow))")
    assert sum(shown) in (99, 100, 101)
    slider = page.get_by_test_id("stSlider").locator("input[type=range]")
    slider.press("End")  # runs the page's script again
    page.wait_for_function(LABEL_IS, arg="Neither")
    wait_for_more(page, frames)
    slider.press("Home")
    page.wait_for_function("() => document.querySelector('.live-label').textContent !== 'Neither'")
    assert page.locator(START).inner_text() == "Stop camera"
    page.locator(FREEZE).click()
    page.locator('img[alt^="frame 1.jpg: predicted"]').wait_for()
    assert "view=photos" in page.url
    page.get_by_text("Look closer", exact=True).click()
    page.get_by_text("Grad-CAM: bright areas").wait_for()
    assert_no_more(page, frames)
    assert not list(lab.workspace.rglob("*.jpg"))


def test_the_loop_ends_with_the_page_rests_while_it_is_hidden_and_stops_with_its_button(
    lab, page, frames
):
    open_live(lab, page)
    start(page)
    page.evaluate(HIDE_JS)
    assert_no_more(page, frames)
    assert page.evaluate("() => !document.querySelector('.catdog-live video').srcObject")
    page.evaluate(SHOW_JS)
    wait_for_more(page, frames)
    page.locator(START).click()
    assert_no_more(page, frames)
    start(page)
    page.get_by_test_id("stSidebar").get_by_text("Home", exact=True).click()
    page.get_by_text("Watch a network learn cats and dogs").wait_for()
    assert_no_more(page, frames)


def test_a_closed_tab_has_no_ticket_any_more(lab, page):
    open_live(lab, page)
    start(page)
    with page.expect_request(lambda request: ROUTE in request.url) as asked:
        pass
    request = asked.value
    headers = {"x-catdog-ticket": request.headers["x-catdog-ticket"], "origin": lab.url}
    other = lab.page()
    lab.visit(other)

    def status():
        answer = other.request.post(request.url, headers=headers, data=b"no frame")
        return answer.status

    assert status() in (415, 429)  # 429 while the tab has a frame on its way
    page.close()
    while status() != 403:  # the server notices the closed connection
        other.wait_for_timeout(50)


@pytest.mark.parametrize(
    ("width", "theme", "language"), [(1440, "light", "en"), (390, "dark", "ko")]
)
def test_it_fits_its_screen_and_can_be_read(lab, pictures, width, theme, language):
    page = lab.page(width, theme=theme)
    open_live(lab, page, lang=language)
    start(page)
    page.wait_for_function(IS_COLORED)
    page.locator(START).click()  # what is shown last stays
    page.screenshot(path=pictures / f"live-{width}-{theme}-{language}.png", full_page=True)
    page.wait_for_function(f"() => ({OVERFLOW})() <= 1")
    assert accessibility_checks.settled_low_contrast_texts(page) == []
    assert accessibility_checks.unnamed_elements(page) == []
    assert accessibility_checks.silent_stops(page) == []
    assert accessibility_checks.faint_focus(page) == []
    if width < 640:
        assert accessibility_checks.small_targets(page) == []
    places = [
        page.locator(each).bounding_box()
        for each in (".catdog-live video", ".catdog-live canvas", ".live-answer")
    ]
    assert places[0]["y"] >= 0
    assert places[0]["y"] + places[0]["height"] <= page.viewport_size["height"]
    axis = "x" if width > 640 else "y"
    order = sorted(range(3), key=lambda n: places[n][axis])
    assert order == ([0, 1, 2] if width > 640 else [0, 2, 1])
    lab.close_pages()


def test_without_a_camera_permission_or_https_a_sentence_says_why(lab, browser_path, chromium):
    def said(browser, *permissions, script=""):
        context = browser.new_context(permissions=list(permissions))
        page = context.new_page()
        page.add_init_script(script)
        page.goto(f"{lab.url}/Predict?view=live&lang=en")
        page.locator(START).click()
        alert = page.locator(".catdog-live [role=alert]")
        alert.wait_for()
        text = alert.inner_text()
        assert page.locator(START).inner_text() == "Start camera"
        context.close()
        return text

    assert "HTTPS" in said(chromium, script=INSECURE_JS)
    # One with a camera that asks, which nobody answers here, and one without any.
    for flags, permissions, words in (
        (["--use-fake-device-for-media-stream"], (), "doesn't let this page use the camera"),
        ([], ("camera",), "No camera was found"),
    ):
        other = chromium.browser_type.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu", *flags]
        )
        assert words in said(other, *permissions)
        other.close()
