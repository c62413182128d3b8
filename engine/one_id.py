"""The city's identity provider as we use it: what it says of itself, the way there and the way back. Pure.

Facts: OpenID Connect Core 1.0 and Discovery 1.0, RFC 6749, RFC 7636 (PKCE), RFC 9207 (`iss` of an answer).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from engine.refusal import Refusal

SCOPE: Final = "openid"
# Whoever stands up from a shared computer must not be the next one's ID: a sign-in there this old is asked for again.
OLDEST_LOGIN: Final = timedelta(minutes=15)
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_LONGEST: Final = 2048
_CODE: Final = re.compile(r"[\x20-\x7e]{1,1024}")
_OAUTH: Final = re.compile(r"[a-z_]{1,40}")
# What the provider answers when the person did not want to, or could not prove themselves as we asked.
_UNWILLING: Final = frozenset(
    {"access_denied", "login_required", "interaction_required", "consent_required", "unmet_authentication_requirements"}
)
_BUSY: Final = frozenset({"server_error", "temporarily_unavailable"})


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are to the provider; without `secret` a public client, `card` is the `acr` of a sign-in with the card."""

    issuer: str
    client_id: str
    secret: str | None = None
    card: str | None = None

    def __repr__(self) -> str:
        return f"Client(issuer={self.issuer!r}, client_id={self.client_id!r})"


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of itself; `says_issuer` that its answers name it (RFC 9207)."""

    issuer: str
    authorization: str
    token: str
    keys: str
    end_session: str | None
    says_issuer: bool


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """One way to the provider, by what only we know of it; `fresh` asks for the proof anew, `card` for the card."""

    state: str
    nonce: str
    verifier: str
    redirect: str
    fresh: bool = False
    card: bool = False


def client_refusal(client: Client) -> Refusal | None:
    """Why a provider cannot be used as configured: `bad-issuer` or `no-client-id`."""
    parts = urlsplit(client.issuer)
    if not _is_safe(client.issuer) or parts.query or parts.fragment:
        return Refusal("bad-issuer", "the issuer is an https address without query", "issuer")
    if not client.client_id or not client.client_id.isprintable():
        return Refusal("no-client-id", "the provider's client id is missing", "client_id")
    return None


def discovery_url(issuer: str) -> str:
    """Where a provider tells of itself."""
    return issuer.rstrip("/") + _WELL_KNOWN


def read_provider(body: object, client: Client) -> Provider | Refusal:
    """What the provider told of itself; refused when it is another one or cannot do what we need."""
    said: dict[str, Any] = body if isinstance(body, dict) else {}
    if said.get("issuer") != client.issuer:
        return Refusal("issuer", "this is another provider than the one configured")
    found = {name: said.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    if not all(isinstance(one, str) and _is_safe(one) for one in found.values()):
        return Refusal("bad-provider", "an address of the provider is missing or not https")
    if _listed(said, "response_types_supported", "code") or _listed(said, "code_challenge_methods_supported", "S256"):
        return Refusal("bad-provider", "the provider has no authorization code with PKCE (S256)")
    method = "client_secret_basic" if client.secret else "none"
    if client.secret is None and _listed(said, "token_endpoint_auth_methods_supported", method):
        return Refusal("bad-provider", "the provider takes no public client")
    if client.secret and _listed(said, "token_endpoint_auth_methods_supported", method):
        return Refusal("bad-provider", "the provider does not take client_secret_basic")
    leave = said.get("end_session_endpoint")
    return Provider(
        issuer=client.issuer, authorization=str(found["authorization_endpoint"]), token=str(found["token_endpoint"]),
        keys=str(found["jwks_uri"]), end_session=leave if isinstance(leave, str) and _is_safe(leave) else None,
        says_issuer=said.get("authorization_response_iss_parameter_supported") is True,
    )  # fmt: skip


def challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def way_there(provider: Provider, client: Client, asking: Asking) -> str:
    """The address that somebody is sent to."""
    oldest = 0 if asking.fresh else int(OLDEST_LOGIN.total_seconds())
    asked = {
        "response_type": "code", "scope": SCOPE, "client_id": client.client_id, "redirect_uri": asking.redirect,
        "state": asking.state, "nonce": asking.nonce, "code_challenge": challenge(asking.verifier),
        "code_challenge_method": "S256", "max_age": str(oldest),
    }  # fmt: skip
    if asking.fresh:
        asked["prompt"] = "login"
    if asking.card and client.card:
        asked["acr_values"] = client.card
    return _with(provider.authorization, asked)


def way_out(provider: Provider, client: Client, back: str) -> str | None:
    """Where somebody signs out of the provider too; it asks them, as no token of theirs is kept here."""
    if provider.end_session is None:
        return None
    return _with(provider.end_session, {"client_id": client.client_id, "post_logout_redirect_uri": back})


def read_answer(given: Mapping[str, str], provider: Provider) -> str | Refusal:
    """The code that somebody came back with; an answer of another provider is refused (`mixed-up`)."""
    issuer = given.get("iss", "")
    if issuer != provider.issuer if issuer or provider.says_issuer else False:
        return Refusal("mixed-up", "this answer is another provider's")
    error = given.get("error", "")
    if error:
        if error in _UNWILLING:
            return Refusal("not-done", "the sign-in was not finished there")
        known = error.replace("_", "-") if _OAUTH.fullmatch(error) else "unreadable"
        return Refusal("provider-busy" if error in _BUSY else "provider-refused", f"the provider said {known}")
    code = given.get("code", "")
    return code if _CODE.fullmatch(code) else Refusal("no-code", "the answer holds no code")


def token_form(client: Client, code: str, asking: Asking) -> dict[str, str]:
    """The form that turns a code into tokens; the secret, if any, travels beside it (`basic_of`)."""
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": asking.redirect,
        "code_verifier": asking.verifier,
    }  # fmt: skip
    return form if client.secret else form | {"client_id": client.client_id}


def basic_of(client: Client) -> str | None:
    """The Authorization header of a confidential client (RFC 6749, 2.3.1: both parts are form-encoded first)."""
    if client.secret is None:
        return None
    pair = f"{quote(client.client_id, safe='')}:{quote(client.secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def read_tokens(body: object) -> tuple[str, str | None] | Refusal:
    """The ID token and, for its hash alone, the access token; neither is kept."""
    said: dict[str, Any] = body if isinstance(body, dict) else {}
    token, access = said.get("id_token"), said.get("access_token")
    if not isinstance(token, str):
        return Refusal("no-token", "the provider gave no ID token")
    return token, access if isinstance(access, str) else None


def read_error(body: object) -> Refusal:
    """Why a code was not turned into tokens: a spent code is its person's, the rest ours or the provider's."""
    error = body.get("error") if isinstance(body, dict) else None
    if error == "invalid_grant":
        return Refusal("code-spent", "the code is used up or too old")
    known = error.replace("_", "-") if isinstance(error, str) and _OAUTH.fullmatch(error) else "unreadable"
    return Refusal("provider-refused", f"the provider said {known}")


def _listed(said: Mapping[str, Any], name: str, wanted: str) -> bool:
    """Whether the provider lists what it can and `wanted` is not among it."""
    listed = said.get(name)
    return isinstance(listed, list) and wanted not in listed


def _is_safe(url: str) -> bool:
    """An https address, or one of this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= _LONGEST and not parts.username
    return plain and bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL))


def _with(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}"
