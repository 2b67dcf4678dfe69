"""A folder chosen in a real browser keeps the names of its subfolders."""

from __future__ import annotations

import numpy as np
import pytest

from catdog_core.imaging import decode

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def pets(tmp_path):
    """A folder of two classes with three photos each, and a file that is no photo."""
    for shade, name in ((40, "cats"), (160, "dogs")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in (1, 2, 10):
            photo = np.full((40, 50, 3), shade + number, np.uint8)
            (tmp_path / "pets" / name / f"{number}.jpg").write_bytes(decode.encode_photo(photo))
    (tmp_path / "pets" / "notes.txt").write_text("text")
    return tmp_path / "pets"


def test_its_class_folders_become_classes(lab, page, pets):
    lab.visit(page, "Data")
    page.get_by_role("radio", name="Folder").first.click()
    lab.settle(page)
    page.locator(".st-key-source_directory input[type=file]").set_input_files(pets)
    page.get_by_role("button", name="Import photos").click()
    lab.settle(page)
    counts = next((lab.workspace / "datasets").glob("pets-*/dataset.json")).read_text()
    assert '"cats"' in counts and '"dogs"' in counts


def test_predict_lists_it_in_natural_order(shown, page, pets):
    shown.visit(page, "Predict")
    page.get_by_role("radio", name="Folder").click()
    shown.settle(page)
    page.locator(".st-key-predict_folder input[type=file]").set_input_files(pets)
    page.locator("figure figcaption").first.wait_for()
    shown.settle(page)
    names = page.locator("figcaption div[title]").evaluate_all("all => all.map(e => e.title)")
    assert names == ["1.jpg", "2.jpg", "10.jpg"] * 2
