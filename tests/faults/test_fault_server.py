"""A server killed in mid-training, and windows that come and go: the training does not mind."""

from __future__ import annotations

import re
import shutil

import psutil
import pytest
from waiting import wait_until

from benchmarks import server
from catdog_core import runs

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 180_000  # milliseconds

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def browser():
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip("no browser is installed")
    playwright = pytest.importorskip("playwright.sync_api")
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def opened(browser, address, path="", **query):
    page = browser.new_context(locale="en-GB").new_page()
    page.set_default_timeout(PATIENCE)
    query_string = "&".join(f"{key}={value}" for key, value in query.items())
    page.goto(f"http://{address}/{path}?{query_string}")
    page.locator("h1").first.wait_for()
    return page


def shows_progress(page):
    from playwright.sync_api import expect

    expect(page.locator('[data-testid="stMain"]')).to_contain_text(
        re.compile(r"Epoch \d+ of \d+: training|Preparing the photos|Loading TensorFlow")
    )
    expect(page.locator(".st-key-stop_run button")).to_be_enabled()


def process_of(address):
    """The server at an address, a child of this process."""
    port = address.rpartition(":")[2]
    for child in psutil.Process().children():
        try:
            line = child.cmdline()
        except psutil.ZombieProcess:  # a worker of an earlier test that nobody has waited for
            continue
        if "streamlit" in line and port in line:
            return child
    raise AssertionError(f"no server of this process at {address}")


def beats(run):
    """Wait until the worker has beaten anew."""
    before = runs.load_run(run).state.get("beat", 0)
    wait_until(lambda: runs.load_run(run).state.get("beat", 0) > before, 60)
    return runs.load_run(run)


def test_a_training_outlives_its_windows_and_its_server(tmp_path, monkeypatch, browser):
    monkeypatch.setenv("CATDOG_WORKSPACE", str(tmp_path / "workspace"))
    pid = None
    try:
        with server.running(tmp_path) as address:
            page = opened(browser, address)
            page.locator(".st-key-home_demo button").click()
            train = page.locator(".st-key-home_train button")
            train.and_(page.locator(":enabled")).wait_for()
            train.click()
            page.wait_for_url("**/Train?**run=**")  # else the window is refreshed where it was
            wait_until(lambda: any(r.status == "running" for r in runs.list_runs()), 120)
            run = runs.list_runs()[0].folder
            pid = runs.load_run(run).state["pid"]

            page.reload()  # refreshed
            shows_progress(page)
            page.goto(f"http://{address}/Data")  # left
            page.locator("h1").first.wait_for()
            assert beats(run).status == "running"
            page.context.close()  # closed
            assert beats(run).status == "running"
            shows_progress(opened(browser, address, "Train", run=run.name))

            killed = process_of(address)
            killed.kill()
            wait_until(lambda: not killed.is_running() or killed.status() == psutil.STATUS_ZOMBIE)
            assert beats(run).status == "running"
            with server.running(tmp_path) as second:
                page = opened(browser, second, "Train", run=run.name)
                shows_progress(page)
                assert beats(run).state["pid"] == pid, "the same worker, not another one"
                page.locator(".st-key-stop_run button").click()
                wait_until(lambda: runs.load_run(run).status == "stopped", 90)
                page.locator(".st-key-resume_run button").wait_for()
        wait_until(lambda: not psutil.pid_exists(pid) or gone(pid), 60)
    finally:
        if pid and psutil.pid_exists(pid) and not gone(pid):
            psutil.Process(pid).kill()


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
