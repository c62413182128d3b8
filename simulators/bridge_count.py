"""Counts what a hospital has against what a town measured: missing, doubled, misplaced, late or out of order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from simulators.bridge_town import Made, Town, values_of
from simulators.hospital.journal import Commit, Journal, Received, Version
from simulators.hospital.network import Hospital

WRONG = "entered-in-error"
# A request that left a moment before somebody withdrew may arrive a moment after.
ON_ITS_WAY = timedelta(seconds=2)


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What the hospital has: `expected` Observations shall count as somebody's, `live` do.

    `missing` and `changed` (another value) should be there; `misplaced` stand on another person's record and still
    count; `doubled` are identifiers that several resources have; `late` requests told of somebody who had withdrawn;
    `disordered` were first stored after a later one of their device.
    """

    expected: int
    live: int
    missing: int
    changed: int
    misplaced: int
    doubled: int
    late: int
    disordered: int


def count(town: Town, journal: Path) -> Counted:
    """The counts, read from the journal the hospital left."""
    hospital = Hospital(journal=journal)
    written = Journal(journal)
    written.close()
    lines = written.before
    known = values_of(town.made)
    gone = {town.patients[person] for person in town.withdrawn}
    live: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for version in hospital.records.all("Observation"):
        base = _base(version.body)
        if version.body["status"] != WRONG:
            live[base].append((_patient(version.body), version.body))
    wanted = {base: town.patients[made.owner] for base, (made, _) in known.items() if made.owner}
    wanted = {base: patient for base, patient in wanted.items() if patient not in gone}
    found: Counter[str] = Counter()
    for base in known.keys() | live.keys():
        found.update(_judge(live.get(base, []), known.get(base), wanted.get(base), gone))
    doubled = len(hospital.duplicates("Observation")) + len(hospital.duplicates("Device"))
    hospital.close()
    commits = [version for line in lines if isinstance(line, Commit) for version in line.versions]
    return Counted(
        expected=len(wanted), live=found["live"], missing=found["missing"], changed=found["changed"],
        misplaced=found["misplaced"], doubled=doubled, disordered=_disordered(commits, known),
        late=_late(town, [line for line in lines if isinstance(line, Received)]),
    )  # fmt: skip


def _judge(
    there: list[tuple[str, dict[str, Any]]], known: tuple[Made, str] | None, wanted: str | None, gone: set[str]
) -> Iterable[str]:
    """What is to be said of one measured thing; what stood on the record of somebody who withdrew stays there."""
    right = [body for patient, body in there if patient == wanted]
    if wanted is not None:
        yield "live" if len(right) == 1 else "missing"
        if right and known and _values(right[0]) != known[0].values[known[1]]:
            yield "changed"
    for patient, _ in there:
        if patient != wanted and patient not in gone:
            yield "misplaced"


def _late(town: Town, received: Iterable[Received]) -> int:
    ends = {town.patients[person]: at + ON_ITS_WAY for person, at in town.withdrawn.items()}
    return sum(
        1
        for line in received
        for patient, end in ends.items()
        if line.at > end and f'"Patient/{patient}"' in line.body
    )  # fmt: skip


def _disordered(commits: Iterable[Version], known: dict[str, tuple[Made, str]]) -> int:
    """How many readings nobody moved were first stored after a later one of the same device."""
    reached: dict[str, datetime] = {}
    count = 0
    for version in commits:
        if version.kind != "Observation" or version.number != 1 or version.body["status"] == WRONG:
            continue
        made = known.get(_identifier(version.body))
        if made is None or made[0].moved:
            continue
        device, at = made[0].reading.device, made[0].reading.measured_at
        count += at < reached.get(device, at)
        reached[device] = max(at, reached.get(device, at))
    return count


def _identifier(body: dict[str, Any]) -> str:
    return str(body["identifier"][0]["value"])


def _base(body: dict[str, Any]) -> str:
    name, _, turn = _identifier(body).rpartition(".")
    return name if turn.isdigit() else _identifier(body)


def _patient(body: dict[str, Any]) -> str:
    return str(body["subject"]["reference"]).removeprefix("Patient/")


def _values(body: dict[str, Any]) -> tuple[Decimal, ...]:
    places = body.get("component") or [body]
    return tuple(Decimal(str(one["valueQuantity"]["value"])) for one in places if "valueQuantity" in one)
