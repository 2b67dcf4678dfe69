"""A report on paper: light, as wide as the page, and no chart or row in two parts."""

import pytest

from catdog_core.export import report
from tests import fakes

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900)]
PAPER = {"width": 680, "height": 1000}
"""A4 between its margins, in CSS pixels."""
WHOLE = """() => [...document.querySelectorAll('figure, tr, .tiles, .verdict')]
  .every(each => getComputedStyle(each).breakInside === 'avoid')"""


def test_a_printed_report_fits_the_paper_and_cuts_no_chart(shown, workspace, tmp_path):
    report.write_html_report(fakes.make_run(), tmp_path / "report.html")
    page = shown.page(**PAPER, theme="dark")
    page.emulate_media(media="print")
    page.goto((tmp_path / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER["width"]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("figure svg").count() == 2 and page.evaluate(WHOLE)
    assert page.pdf().startswith(b"%PDF")
    shown.close_pages()
