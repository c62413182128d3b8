"""OAuth 2.0 client credentials: an id and a secret against a bearer token that ends.

Facts: RFC 6749 sections 2.3.1, 4.4, 5.2 and 6; RFC 6750. Tokens live in memory: a restart ends them all.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import msgspec

from simulators.hospital.tokens import OAuthError
from simulators.platform.refusals import RefusedError


class Client(msgspec.Struct, frozen=True):
    """A registered client."""

    id: str
    secret: str


class Tokens:
    """The tokens given out; `refresh` gives refresh tokens with them, each good once. Without clients all may enter."""

    def __init__(
        self, clients: tuple[Client, ...], now: Callable[[], datetime], *, seconds: int, refresh: bool
    ) -> None:
        self._clients = {client.id: client for client in clients}
        self._now, self._seconds, self._refresh, self._lock = now, seconds, refresh, Lock()
        self._live: dict[str, float] = {}
        self._given_out: list[str] = []
        self._again: dict[str, str] = {}

    def grant(self, headers: Mapping[str, str], form: bytes) -> dict[str, Any]:
        """The answer to a token request; raises OAuthError."""
        if headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise OAuthError("invalid_request", "a token is asked for with a form")
        said = {name: values[0] for name, values in parse_qs(form.decode("utf-8", "replace")).items()}
        client = self._known(headers.get("authorization", ""), said)
        kind = said.get("grant_type")
        if kind == "refresh_token" and self._refresh:
            with self._lock:
                if self._again.pop(said.get("refresh_token", ""), "") != client:
                    raise OAuthError("invalid_grant", "this refresh token is not good, or no more")
        elif kind != "client_credentials":
            raise OAuthError("unsupported_grant_type", "client_credentials it is")
        return self._given(client)

    def check(self, authorization: str) -> None:
        """Raises RefusedError (401) unless the header brings a token that has not ended."""
        if not self._clients:
            return
        scheme, _, token = authorization.partition(" ")
        with self._lock:
            until = self._live.get(token, 0.0)
        if scheme.lower() != "bearer" or until <= self._now().timestamp():
            challenge = 'Bearer error="invalid_token"' if authorization else "Bearer"
            why = "no token, or one that ended"
            raise RefusedError(401, "Unauthorized", why, headers={"WWW-Authenticate": challenge})

    def expire(self) -> None:
        """End every token now; refresh tokens stay good."""
        with self._lock:
            self._live.clear()

    def leaked(self, text: str) -> int:
        """How many of all the tokens this process ever gave out stand in a text."""
        with self._lock:
            return sum(token in text for token in self._given_out)

    def given(self) -> int:
        """How many tokens this process gave out."""
        return len(self._given_out)

    def _given(self, client: str) -> dict[str, Any]:
        token, again = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        with self._lock:
            self._live[token] = self._now().timestamp() + self._seconds
            self._given_out.append(token)
            if self._refresh:
                self._again[again] = client
        more = {"refresh_token": again} if self._refresh else {}
        return {"access_token": token, "token_type": "Bearer", "expires_in": self._seconds} | more

    def _known(self, authorization: str, said: Mapping[str, str]) -> str:
        name, secret = _basic(authorization) if authorization else (said.get("client_id"), said.get("client_secret"))
        client = self._clients.get(name or "")
        if client is None or not hmac.compare_digest(client.secret.encode(), (secret or "").encode()):
            raise OAuthError("invalid_client", "client and secret do not belong together")
        return client.id


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, sealed = authorization.partition(" ")
    try:
        name, _, secret = base64.b64decode(sealed, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name = secret = ""
    if scheme.lower() != "basic":
        name = secret = ""
    return unquote_plus(name), unquote_plus(secret)
