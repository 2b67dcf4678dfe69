"""Signing in with a local identity provider, in a real server and a real browser."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks import server
from catdog_core.base import access

pytest.importorskip("authlib", reason="signing in needs requirements-classroom.txt")
pytest.importorskip("httpx", reason="signing in needs requirements-classroom.txt")
expect = pytest.importorskip("playwright.sync_api", reason="no browser is driven here").expect
provider = pytest.importorskip("provider", reason="the provider of the test needs joserfc")

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900)]

SECRETS = """[auth]
redirect_uri = "http://{address}/oauth2callback"
cookie_secret = "{cookie}"
client_id = "{client}"
client_secret = "{password}"
server_metadata_url = "{url}/.well-known/openid-configuration"
"""
TEACHER, STUDENT, OTHER = "kim@school.org", "ada@school.org", "eve@elsewhere.org"


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A lab for a class that signs in: its address and the provider."""
    folder = tmp_path_factory.mktemp("school")
    (folder / "workspace").mkdir()
    settings = {"shared": True, "teachers": [TEACHER], "students": ["*@school.org"]}
    (folder / "workspace" / access.FILE).write_text(json.dumps(settings))
    port = server.free_port()
    with provider.running_provider() as identity:
        secrets = folder / "secrets.toml"
        secrets.write_text(
            SECRETS.format(
                address=f"127.0.0.1:{port}",
                cookie="a long secret that signs the cookie of who signed in",
                client=provider.CLIENT,
                password=provider.PASSWORD,
                url=identity.url,
            )
        )
        script = server.PROJECT / "streamlit_app.py"
        options = "--secrets.files", str(secrets)
        with server.process(folder, script, *options, port=port) as (address, _):
            yield f"http://{address}", identity


def sign_in(shown, school, email, verified=True):
    url, identity = school
    identity.email, identity.verified = email, verified
    page = shown.page()
    page.goto(url)
    shown.settle(page)
    page.get_by_test_id("stSidebar").get_by_test_id("stPopover").get_by_role("button").click()
    with page.expect_navigation():  # to the provider and back; the address is the same before it
        page.locator(".st-key-visitor_login button").click()
    page.locator("h1").first.wait_for()
    shown.settle(page)
    return page


def role(page):
    page.get_by_test_id("stSidebar").get_by_test_id("stPopover").get_by_role("button").click()
    body = page.get_by_test_id("stPopoverBody")
    expect(body).to_contain_text(re.compile("Teacher:|Student:|Audience:"))
    return body.inner_text().split(":")[0].split("\n")[0]


@pytest.mark.parametrize(
    ("email", "expected"), [(TEACHER, "Teacher"), (STUDENT, "Student"), (OTHER, "Audience")]
)
def test_who_signs_in_has_the_role_of_the_address(shown, school, email, expected):
    page = sign_in(shown, school, email)
    expect(page.get_by_test_id("stSidebar")).to_contain_text(email)
    assert role(page) == expected
    assert school[1].redirects[-1] == f"{school[0]}/oauth2callback"
    shown.close_pages()


@pytest.mark.parametrize("claim", [False])
def test_an_address_the_provider_has_not_verified_is_nobody_and_the_page_says_why(
    shown, school, claim
):
    page = sign_in(shown, school, TEACHER, verified=claim)
    expect(page.get_by_test_id("stSidebar")).not_to_contain_text(TEACHER)
    expect(page.get_by_test_id("stMain")).to_contain_text("doesn't confirm your email address")
    assert role(page) == "Audience"
    shown.close_pages()


def test_who_signs_out_is_the_audience_again(shown, school):
    page = sign_in(shown, school, STUDENT)
    role(page)
    with page.expect_navigation():
        page.locator(".st-key-visitor_logout button").click()
    page.locator("h1").first.wait_for()
    shown.settle(page)
    expect(page.get_by_test_id("stSidebar")).not_to_contain_text(STUDENT)
    assert role(page) == "Audience"
    shown.close_pages()


def test_an_answer_nobody_asked_for_signs_nobody_in(shown, school):
    page = shown.page()
    page.goto(f"{school[0]}/oauth2callback?code=made-up&state=made-up")
    page.locator("h1").first.wait_for()
    shown.settle(page)
    assert role(page) == "Audience"
    shown.close_pages()
