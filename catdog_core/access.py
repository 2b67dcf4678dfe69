"""Who may do what: roles and quotas, where several people share one lab.

    workspace/access.json    writer: a teacher by hand

Without that file the lab belongs to the one who sits at it, who may do everything. Where it says
``"shared": true``, or `serve --lan` started the server, which says so in ``CATDOG_ACCESS``, each
visitor has a role: a teacher may do everything; a student may start trainings within a quota, and
stop, rename and delete those of their own; the audience looks, moves sliders and asks models.
`check` is the one guard: the rooms that start, change or delete call it, so that no hidden button
is what keeps anyone out. It asks `visitor` who it is for; pages tell that through `ask_of`, while
commands and workers, which only who has the machine can start, are its owner's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal, Protocol

from pydantic import Field, ValidationError

from . import files
from .errors import AccessError, SettingsError
from .fields import Settings
from .recall import Recall

FILE = "access.json"
OVERRIDES = "CATDOG_ACCESS"
"""The environment variable with settings, as JSON, that count more than those of the file."""
FORMAT = 1
Role = Literal["teacher", "student", "audience"]
Action = Literal[
    "train", "manage run", "change data", "run a job", "keep presets", "empty", "choose a cluster"
]

_STUDENTS: frozenset[str] = frozenset(
    ("train", "manage run", "change data", "run a job", "keep presets")
)
_ROUNDS = 2**14  # of scrypt: 50 ms and 16 MB a guess


@dataclass(frozen=True)
class Visitor:
    """Who does something: the name shown in the queue, empty for the owner, and the role."""

    name: str
    role: Role


class HasOwner(Protocol):
    """What the quota needs to know of a run."""

    @property
    def owner(self) -> str: ...
    @property
    def is_active(self) -> bool: ...
    @property
    def folder(self) -> Path: ...


OWNER = Visitor("", "teacher")
"""Who sits at the machine, or has its command line."""


class Access(Settings):
    """The settings in access.json.

    `everyone` is the role of a visitor who told nothing. Who knows a code has its role; codes are
    kept as `hashed` makes them. `teachers` and `students` are e-mail addresses of those who sign
    in, with * for any part. Datasets may be opened within `roots`, and elsewhere within
    `urls`, such as "s3://bucket/photos". A student may have `runs_each`
    runs, of which `waiting_each` train or wait at once, and which take `megabytes_each` on the
    disk.
    """

    format: int = Field(default=FORMAT, ge=1, le=FORMAT)
    shared: bool = False
    everyone: Role = "audience"
    teacher_code: str = ""
    student_code: str = ""
    teachers: tuple[str, ...] = ()
    students: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    runs_each: int = Field(default=10, ge=1)
    waiting_each: int = Field(default=2, ge=1)
    megabytes_each: int = Field(default=1000, ge=1)


_recall: Recall[Access] = Recall(4)
_ask: Callable[[], Visitor | None] = lambda: None  # noqa: E731 - replaced by pages


def settings() -> Access:
    """The settings of this workspace; a file that changes holds at once.

    Raises:
        SettingsError, CatDogError: the file is damaged, or names what is no setting.
    """
    path, more = files.workspace() / FILE, os.environ.get(OVERRIDES, "")
    return _recall.get((path, more), [path], lambda: _read(path, more))


def _read(path: Path, more: str) -> Access:
    told = files.read_json(path) if os.path.lexists(path) else {}
    if more and isinstance(told, dict):
        told = {**told, **json.loads(more)}
    try:
        return Access.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(
            "{origin}: '{name}' is wrong: {reason}. Expected some of {names}. Mend the file, or"
            " delete it to have the lab for yourself.",
            origin=FILE,
            name=".".join(map(str, first["loc"])) or "all of it",
            reason=first["msg"],
            names=", ".join(Access.model_fields),
        ) from error


def ask_of(who: Callable[[], Visitor | None]) -> None:
    """Let a function tell who the present thread works for; None means the owner."""
    global _ask
    _ask = who


def visitor() -> Visitor:
    """Who the present thread works for."""
    return _ask() or OWNER


def may(action: Action, owner: str | None = None) -> bool:
    """Whether the visitor may do something.

    Args:
        action: what.
        owner: of the run it is done to, where it is done to one.
    """
    if not settings().shared:
        return True
    who = visitor()
    if who.role == "teacher":
        return True
    mine = owner is None or (bool(who.name) and owner == who.name)
    return who.role == "student" and action in _STUDENTS and mine


def check(action: Action, owner: str | None = None) -> None:
    """The guard before whatever starts, changes or deletes something.

    Raises:
        AccessError: the visitor may not do it; with what they may, and who could.
    """
    if may(action, owner):
        return
    if visitor().role == "audience":
        raise AccessError(
            "You are here as the audience: you may look, move sliders and ask models, but not"
            " start, change or delete anything. Give the class code, or sign in, to do more."
        )
    if owner == "":
        raise AccessError(
            "This run belongs to the teacher. You may stop, change and delete your own ones."
        )
    if owner is not None:
        raise AccessError(
            "This run belongs to {owner}. You may stop, change and delete your own ones. Ask the"
            " teacher.",
            owner=owner,
        )
    raise AccessError("Only a teacher may do this.")


def check_quota(listing: Callable[[], Iterable[HasOwner]]) -> None:
    """The guard before one more run.

    Args:
        listing: gives the runs there are; not asked where there is no quota.

    Raises:
        AccessError: a student has as many as are allowed.
    """
    check("train")
    who, limits = visitor(), settings()
    if not limits.shared or who.role == "teacher":
        return
    mine = [run for run in listing() if run.owner == who.name]
    waiting = sum(run.is_active for run in mine)
    if waiting >= limits.waiting_each:
        raise AccessError(
            "{n} of your runs train or wait already. Expected at most {most} at once. Wait until"
            " one ends, or stop it.",
            n=waiting,
            most=limits.waiting_each,
        )
    if len(mine) >= limits.runs_each:
        raise AccessError(
            "You have {n} runs already. Expected at most {most} each. Delete one you need no more.",
            n=len(mine),
            most=limits.runs_each,
        )
    taken = sum(files.size(run.folder) for run in mine) / 1e6
    if taken >= limits.megabytes_each:
        raise AccessError(
            "Your runs take {n:,.0f} MB. Expected at most {most:,} MB each. Delete one you need no"
            " more.",
            n=taken,
            most=limits.megabytes_each,
        )


def most_at_once(wanted: int | None) -> int | None:
    """How many runs of one sweep may train at once: a student's quota holds for them, too.

    Args:
        wanted: how many are asked for, None for as many as there is room for.
    """
    limits = settings()
    if not limits.shared or visitor().role == "teacher":
        return wanted
    return min(wanted or limits.waiting_each, limits.waiting_each)


def hashed(code: str) -> str:
    """A code as access.json keeps it: salt and scrypt hash, from which it cannot be told."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_scrypt(code, salt).hex()}"


def role_by_code(code: str) -> Role | None:
    """The role a code gives, None for a wrong one. Takes 50 ms a code, right or wrong."""
    known: tuple[tuple[Role, str], ...] = (
        ("teacher", settings().teacher_code),
        ("student", settings().student_code),
    )
    found: list[Role] = [role for role, kept in known if kept and _matches(code, kept)]
    return found[0] if found else None


def role_by_email(email: str) -> Role:
    """The role of somebody who signed in."""
    lists: tuple[tuple[Role, tuple[str, ...]], ...] = (
        ("teacher", settings().teachers),
        ("student", settings().students),
    )
    for role, patterns in lists:
        if any(fnmatch(email.lower(), pattern.lower()) for pattern in patterns):
            return role
    return settings().everyone


def _matches(code: str, kept: str) -> bool:
    try:
        salt, known = (bytes.fromhex(part) for part in kept.split(":"))
    except ValueError:
        return False
    return hmac.compare_digest(_scrypt(code, salt), known)


def _scrypt(code: str, salt: bytes) -> bytes:
    return hashlib.scrypt(code.strip().encode(), salt=salt, n=_ROUNDS, r=8, p=1)
