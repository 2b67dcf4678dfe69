"""A real server with a workspace of its own, a real Chromium, and pictures of what it shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from benchmarks import server

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
IS_IDLE_JS = """() => {
  const app = document.querySelector('[data-testid=stApp]'), now = performance.now();
  const idle = app && app.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stSkeleton]');
  window.stillSince = idle ? window.stillSince ?? now : null;
  return idle && now - window.stillSince > 250;
}"""
"""True when no script has run for a moment and no part of a page is a grey placeholder: right after
a click there is none either, since it has to come to the server first."""


@dataclass
class Lab:
    """A running server and a browser; every page opened is closed with it."""

    url: str
    workspace: Path
    browser: Any
    choice: dict[str, str] = field(default_factory=dict)  # the query of links to it
    _contexts: list[Any] = field(default_factory=list)

    def page(self, width: int = 1440, height: int = 900, theme: str = "light") -> Any:
        """A new browser window, as a new visitor has it."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            locale="en-GB",
            reduced_motion="reduce",
        )
        self._contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
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

    def command(self, *arguments: str) -> str:
        """Run the lab's command line in the same workspace and return what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "catdog_core", *arguments],
            cwd=PROJECT,
            env=server.with_workspace(self.workspace),
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def close_pages(self) -> None:
        """Close the windows opened so far."""
        while self._contexts:
            self._contexts.pop().close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    """A server with an empty workspace, and a browser before it."""
    executable = _browser()
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect.set_options(timeout=TIMEOUT_MS)
    folder = tmp_path_factory.mktemp("lab")
    with server.running(folder) as address, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(BROWSER_FLAGS))
        lab = Lab(f"http://{address}", folder / "workspace", browser)
        yield lab
        lab.close_pages()
        browser.close()


@pytest.fixture
def page(lab, request, pictures) -> Iterator[Any]:
    """A wide window in the light theme; what it shows when a test fails is kept."""
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


def _browser() -> str:
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        reason = f"no browser: none of {', '.join(BROWSERS)} is installed"
        if os.environ.get("CATDOG_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return browser_path
