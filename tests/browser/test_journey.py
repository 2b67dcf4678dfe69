"""One visitor's way through the lab, in this order: photos, a training, an answer, variants.

The tests share a server and build on each other: without a dataset there is nothing to train.
"""

from __future__ import annotations

import gettext
import json
import re
from pathlib import Path

import accessibility_checks
import numpy as np
import pytest

from catdog_core.data import synthetic as drawing
from catdog_ui.i18n import LOCALE

pytestmark = [pytest.mark.browser, pytest.mark.long]

VARIANTS = 'img[alt^="Variant"]'
NEWS = '[data-testid="stMain"]'

POINTS_ON_BOTH = """() => {
  const drawn = (name) => document.querySelector(
    `.st-key-live_${name} .scatterlayer path.js-line, .st-key-live_${name} .scatterlayer .point`);
  return document.querySelector('.st-key-stop_run button') && drawn('accuracy') && drawn('loss');
}"""
"""True while a training still runs and both its charts show something of it."""


TRAINED = 480_000
"""Milliseconds in which a quick training ends, also on a busy machine."""
CLICKS = "() => { window.clicks = 0; addEventListener('click', () => window.clicks++, true); }"
MOST_TABS = 40
LARGEST_SHIFT = 0.1
"""What web.dev calls good."""


@pytest.fixture(scope="module")
def lab_script():
    """The lab with a quick training that takes seconds."""
    return Path(__file__).with_name("quick_lab.py")


@pytest.mark.timeout(900)
def test_three_clicks_lead_from_the_start_to_an_answer_of_the_own_network(lab, page, expect):
    lab.visit(page, lang="en")
    page.evaluate(CLICKS)  # the page is never loaded anew: the count goes on
    press_by_keyboard_alone(page, "home_demo")
    expect(page.locator(".st-key-home_demo")).to_have_count(0)
    expect(page.locator(f"{NEWS} figure img").first).to_be_visible()
    page.wait_for_url("**dataset=**")
    page.locator(".st-key-home_train button:enabled").click()

    page.wait_for_function(POINTS_ON_BOTH)
    page.evaluate(accessibility_checks.WATCH_SHIFTS_JS)
    expect(page.locator(NEWS)).to_contain_text("Done. The best epoch is", timeout=TRAINED)
    (settings,) = lab.workspace.glob("runs/*/settings.json")
    epochs = json.loads(settings.read_text())["training"]["epochs"]
    stored = json.loads((settings.parent / "final_evaluation.json").read_text())
    diamonds = len({stored[name]["epoch"] for name in ("best", "last")})
    for name in ("accuracy", "loss"):  # two an epoch, the best, and the ones on clean photos
        points = page.locator(f".st-key-live_{name} .points path.point")
        expect(points).to_have_count(2 * epochs + 1 + diamonds)
    expect(page.get_by_text("Download model")).to_be_visible()
    lab.settle(page)
    assert accessibility_checks.layout_shift(page) <= LARGEST_SHIFT

    page.get_by_role("link", name="Try it on a photo").click()
    answer = page.locator("figure", has_text="%").first
    expect(answer).to_contain_text(re.compile("cats|dogs"))
    assert page.evaluate("() => window.clicks") == 3


def press_by_keyboard_alone(page, key):
    """Reach a button by the Tab key, see that it shows it, and press it."""
    inside = f"() => !!document.activeElement.closest('.st-key-{key}')"
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate(inside):
            break
    assert page.evaluate(inside)
    assert page.evaluate("() => document.activeElement.matches(':focus-visible')")
    page.keyboard.press("Enter")


def test_a_moved_slider_redraws_the_grid(lab, page, expect):
    lab.visit(page, "Augment")
    expect(page.locator(VARIANTS)).to_have_count(20)
    first = page.locator(VARIANTS).first
    before = first.get_attribute("src")
    page.locator(".st-key-augment_rotation_range").get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    expect(first).not_to_have_attribute("src", before)
    expect(page.locator(VARIANTS)).to_have_count(20)


def test_settings_travel_in_the_address_without_steps_in_the_history(lab, page, expect):
    lab.visit(page, "Augment", rotation_range="33")
    slider = page.locator(".st-key-augment_rotation_range")
    expect(slider).to_contain_text("33")
    steps = page.evaluate("history.length")
    slider.get_by_role("slider").focus()
    for value in range(34, 38):
        page.keyboard.press("ArrowRight")
        page.wait_for_url(f"**rotation_range={value}*")
    assert page.evaluate("history.length") == steps
    page.reload()
    expect(slider).to_contain_text("37")


