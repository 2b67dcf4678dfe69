"""The Robustness tab in a real browser: measured, drawn, and a click on a point shows photos."""

from __future__ import annotations

import re

import pytest

from catdog_core.data import datasets

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900)]

CHART = ".st-key-robustness_chart"
POINTS = f"{CHART} .scatterlayer .points path"


@pytest.fixture(scope="module")
def photos(shown):
    """The lab with a few drawn photos."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(shown.workspace))
        folder = shown.workspace.parent / "few"
        datasets.make_demo(folder, train=4, validation=16, size=64, seed=2)
        return datasets.open_folder(folder)


def test_a_click_on_a_point_shows_photos_changed_as_much(shown, photos, page, expect):
    shown.visit(
        page, "Evaluate", tab="robustness", change="noise", run="default", dataset=photos.id
    )
    page.get_by_role("button", name="Measure", exact=True).click()
    expect(page.locator(POINTS)).to_have_count(9, timeout=300_000)
    expect(page).to_have_url(re.compile(r"strength=\d+"))
    box = page.locator(POINTS).nth(1).bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page).to_have_url(re.compile(r"strength=5(&|$)"))
    expect(page.get_by_text(re.compile("^Noise 5: ")).last).to_be_visible()
    expect(page.locator("figure img")).to_have_count(6)
    page.reload()  # kept in the run's folder and in the address
    expect(page.locator(POINTS)).to_have_count(9)
    expect(page.get_by_text(re.compile("^Noise 5: ")).last).to_be_visible()
