"""A real server with a workspace of its own, a real Chromium, and pictures of what it shows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from timeouts import load_factor

from benchmarks import server
from catdog_core import runs
from catdog_core.config import PRESETS, Training
from catdog_core.data import datasets
from catdog_core.training.execution import execute_run

PROJECT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
TIMEOUT_MS = 120_000
"""Milliseconds to wait for something to appear; a first TensorFlow import is among them."""
MOST_MS = 280_000
"""Milliseconds to wait on a busy machine: below the time of a whole test."""
IS_IDLE_JS = """() => {
  const app = document.querySelector('[data-testid=stApp]'), now = performance.now();
  const idle = app && app.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stSkeleton]');
  window.stillSince = idle ? window.stillSince ?? now : null;
  return idle && now - window.stillSince > 250;
}"""
"""True when no script has run for a moment and no part of a page is a grey placeholder: right after
a click there is none either, since it has to come to the server first."""
FOR_DOCS = bool(os.environ.get("CATDOG_DOC_IMAGES"))
SHOWN_TRAINING = Training(
    epochs=10 if FOR_DOCS else 3,
    steps_per_epoch=None if FOR_DOCS else 5,
    image_size=64 if FOR_DOCS else 32,
    learning_rate=1e-3,
    validation_steps=5 if FOR_DOCS else 2,
)
"""Of the runs that every page shows."""


@dataclass
class Lab:
    """A running server and a browser; every page opened is closed with it."""

    url: str
    workspace: Path
    browser: Any
    choice: dict[str, str] = field(default_factory=dict)  # the query of links to it
    _contexts: list[Any] = field(default_factory=list)

    def page(
        self, width: int = 1440, height: int = 900, theme: str = "light", **options: Any
    ) -> Any:
        """A new browser window, as a new visitor has it; `options` are others of its context."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            locale="en-GB",
            reduced_motion="reduce",
            **options,
        )
        self._contexts.append(context)
        context.set_default_timeout(_timeout())
        return context.new_page()

    def visit(self, page: Any, name: str = "", **query: str) -> Any:
        """Open a page of the lab by its path and wait until its script has ended."""
        page.goto(f"{self.url}/{name}?{urlencode(query)}")
        page.locator("h1").first.wait_for()
        self.settle(page)
        return page

    def settle(self, page: Any) -> None:
        """Wait until no script of the page runs and all of it is drawn; not while one trains."""
        page.evaluate("() => { window.stillSince = null }")
        page.wait_for_function(IS_IDLE_JS)

    def close_pages(self) -> None:
        """Close the windows opened so far."""
        while self._contexts:
            self._contexts.pop().close()


@pytest.fixture(scope="module")
def browser_flags() -> Sequence[str]:
    """More flags of `chromium`."""
    return ()


@pytest.fixture(scope="session")
def browser_path() -> str:
    """The program of the browser; a test is skipped where there is none."""
    return _browser()


@pytest.fixture(scope="module")
def chromium(browser_path, browser_flags) -> Iterator[Any]:
    """A browser, for the tests of a file: its event loop must not stay beside other tests."""
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect.set_options(timeout=_timeout())
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=[*BROWSER_FLAGS, *browser_flags]
        )
        yield browser
        browser.close()


@pytest.fixture
def expect(chromium) -> Any:
    """Playwright's patient assertions."""
    return pytest.importorskip("playwright.sync_api").expect


@pytest.fixture(scope="module")
def lab_script() -> Path:
    """What the server of `lab` runs."""
    return PROJECT / "streamlit_app.py"


@pytest.fixture(scope="module")
def lab(chromium, tmp_path_factory, lab_script) -> Iterator[Lab]:
    """A server with an empty workspace, and a browser before it."""
    folder = tmp_path_factory.mktemp("lab")
    with server.process(folder, lab_script) as (address, _):
        lab = Lab(f"http://{address}", folder / "workspace", chromium)
        yield lab
        lab.close_pages()


@pytest.fixture(scope="session")
def shown_server(tmp_path_factory) -> Iterator[tuple[str, Path, dict[str, str]]]:
    """A server with the demo dataset and two finished runs: its address, workspace and query.

    The last one has answered already: in a server of its own that took longer than anybody waits
    for on a busy machine.
    """
    from catdog_core.analysis import evaluate, predict

    folder = tmp_path_factory.mktemp("shown")
    workspace = folder / "workspace"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(workspace))
        dataset = datasets.create_demo()
        for augmentation, name in ((PRESETS["gentle"], "gently augmented"), (None, "as it is")):
            run = runs.create_run(dataset, SHOWN_TRAINING, augmentation, name=name)
            execute_run(run)
        evaluate.evaluate_and_cache(run, predict.load_predictor, dataset, "validation")
    with server.running(folder) as address:
        yield address, workspace, {"dataset": dataset.id, "run": run.name}


@pytest.fixture(scope="module")
def shown(chromium, shown_server) -> Iterator[Lab]:
    """The server with data, which every file of tests uses, and a browser before it."""
    address, workspace, choice = shown_server
    lab = Lab(f"http://{address}", workspace, chromium, dict(choice))
    yield lab
    lab.close_pages()


@pytest.fixture
def page(request, pictures) -> Iterator[Any]:
    """A wide window in the light theme; what it shows when a test fails is kept."""
    lab = request.getfixturevalue("shown" if "shown" in request.fixturenames else "lab")
    failed = request.session.testsfailed
    page = lab.page()
    yield page
    if request.session.testsfailed > failed:
        page.screenshot(path=pictures / f"failed-{request.node.name}.png")
    lab.close_pages()


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots go: kept as the output of a CI run."""
    folder = Path(os.environ.get("CATDOG_CI_OUTPUT", PROJECT / "ci-output")) / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _timeout() -> float:
    return min(TIMEOUT_MS * load_factor(), MOST_MS)


def _browser() -> str:
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        reason = f"no browser: none of {', '.join(BROWSERS)} is installed"
        if os.environ.get("CATDOG_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return browser_path
