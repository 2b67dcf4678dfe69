"""A tiny identity provider on loopback: OpenID Connect by the code flow, for one user at a time."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, PASSWORD = "the-lab", "a secret of lab and provider"


MISSING = object()
"""As `verified`: the provider says nothing of it."""


@dataclass
class Provider:
    """Who signs in next, and what was asked so far."""

    email: str = "ada@school.org"
    verified: Any = True  # the claim, of whatever type
    url: str = ""
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    redirects: list[str] = field(default_factory=list)

    def discovery(self) -> dict[str, Any]:
        """What a client must know."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
        }

    def authorize(self, parameters: dict[str, str]) -> str:
        """The way back to the lab, with a code."""
        code = secrets.token_urlsafe()
        self.codes[code] = parameters
        self.redirects.append(parameters["redirect_uri"])
        answer = {"code": code, "state": parameters["state"]}
        return f"{parameters['redirect_uri']}?{urlencode(answer)}"

    def token(self, parameters: dict[str, str], who: str) -> dict[str, Any] | None:
        """The signed identity for a code; None where secret, code or challenge is wrong."""
        known = self.codes.pop(parameters.get("code", ""), None)
        expected = base64.b64encode(f"{CLIENT}:{PASSWORD}".encode()).decode()
        digest = hashlib.sha256(parameters.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if known is None or who.removeprefix("Basic ") not in (expected, _quoted()):
            return None
        if known.get("code_challenge", challenge) != challenge:
            return None
        now = int(time.time())
        claims = {
            **{"iss": self.url, "aud": CLIENT, "sub": self.email, "nonce": known.get("nonce")},
            **{"iat": now, "exp": now + 300, "name": "Ada"},
            **{"email": self.email, "email_verified": self.verified},
        }
        if self.verified is MISSING:
            del claims["email_verified"]
        identity = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        return {
            "access_token": "x",
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": identity,
        }


def _quoted() -> str:
    """Client and secret as RFC 6749 wants them before base64: form-encoded."""
    from urllib.parse import quote_plus

    return base64.b64encode(f"{quote_plus(CLIENT)}:{quote_plus(PASSWORD)}".encode()).decode()


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A running provider."""
    provider = Provider()
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Bound", (_Handler,), {"provider": provider})
    )
    provider.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def log_message(self, *_: Any) -> None:
        """Silence."""

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        if path.path == "/authorize":
            parameters = {key: values[0] for key, values in parse_qs(path.query).items()}
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(parameters))
            self.end_headers()
        elif path.path == "/.well-known/openid-configuration":
            self._json(self.provider.discovery())
        elif path.path == "/keys":
            self._json({"keys": [self.provider.key.as_dict(private=False)]})
        else:
            self._json({}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        parameters = {key: values[0] for key, values in parse_qs(body).items()}
        tokens = self.provider.token(parameters, self.headers.get("Authorization", ""))
        self._json(tokens or {"error": "invalid_grant"}, 200 if tokens else 400)

    def _json(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
