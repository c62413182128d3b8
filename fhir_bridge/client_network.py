"""Where a FHIR server is and how we show who we are: values, checked before the first request leaves."""

from __future__ import annotations

import re
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote, urlencode, urljoin, urlsplit

import msgspec

from engine.refusal import Refusal
from fhir_bridge.auth import Smart, key_refusal
from fhir_bridge.breaker import Rules

_PORTS: Final = {"https": 443, "http": 80}
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_KIND: Final = re.compile(r"[A-Z][A-Za-z]{1,63}")


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """Names of PEM files: whom we trust instead of the system's authorities, and our own certificate (mutual TLS)."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, bytes and counts beyond which we do not go along; `batch` entries are the most in one Bundle."""

    connect: float = 10.0
    silence: float = 30.0
    whole: float = 120.0
    answer: int = 20_000_000
    pages: int = 1000
    batch: int = 50


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """One medical network: `name` is the recipient residents consent to, `base` the address of its FHIR interface.

    Without `auth` no token is asked for (mutual TLS, a private line, or an open server).
    """

    name: str
    base: str
    auth: Smart | None = None
    tls: Tls = Tls()
    limits: Limits = Limits()
    rules: Rules = Rules()

    @property
    def root(self) -> str:
        """The base without a slash at its end."""
        return self.base.rstrip("/")


class NetworkError(ValueError):
    """A network that cannot be used as it is configured; `refusal` says why (codes bad-url, not-https, bad-key …)."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def network_refusal(network: Network) -> Refusal | None:
    """Why this network cannot be used: its address, its key, its certificates; None when it can."""
    if why := address_refusal(network.base, "url"):
        return why
    if network.auth is not None and (why := key_refusal(network.auth)):
        return why
    if urlsplit(network.base).scheme == "https":
        try:
            trust(network)
        except (OSError, ssl.SSLError, ValueError) as error:
            return Refusal("bad-tls", f"the certificates cannot be used: {error}", "ca_file")
    return None


def address_refusal(url: str, field: str | None = None) -> Refusal | None:
    """Why nothing is sent to this address: only https, or http on this machine itself, without a password in it."""
    split = _split(url)
    if split is None or not split.hostname or split.scheme not in _PORTS or split.query or split.fragment:
        return Refusal("bad-url", "the address is not like https://host/fhir", field)
    if split.username is not None or split.password is not None:
        return Refusal("bad-url", "an address with a password in it is not used", field)
    if split.scheme != "https" and not _is_loopback(split.hostname):
        return Refusal("not-https", "only https is used, but on this machine itself", field)
    return None


def same_origin(url: str, base: str) -> bool:
    """Whether two addresses have the same scheme, host and port; never for one with a user in it."""
    one, other = _origin(url), _origin(base)
    return one is not None and one == other


def joined(base: str, url: str) -> str:
    """Where a link of the server's leads; '' when it is no address."""
    try:
        return urljoin(base, url)
    except ValueError:
        return ""


def resource_path(kind: str, id_: str | None = None) -> str | None:
    """`Type` or `Type/id`; None when one of them is not what FHIR allows (ids come from outside)."""
    if not _KIND.fullmatch(kind) or (id_ is not None and not _ID.fullmatch(id_)):
        return None
    # FHIR allows these ids, and an address takes them for the folder itself and the one above.
    if id_ in {".", ".."}:
        return None
    return kind if id_ is None else f"{kind}/{id_}"


def criteria(**parameters: str) -> str:
    """A search as the text of If-None-Exist, e.g. `criteria(identifier=f"{system}|{value}")`."""
    return urlencode(parameters, quote_via=quote, safe="")


def trust(network: Network) -> ssl.SSLContext:
    """The TLS context of a network; raises OSError or ssl.SSLError when a file cannot be used."""
    tls = network.tls
    context = ssl.create_default_context(cafile=tls.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert_file:
        Path(tls.cert_file).stat()
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def _split(url: str) -> SplitResult | None:
    try:
        split = urlsplit(url)
        _ = split.port
    except ValueError:
        return None
    return split


def _origin(url: str) -> tuple[str, str, int] | None:
    split = _split(url)
    if split is None or not split.hostname or split.scheme not in _PORTS or "@" in split.netloc:
        return None
    return split.scheme, split.hostname.lower(), split.port or _PORTS[split.scheme]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