def test_a_training_stops_resumes_and_outlives_a_reload(lab, page, expect):
    start(lab, page, "interrupted", epochs=40, steps=100)
    page.wait_for_function(POINTS_ON_BOTH)
    page.get_by_text("New training").click()
    page.wait_for_url("**tab=new*")
    page.locator("[data-testid=stSidebar] a", has_text="interrupted").click()
    page.wait_for_url("**tab=runs*")  # a link of a page to itself, too
    page.reload()
    page.wait_for_function(POINTS_ON_BOTH)
    expect(page.locator(NEWS)).to_contain_text("interrupted")

    page.locator(".st-key-stop_run button").click()
    resume = page.locator(".st-key-resume_run button")
    expect(resume).to_be_enabled()
    expect(page.locator(NEWS)).to_contain_text("Stopped")
    resume.click()
    expect(page.locator(NEWS)).to_contain_text(re.compile(r"Epoch \d+ of 40: training"))
    page.locator(".st-key-stop_run button").click()
    expect(resume).to_be_enabled()


def test_an_uploaded_photo_gets_a_class_and_a_probability(lab, page, expect, tmp_path):
    photo = tmp_path / "my pet.jpg"
    drawing.draw_pet(1, 300, np.random.default_rng(7)).save(photo)
    lab.visit(page, "Predict")
    page.locator(".st-key-predict_photos input[type=file]").set_input_files(photo)
    card = page.locator("figure", has_text="my pet.jpg")
    expect(card).to_contain_text("cats")
    expect(card).to_contain_text("dogs")
    expect(card).to_contain_text("%")
    expect(page.locator(".st-key-predict_csv button")).to_be_enabled()


def test_a_file_that_is_no_photo_gets_one_sentence(lab, page, expect, tmp_path):
    letter = tmp_path / "letter.jpg"
    letter.write_text("Dear cat, I am no photo.")
    lab.visit(page, "Predict")
    page.locator(".st-key-predict_photos input[type=file]").set_input_files(letter)
    alert = page.locator('[data-testid="stAlert"]')
    expect(alert).to_have_count(1)
    expect(alert).to_contain_text("letter.jpg")
    expect(page.locator("body")).not_to_contain_text("Traceback")


def test_another_language_keeps_page_and_choice(lab, page, expect):
    lab.visit(page, "Train", tab="runs")
    page.wait_for_url("**run=**")
    chosen = page.url.partition("run=")[2].partition("&")[0]
    page.locator('[class*="st-key-switch_"]').get_by_text("한국어").click()
    expect(page.locator("h1").first).not_to_have_text("Train")
    page.wait_for_url("**/Train?**lang=ko**")
    assert f"run={chosen}" in page.url
    lab.settle(page)
    korean = gettext.translation("catdog", LOCALE, languages=["ko"]).gettext
    page.reload()
    lab.settle(page)
    expect(page.locator("h1").first).to_have_text(korean("Train"))
    assert page.title() == f"{korean('Train')} · CatDog Lab" != "Train · CatDog Lab"
    links = page.locator('[data-testid="stSidebar"] [data-testid="stPageLink"]')
    assert korean("Data") in links.nth(1).inner_text()
    assert korean("Predict") in links.all_inner_texts()[6]


def start(lab, page, name, *, epochs, steps):
    """Fill the Train page's form and start a training small enough for a test.

    Two clicks in a row make one run.
    """
    lab.visit(page, "Train", tab="new")
    page.locator(".st-key-train_name input").fill(name)
    for folded in ("Fine tuning", "Layers, loss and steps"):
        page.locator("summary", has_text=folded).click()
    _type(page, "train_epochs", epochs)
    plan = page.get_by_text("Total: ")  # said by the server, which then knows what was typed
    plan.filter(has_text=f"{epochs} epochs").wait_for()
    _type(page, "train_steps_per_epoch", steps)
    plan.filter(has_text=f"{epochs} epochs × {steps} steps").wait_for()
    _type(page, "train_validation_steps", 2)
    lab.settle(page)
    size = page.get_by_text("multiply-adds per photo")
    large = size.inner_text()
    page.locator(".st-key-train_image_size").get_by_role("slider").press("Home")  # the least
    size.filter(has_not_text=large).wait_for()
    lab.settle(page)
    page.locator(".st-key-train_start button").dblclick()
    page.locator(NEWS).get_by_role("heading", name=name).wait_for()
    assert "tab=runs" in page.url
    names = [
        json.loads(file.read_text())["name"] for file in lab.workspace.glob("runs/*/about.json")
    ]
    assert len([one for one in names if one.startswith(name)]) == 1


def _type(page, key, value):
    box = page.locator(f".st-key-{key} input")
    box.fill(str(value))
    box.press("Enter")
