"""Requests to one network with everything that goes around them: request ids, tokens, breaker, clock, log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final
from urllib.parse import urlencode

import msgspec

from fhir_bridge.auth import Endpoint, Smart, Token, read_endpoint, read_refusal, read_token, token_form, uncovered
from fhir_bridge.breaker import Breaker, backoff, retry_after
from fhir_bridge.client_answers import Failure, failure_of, outcome_text
from fhir_bridge.client_network import Network, address_refusal, joined, same_origin
from fhir_bridge.client_wire import Received, Wire

_LOG: Final = logging.getLogger("fhir_bridge.client")
_HOPS: Final = 3
_SKEW: Final = 30.0
_LONGEST_SLEEP: Final = 30.0
_UNAUTHORIZED: Final = 401
_FORM: Final = "application/x-www-form-urlencoded"

# They write addresses and headers down: patient numbers and tokens.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask: `url` whole, of the network's own origin; `conditional`: a create with If-None-Exist.

    `most` bytes are read of the answer (0: as the network's limits say).
    """

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    conditional: bool = False
    most: int = 0


class Session:
    """The state of talking to one network, for one thread: breaker, token, the difference of the clocks."""

    def __init__(
        self, network: Network, *, now: Callable[[], datetime], rng: Random, sleep: Callable[[float], None],
        breaker: Breaker, tries: int,
    ) -> None:  # fmt: skip
        self.network, self.breaker, self.skew = network, breaker, 0.0
        self.missing: tuple[str, ...] = ()
        self._now, self._rng, self._sleep, self._tries = now, rng, sleep, tries
        self._wire = Wire(network)
        self._token: Token | None = None
        self._endpoint: Endpoint | None = None

    def ask(self, asked: Request) -> Received | Failure:
        """Carry out one request; only reading is repeated (`tries`), and a refused token is renewed exactly once."""
        for attempt in range(self._tries if asked.method == "GET" else 1):
            told = self._with_token(asked)
            if not isinstance(told, Failure) or told.kind not in {"retry", "offline"}:
                break
            wait = told.retry_after if told.retry_after is not None else backoff(attempt, self._rng)
            if attempt + 1 == self._tries or wait > _LONGEST_SLEEP:
                break
            self._sleep(wait)
        return told

    def close(self) -> None:
        """Hang up and forget the token."""
        self._token = None
        self._wire.close()

    def _with_token(self, asked: Request) -> Received | Failure:
        token = self._valid_token()
        if isinstance(token, Failure):
            return token
        told = self._send(asked, token)
        if token and isinstance(told, Failure) and told.status == _UNAUTHORIZED:
            self._token = None
            token = self._valid_token()
            told = token if isinstance(token, Failure) else self._send(asked, token)
        return told

    def _send(self, asked: Request, token: Token | None) -> Received | Failure:
        """One request with its redirects, which only reading follows and only within the origin."""
        extra = {"Authorization": f"Bearer {token.value}"} if token else {}
        url = asked.url
        for _ in range(_HOPS):
            told = self._exchange(asked.method, url, {**asked.headers, **extra}, asked.body, asked.most)
            if isinstance(told, Failure):
                return told
            if not told.is_redirect:
                return told if told.is_success else self._failure(told, conditional=asked.conditional)
            url = joined(url, told.headers["location"])
            if asked.method != "GET" or not same_origin(url, self.network.base):
                break
        # A network's log-in page or a fault; the server itself may still have carried it out.
        return Failure(
            kind="retry", code="redirect", status=told.status, unsure=asked.method != "GET", request=told.request
        )  # fmt: skip

    def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, most: int = 0
    ) -> Received | Failure:
        """One exchange past the breaker, with its own id, written down without anything it is about."""
        now = self._now()
        if wait := self.breaker.wait(now):
            return Failure(kind="breaker", code="breaker", retry_after=wait)
        request, began = f"{self._rng.getrandbits(64):016x}", time.monotonic()
        told = self._wire.exchange(method, url, {**headers, "X-Request-Id": request}, body, most)
        spent = (time.monotonic() - began) * 1000
        shown = told.code if isinstance(told, Failure) else str(told.status)
        _LOG.info("%s %s %s %s %.0f ms", self.network.name, request, method, shown, spent)
        self._learn(told)
        return told

    def _learn(self, told: Received | Failure) -> None:
        """What every answer tells: whether the server works, and what time it is there."""
        now = self._now()
        if isinstance(told, Received):
            self._compare_clocks(told.headers.get("date"), now)
            failure = None if told.is_success else self._failure(told)
        else:
            failure = told
        if failure is None or failure.kind not in {"retry", "offline"}:
            self.breaker = self.breaker.worked()
        else:
            self.breaker = self.breaker.failed(now, self._rng, self.network.rules, failure.retry_after)

    def _failure(self, told: Received, *, conditional: bool = False) -> Failure:
        wait = retry_after(told.headers.get("retry-after"), self._there())
        return failure_of(
            told.status, outcome=outcome_text(told.json()), retry_after=wait, conditional=conditional,
            request=told.request,
        )  # fmt: skip

    def _compare_clocks(self, date: str | None, now: datetime) -> None:
        try:
            there = parsedate_to_datetime(date or "")
        except (ValueError, TypeError, IndexError, OverflowError):
            return
        if there.tzinfo is not None:
            self.skew = (there.astimezone(UTC) - now).total_seconds()

    def _there(self) -> datetime:
        """Now by the server's clock, where it goes differently from ours."""
        now = self._now()
        try:
            return now + timedelta(seconds=self.skew) if abs(self.skew) > _SKEW else now
        except OverflowError:
            return now

    def _valid_token(self) -> Token | Failure | None:
        smart = self.network.auth
        if smart is None:
            return None
        if self._token is None or self._token.until <= self._now():
            told = self._fetch_token(smart)
            if isinstance(told, Failure):
                # No resource was touched, whatever became of the request for a token.
                return msgspec.structs.replace(told, unsure=False)
            self._token, self.missing = told, uncovered(smart.scopes, told.scopes)
        return self._token

    def _fetch_token(self, smart: Smart) -> Token | Failure:
        endpoint = self._endpoint or self._discover(smart)
        if isinstance(endpoint, Failure):
            return endpoint
        form = urlencode(token_form(smart, endpoint, self._there(), self._rng)).encode()
        headers = {"Content-Type": _FORM, "Accept": "application/json"}
        told = self._exchange("POST", endpoint.url, headers, form)
        if isinstance(told, Failure):
            return told
        if told.is_success:
            self._endpoint = endpoint
            return _or_garbage(read_token(told.json(), smart, self._now()), told)
        # It may have moved: the next try looks again.
        self._endpoint = None
        failure = self._failure(told)
        if failure.again and failure.kind != "auth":
            return failure
        return msgspec.structs.replace(read_refusal(told.json(), told.status), request=told.request)

    def _discover(self, smart: Smart) -> Endpoint | Failure:
        asked = Request(
            method="GET", url=f"{self.network.root}/.well-known/smart-configuration",
            headers={"Accept": "application/json"},
        )  # fmt: skip
        told = self._send(asked, None)
        if isinstance(told, Failure):
            gone = told.kind not in {"retry", "offline", "breaker"}
            return msgspec.structs.replace(told, kind="auth", code="no-smart-configuration") if gone else told
        said = told.json()
        if not isinstance(said, dict):
            return Failure(kind="retry", code="garbage", status=told.status, request=told.request)
        found = read_endpoint(said, smart)
        return self._checked(found, told.request) if isinstance(found, Endpoint) else found

    def _checked(self, endpoint: Endpoint, request: str) -> Endpoint | Failure:
        """The token endpoint may be another house's, but never a plain port of this machine for a server elsewhere."""
        why = address_refusal(endpoint.url.partition("?")[0])
        if why:
            return Failure(kind="auth", code=why.code, outcome=why.message, request=request)
        if self.network.base.startswith("https:") and not endpoint.url.startswith("https:"):
            return Failure(kind="auth", code="not-https", outcome="the token endpoint is not https", request=request)
        return endpoint


def _or_garbage(token: Token | Failure, told: Received) -> Token | Failure:
    """A page instead of a token is the network's fault, not a refusal."""
    if isinstance(token, Failure) and told.json() is None:
        return Failure(kind="retry", code="garbage", status=told.status, request=told.request)
    return token
