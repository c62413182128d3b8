"""SMART Backend Services: client assertions signed with ES384 or RS384 against short-lived tokens with scopes.

Facts: HL7 SMART App Launch 2.2, "Backend Services" and "Client authentication: asymmetric"; RFC 7523.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.parse import parse_qs

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from simulators.hospital.journal import Assertion, Journal
from simulators.hospital.outcomes import RefusedError

_ALGORITHMS = ["ES384", "RS384"]
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST = 300
_SCOPE = re.compile(r"(system|user|patient)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)")
_SPELLED = {"read": "rs", "write": "cud", "*": "cruds"}


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A registered client: its public keys (a JWK set) and the scopes it may have at most."""

    id: str
    keys: dict[str, Any]
    scopes: tuple[str, ...] = ("system/*.cruds",)


def registered(id_: str, keys: Any) -> Client:
    """The client with this JWK set; raises ValueError when it is none, or holds no key."""
    try:
        found = KeySet.import_key_set(keys).keys
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("not a set of public keys") from error
    if not found:
        raise ValueError("a set without a key")
    return Client(id=id_, keys=keys)


class OAuthError(Exception):
    """A token request that is refused: `error` of RFC 6749 and why."""

    def __init__(self, error: str, why: str) -> None:
        super().__init__(why)
        self.error, self.why = error, why
        self.status = 401 if error == "invalid_client" else 400


class Tokens:
    """The tokens given out, and the assertions that were used; without clients the server is open to all."""

    def __init__(
        self, clients: tuple[Client, ...], journal: Journal, now: Callable[[], datetime], *, seconds: int
    ) -> None:
        self._clients = {client.id: client for client in clients}
        self._journal, self._now, self._seconds, self._lock = journal, now, seconds, Lock()
        self._live: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._used = {(a.client, a.jti): a.until for a in journal.before if isinstance(a, Assertion)}

    @property
    def needed(self) -> bool:
        """Whether a request has to bring a token."""
        return bool(self._clients)

    def grant(self, form: bytes, audience: str) -> dict[str, Any]:
        """The answer to a token request at `audience`; raises OAuthError."""
        said = {name: values[0] for name, values in parse_qs(form.decode("utf-8", "replace")).items()}
        if said.get("grant_type") != "client_credentials":
            raise OAuthError("unsupported_grant_type", "only client_credentials")
        if said.get("client_assertion_type") != _ASSERTION:
            raise OAuthError("invalid_request", "client_assertion_type is missing or wrong")
        client = self._signed(said.get("client_assertion", ""), audience)
        wanted = tuple(said.get("scope", "").split())
        given = tuple(scope for scope in wanted if _covered(scope, client.scopes))
        if not given:
            raise OAuthError("invalid_scope", "nothing of what was asked for may be had")
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._live[token] = (self._now().timestamp() + self._seconds, given)
        scope = " ".join(given)
        return {"access_token": token, "token_type": "bearer", "expires_in": self._seconds, "scope": scope}

    def scopes(self, authorization: str) -> tuple[str, ...]:
        """The scopes of a request's token; raises RefusedError (401) without a good one."""
        if not self.needed:
            return ("system/*.cruds",)
        scheme, _, token = authorization.partition(" ")
        with self._lock:
            until, given = self._live.get(token, (0.0, ()))
        if scheme.lower() != "bearer" or until <= self._now().timestamp():
            challenge = 'Bearer error="invalid_token"' if authorization else "Bearer"
            raise RefusedError(401, "no token, or one that ended", headers={"WWW-Authenticate": challenge})
        return given

    def expire(self) -> None:
        """End every token now."""
        with self._lock:
            self._live.clear()

    def _signed(self, assertion: str, audience: str) -> Client:
        try:
            # Whose keys to try stands inside; nothing of it is believed before the signature holds.
            claimed = jwt.decode(assertion, self._keys(), algorithms=_ALGORITHMS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise OAuthError("invalid_client", f"the assertion does not verify: {error}") from None
        claims = claimed.claims
        client = self._clients.get(str(claims.get("iss")))
        if client is None or claims.get("sub") != client.id or claimed.header.get("kid") not in _kids(client):
            raise OAuthError("invalid_client", "iss, sub and key are not one registered client")
        if audience not in _listed(claims.get("aud")):
            raise OAuthError("invalid_client", "aud is not the address of this token endpoint")
        self._use_once(client.id, claims.get("jti"), claims.get("exp"))
        return client

    def _keys(self) -> KeySet:
        every = [key for client in self._clients.values() for key in client.keys["keys"]]
        keys: KeySetSerialization = {"keys": every}
        return KeySet.import_key_set(keys)

    def _use_once(self, client: str, jti: Any, exp: Any) -> None:
        now = self._now().timestamp()
        if not isinstance(exp, int | float) or not now < exp <= now + _LONGEST:
            raise OAuthError("invalid_client", f"exp is missing, past or more than {_LONGEST} s ahead")
        if not isinstance(jti, str) or not jti:
            raise OAuthError("invalid_client", "jti is missing")
        with self._lock:
            if self._used.get((client, jti), 0.0) > now:
                raise OAuthError("invalid_client", "this assertion was used before")
            self._used[client, jti] = float(exp)
            self._journal.write(Assertion(client, jti, float(exp)))


def allows(scopes: tuple[str, ...], kind: str, letter: str) -> bool:
    """Whether the scopes (SMART 1 or 2) let a client create, read, update, delete or search (`c r u d s`) `kind`."""
    for scope in scopes:
        found = _SCOPE.fullmatch(scope)
        if found and found[2] in {"*", kind} and letter in _SPELLED.get(found[3], found[3]):
            return True
    return False


def _covered(scope: str, most: tuple[str, ...]) -> bool:
    found = _SCOPE.fullmatch(scope)
    return found is not None and all(allows(most, found[2], x) for x in _SPELLED.get(found[3], found[3]))


def _kids(client: Client) -> set[Any]:
    return {key.get("kid") for key in client.keys["keys"]}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
