"""The balance of a day: what may be told, what is remembered as written, and what lies in the tree."""

from __future__ import annotations

from datetime import date

import msgspec

from engine.store import repo_residents
from engine.store.database import Engine, read
from fhir_bridge.gate import doors
from fhir_bridge.imports.hl7_message import message_of
from fhir_bridge.imports.model import DocumentError
from fhir_bridge.outbound.message import GONE, digest_of
from fhir_bridge.outbound.sending import Sending, concerned, standing_of
from fhir_bridge.outbound.tree import KIND, Outbox, day_of, sha_of


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the three do not agree about.

    `code`: missing (remembered, no file), altered (other bytes), unknown (a file nobody remembers), unreadable,
    unwritten (may be told and was not), outdated (says something else now), unfounded (written and does not stand).
    """

    code: str
    identifier: str
    path: str = ""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """One civil day: how much stands, is remembered as holding, and lies there; and every difference."""

    day: date
    standing: int
    remembered: int
    present: int
    differences: tuple[Difference, ...]


def balance(engine: Engine, outbox: Outbox, day: date, how: Sending) -> Balance:
    """Compares the three for the civil day `day`, for everybody who is linked or was written of."""
    known = {one.key: one for one in outbox.known.values() if one.day == day and not one.purged}
    said = _standing(engine, outbox, day, how)
    there = {path: data for path, data in outbox.present() if f"/{day:%Y%m%d}/{KIND}/" in f"/{path}"}
    found: list[Difference] = []
    paths = {one.path: one for one in known.values()}
    for one in paths.values():
        data = there.get(one.path)
        if data is None:
            found.append(Difference(code="missing", identifier=one.identifier, path=one.path))
        elif sha_of(data) != one.sha:
            found.append(Difference(code="altered", identifier=one.identifier, path=one.path))
        if one.key not in said and one.status not in GONE:
            found.append(Difference(code="unfounded", identifier=one.identifier, path=one.path))
        elif one.key in said and (one.status in GONE or said[one.key][1] != one.digest):
            found.append(Difference(code="outdated", identifier=one.identifier, path=one.path))
    found += [_stranger(path, data) for path, data in there.items() if path not in paths]
    found += [Difference(code="unwritten", identifier=name) for key, (name, _, is_open) in said.items()
              if is_open and key not in known]  # fmt: skip
    holding = sum(one.status not in GONE for one in known.values())
    return Balance(day=day, standing=len(said), remembered=holding, present=len(there), differences=tuple(found))


def _standing(engine: Engine, outbox: Outbox, day: date, how: Sending) -> dict[str, tuple[str, str, bool]]:
    """What stands of that day: by key its name, what it says and whether it may be told for the first time."""
    found: dict[str, tuple[str, str, bool]] = {}
    with read(engine) as connection:
        people = concerned(connection, outbox, how.head.network)
        for resident, door in doors(connection, people, how.head.network, test_patients=how.test_patients).items():
            person = repo_residents.get(connection, resident)
            for one in () if person is None else standing_of(connection, person, door, how):
                if day_of(one.said, how.head.zone) == day.isoformat():
                    found[one.said.key] = (one.said.identifier, digest_of(one.said), one.open)
    return found


def _stranger(path: str, data: bytes) -> Difference:
    """A file that nobody remembers: by its own words, if it has any."""
    try:
        requests = message_of(data).all("OBR")
    except DocumentError:
        return Difference(code="unreadable", identifier="", path=path)
    return Difference(code="unknown", identifier=requests[0].part(3) if requests else "", path=path)
