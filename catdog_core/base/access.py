"""Decide who may do what: roles and quotas, where several people share one lab.

    workspace/access.json    writer: a teacher by hand

Without that file the lab belongs to the one who sits at it, who may do everything. Where it says
``"shared": true``, or `serve --lan` started the server, which says so in ``CATDOG_ACCESS``, each
visitor has a role: a teacher may do everything; a student may start trainings within a quota, and
stop, rename and delete those of their own; the audience looks, moves sliders and asks models.
`check_permission` is the one guard: the functions that start, change or delete call it, so that no
hidden button is what keeps anyone out. It asks `current_visitor` who it is for; pages tell that
through `set_visitor_provider`, while commands and workers, which only who has the machine can
start, are its owner's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field, StrictBool, StrictStr, ValidationError, field_validator, model_validator

from . import bounded_readers, files
from .errors import AccessError, SettingsError
from .field_specs import Settings
from .file_cache import FileCache

FILE = "access.json"
OVERRIDES = "CATDOG_ACCESS"
"""The environment variable with settings, as JSON, that count more than those of the file."""
FORMAT = 1
Role = Literal["teacher", "student", "audience"]
Action = Literal[
    "train",
    "manage run",
    "change data",
    "run a job",
    "keep presets",
    "empty",
    "choose a cluster",
    "manage tokens",
]

_STUDENT_ACTIONS: frozenset[str] = frozenset(
    ("train", "manage run", "change data", "run a job", "keep presets")
)
_ROUNDS = 2**14  # of scrypt: 50 ms and 16 MB a guess
_HASH = re.compile(r"[0-9a-f]{32}:[0-9a-f]{128}")
_LONGEST_CODE = 100
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and signs that look like spaces
_LONGEST_ADDRESS = 254
_DOMAIN = re.compile(r"(?!-)[a-z0-9*-]+(?:\.[a-z0-9*-]+)*")
_CLOCK_SKEW = 300.0
"""Seconds that the clocks of a provider and of this machine may differ."""


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
    kept as `hash_code` makes them. `teachers` and `students` are e-mail addresses of those who sign
    in: * stands for any part of a name, or of one label of a domain. Only addresses a provider says
    it has verified count. `trust_unverified_addresses` is for a provider that never says so:
    anyone who can open an account there under any address then has the role of that address. A
    sign-in counts for `sign_in_hours`. Datasets may be opened within `roots`, and elsewhere within
    `urls`, such as "s3://bucket/photos". A student may have `runs_each`
    runs, of which `waiting_each` train or wait at once, and which take `megabytes_each` on the
    disk.
    """

    format: int = Field(default=FORMAT, ge=1, le=FORMAT)
    shared: StrictBool = False
    everyone: Role = "audience"
    teacher_code: StrictStr = ""
    student_code: StrictStr = ""
    teachers: tuple[StrictStr, ...] = ()
    students: tuple[StrictStr, ...] = ()
    trust_unverified_addresses: StrictBool = False
    sign_in_hours: float = Field(default=12, gt=0, le=24 * 30)
    roots: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    runs_each: int = Field(default=10, ge=1)
    waiting_each: int = Field(default=2, ge=1)
    megabytes_each: int = Field(default=1000, ge=1)

    @field_validator("teacher_code", "student_code")
    @classmethod
    def _check_code(cls, code_hash: str) -> str:
        if code_hash and not _HASH.fullmatch(code_hash):
            raise ValueError("this is no hash of a code, as access.hash_code makes it")
        if code_hash and _matches_hash("", code_hash):
            raise ValueError("this is the hash of an empty code")
        return code_hash

    @field_validator("teachers", "students")
    @classmethod
    def _check_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            if pattern != "*" and _split_address(pattern, "*") is None:
                raise ValueError(f"{files.truncate_for_display(pattern)!r} is no e-mail address")
        return patterns

    @model_validator(mode="after")
    def _check_codes(self) -> Access:
        if self.teacher_code and self.teacher_code == self.student_code:
            raise ValueError("teacher_code and student_code are the same")
        return self


_cache: FileCache[Access] = FileCache(4)
_acting_visitor: ContextVar[Visitor | None] = ContextVar("acting visitor", default=None)
_visitor_provider: Callable[[], Visitor | None] = lambda: None  # noqa: E731 - replaced by pages


