"""Tickets: what lets a page's script in the browser use a route, as the visitor of the page.

A page issues a ticket for its session and hands it to its script, which sends it in the header
`HEADER` with each request. Other sites cannot: they neither know it nor may they send the header.
A ticket says nothing by itself. The route asks who it stands for now, so that a code taken back
or a closed page counts at once.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..base.access import Visitor
from ..base.errors import AccessError
from .rates import RateLimit

HEADER = "X-CatDog-Ticket"
MAX_TICKETS = 1000
"""Tickets there are at most, which is one for each session; the oldest ends first."""

WhoAsks = Callable[[], Visitor | None]
"""Tells who a session belongs to now; None once the session is closed."""


@dataclass
class Ticket:
    """A session's right to use routes; `who` tells for whom."""

    token: str
    who: WhoAsks
    _rates: RateLimit = field(default_factory=RateLimit, repr=False)

    @property
    def is_alive(self) -> bool:
        """Whether the session is still open."""
        return self.who() is not None

    def visitor(self) -> Visitor:
        """Return who the session belongs to now.

        Raises:
            AccessError: the session is closed.
        """
        who = self.who()
        if who is None:
            raise _closed_page()
        return who

    def spend(self, purpose: str, per_second: float, burst: float) -> bool:
        """Count one request, and return whether it keeps the rate: a token bucket.

        Args:
            purpose: what the request is for; each purpose has a rate of its own.
            per_second: requests a second in the long run.
            burst: requests that may come at once.
        """
        return not self._rates.spend(purpose, 1, per_second, burst)


_tickets: dict[str, Ticket] = {}
_lock = threading.Lock()


def issue(who: WhoAsks, known: str = "") -> str:
    """Return a ticket's token for a session.

    Args:
        who: tells who the session belongs to.
        known: the token the session had before; it stays the same while the ticket is there.
    """
    with _lock:
        if known in _tickets:
            _tickets[known].who = who
            return known
        if len(_tickets) >= MAX_TICKETS:
            for token in [token for token, each in _tickets.items() if not each.is_alive]:
                del _tickets[token]
        while len(_tickets) >= MAX_TICKETS:
            del _tickets[next(iter(_tickets))]
        token = secrets.token_urlsafe(32)
        _tickets[token] = Ticket(token, who)
        return token


def check(headers: Mapping[str, str]) -> Ticket:
    """Return the ticket a request brings, of a session that is open.

    Args:
        headers: of the request; Starlette's find a name in any case.

    Raises:
        AccessError: there is none, or its session is closed.
    """
    with _lock:
        ticket = _tickets.get(headers.get(HEADER, ""))
    if ticket is None or not ticket.is_alive:
        raise _closed_page()
    return ticket


def _closed_page() -> AccessError:
    return AccessError("The page that sent this request is closed or too old. Reload the page.")
