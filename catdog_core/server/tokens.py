"""Tokens: what lets a program use the API from another machine, or where a lab is shared.

    workspace/tokens.json    writer: the commands `token add` and `token revoke`

A token is random, 256 bits, and shown once. Only its SHA-256 is kept: nobody can guess so many
bits, so a slow hash, which every request would wait for, protects no better.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time

from pydantic import Field, ValidationError

from ..base import access, bounded_readers, files, locks
from ..base.access import Role, Visitor
from ..base.errors import CatDogError, SettingsError
from ..base.field_specs import Settings
from ..base.file_cache import FileCache

log = logging.getLogger("catdog")

FILE = "tokens.json"
FORMAT = 1
PREFIX = "catdog_"
"""What each token begins with, so that people and programs that look for secrets know it."""
_BYTES = 32
_LONGEST_NAME = 40
_MOST = 1000


class Token(Settings):
    """What is kept of a token: its name and role, when it was made (unix time), and its hash."""

    name: str = Field(min_length=1, max_length=_LONGEST_NAME)
    role: Role
    created: float
    sha256: str = Field(pattern=r"[0-9a-f]{64}")


class _File(Settings):
    format: int = Field(default=FORMAT, ge=1, le=FORMAT)
    tokens: tuple[Token, ...] = Field(default=(), max_length=_MOST)


_cache: FileCache[_File] = FileCache(4)


def list_tokens() -> tuple[Token, ...]:
    """Return the tokens there are, the oldest first.

    Raises:
        CatDogError: the file is damaged.
    """
    path = files.workspace_folder() / FILE
    return _cache.get(path, [path], _read).tokens


def _read() -> _File:
    path = files.workspace_folder() / FILE
    if not path.exists():
        return _File()
    try:
        content = files.read_json(path, FORMAT, max_bytes=bounded_readers.SMALL_BYTES)
        return _File.model_validate(content)
    except ValidationError as error:
        raise SettingsError(
            "{file} is damaged, so no token is valid. Restore it from a copy, or delete it and"
            " create new tokens.",
            file=FILE,
        ) from error


def add_token(name: str, role: Role) -> str:
    """Make a token and return it, for the one time it can be seen.

    Args:
        name: what it is for; no other token has it.
        role: what who has it may do in a shared lab.

    Raises:
        AccessError: the visitor may not do so.
        SettingsError: the name is blank, too long or taken.
        CatDogError: the file is damaged, or cannot be written.
    """
    access.check_permission("manage tokens")
    name = name.strip()
    if access.is_blank(name) or len(name) > _LONGEST_NAME or not name.isprintable():
        raise SettingsError(
            "The name of a token is blank or too long. Use up to {most} letters and digits.",
            most=_LONGEST_NAME,
        )
    path = files.workspace_folder() / FILE
    with locks.hold_path_lock(path):
        known = _read()
        if any(each.name.casefold() == name.casefold() for each in known.tokens):
            raise SettingsError(
                "There's already a token '{name}'. Choose another name, or revoke it first.",
                name=name,
            )
        if len(known.tokens) == _MOST:
            raise SettingsError(
                "You already have {most:,} tokens, the most allowed. Revoke one you no longer"
                " need.",
                most=_MOST,
            )
        secret = PREFIX + secrets.token_urlsafe(_BYTES)
        token = Token(name=name, role=role, created=time.time(), sha256=_hash(secret))
        _write((*known.tokens, token))
    return secret


def revoke_token(name: str) -> None:
    """Take a token back: it counts for nothing from now on.

    Raises:
        AccessError: the visitor may not do so.
        SettingsError: there is none of the name.
        CatDogError: the file is damaged, or cannot be written.
    """
    access.check_permission("manage tokens")
    path = files.workspace_folder() / FILE
    with locks.hold_path_lock(path):
        known = _read().tokens
        left = tuple(each for each in known if each.name.casefold() != name.strip().casefold())
        if len(left) == len(known):
            raise SettingsError(
                "There's no token '{name}'. Use a name that 'token list' shows.",
                name=files.truncate_for_display(name),
            )
        _write(left)


def find_visitor(secret: str) -> Visitor | None:
    """Return who has a token: its name and role; None for one that is wrong or was revoked.

    All tokens are compared, in constant time. Of a damaged file none counts, which the log tells.
    """
    try:
        known = list_tokens()
    except CatDogError as error:
        log.error("%s", error)
        return None
    presented, found = _hash(secret), None
    for each in known:
        if hmac.compare_digest(presented, each.sha256):
            found = Visitor(each.name, each.role)
    return found


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _write(tokens: tuple[Token, ...]) -> None:
    files.write_json(files.workspace_folder() / FILE, _File(tokens=tokens).model_dump(mode="json"))
