"""SMART Backend Services, our side: signed client assertions, tokens with an end, scopes wanted and granted.

Facts: HL7 SMART App Launch 2.2, "Backend Services" and "Client authentication: asymmetric"; RFC 7523, RFC 7638.
"""

from __future__ import annotations

import re
import warnings
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any, Final, Literal

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, RSAKey

from engine.refusal import Refusal
from fhir_bridge.client_answers import Failure

Algorithm = Literal["ES384", "RS384"]
Key = ECKey | RSAKey

# Home data are written, the hospital's record is read; nothing is ever deleted.
SCOPES: Final = (
    "system/Patient.rs", "system/Observation.crus", "system/Device.crus", "system/Provenance.crus",
    "system/AllergyIntolerance.rs", "system/Binary.rs", "system/Condition.rs", "system/DiagnosticReport.rs",
    "system/DocumentReference.rs", "system/MedicationDispense.rs", "system/MedicationRequest.rs",
    "system/MedicationStatement.rs",
)  # fmt: skip
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFE: Final = timedelta(minutes=4)
_EARLY: Final = 30.0
_SHORTEST: Final = 2.0
_LONGEST: Final = 86_400.0
_MODULUS: Final = 2048
_SCOPE: Final = re.compile(r"(system|user|patient)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)")
_SPELLED: Final = {"read": "rs", "write": "cud", "*": "cruds"}
_OAUTH: Final = re.compile(r"[a-z_]{1,40}")


class Smart(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are at a network: the client id it gave us and our private key (PEM, P-384 or RSA of 2048 bits or more).

    `key_id` names the key in the set the network knows; None: the key's own thumbprint.
    """

    client_id: str
    key: bytes
    key_id: str | None = None
    scopes: tuple[str, ...] = SCOPES

    def __repr__(self) -> str:
        return f"Smart(client_id={self.client_id!r})"


class Endpoint(msgspec.Struct, frozen=True):
    """Where tokens are given, and the algorithms that are taken (none named: all)."""

    url: str
    algorithms: frozenset[str]


class Token(msgspec.Struct, frozen=True):
    """An access token, when to stop using it, and what it is for."""

    value: str
    until: datetime
    scopes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Token(until={self.until!r})"


@lru_cache(maxsize=8)
def read_key(pem: bytes) -> Key:
    """The private key in a PEM; raises ValueError for anything but P-384 and RSA of 2048 bits or more."""
    # Kept: proving that an RSA key is one takes a third of a second.
    for shape in (ECKey, RSAKey):
        try:
            with warnings.catch_warnings():
                # A short key is refused below, not warned of.
                warnings.simplefilter("ignore", SecurityWarning)
                key = shape.import_key(pem)
        except (JoseError, ValueError, TypeError, AttributeError):
            continue
        if not key.is_private:
            raise ValueError("this is a public key")
        if isinstance(key, ECKey) and key.curve_name != "P-384":
            raise ValueError(f"a key on {key.curve_name} is not used, only P-384 and RSA")
        if isinstance(key, RSAKey) and key.raw_value.key_size < _MODULUS:
            raise ValueError(f"an RSA key of less than {_MODULUS} bits is not used")
        return key
    raise ValueError("this is no private key in PEM")


def key_refusal(smart: Smart) -> Refusal | None:
    """Why these credentials cannot be used."""
    if not smart.client_id:
        return Refusal("no-client-id", "the network's client id is missing", "client_id")
    try:
        read_key(smart.key)
    except ValueError as error:
        return Refusal("bad-key", str(error), "key_file")
    return None


def algorithm_of(key: Key) -> Algorithm:
    """ES384 for P-384, RS384 for RSA."""
    return "ES384" if isinstance(key, ECKey) else "RS384"


def read_endpoint(body: object, smart: Smart) -> Endpoint | Failure:
    """The token endpoint in a smart-configuration; a Failure when it does not take signed assertions like ours."""
    said = body if isinstance(body, dict) else {}
    url = said.get("token_endpoint")
    if not isinstance(url, str) or not url:
        return Failure(kind="auth", code="no-token-endpoint")
    methods = _words(said.get("token_endpoint_auth_methods_supported"))
    if methods and "private_key_jwt" not in methods:
        return Failure(kind="auth", code="no-private-key-jwt")
    algorithms = _words(said.get("token_endpoint_auth_signing_alg_values_supported"))
    if algorithms and algorithm_of(read_key(smart.key)) not in algorithms:
        return Failure(kind="auth", code="algorithm")
    return Endpoint(url, algorithms)


def token_form(smart: Smart, endpoint: Endpoint, now: datetime, rng: Random) -> dict[str, str]:
    """The form of one token request; `now` by the server's clock, `rng` a secure one: the assertion serves once."""
    key = read_key(smart.key)
    header = {"alg": algorithm_of(key), "typ": "JWT", "kid": smart.key_id or key.thumbprint()}
    claims = {
        "iss": smart.client_id, "sub": smart.client_id, "aud": endpoint.url,
        "exp": int((now + _LIFE).timestamp()), "jti": f"{rng.getrandbits(128):032x}",
    }  # fmt: skip
    return {
        "grant_type": "client_credentials", "scope": " ".join(smart.scopes), "client_assertion_type": _ASSERTION,
        "client_assertion": jwt.encode(header, claims, key, algorithms=[header["alg"]]),
    }  # fmt: skip


def read_token(body: object, smart: Smart, now: datetime) -> Token | Failure:
    """The token in an answer; used until 30 s before its end, or half of its life where that is shorter."""
    said = body if isinstance(body, dict) else {}
    value, sort, life = said.get("access_token"), said.get("token_type"), said.get("expires_in", 300)
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]+", value):
        return Failure(kind="auth", code="bad-token")
    if not isinstance(sort, str) or sort.lower() != "bearer" or not _is_number(life):
        return Failure(kind="auth", code="bad-token")
    seconds = min(float(life), _LONGEST)
    until = now + timedelta(seconds=max(seconds - _EARLY, seconds / 2))
    scope = said.get("scope")
    return Token(value, until, tuple(scope.split()) if isinstance(scope, str) else smart.scopes)


def read_refusal(body: object, status: int) -> Failure:
    """Why a token was refused: `error` of RFC 6749 is the code."""
    said = body if isinstance(body, dict) else {}
    error, why = said.get("error"), said.get("error_description")
    code = error.replace("_", "-") if isinstance(error, str) and _OAUTH.fullmatch(error) else "token-refused"
    return Failure(kind="auth", code=code, status=status, outcome=why[:500] if isinstance(why, str) else "")


def uncovered(wanted: tuple[str, ...], granted: tuple[str, ...]) -> tuple[str, ...]:
    """The wanted scopes that the granted ones do not cover whole (SMART 1 and 2 spellings; narrowed ones do not)."""
    held = [found for scope in granted if (found := _SCOPE.fullmatch(scope))]
    return tuple(scope for scope in wanted if not _covered(scope, held))


def _covered(scope: str, held: list[re.Match[str]]) -> bool:
    wanted = _SCOPE.fullmatch(scope)
    if wanted is None:
        return False
    letters = {
        letter
        for found in held
        if found[1] == wanted[1] and found[2] in {"*", wanted[2]}
        for letter in _SPELLED.get(found[3], found[3])
    }
    return set(_SPELLED.get(wanted[3], wanted[3])) <= letters


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and float(value) >= _SHORTEST
    except (TypeError, ValueError):
        return False


def _words(value: object) -> frozenset[str]:
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()
