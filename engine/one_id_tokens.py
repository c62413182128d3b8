"""What the city's identity provider signs: ID tokens and logout tokens, believed only when every check holds. Pure.

Facts: OpenID Connect Core 1.0 sections 3.1.3.6-7, Back-Channel Logout 1.0 section 2.6, RFC 7515, RFC 7517, RFC 8725.
"""

from __future__ import annotations

import base64
import hmac
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha384
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, RSAKey

from engine.refusal import Refusal

# Clocks of two houses: this much apart is forgiven, no more.
LEEWAY: Final = timedelta(seconds=60)
# A token of half an hour ago is not the answer to a question of now.
_OLDEST: Final = timedelta(minutes=30)
_LONGEST: Final = 16_384
_WORD: Final = 255
_MODULUS: Final = 2048
_MOST_KEYS: Final = 32
_HASHES: Final = {"RS256": sha256, "PS256": sha256, "ES256": sha256, "ES384": sha384}
# Never `none`, never HS*: with those a key that everybody may read would sign.
_SHAPES: Final[dict[str, tuple[type[RSAKey | ECKey], str | None]]] = {
    "RS256": (RSAKey, None), "PS256": (RSAKey, None), "ES256": (ECKey, "P-256"), "ES384": (ECKey, "P-384"),
}  # fmt: skip
ALGORITHMS: Final = frozenset(_SHAPES)
_LOGOUT: Final = "logout+jwt"
_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in there, as far as we want to know: the pairwise subject, its session, how it was proved and when."""

    subject: str
    sid: str | None
    acr: str | None
    at: datetime


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A logout: of one session `sid`, or of everything of `subject`; `jti` may be obeyed once, until `until`."""

    subject: str | None
    sid: str | None
    jti: str
    until: datetime


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What an ID token must say; `since` is the earliest moment at which the person may have proved themselves."""

    issuer: str
    client_id: str
    nonce: str
    since: datetime
    access_token: str | None = None
    acr: str | None = None


@dataclass(frozen=True)
class Keys:
    """The provider's public keys that can sign, with the names and algorithms it gave them."""

    held: tuple[tuple[str | None, str | None, RSAKey | ECKey], ...]

    def for_(self, kid: object, algorithm: str) -> RSAKey | ECKey | None:
        """The one key of that name for that algorithm; without a name only where no other could be meant."""
        shape, curve = _SHAPES[algorithm]
        fit = [
            key
            for name, only, key in self.held
            if isinstance(key, shape)
            and only in {None, algorithm}
            and (curve is None or (isinstance(key, ECKey) and key.curve_name == curve))
            and (kid is None or name == kid)
        ]
        return fit[0] if len(fit) == 1 else None


def read_keys(body: object) -> Keys | Refusal:
    """The keys of a published set; what cannot sign here (encryption, secrets, short ones) is passed over."""
    listed = body.get("keys") if isinstance(body, dict) else None
    if not isinstance(listed, list):
        return Refusal("bad-keys", "the provider's key set cannot be read")
    found = [key for one in listed[:_MOST_KEYS] if isinstance(one, dict) and (key := _key(one)) is not None]
    return Keys(tuple(found)) if found else Refusal("bad-keys", "the provider's key set holds no key that can be used")


def read_id_token(token: str, keys: Keys, expected: Expected, now: datetime) -> Claims | Refusal:
    """Who signed in; a refusal names the first thing that is wrong (`unknown-key`: the keys may have changed)."""
    opened = _opened(token, keys)
    if isinstance(opened, Refusal):
        return opened
    header, said = opened
    kind = header.get("typ")
    if kind is not None and str(kind).lower() not in {"jwt", "application/jwt"}:
        return Refusal("wrong-type", "this is no ID token")
    wrong = (
        _addressed(said, expected.issuer, expected.client_id)
        or _timely(said, now)
        or _answering(said, expected)
        or _hashed(said, expected.access_token, header["alg"])
    )
    if wrong:
        return wrong
    subject, sid, acr = said.get("sub"), said.get("sid"), said.get("acr")
    if not _is_word(subject):
        return Refusal("no-subject", "the ID token names nobody")
    if expected.acr is not None and acr != expected.acr:
        return Refusal("no-card", "the sign-in there was not with the card")
    return Claims(
        subject=str(subject), sid=sid if _is_word(sid) else None, acr=acr if _is_word(acr) else None,
        at=datetime.fromtimestamp(said["auth_time"], UTC),
    )  # fmt: skip


def read_logout_token(token: str, keys: Keys, issuer: str, client_id: str, now: datetime) -> Order | Refusal:
    """The logout that is ordered; an ID token is never one, nor is anything with a nonce."""
    opened = _opened(token, keys)
    if isinstance(opened, Refusal):
        return opened
    header, said = opened
    wrong = _leaving(header, said) or _addressed(said, issuer, client_id) or _timely(said, now)
    if wrong:
        return wrong
    subject, sid, jti = said.get("sub"), said.get("sid"), said.get("jti")
    if not _is_word(jti) or not all(one is None or _is_word(one) for one in (subject, sid)):
        return Refusal("bad-token", "the logout token cannot be read")
    if subject is None and sid is None:
        return Refusal("no-subject", "the logout token names nobody")
    # Later than that it is refused for its age.
    return Order(subject=subject, sid=sid, jti=str(jti), until=now + _OLDEST + 3 * LEEWAY)


