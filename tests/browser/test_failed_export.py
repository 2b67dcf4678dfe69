"""An export that fails says why once, in the language of the page."""

import shutil

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900)]


def test_a_failed_export_shows_the_labs_sentence_alone(shown, page, expect):
    exports = shown.workspace / "cache" / "exports"
    shutil.rmtree(exports, ignore_errors=True)
    exports.parent.mkdir(exist_ok=True)
    exports.write_text("no folder")  # where the file would be kept
    try:
        shown.visit(page, "Export", run="default")
        page.locator(".st-key-download_script button").click()
        theirs = page.get_by_test_id("stDownloadButtonError")
        theirs.wait_for(state="attached")
        expect(theirs).to_be_hidden()
        expect(page.get_by_text("couldn't be written")).to_have_count(1)
    finally:
        exports.unlink()
