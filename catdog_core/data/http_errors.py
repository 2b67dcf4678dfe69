"""Explain in words what goes wrong between here and a server; open URLs, also by a proxy."""

from __future__ import annotations

import errno
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPMessage
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.parse import urlsplit

from ..base import files
from ..base.errors import DownloadError

_OFFLINE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections, but never from https to what others on the way could change."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise DownloadError(
                "{url} leads to {other}, which isn't encrypted (https). The network might be "
                "changing responses, so try another network.",
                url=req.full_url,
                other=files.truncate_for_display(newurl),
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def make_url_opener() -> urllib.request.OpenerDirector:
    """Make an opener that goes by the environment's proxy and verifies certificates."""
    context = ssl.create_default_context()
    return urllib.request.build_opener(
        urllib.request.ProxyHandler(), urllib.request.HTTPSHandler(context=context), _Redirects()
    )


@contextmanager
def wrap_disk_errors(folder: Path) -> Iterator[None]:
    """Tell a mistake of the disk from one of the network, which is an OSError as well."""
    try:
        yield
    except OSError as error:
        raise DownloadError(
            "The download couldn't be saved to {folder}: {reason}. Free some disk space, or move "
            "the workspace with CATDOG_WORKSPACE, then try again to resume.",
            folder=folder,
            reason=error.strerror or str(error),
        ) from error


def is_transient_error(error: Exception) -> bool:
    """Tell whether another try in a second may do better, before anything has come."""
    cause = _root_cause(error)
    return not isinstance(cause, ssl.SSLCertVerificationError | socket.gaierror) and (
        not isinstance(cause, ConnectionRefusedError)
        and getattr(cause, "errno", None) not in _OFFLINE
        and "Tunnel connection failed" not in str(cause)
    )


def connection_error(url: str, error: Exception) -> DownloadError:
    """Return the error that says why there is no connection, or no longer."""
    cause, host, proxy = _root_cause(error), urlsplit(url).hostname or url, _proxy_for(url)
    values = {"host": host, "reason": _describe_cause(cause)}
    if isinstance(cause, ssl.SSLCertVerificationError):
        return DownloadError(
            "The certificate of {host} can't be verified ({reason}), so nothing was downloaded. "
            "Check the computer's date, and set SSL_CERT_FILE if a proxy inspects encrypted "
            "traffic.",
            **values,
        )
    if "Tunnel connection failed: 407" in str(cause):
        return _proxy_password_error(proxy)
    if proxy:
        return DownloadError(
            "The proxy {proxy} couldn't connect to {host}: {reason}. Check HTTPS_PROXY and "
            "HTTP_PROXY, or create the demo dataset, which needs no network.",
            proxy=proxy,
            **values,
        )
    if isinstance(cause, TimeoutError):
        return slow_error(url)
    return DownloadError(
        "Can't connect to {host} ({reason}). Check the network, set HTTPS_PROXY behind a proxy, "
        "or use the demo dataset, which needs no network.",
        **values,
    )


def status_error(url: str, code: int) -> DownloadError:
    """Return the error that says what a server's refusal means."""
    if code == 407:
        return _proxy_password_error(_proxy_for(url))
    if code in (404, 410):
        return DownloadError(
            "{url} no longer exists (status {code}). Look for a newer version of CatDog Lab, or "
            "add the photos as a zip or folder.",
            url=url,
            code=code,
        )
    if code >= 500 or code == 429:
        return DownloadError(
            "{host} is busy or unavailable (status {code}). Try again later to resume.",
            host=urlsplit(url).hostname,
            code=code,
        )
    return DownloadError(
        "{host} refused to send the file (status {code}). Ask whoever runs your proxy or filter, "
        "or add the photos as a zip or folder.",
        host=urlsplit(url).hostname,
        code=code,
    )


def slow_error(url: str) -> DownloadError:
    """Return the error of a server that sends nothing, or next to nothing."""
    return DownloadError(
        "{host} has sent almost nothing for a while. Try again to resume, or create the demo "
        "dataset, which needs no network.",
        host=urlsplit(url).hostname,
    )


def changed_error(url: str) -> DownloadError:
    """Return the error of a file that is another one than at the start."""
    return DownloadError("{url} changed during the download. Try again.", url=url)


def cut_short_error(url: str, have: int, total: int) -> DownloadError:
    """Return the error of a connection that ended early."""
    return DownloadError(
        "The connection to {host} broke after {have:,} of {total:,} bytes. Try again to resume "
        "from there.",
        host=urlsplit(url).hostname,
        have=have,
        total=total,
    )


def wrong_content_error(url: str, kind: str) -> DownloadError:
    """Return the error of another content, such as the log-in page of a hotel."""
    return DownloadError(
        "{host} sent something other than the file ({kind}). The network might want you to log "
        "in, so open any web page, then try again.",
        host=urlsplit(url).hostname,
        kind=files.truncate_for_display(kind, 40),
    )


def _proxy_password_error(proxy: str) -> DownloadError:
    return DownloadError(
        "The proxy {proxy} needs a name and password. Set HTTPS_PROXY to "
        "http://NAME:PASSWORD@HOST:PORT, then restart the lab.",
        proxy=proxy,
    )


def _root_cause(error: Exception) -> Exception:
    reason = error.reason if isinstance(error, URLError) else error
    return reason if isinstance(reason, Exception) else error


def _describe_cause(cause: Exception) -> str:
    text = getattr(cause, "verify_message", "") or getattr(cause, "strerror", None) or str(cause)
    return files.truncate_for_display(" ".join(str(text).split()) or type(cause).__name__, 120)


def _proxy_for(url: str) -> str:
    """The proxy on the way to an address, without its password; empty where there is none."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    if not proxy or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    return files.truncate_for_display(proxy.rsplit("@", 1)[-1].removeprefix("http://").rstrip("/"))