def load_access_settings() -> Access:
    """Return the settings of this workspace; a file that changes holds at once.

    Raises:
        SettingsError, CatDogError: the file is damaged, or names what is no setting.
    """
    path, more = files.workspace_folder() / FILE, os.environ.get(OVERRIDES, "")
    return _cache.get((path, more), [path], lambda: _read_access_file(path, more))


def _read_access_file(path: Path, more: str) -> Access:
    settings = (
        files.read_json(path, max_bytes=bounded_readers.SMALL_BYTES)
        if os.path.lexists(path)
        else {}
    )
    overrides = _read_overrides(more) if more else {}
    if isinstance(settings, dict):
        settings = {**settings, **overrides}
    try:
        return Access.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] and first["loc"][0] in overrides:
            raise SettingsError(
                "The environment variable {name} has a wrong '{field}': {reason}. Correct it or "
                "unset it, then restart the lab.",
                name=OVERRIDES,
                field=".".join(map(str, first["loc"])),
                reason=first["msg"],
            ) from error
        raise SettingsError(
            "{origin} has a wrong '{name}': {reason}. Correct it (settings: {names}), or delete "
            "the file to use the lab alone.",
            origin=FILE,
            name=".".join(map(str, first["loc"])) or "all of it",
            reason=first["msg"],
            names=", ".join(Access.model_fields),
        ) from error


def _read_overrides(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise SettingsError(
            "The environment variable {name} isn't a JSON object. Correct it or unset it, then "
            "restart the lab.",
            name=OVERRIDES,
        )
    return value


@contextmanager
def act_as(visitor: Visitor | None) -> Iterator[None]:
    """Work for a visitor within the block: in a request that no page's session makes.

    Threads that the block starts with `contextvars.copy_context` or `asyncio.to_thread` work for
    the same visitor. None changes nothing.
    """
    token = _acting_visitor.set(visitor)
    try:
        yield
    finally:
        _acting_visitor.reset(token)


def set_visitor_provider(who: Callable[[], Visitor | None]) -> None:
    """Let a function tell who the present thread works for; None means the owner."""
    global _visitor_provider
    _visitor_provider = who


def current_visitor() -> Visitor:
    """Return who the present thread works for."""
    return _acting_visitor.get() or _visitor_provider() or OWNER


def is_own(owner: str) -> bool:
    """Tell whether a run with this owner is the visitor's; all are where nobody shares the lab."""
    return not load_access_settings().shared or owner == current_visitor().name


def is_allowed(action: Action, owner: str | None = None) -> bool:
    """Tell whether the visitor may do something.

    Args:
        action: what.
        owner: of the run it is done to, where it is done to one.
    """
    if not load_access_settings().shared:
        return True
    who = current_visitor()
    if who.role == "teacher":
        return True
    is_owner = owner is None or (bool(who.name) and owner == who.name)
    return who.role == "student" and action in _STUDENT_ACTIONS and is_owner


def check_permission(action: Action, owner: str | None = None) -> None:
    """Refuse whatever starts, changes or deletes something unless the visitor may do it.

    Raises:
        AccessError: the visitor may not do it; with what they may, and who could.
    """
    if is_allowed(action, owner):
        return
    if current_visitor().role == "audience":
        settings = load_access_settings()
        if settings.teachers or settings.students:
            raise AccessError(
                "View only. You can look, move sliders and use models, but not start, change or"
                " delete anything. To do more, enter the student code or sign in."
            )
        raise AccessError(
            "View only. You can look, move sliders and use models, but not start, change or"
            " delete anything. To do more, enter the student code."
        )
    if owner == "":
        raise AccessError(
            "This run belongs to the teacher. You can only stop, change and delete your own runs, "
            "so ask your teacher."
        )
    if owner is not None:
        raise AccessError(
            "This run belongs to {owner}. You can only stop, change and delete your own runs, so "
            "ask your teacher.",
            owner=owner,
        )
    raise AccessError("Only a teacher can do this. Ask your teacher.")


def check_quota(listing: Callable[[], Iterable[HasOwner]], more: int = 0, wanted: int = 1) -> None:
    """Refuse more runs of a student who has as many as are allowed.

    Args:
        listing: gives the runs there are; not asked where there is no quota.
        more: bytes the new run will take, where they are known.
        wanted: how many runs are to be made.

    Raises:
        AccessError: a student has as many as are allowed.
    """
    check_permission("train")
    who, limits = current_visitor(), load_access_settings()
    if not limits.shared or who.role == "teacher":
        return
    own_runs = [run for run in listing() if run.owner == who.name]
    waiting = sum(run.is_active for run in own_runs)
    if waiting >= limits.waiting_each:
        raise AccessError(
            "{n} of your runs are training or waiting, and the limit is {most}. Wait until one "
            "finishes, or stop one.",
            n=waiting,
            most=limits.waiting_each,
        )
    if len(own_runs) >= limits.runs_each:
        raise AccessError(
            "You have {n} of {most} runs. Delete one you no longer need.",
            n=len(own_runs),
            most=limits.runs_each,
        )
    if len(own_runs) + wanted > limits.runs_each:
        raise AccessError(
            "This takes {wanted} runs, and you have {n} of {most}. Choose fewer, or delete some.",
            wanted=wanted,
            n=len(own_runs),
            most=limits.runs_each,
        )
    taken = sum(files.disk_usage(run.folder) for run in own_runs) / 1e6
    if more and taken + more / 1e6 > limits.megabytes_each:
        raise AccessError(
            "This run takes {more:,.0f} MB, and your runs use {n:,.0f} of {most:,} MB. Delete one "
            "you no longer need, then try again.",
            more=more / 1e6,
            n=taken,
            most=limits.megabytes_each,
        )
    if taken >= limits.megabytes_each:
        raise AccessError(
            "Your runs use {n:,.0f} of {most:,} MB. Delete one you no longer need.",
            n=taken,
            most=limits.megabytes_each,
        )


def max_parallel_runs(wanted: int | None) -> int | None:
    """Return how many runs of one sweep may train at once: a student's quota holds for them, too.

    Args:
        wanted: how many are asked for, None for as many as there is room for.
    """
    limits = load_access_settings()
    if not limits.shared or current_visitor().role == "teacher":
        return wanted
    return min(wanted or limits.waiting_each, limits.waiting_each)


def hash_code(code: str) -> str:
    """Return a code as access.json keeps it: a salt and a scrypt hash (RFC 7914).

    Raises:
        SettingsError: the code is blank, or nobody could type it.
    """
    if is_blank(code) or len(code) > _LONGEST_CODE or not code.isprintable():
        raise SettingsError(
            "The code is blank or has characters you can't type. Choose up to {most} letters and "
            "digits.",
            most=_LONGEST_CODE,
        )
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_scrypt(code, salt).hex()}"


