"""The one door to the city's identity provider: what it tells of itself, its keys, and a code turned into claims.

Every answer is small, comes soon and from where we asked, or it is a refusal; nothing that it gives is kept but who.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import httpx
import msgspec

from engine.one_id import (
    Asking,
    Client,
    Provider,
    basic_of,
    discovery_url,
    read_error,
    read_provider,
    read_tokens,
    token_form,
)
from engine.one_id_tokens import Claims, Expected, Keys, Order, read_id_token, read_keys, read_logout_token
from engine.refusal import Refusal

DISCOVERY_LIFE: Final = timedelta(hours=12)
KEYS_LIFE: Final = timedelta(hours=1)
# A token may name a key we do not know: the set is fetched again for it, but not for a flood of such tokens.
KEYS_PAUSE: Final = timedelta(seconds=15)
# After a failure nobody waits for the same silence again, for so long.
DOWN_PAUSE: Final = timedelta(seconds=20)
_MOST_BYTES: Final = 256 * 1024
_CONNECT, _SILENCE, _WHOLE = 3.0, 5.0, 8.0
# A provider that answers slowly holds up so many of our threads and no more.
_AT_ONCE: Final = 8
_BUSY_FROM: Final = 500
_HEADERS: Final = {"Accept": "application/json", "User-Agent": "minato-phr", "Accept-Encoding": "identity"}
DOWN: Final = Refusal("provider-down", "the provider does not answer")


class _Held(NamedTuple):
    """Something fetched, or why it could not be, and when."""

    found: Any
    at: datetime


class OneId:
    """The provider of one client; shared by every thread that serves pages."""

    def __init__(self, client: Client, *, ca_file: str | None = None) -> None:
        self.client = client
        secure = client.issuer.startswith("https:")
        trust = ssl.create_default_context(cafile=ca_file) if secure else False
        # trust_env off: no proxy and no certificate that this machine's environment names. A redirect is an answer.
        self._http = httpx.Client(
            verify=trust, timeout=httpx.Timeout(_SILENCE, connect=_CONNECT), trust_env=False, follow_redirects=False,
            headers=_HEADERS,
        )  # fmt: skip
        self._turn = threading.Lock()
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        self._provider: _Held | None = None
        self._keys: _Held | None = None

    def provider(self, now: datetime) -> Provider | Refusal:
        """What the provider says of itself, asked twice a day; an earlier word holds while it does not answer."""
        held = self._provider
        if held is None or now - held.at >= (DOWN_PAUSE if isinstance(held.found, Refusal) else DISCOVERY_LIFE):
            told = self._get(discovery_url(self.client.issuer))
            found = told if isinstance(told, Refusal) else read_provider(told, self.client)
            if isinstance(found, Refusal) and held is not None and isinstance(held.found, Provider):
                found, now = held.found, now - DISCOVERY_LIFE + DOWN_PAUSE
            held = self._provider = _Held(found, now)
        found_: Provider | Refusal = held.found
        return found_

    @property
    def said(self) -> Provider | None:
        """What the provider said of itself last, without asking it anything."""
        held = self._provider
        return held.found if held is not None and isinstance(held.found, Provider) else None

    def claims(self, code: str, asking: Asking, expected: Expected, now: datetime) -> Claims | Refusal:
        """Who came back with `code`; a code serves once."""
        provider = self.provider(now)
        if isinstance(provider, Refusal):
            return provider
        basic = basic_of(self.client)
        told = self._ask(
            "POST", provider.token, data=token_form(self.client, code, asking),
            headers={"Authorization": basic} if basic else {},
        )  # fmt: skip
        tokens = told if isinstance(told, Refusal) else read_tokens(told)
        if isinstance(tokens, Refusal):
            return tokens
        token, access = tokens
        expected = msgspec.structs.replace(expected, access_token=access)
        keys = self._known_keys(provider, now)
        found = keys if isinstance(keys, Refusal) else read_id_token(token, keys, expected, now)
        if isinstance(found, Refusal) and found.code == "unknown-key":
            keys = self._known_keys(provider, now, fresh=True)
            found = keys if isinstance(keys, Refusal) else read_id_token(token, keys, expected, now)
        return found

    def order(self, token: str, now: datetime) -> Order | Refusal:
        """The logout that a logout token orders."""
        provider = self.provider(now)
        if isinstance(provider, Refusal):
            return provider
        mine = (provider.issuer, self.client.client_id)
        keys = self._known_keys(provider, now)
        found = keys if isinstance(keys, Refusal) else read_logout_token(token, keys, *mine, now)
        if isinstance(found, Refusal) and found.code == "unknown-key":
            keys = self._known_keys(provider, now, fresh=True)
            found = keys if isinstance(keys, Refusal) else read_logout_token(token, keys, *mine, now)
        return found

    def keys(self, now: datetime) -> Keys | Refusal:
        """The keys the provider signs with."""
        provider = self.provider(now)
        return provider if isinstance(provider, Refusal) else self._known_keys(provider, now)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def _known_keys(self, provider: Provider, now: datetime, *, fresh: bool = False) -> Keys | Refusal:
        """The provider's keys: of the last hour, or `fresh` ones unless they were fetched just now."""
        with self._turn:
            held = self._keys
            bad = held is not None and isinstance(held.found, Refusal)
            oldest = DOWN_PAUSE if bad else KEYS_PAUSE if fresh else KEYS_LIFE
            if held is None or now - held.at >= oldest:
                told = self._get(provider.keys)
                found = told if isinstance(told, Refusal) else read_keys(told)
                if isinstance(found, Refusal) and held is not None and not bad:
                    # Keys of an hour ago sign still, most likely; a fresh try comes after the pause.
                    found, now = held.found, now - KEYS_LIFE + DOWN_PAUSE if not fresh else now
                held = self._keys = _Held(found, now)
            found_: Keys | Refusal = held.found
        return found_

    def _get(self, url: str) -> Any | Refusal:
        return self._ask("GET", url, headers={})

    def _ask(
        self, method: str, url: str, *, headers: Mapping[str, str], data: Mapping[str, str] | None = None
    ) -> Any | Refusal:
        """The JSON of one answer; a refusal for silence, a redirect, a flood, and everything that is not JSON."""
        if not self._room.acquire(timeout=_CONNECT):
            return DOWN
        try:
            with self._http.stream(method, url, headers=headers, data=data) as told:
                raw = _read(told)
                status = told.status_code
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
            return DOWN
        finally:
            self._room.release()
        body = None if raw is None else _json(raw)
        if status == httpx.codes.OK and body is not None:
            return body
        if status >= _BUSY_FROM or status == httpx.codes.TOO_MANY_REQUESTS:
            return DOWN
        if status >= httpx.codes.BAD_REQUEST:
            return read_error(body)
        return Refusal("bad-answer", "the provider's answer cannot be read")


def _read(told: httpx.Response) -> bytes | None:
    """The whole answer; None when it is packed, too large, or comes a byte now and then."""
    if told.headers.get("content-encoding", "identity").lower() != "identity":
        return None
    parts, size, end = [], 0, time.monotonic() + _WHOLE
    for part in told.iter_raw():
        size += len(part)
        if size > _MOST_BYTES or time.monotonic() > end:
            return None
        parts.append(part)
    return b"".join(parts)


def _json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
