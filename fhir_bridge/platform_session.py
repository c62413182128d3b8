"""Talking to a data-linkage platform: where it is, who we are there (OAuth2 client credentials), and what it answered.

Everything around a request (breaker, request ids, clocks, a log without what it is about) is that of the medical
network's session. Facts: RFC 6749 sections 2.3.1 and 4.4; Orion 4.1.0 as tried for tenants and service paths.
"""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import msgspec

from engine.refusal import Refusal
from fhir_bridge.auth import Token, read_refusal
from fhir_bridge.client_answers import Failure, failure_of
from fhir_bridge.client_network import Network, address_refusal, network_refusal
from fhir_bridge.client_session import Request, Session
from fhir_bridge.client_wire import Received

_TENANT: Final = re.compile(r"[a-z0-9_]{1,50}", re.ASCII)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_]{1,50}){1,10}", re.ASCII)
_FORM: Final = "application/x-www-form-urlencoded"
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_OF_ITS_LIFE: Final = 0.8
_SHORTEST: Final = 2.0
_LONGEST: Final = 86_400.0
_DEFAULT_LIFE: Final = 300.0
_LONGEST_TEXT: Final = 500


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are at a platform's token endpoint."""

    token_url: str
    client_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Credentials(client_id={self.client_id!r})"


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """A platform: its address, our credentials (None where none are asked for), the tenant and the one service path.

    `context` is the address of our own JSON-LD context where NGSI-LD is spoken.
    """

    network: Network
    credentials: Credentials | None = None
    tenant: str = "sakata"
    path: str = "/phr/stats"
    context: str | None = None


class PlatformError(ValueError):
    """A platform that cannot be used as it is configured; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def where_refusal(where: Where) -> Refusal | None:
    """Why a platform cannot be used: as `network_refusal`, or `bad-tenant`, `bad-path`, `no-client-id`, `not-https`."""
    if refusal := network_refusal(where.network):
        return refusal
    if not _TENANT.fullmatch(where.tenant):
        return Refusal("bad-tenant", "a tenant is 1 to 50 small letters, digits and underscores", "service")
    if not _PATH.fullmatch(where.path):
        # One path, never `/#`: a broker would take more than we mean.
        return Refusal("bad-path", "the service path is one path like /phr/stats: letters, digits, underscores", "path")
    return _credentials_refusal(where.credentials, where.network) if where.credentials else None


def _credentials_refusal(known: Credentials, network: Network) -> Refusal | None:
    if not known.client_id or not known.secret:
        return Refusal("no-client-id", "client_id and the secret belong together", "client_id")
    if refusal := address_refusal(known.token_url, "token_url"):
        return refusal
    if network.base.startswith("https:") and not known.token_url.startswith("https:"):
        return Refusal("not-https", "the token endpoint is not https", "token_url")
    return None


class PlatformSession(Session):
    """The state of talking to one platform, for one thread."""

    def __init__(self, where: Where, **how: Any) -> None:
        super().__init__(where.network, **how)
        self._where = where

    def _send(self, asked: Request, token: Token | None) -> Received | Failure:
        """One request; no redirect is ever followed: the numbers are for this platform."""
        extra = {"Authorization": f"Bearer {token.value}"} if token else {}
        told = self._exchange(asked.method, asked.url, {**asked.headers, **extra}, asked.body, asked.most)
        if isinstance(told, Failure):
            return told
        if 300 <= told.status <= 399:  # noqa: PLR2004 - HTTP's own numbers
            return Failure(kind="retry", code="redirect", status=told.status, unsure=True, request=told.request)
        return told if told.is_success else self._failure(told)

    def _failure(self, told: Received, *, conditional: bool = False) -> Failure:
        failure = super()._failure(told, conditional=conditional)
        return msgspec.structs.replace(failure, outcome=_why(told.json()))

    def _valid_token(self) -> Token | Failure | None:
        known = self._where.credentials
        if known is None:
            return None
        if self._token is None or self._token.until <= self._now():
            # Whatever became of it, no entity was touched. A stale token never goes along.
            self._token = None
            told = self._ask_token(known)
            if isinstance(told, Failure):
                return msgspec.structs.replace(told, unsure=False)
            self._token = told
        return self._token

    def _ask_token(self, known: Credentials) -> Token | Failure:
        name = f"{quote_plus(known.client_id)}:{quote_plus(known.secret)}".encode()
        headers = {
            "Authorization": f"Basic {base64.b64encode(name).decode()}", "Content-Type": _FORM,
            "Accept": "application/json",
        }  # fmt: skip
        told = self._exchange(
            "POST", known.token_url, headers, urlencode({"grant_type": "client_credentials"}).encode()
        )
        if isinstance(told, Failure):
            return told
        if told.is_success:
            return read_token(told, self._now())
        if told.status >= 500 or told.status == 429 or told.is_redirect:  # noqa: PLR2004 - HTTP's own numbers
            return super()._failure(told) if not told.is_redirect else Failure(kind="retry", code="redirect")
        return msgspec.structs.replace(read_refusal(told.json(), told.status), request=told.request)


def read_token(told: Received, now: datetime) -> Token | Failure:
    """The token in an answer, used for 80 % of its life; a page that is no answer is the line's fault."""
    said = told.json()
    if not isinstance(said, dict):
        return Failure(kind="retry", code="garbage", status=told.status, request=told.request)
    value, sort, life = said.get("access_token"), said.get("token_type"), said.get("expires_in")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        return Failure(kind="auth", code="bad-token", request=told.request)
    if not isinstance(sort, str) or sort.lower() != "bearer":
        return Failure(kind="auth", code="bad-token", request=told.request)
    seconds = min(max(_seconds(life), _SHORTEST), _LONGEST) * _OF_ITS_LIFE
    return Token(value, now + timedelta(seconds=seconds), ())


def refused(told: Received, *, unsure: bool = False) -> Failure:
    """An answer that looks like success and is none."""
    return Failure(kind="retry", code="garbage", status=told.status, unsure=unsure, request=told.request)


def rejected(told: Received, outcome: str) -> Failure:
    """What a platform did in part and refused in part, for good."""
    return msgspec.structs.replace(failure_of(422, outcome=outcome[:_LONGEST_TEXT]), request=told.request)


def _seconds(life: Any) -> float:
    try:
        return _DEFAULT_LIFE if isinstance(life, bool) else float(life)
    except (TypeError, ValueError):
        return _DEFAULT_LIFE


def _why(said: Any) -> str:
    """The error of NGSI in one line: its name, and what the broker says about it (no contract, for people)."""
    if not isinstance(said, dict):
        return ""
    words = (said.get("error") or said.get("title"), said.get("description") or said.get("detail"))
    return ": ".join(" ".join(word.split()) for word in words if isinstance(word, str) and word)[:_LONGEST_TEXT]