def is_blank(code: str) -> bool:
    """Tell whether a code shows nothing: spaces, controls, marks without a letter."""
    return not any(unicodedata.category(each)[0] in "LNPS" for each in code if each not in _FILLERS)


def check_codes(teacher: str, student: str) -> None:
    """Check that two codes can be told apart, as they are typed: case and spaces do not count.

    Raises:
        SettingsError: they are the same.
    """
    if _normalize_code(teacher) == _normalize_code(student):
        raise SettingsError(
            "The teacher code and the student code are the same. Choose two different codes."
        )


def _normalize_code(code: str) -> str:
    return "".join(unicodedata.normalize("NFKC", code).casefold().split())


def role_by_code(code: str) -> Role | None:
    """Return the role a code gives, None for a wrong one. Takes 50 ms a code, right or wrong.

    Raises:
        SettingsError: it is the code of two roles, so it gives none.
    """
    if is_blank(code) or len(code) > _LONGEST_CODE:
        return None
    known: tuple[tuple[Role, str], ...] = (
        ("teacher", load_access_settings().teacher_code),
        ("student", load_access_settings().student_code),
    )
    roles: list[Role] = [
        role for role, code_hash in known if code_hash and _matches_hash(code, code_hash)
    ]
    if len(roles) > 1:
        raise SettingsError(
            "The teacher code and the student code are the same. Choose two different codes."
        )
    return roles[0] if roles else None


def get_code_hash(role: Role) -> str:
    """Return what access.json keeps of a role's code now; empty where the role has none."""
    return {
        "teacher": load_access_settings().teacher_code,
        "student": load_access_settings().student_code,
    }.get(role, "")