def _leaving(header: Mapping[str, Any], said: Mapping[str, Any]) -> Refusal | None:
    """That it is a logout token and nothing else that the provider signs."""
    kind, events = header.get("typ"), said.get("events")
    typed = kind is None or str(kind).lower().removeprefix("application/") in {_LOGOUT, "jwt"}
    if typed and "nonce" not in said and isinstance(events, dict) and isinstance(events.get(_EVENT), dict):
        return None
    return Refusal("wrong-type", "this is no logout token")


def _opened(token: str, keys: Keys) -> tuple[dict[str, Any], dict[str, Any]] | Refusal:
    """Header and claims of a token that one of the keys signed."""
    parts = token.split(".")
    header = _json(parts[0]) if len(parts) == len("hps") and len(token) <= _LONGEST and token.isascii() else None
    if header is None:
        return Refusal("bad-token", "the token cannot be read")
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS or "crit" in header:
        return Refusal("algorithm", "the token is not signed as we ask for")
    key = keys.for_(header.get("kid"), str(algorithm))
    if key is None:
        return Refusal("unknown-key", "the token is signed by a key the provider does not publish")
    try:
        said = jwt.decode(token, key, algorithms=[str(algorithm)]).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        return Refusal("signature", "the token's signature is not the provider's")
    return header, said


def _addressed(said: Mapping[str, Any], issuer: str, client_id: str) -> Refusal | None:
    """That it is the provider's and for us alone: we trust no other audience."""
    if said.get("iss") != issuer:
        return Refusal("issuer", "the token is another provider's")
    if said.get("aud") not in (client_id, [client_id]):
        return Refusal("audience", "the token is for another service")
    if said.get("azp", client_id) != client_id:
        return Refusal("audience", "the token was given to another service")
    return None


def _timely(said: Mapping[str, Any], now: datetime) -> Refusal | None:
    """That it is neither over, nor from the future, nor an old answer."""
    made, over = _instant(said.get("iat")), _instant(said.get("exp"))
    if made is None or over is None:
        return Refusal("bad-token", "the token does not say when it was made or ends")
    if now - LEEWAY >= over or now - made > _OLDEST + LEEWAY:
        return Refusal("expired", "the token is too old")
    before = _instant(said.get("nbf", said["iat"]))
    if made > now + LEEWAY or before is None or before > now + LEEWAY:
        return Refusal("from-the-future", "the token was made in the future: one of the two clocks is wrong")
    return None


def _answering(said: Mapping[str, Any], expected: Expected) -> Refusal | None:
    """That it answers the very question we asked, by a proof as new as we asked for."""
    nonce = said.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        return Refusal("nonce", "the token is not the answer to this question")
    proved = _instant(said.get("auth_time"))
    if proved is None or proved < expected.since.replace(microsecond=0) - LEEWAY:
        return Refusal("stale-login", "the sign-in at the provider is too old")
    return None


def _hashed(said: Mapping[str, Any], access: str | None, algorithm: str) -> Refusal | None:
    """That the access token beside it, if it names one, is its own (3.1.3.6)."""
    if "at_hash" not in said:
        return None
    digest = _HASHES[algorithm]((access or "").encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if access is None or said["at_hash"] != half:
        return Refusal("at-hash", "the tokens do not belong together")
    return None


def _key(one: Mapping[str, Any]) -> tuple[str | None, str | None, RSAKey | ECKey] | None:
    shapes: dict[str, type[RSAKey | ECKey]] = {"RSA": RSAKey, "EC": ECKey}
    shape = shapes.get(str(one.get("kty")))
    only, name = one.get("alg"), one.get("kid")
    if shape is None or one.get("use", "sig") != "sig" or only not in {None, *ALGORITHMS} or "d" in one:
        return None
    try:
        with warnings.catch_warnings():
            # A short key is refused below, not warned of.
            warnings.simplefilter("ignore", SecurityWarning)
            key = shape.import_key(dict(one))
            short = isinstance(key, RSAKey) and key.raw_value.key_size < _MODULUS
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return None if short else (name if isinstance(name, str) else None, only, key)


def _json(part: str) -> dict[str, Any] | None:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _instant(value: object) -> datetime | None:
    """A NumericDate as an instant; None for anything else, and beyond what a clock can show."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _is_word(value: object) -> bool:
    """A text as a subject or session may be: printable ASCII, at most 255 characters (Core, section 2)."""
    return isinstance(value, str) and 0 < len(value) <= _WORD and value.isascii() and value.isprintable()
