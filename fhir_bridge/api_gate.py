"""Who may read by program: the holder of a token that holds, whose resident lives here and still agrees to a record."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock
from typing import Final

import msgspec

from engine.consent import permits
from engine.contract.kinds import KINDS
from engine.grants import Grant, Scope, scopes_of
from engine.observation_values import steady_id
from engine.people import Resident
from engine.store import repo_consents, repo_grants, repo_residents
from engine.store.database import Connection
from fhir_bridge.api_words import Ask, RefusedError

REALM: Final = 'Bearer realm="minato-phr"'
# A program that fetches everything page by page is not braked by this; one that runs in a circle is.
BURST: Final = 120
PER_SECOND: Final = 4
_MOST_HELD: Final = 10_000


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A program at work: its grant, whose data it reads, what it may, and the token that proves it."""

    grant: Grant
    person: Resident
    scopes: tuple[Scope, ...]
    token: str

    @property
    def owner(self) -> str:
        """The id of the patient everything belongs to."""
        return steady_id(self.person.id)

    def may(self, kind: str, *, search: bool) -> tuple[Scope, ...]:
        """The scopes that open resources of that kind; raises RefusedError (403) where there are none."""
        found = tuple(one for one in self.scopes if one.covers(kind) and (one.search if search else one.read))
        if not found:
            told = f'{REALM}, error="insufficient_scope"'
            raise RefusedError(403, "forbidden", f"the resident did not let this program read {kind} this way",
                               {"WWW-Authenticate": told})  # fmt: skip
        return found


class Brake:
    """How often one program may ask: a bucket that holds `burst` requests and gains `rate` a second."""

    def __init__(self, rate: float = PER_SECOND, burst: int = BURST) -> None:
        self._rate = rate
        self._burst = burst
        self._held: dict[str, tuple[float, datetime]] = {}
        self._lock = Lock()

    def wait_of(self, name: str, now: datetime) -> float:
        """Takes one request of `name`; 0 where it may go on, else the seconds until it may."""
        with self._lock:
            left, at = self._held.get(name, (float(self._burst), now))
            left = min(self._burst, left + max(timedelta(), now - at).total_seconds() * self._rate)
            wait = 0.0 if left >= 1 else (1 - left) / self._rate
            if len(self._held) >= _MOST_HELD:
                self._held.clear()
            self._held[name] = (left - 1 if left >= 1 else left, max(at, now))
            return wait


def token_of(ask: Ask) -> str:
    """The token a request carries; raises RefusedError (401) where it carries none."""
    scheme, _, token = ask.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RefusedError(401, "login", "a token is needed: Authorization: Bearer …", {"WWW-Authenticate": REALM})
    return token.strip()


def let_in(connection: Connection, token: str, now: datetime) -> Visit:
    """Whose token it is, if it opens anything now; raises RefusedError (401), the same whyever it does not."""
    grant = repo_grants.by_token(connection, token)
    person = repo_residents.get(connection, grant.resident) if grant is not None and grant.holds(now) else None
    if grant is None or person is None or person.status != "active" or not _agreed(connection, person.id, now):
        told = f'{REALM}, error="invalid_token"'
        raise RefusedError(401, "login", "this token opens nothing (any more)", {"WWW-Authenticate": told})
    return Visit(grant=grant, person=person, scopes=scopes_of(grant), token=token)


def _agreed(connection: Connection, resident: str, now: datetime) -> bool:
    """Whether there is still a record: of anything, as somebody may have stopped one kind of value alone."""
    said = repo_consents.events_of(connection, [resident], "record").get(resident, [])
    return any(permits(said, "record", None, kind, now).granted for kind in KINDS)