def verified_address(claims: Mapping[str, Any], now: float | None = None) -> str:
    """Return the e-mail address of somebody who signed in, where it may give a role.

    Args:
        claims: what the identity provider says, and `is_logged_in`.
        now: seconds since 1970; by default the present.

    Returns:
        The address as the provider writes it; empty where nobody signed in.

    Raises:
        AccessError: nothing vouches for the address, or the sign-in is too old.
    """
    if claims.get("is_logged_in") is not True:
        return ""
    address = claims.get("email")
    if not isinstance(address, str) or _split_address(address) is None:
        raise AccessError(
            "Your sign-in has no email address the lab can use, so you have no role. Ask your "
            "teacher for the student code."
        )
    trusted = "email_verified" not in claims and load_access_settings().trust_unverified_addresses
    if claims.get("email_verified") is not True and not trusted:
        raise AccessError(
            "Your identity provider doesn't confirm your email address, so you have no role. Ask "
            "your teacher for the student code."
        )
    if "iat" in claims and not _is_recent(claims["iat"], time.time() if now is None else now):
        raise AccessError(
            "Your sign-in has expired, so you have no role. Sign out, then sign in again."
        )
    return address


def _is_recent(issued: Any, now: float) -> bool:
    if isinstance(issued, bool) or not isinstance(issued, (int, float)):
        return False
    return -_CLOCK_SKEW <= now - issued <= load_access_settings().sign_in_hours * 3600 + _CLOCK_SKEW


def role_by_email(email: str) -> Role:
    """Return the role of somebody who signed in with a verified address."""
    lists: tuple[tuple[Role, tuple[str, ...]], ...] = (
        ("teacher", load_access_settings().teachers),
        ("student", load_access_settings().students),
    )
    for role, patterns in lists:
        if any(matches_address(email, pattern) for pattern in patterns):
            return role
    return load_access_settings().everyone


def matches_address(email: str, pattern: str) -> bool:
    """Tell whether an e-mail address is one of a pattern's; case does not count.

    Args:
        email: a single address.
        pattern: an address in which * stands for any part of the name before @, or of one label
            of the domain. A domain of * alone is any, and * alone any address.
    """
    address = _split_address(email)
    wanted = ("*", "*") if pattern == "*" else _split_address(pattern, "*")
    if address is None or wanted is None:
        return False
    names = (
        _wildcard_regex("@", wanted[0]),
        _wildcard_regex("@" if wanted[1] == "*" else "@.", wanted[1]),
    )
    return all(re.fullmatch(*each) for each in zip(names, address, strict=True))


def _wildcard_regex(borders: str, pattern: str) -> str:
    return f"[^{borders}]*".join(map(re.escape, re.split(r"\*+", pattern)))


def _split_address(text: str, more: str = "") -> tuple[str, str] | None:
    """The name and the domain of an e-mail address, in one spelling; None for what is none.

    Refused is what looks like another address: two @, spaces, control characters, letters that
    Unicode counts as variants of others (a Kelvin sign for a k), and domains of such letters. A
    domain in other scripts becomes its ASCII form, in which look-alikes differ.

    Args:
        text: the address.
        more: characters a domain may hold besides letters, digits, dots and dashes.
    """
    name, sign, domain = text.partition("@")
    plain = text.isprintable() and not re.search(r"\s", text) and "@" not in domain
    if not (name and sign and plain and len(text) <= _LONGEST_ADDRESS):
        return None
    if unicodedata.normalize("NFKC", text) != text:
        return None
    labels = [_ascii_label(label) for label in domain.split(".")]
    full_domain = ".".join(label or "" for label in labels)
    if (
        not all(labels)
        or not _DOMAIN.fullmatch(full_domain)
        or ("*" in full_domain and "*" not in more)
    ):
        return None
    return _lower_ascii(name), full_domain


def _ascii_label(label: str) -> str | None:
    """A label of a domain in ASCII; None where that would be another word than it looks like."""
    if label.isascii():
        return label.lower()
    try:
        code = label.encode("idna").decode()
    except UnicodeError:
        return None
    return code.lower() if code.startswith("xn--") else None


def _lower_ascii(name: str) -> str:
    """Only ASCII letters become small: `str.lower` turns others into ASCII ones."""
    return "".join(each.lower() if each.isascii() else each for each in name)


def _matches_hash(code: str, code_hash: str) -> bool:
    try:
        salt, known = (bytes.fromhex(part) for part in code_hash.split(":"))
    except ValueError:
        return False
    return hmac.compare_digest(_scrypt(code, salt), known)


def _scrypt(code: str, salt: bytes) -> bytes:
    return hashlib.scrypt(code.strip().encode(), salt=salt, n=_ROUNDS, r=8, p=1)
