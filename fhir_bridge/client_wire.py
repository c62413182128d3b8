"""One HTTP exchange: timeouts, a limit on what comes back, and everything that can go wrong as a Failure."""

from __future__ import annotations

import ssl
import time
from decimal import Decimal
from typing import Any, Final

import httpx
import msgspec

from fhir_bridge.client_answers import Failure
from fhir_bridge.client_network import Network, trust

_decode: Final = msgspec.json.Decoder(float_hook=Decimal).decode
_HEADERS: Final = {
    "Accept": "application/fhir+json", "User-Agent": "minato-phr",
    # Nothing is unpacked: a small answer cannot become a huge one.
    "Accept-Encoding": "identity",
}  # fmt: skip


class Received(msgspec.Struct, frozen=True):
    """An answer as it came: `headers` in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    request: str

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status <= 299  # noqa: PLR2004 - HTTP's own numbers

    @property
    def is_redirect(self) -> bool:
        """Whether it points elsewhere."""
        return self.status in {301, 302, 303, 307, 308} and "location" in self.headers

    def json(self) -> Any:
        """The JSON in it, decimals as Decimal; None for anything else, such as the page of a hotel's network."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return read_json(self.body) if kind.endswith("json") else None


class Wire:
    """The connections to one server; for one thread."""

    def __init__(self, network: Network) -> None:
        limits = network.limits
        timeout = httpx.Timeout(limits.silence, connect=limits.connect)
        secure = network.base.startswith("https:")
        # trust_env off: no proxy and no certificate that this machine's environment names.
        self._http = httpx.Client(
            verify=trust(network) if secure else False, timeout=timeout, trust_env=False, follow_redirects=False,
            headers=_HEADERS,
        )  # fmt: skip
        self._limits = limits

    def exchange(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, most: int = 0
    ) -> Received | Failure:
        """Send one request and read the whole answer; `unsure` failures may have been carried out."""
        request = headers.get("X-Request-Id", "")
        try:
            with self._http.stream(method, url, headers=headers, content=body) as told:
                raw = _read(told, most or self._limits.answer, self._limits.whole)
                if isinstance(raw, Failure):
                    return msgspec.structs.replace(raw, status=told.status_code, request=request)
                said = {name.lower(): value for name, value in told.headers.items()}
                return Received(told.status_code, said, raw, request)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            return msgspec.structs.replace(_failed(error), request=request)

    def close(self) -> None:
        """Hang up."""
        self._http.close()


def _failed(error: Exception) -> Failure:
    """What an exception of httpx means: whether the request can have arrived is all that matters."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return Failure(kind="offline", code="tls" if _is_tls(error) else "connect")
    if isinstance(error, httpx.TimeoutException):
        return Failure(kind="retry", code="timeout", unsure=True)
    if isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol):
        return Failure(kind="retry", code="cut", unsure=True)
    return Failure(kind="refused", code="bad-url")


def _read(told: httpx.Response, most: int, seconds: float) -> bytes | Failure:
    if told.headers.get("content-encoding", "identity").lower() != "identity":
        return Failure(kind="retry", code="garbage", unsure=True)
    parts, size, end = [], 0, time.monotonic() + seconds
    for part in told.iter_raw():
        size += len(part)
        if size > most:
            return Failure(kind="too-large", code="answer-too-large", unsure=True)
        # A byte now and then keeps every timeout of a socket asleep.
        if time.monotonic() > end:
            return Failure(kind="retry", code="timeout", unsure=True)
        parts.append(part)
    return b"".join(parts)


def read_json(raw: bytes) -> Any:
    """The JSON in `raw` with decimals as they were written; None when it is none or nested beyond all reason."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _is_tls(error: BaseException | None) -> bool:
    seen = 0
    while error is not None and seen < 10:  # noqa: PLR2004 - a chain of causes is never longer
        if isinstance(error, ssl.SSLError) or "SSL" in str(error) or "CERTIFICATE" in str(error):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False
