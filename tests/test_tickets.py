"""Tickets by which a page's script uses a route: for whom, how long, how many, how often."""

import json

import pytest

from catdog_core.base import access
from catdog_core.base.access import Visitor
from catdog_core.base.errors import AccessError
from catdog_core.server import rates, tickets
from catdog_ui import permissions
from catdog_ui.session import VisitorState

ANN = Visitor("Ann", "student")


@pytest.fixture(autouse=True)
def no_tickets(monkeypatch):
    monkeypatch.setattr(tickets, "_tickets", {})


def test_a_ticket_stands_for_whoever_the_session_belongs_to_now():
    now = [ANN]
    token = tickets.issue(lambda: now[0])
    ticket = tickets.check({tickets.HEADER: token})
    assert ticket.visitor() == ANN
    now[0] = Visitor("Ann", "audience")  # the code was changed
    assert ticket.visitor().role == "audience"
    now[0] = None  # the page was closed
    for refused in (ticket.visitor, lambda: tickets.check({tickets.HEADER: token})):
        with pytest.raises(AccessError, match="Reload the page"):
            refused()


@pytest.mark.parametrize("headers", [{}, {tickets.HEADER: ""}, {tickets.HEADER: "guessed"}])
def test_without_a_known_ticket_nothing_is_answered(headers):
    tickets.issue(lambda: ANN)
    with pytest.raises(AccessError):
        tickets.check(headers)


def test_a_session_keeps_its_ticket_and_no_two_share_one():
    first = tickets.issue(lambda: ANN)
    assert tickets.issue(lambda: ANN, known=first) == first
    assert tickets.issue(lambda: ANN) != first
    assert tickets.issue(lambda: ANN, known="of a server before") != "of a server before"


def test_of_too_many_tickets_closed_pages_lose_theirs_first_then_the_oldest(monkeypatch):
    monkeypatch.setattr(tickets, "MAX_TICKETS", 3)
    oldest, closed, newer = (tickets.issue(lambda who=who: who) for who in (ANN, None, ANN))
    tickets.issue(lambda: ANN)
    assert list(tickets._tickets)[:2] == [oldest, newer] and closed not in tickets._tickets
    tickets.issue(lambda: ANN)
    assert oldest not in tickets._tickets and len(tickets._tickets) == 3


def test_a_ticket_allows_so_many_requests_a_second_for_each_purpose(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(rates.time, "monotonic", lambda: clock[0])
    ticket = tickets.check({tickets.HEADER: tickets.issue(lambda: ANN)})
    assert [ticket.spend("live", 8, 3) for _ in range(4)] == [True] * 3 + [False]
    assert ticket.spend("record", 10, 3)
    clock[0] += 0.125
    assert [ticket.spend("live", 8, 3) for _ in range(2)] == [True, False]
    clock[0] += 1000
    assert [ticket.spend("live", 8, 3) for _ in range(4)] == [True] * 3 + [False]


def test_in_a_shared_lab_a_ticket_loses_a_role_with_its_code(workspace):
    workspace.mkdir()
    codes = {"student_code": access.hash_code("meow"), "everyone": "audience"}
    text = json.dumps({"format": 1, "shared": True, **codes})
    (workspace / access.FILE).write_text(text)
    visitor = VisitorState("Ann", "student", codes["student_code"])
    assert permissions._identify_visitor("s1", visitor, {}) == ANN
    text = json.dumps({"format": 1, "shared": True, "student_code": access.hash_code("purr")})
    (workspace / access.FILE).write_text(text)
    assert permissions._identify_visitor("s1", visitor, {}).role == "audience"
    signed_in = {"is_logged_in": True, "email": "kim@school.org", "email_verified": True}
    assert permissions._identify_visitor("s1", visitor, signed_in).name == "kim@school.org"


def test_a_rate_counts_for_each_name_and_says_how_long_to_wait(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(rates.time, "monotonic", lambda: clock[0])
    limit = rates.RateLimit()
    assert limit.spend("a", 10, 2, 10) == 0 and limit.spend("b", 10, 2, 10) == 0
    assert limit.spend("a", 4, 2, 10) == 2
    clock[0] += 2
    assert limit.spend("a", 4, 2, 10) == 0
    clock[0] += 60
    assert limit.spend("a", 1000, 2, 10) == 0  # more than ever fits counts as all there is
    monkeypatch.setattr(rates, "MAX_NAMES", 2)
    assert limit.spend("c", 1, 2, 10) == 0 and len(limit._left) == 2
