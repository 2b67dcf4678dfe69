"""Names from outside in a real browser: no element comes to be, no script runs, no link leads."""

from __future__ import annotations

import os

import numpy as np
import pytest
from accessibility_checks import PAGES

from catdog_core import runs
from catdog_core.config import Training
from catdog_core.data import datasets
from catdog_core.imaging import decode
from catdog_core.training.execution import execute_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no file names of this kind"),
]

HOSTILE = '<img src=x onerror="window.pwned=1"><b id=evil>b</b>[a](javascript:window.pwned=1)'
INJECTED = "() => window.pwned || document.querySelector('img[src=x], #evil, a[href^=javascript]')"


@pytest.fixture(scope="module")
def names(lab, tmp_path_factory):
    """A dataset whose folder, classes and files are attacks; the query that leads to it."""
    folder = tmp_path_factory.mktemp("hostile") / HOSTILE.replace("/", "")
    rng = np.random.default_rng(0)
    for split in ("train", "validation"):
        for name in ("a", "b"):
            class_folder = folder / split / f"{name} {HOSTILE}".replace("/", "")
            class_folder.mkdir(parents=True)
            for number in range(4):
                photo = rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)
                (class_folder / f"{number} {HOSTILE}.jpg".replace("/", "")).write_bytes(
                    decode.encode_photo(photo)
                )
    page = lab.visit(lab.page(), "Data")
    page.get_by_text("Folder", exact=True).first.click()
    field = page.locator(".st-key-source_path input")
    field.fill(str(folder))
    field.press("Enter")
    page.locator(".st-key-source_open button").click()
    page.wait_for_url("**dataset=**")
    lab.settle(page)
    query = dict(part.split("=", 1) for part in page.url.partition("?")[2].split("&"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(lab.workspace))
        training = Training(epochs=1, image_size=32, steps_per_epoch=1, validation_steps=1)
        run = runs.create_run(datasets.load_dataset(query["dataset"]), training, None, name=HOSTILE)
        execute_run(run)
    return {**query, "run": run.name}


@pytest.mark.parametrize("path", PAGES)
def test_no_page_takes_a_name_for_more_than_text_or_asks_anyone_else(lab, page, names, path):
    urls = []
    page.on("request", lambda request: urls.append(request.url))
    page.on("websocket", lambda socket: urls.append(socket.url.replace("ws://", "http://")))
    lab.visit(page, path, dataset=names["dataset"], run=names["run"])
    assert not page.evaluate(INJECTED)
    if path in ("", "Data"):
        assert "onerror" in page.inner_text('[data-testid="stMain"]')
    assert len(urls) > 5
    assert {url for url in urls if not url.startswith((lab.url, "data:", "blob:"))} == set()
