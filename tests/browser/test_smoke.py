"""Each page opens in a real browser and says nothing of an error; more of them by `-m long`."""

from __future__ import annotations

import pytest
from accessibility_checks import PAGES

pytestmark = pytest.mark.browser

ERRORS = '[data-testid="stException"], [data-testid="stAlertContentError"]'


def test_each_page_opens(lab, page):
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    for name in PAGES:
        lab.visit(page, name)
        assert page.locator("h1").count() == 1, name
        assert page.locator(ERRORS).count() == 0, name
        assert page.title().endswith("CatDog Lab") and not errors, name
