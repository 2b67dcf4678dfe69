"""A newcomer's first minutes: three clicks to an own prediction, and everything in one language."""

from __future__ import annotations

import re

import pytest

from catdog_ui.i18n import LOCALE

pytestmark = pytest.mark.browser

TRAINED = 480_000
"""Milliseconds in which five epochs are trained, also on a busy machine."""
CLICKS = "() => { window.clicks = 0; addEventListener('click', () => window.clicks++, true); }"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_three_clicks_lead_from_the_start_to_an_answer_of_the_own_network(lab, page):
    expect = pytest.importorskip("playwright.sync_api").expect
    lab.visit(page, lang="en")
    page.evaluate(CLICKS)  # the page is never loaded anew: the count goes on
    page.locator(".st-key-home_demo button").click()
    page.locator(".st-key-home_train button:enabled").click()
    page.get_by_role("link", name="Try on photos").click(timeout=TRAINED)
    answer = page.locator("figure", has_text="%").first
    expect(answer).to_contain_text(re.compile("cats|dogs"))
    assert page.evaluate("() => window.clicks") == 3


def test_tab_titles_and_navigation_are_in_the_pages_language(lab, page):
    import gettext

    korean = gettext.translation("catdog", LOCALE, languages=["ko"]).gettext
    for name in ("Data", "Compare"):
        lab.visit(page, name, lang="ko")
        assert korean(name) != name
        assert page.title() == f"{korean(name)} · CatDog Lab"
        links = page.locator('[data-testid="stSidebar"] [data-testid="stPageLink"]')
        assert korean("Predict") in links.all_inner_texts()[6]
        assert page.evaluate("document.documentElement.lang") in ("en", "ko")
        link = links.nth(1)
        assert korean("Data") in link.inner_text()
