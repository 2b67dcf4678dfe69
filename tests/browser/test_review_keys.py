"""The review in a real browser: keys, undo, what isn't saved yet, a second window, taps."""

from __future__ import annotations

import re

import numpy as np
import pytest

from catdog_core.analysis import sorting
from catdog_core.analysis.sorting import SeenPhotos
from catdog_core.data import datasets, piles

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900)]

CAT = "train/cats/cat.{:04}.jpg"
SAVED = "All decisions are saved."


@pytest.fixture(scope="module")
def opened(lab, demo):
    """The lab with a dataset of 72 photos, and what gives its state on the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(lab.workspace))
        dataset = datasets.open_folder(demo)

        def found():
            now = datasets.load_dataset(dataset.id)
            return {item.file: now.classes[item.label] for item in now.items()}

        yield dataset.id, found


def review(lab, page, dataset, **query):
    """Open the review and wait for its photo."""
    lab.visit(page, "Data", dataset=dataset, part="review", **query)
    page.locator(".review-stage img").wait_for()
    return page.locator(".review-stage")


def file_is(expect, page, file):
    expect(page.locator(".review-stage")).to_have_attribute("data-file", file)


def test_keys_decide_undo_and_survive_a_reload_and_a_lost_connection(lab, opened, page, expect):
    dataset, found = opened
    stage = review(lab, page, dataset)
    expect(stage).to_be_focused()
    file_is(expect, page, CAT.format(0))
    for key in ("2", "x", "Space"):  # a dog, out, a cat as it says
        page.keyboard.press(key)
    file_is(expect, page, CAT.format(3))
    saved = page.locator(".review-saved")
    expect(page.locator(".review-count")).to_have_text("3 of 72 reviewed")
    expect(saved).to_have_text(SAVED)
    now = found()
    assert now[CAT.format(0)] == "dogs" and CAT.format(1) not in now
    page.keyboard.press("?")
    expect(page.get_by_text("Undo your last decision")).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    file_is(expect, page, CAT.format(3))

    page.reload()  # the window knows what it decided
    stage.locator("img").wait_for()
    file_is(expect, page, CAT.format(3))
    page.keyboard.press("u")
    page.keyboard.press("u")
    expect(saved).to_have_text(SAVED)
    expect(page.locator(".review-count")).to_have_text("1 of 71 reviewed")
    assert found()[CAT.format(1)] == "cats"

    page.route("**/review/decisions*", lambda route: route.abort())
    file_is(expect, page, CAT.format(2))
    page.keyboard.press("2")
    expect(saved).to_contain_text("Not saved yet: 1")
    other = page.context.new_page()  # a second window is no way to lose it, either
    page.close()
    assert found()[CAT.format(2)] == "cats"
    review(lab, other, dataset)
    expect(other.locator(".review-saved")).to_have_text(SAVED)
    assert found()[CAT.format(2)] == "dogs"


def test_a_click_on_review_brings_the_photo_into_view_and_keys_decide(lab, opened, page, expect):
    dataset, _ = opened
    lab.visit(page, "Data", dataset=dataset, list="class", label="1")
    page.get_by_role("radio", name="Review").click()
    stage = page.locator(".review-stage")
    stage.locator("img").wait_for()
    expect(stage).to_be_focused()
    expect(stage).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Undo")).to_be_in_viewport(ratio=1)
    file_is(expect, page, "train/dogs/dog.0000.jpg")
    page.keyboard.press("Space")
    file_is(expect, page, "train/dogs/dog.0001.jpg")
    page.keyboard.press("u")
    expect(page.locator(".review-saved")).to_have_text(SAVED)


def test_taps_decide_on_a_phone_and_everything_has_a_name(lab, opened, page, expect):
    dataset, found = opened
    size = {"width": 390, "height": 844}
    phone = page.context.browser.new_context(viewport=size, has_touch=True, is_mobile=True)
    with phone:
        tapped = phone.new_page()
        review(lab, tapped, dataset, list="class", label="1")
        file_is(expect, tapped, "train/dogs/dog.0000.jpg")
        tapped.get_by_role("button", name="cats").tap()
        file_is(expect, tapped, "train/dogs/dog.0001.jpg")
        tapped.get_by_role("button", name="Exclude").tap()
        tapped.get_by_role("button", name="Undo").tap()
        file_is(expect, tapped, "train/dogs/dog.0001.jpg")
        expect(tapped.locator(".review-saved")).to_have_text(SAVED)
        assert found()["train/dogs/dog.0000.jpg"] == "cats"
        assert found()["train/dogs/dog.0001.jpg"] == "dogs"
        expect(tapped.get_by_role("progressbar", name="Reviewed photos")).to_be_visible()
        expect(tapped.get_by_role("img", name=re.compile("dog.0001.jpg"))).to_be_visible()
        for button in tapped.locator(".catdog-review button").all():
            box = button.bounding_box()
            assert min(box["width"], box["height"]) >= 44


def test_predictions_of_a_pile_learn_while_it_is_sorted(lab, demo, page, expect):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(lab.workspace))
        pile = piles.create_pile_from_folder(demo / "train")
        piles.set_classes(pile.id, ["cats", "dogs"])
        files = tuple(pile.photos)
        kinds = np.array([2.0 * file.startswith("dogs") - 1 for file in files], np.float32)
        features = np.stack([kinds, np.linspace(-0.1, 0.1, len(kinds))], axis=1)
        seen = SeenPhotos(files, features.astype(np.float32), np.empty((len(files), 0)), ())
        sorting.write_seen(pile.id, seen)
        sorting.write_guesses(pile.id, sorting.first_guesses(seen, piles.load_pile(pile.id)))
        lab.visit(page, "Data", pile=pile.id)
        stage = page.locator(".review-stage")
        stage.locator("img").wait_for()
        stage.focus()
        expect(page.get_by_role("button", name="Accept")).to_be_disabled()
        for number in range(24):
            expect(page.locator(".review-count")).to_have_text(f"{number} of 48 reviewed")
            expect(stage).to_have_attribute("data-file", re.compile("jpg"))
            page.keyboard.press("2" if "dogs/" in stage.get_attribute("data-file") else "1")
        expect(page.get_by_text("The predictions are based on")).to_be_visible()
        expect(page.locator(".review-about")).to_contain_text("Prediction")
        expect(page.get_by_text(re.compile(r"^cats \d+ · dogs \d+$"))).to_be_visible()
        stage.focus()
        page.keyboard.press("Space")
        expect(page.locator(".review-saved")).to_have_text(SAVED)
        assert len(piles.read_answers(pile.id)) == 25
        learned = sorting.read_guesses(pile.id)
        assert learned.source == "answers"
        assert [learned.classes[n] for n in learned.labels] == [f.split("/")[0] for f in files]
