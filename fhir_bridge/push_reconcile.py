"""Compares what we say a network confirmed of a day with what the network says it has: counts, and every difference."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from engine.observation_templates import IDENTIFIER_SYSTEM
from engine.store import repo_links, repo_push
from engine.store.database import Engine, read
from engine.store.repo_push import WRONG, Owed
from fhir_bridge.client import Client
from fhir_bridge.client_answers import Failure, Found
from fhir_bridge.gate import doors
from fhir_bridge.plan_debts import ZONE, Scope

_MOST: Final = 20_000


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One identifier the two houses disagree about: missing, unknown, twice, other-status or other-subject."""

    code: str
    identifier: str
    patient: str
    ours: str | None = None
    theirs: str | None = None


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """One day: Observations we say were confirmed, those found there, and where they differ.

    `unasked` are patients about whom nothing may be asked now, `failed` those of whom nothing was told, by code.
    """

    day: date
    confirmed: int
    found: int
    patients: int
    unasked: int
    failed: dict[str, int]
    differences: tuple[Difference, ...]

    @property
    def even(self) -> bool:
        """Whether everybody could be asked and nothing differs."""
        return not self.differences and not self.failed


def reconcile(engine: Engine, client: Client, scope: Scope, day: date, clock: Callable[[], datetime]) -> Balance:
    """The balance of the civil day `day`; every patient's gate is asked right before they are asked for."""
    zone = ZoneInfo(ZONE)
    first, after = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))
    with read(engine) as connection:
        told = repo_push.told_between(connection, scope.network, first, after)
        linked = repo_links.linked(connection, scope.network)
    ours: dict[str, list[Owed]] = defaultdict(list)
    for row in told:
        ours[row.patient].append(row)
    patients = {link.remote_id: link.resident for link in linked if link.remote_id}
    unasked, failed, found, confirmed = 0, Counter[str](), 0, 0
    differences: list[Difference] = []
    for patient, resident in sorted(patients.items()):
        with read(engine) as connection:
            door = doors(connection, [resident], scope.network, test_patients=scope.test_patients)[resident]
        if door.refuses_record(clock()) is not None:
            unasked += 1
            continue
        theirs = _there(client, patient, first, after)
        if isinstance(theirs, Failure):
            failed[theirs.code] += 1
            continue
        found += len(theirs)
        confirmed += len(ours[patient])
        differences += _compare(patient, ours[patient], theirs)
    return Balance(
        day=day, confirmed=confirmed, found=found, patients=len(patients), unasked=unasked, failed=dict(failed),
        differences=tuple(differences),
    )  # fmt: skip


def _there(client: Client, patient: str, first: datetime, after: datetime) -> list[Found] | Failure:
    """The network's Observations of a patient with identifiers of ours that were made on the day."""
    asked = {
        "patient": patient,
        "identifier": f"{IDENTIFIER_SYSTEM}|",
        "date": [f"ge{first.isoformat()}", f"lt{after.isoformat()}"],
    }
    told = client.search("Observation", asked, most=_MOST)
    return told if isinstance(told, Failure) else [one for one in told if one.mode == "match"]


def _compare(patient: str, ours: Iterable[Owed], theirs: Iterable[Found]) -> list[Difference]:
    there: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in theirs:
        for name in _identifiers(one.body):
            there[name].append(one.body)
    mine = {row.identifier: row for row in ours}
    found = []
    for name in sorted(mine.keys() | there.keys()):
        row, bodies = mine.get(name), there.get(name, [])
        status = str(bodies[0].get("status")) if bodies else None
        code = _code(row, bodies, status)
        if code is not None:
            found.append(
                Difference(code=code, identifier=name, patient=patient, ours=row.says if row else None, theirs=status)
            )
    return found


def _code(row: Owed | None, bodies: list[dict[str, Any]], status: str | None) -> str | None:
    if row is None:
        return "unknown"
    if not bodies:
        return "missing"
    if sum(1 for body in bodies if body.get("status") != WRONG) > 1:
        return "twice"
    return None if status == row.says or len(bodies) > 1 else "other-status"


def _identifiers(body: dict[str, Any]) -> list[str]:
    said = body.get("identifier")
    listed = said if isinstance(said, list) else []
    return [str(one.get("value")) for one in listed if isinstance(one, dict) and one.get("system") == IDENTIFIER_SYSTEM]
