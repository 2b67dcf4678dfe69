"""Confine which folders a page may open, and which URLs one may import from.

Commands are not confined: who has the command line may read what the system lets them read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..base import access, files
from ..base.errors import DatasetError
from . import url_import
from .root_settings import ROOTS_VARIABLE, allowed_roots

__all__ = [
    "ROOTS_VARIABLE",
    "URLS_VARIABLE",
    "allowed_roots",
    "allowed_urls",
    "confine_path",
    "confine_url",
    "is_allowed_url",
    "resolve_roots_variable",
]

URLS_VARIABLE = "CATDOG_URLS"
_OBJECT_STORES = ("s3", "gs", "gcs", "az", "abfs", "memory")
"""Protocols of which a server of one's own may import from any URL: they reach object stores, while
others reach whatever listens in the network the server is in."""


def resolve_roots_variable() -> None:
    """Give ``CATDOG_ROOTS`` absolute paths, when a process starts: a relative one counts from the
    folder it was started in, also for every process started from here."""
    named = os.environ.get(ROOTS_VARIABLE)
    if named:
        roots = [Path(root).expanduser() for root in named.split(os.pathsep) if root.strip()]
        os.environ[ROOTS_VARIABLE] = os.pathsep.join(str(root.absolute()) for root in roots)


def confine_path(path: Path) -> Path:
    """Return the true path of a place typed into a page, if it lies where it may.

    Args:
        path: of a folder or file; links in it are followed before it is judged.

    Returns:
        The true place, which is what must be opened: a link may lead elsewhere a moment later.

    Raises:
        DatasetError: it, or a link within it, leads out of the allowed folders. It tells nothing
            of what is there.
    """
    allowed = allowed_roots()
    if allowed is None:
        return path
    resolved = path.expanduser().resolve()
    if _is_within_any(resolved, allowed):
        _refuse_links_out(resolved, allowed)
        return resolved
    if not allowed:
        raise DatasetError(
            "You can't open {folder} or any other folder here. Import a zip, or ask your teacher.",
            folder=files.truncate_for_display(str(path)),
        )
    raise DatasetError(
        "You can't open {folder} here. Choose a folder in {allowed}, or import a zip.",
        folder=files.truncate_for_display(str(path)),
        allowed=", ".join(map(str, allowed)),
    )


def allowed_urls() -> list[str] | None:
    """Return the URLs a person may import from; None where any of an object store may be.

    ``CATDOG_URLS`` names them, with spaces between; else access.json does. Where neither says
    anything, a shared lab, or one that is confined to folders, imports from none.
    """
    named = os.environ.get(URLS_VARIABLE, "").split() or list(access.load_access_settings().urls)
    if named or allowed_roots() is not None:
        return [url_import.normalize_url(each) for each in named]
    return None


def confine_url(url: str) -> str:
    """Return the plain form of a URL typed into a page, if photos may be imported from there.

    Raises:
        DatasetError: it is no URL, or not within those that are allowed.
    """
    url = url_import.normalize_url(url)
    protocol, _, rest = url.partition("://")
    if protocol == "file":
        return f"file://{confine_path(Path(rest))}"
    allowed = allowed_urls()
    if allowed is None and protocol in _OBJECT_STORES:
        return url
    if any(url == each or url.startswith(f"{each}/") for each in allowed or ()):
        return url
    shown = files.truncate_for_display(url, 200)
    if not allowed:
        raise DatasetError(
            "You can't open {url} here. Ask whoever runs the lab to add it to CATDOG_URLS or "
            "access.json.",
            url=shown,
        )
    raise DatasetError(
        "You can't open {url} here. Choose a place in {allowed}, or ask whoever runs the lab to "
        "add it to CATDOG_URLS or access.json.",
        url=shown,
        allowed=", ".join(allowed),
    )


def is_allowed_url(url: str) -> bool:
    """Tell whether `confine_url` lets a page import from a URL."""
    try:
        confine_url(url)
    except DatasetError:
        return False
    return True


def _refuse_links_out(folder: Path, allowed: list[Path]) -> None:
    """Name the links of a folder that lead out of those allowed, and nothing of where they lead."""
    out = [link for link in _iter_links(folder) if not _is_within_any(link.resolve(), allowed)]
    if out:
        names = ", ".join(link.relative_to(folder).as_posix() for link in sorted(out)[:3])
        raise DatasetError(
            "You can't open {folder} here, since {n} links lead out of the allowed folders: "
            "{names}. Remove them, or have their targets added to CATDOG_ROOTS or access.json.",
            folder=files.truncate_for_display(str(folder)),
            n=len(out),
            names=files.truncate_for_display(names, 200),
        )


def _iter_links(folder: Path) -> Iterator[Path]:
    """The links within a folder."""
    for parent, folders, names in os.walk(folder):  # which follows none
        for name in (*folders, *names):
            path = Path(parent, name)
            if path.is_symlink():
                yield path


def _is_within_any(path: Path, allowed: list[Path]) -> bool:
    return any(path == root or root in path.parents for root in allowed)
