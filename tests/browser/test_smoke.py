"""Each page opens in a real browser and says nothing of an error; more of them by `-m long`."""

from __future__ import annotations

import pytest
from accessibility_checks import PAGES

pytestmark = pytest.mark.browser


def test_each_page_opens(lab, page):
    errors = []
    page.on("pageerror", errors.append)
    for name in PAGES:
        lab.visit(page, name)
        assert page.locator("h1").count() == 1, name
        assert page.locator('[data-testid="stException"], [data-testid="stAlert"]').count() == 0
        assert page.title().endswith("CatDog Lab") and not errors, name
