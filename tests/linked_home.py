"""A home whose people are patients of the stand-in hospital: what it holds of them, and a bridge that reaches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from sqlalchemy import Engine

from engine.care_links import Link
from engine.clinical import standing
from engine.consent import Event, say
from engine.store import repo_consents, repo_facts, repo_links
from engine.store.database import read, write
from engine.store.repo_facts import By
from fhir_bridge.abilities import Abilities, Ability
from fhir_bridge.breaker import Rules
from fhir_bridge.client import Client
from fhir_bridge.client_answers import Answer, Blob, Failure, Found, Page
from fhir_bridge.client_network import Network
from fhir_bridge.imports.originals import Originals
from fhir_bridge.linking import Reach, Server
from fhir_bridge.pull import Whole, pull_all
from simulators.hospital.network import Hospital
from tests.homes import HANAKO, TARO
from tests.stores import furnished_file

NET: Final = "choukai-net"
SYSTEM: Final = "urn:oid:1.2.392.100495.20.3.51.10610001"
BY: Final = By("s-nurse", "tester")
SINCE: Final = datetime(2026, 8, 1, tzinfo=UTC)
BORN: Final = {HANAKO: "1951-05-05", TARO: "1976-05-05"}
JLAC10: Final = "urn:oid:1.2.392.200119.4.504"
HBA1C: Final = ("3D046000001906202", "HbA1c", "%")
LDL: Final = ("3F077000002327101", "LDLコレステロール", "mg/dL")


def patient(id_: str, number: str, **changes: Any) -> dict[str, Any]:
    """花子 as the hospital has her, changed."""
    ide, syl = (
        {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode": x}]}
        for x in ("IDE", "SYL")
    )
    body = {
        "resourceType": "Patient", "id": id_, "identifier": [{"system": SYSTEM, "value": number}],
        "name": [
            {**ide, "use": "official", "family": "山田", "given": ["花子"]},
            {**syl, "use": "official", "family": "ヤマダ", "given": ["ハナコ"]},
        ],
        "birthDate": BORN[HANAKO], "gender": "female",
    }  # fmt: skip
    return {name: value for name, value in (body | changes).items() if value is not None}


def lab(id_: str, value: str, test: tuple[str, str, str] = HBA1C, of: str = "p1", **changes: Any) -> dict[str, Any]:
    """A laboratory value as a hospital sends it; `value` keeps its digits."""
    code, name, unit = test
    body = {
        "resourceType": "Observation", "id": id_, "status": "final", "subject": {"reference": f"Patient/{of}"},
        "category": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory",
        }]}],
        "code": {"coding": [{"system": JLAC10, "code": code, "display": name}], "text": name},
        "effectiveDateTime": "2026-10-01T09:00:00+09:00",
        "valueQuantity": {
            "value": Decimal(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit,
        },
    }  # fmt: skip
    return body | changes


def condition(id_: str, icd10: str, name: str, of: str = "p1", **changes: Any) -> dict[str, Any]:
    """An illness as a hospital sends it."""
    body = {
        "resourceType": "Condition", "id": id_, "subject": {"reference": f"Patient/{of}"},
        "clinicalStatus": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active",
        }]},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": icd10, "display": name}], "text": name},
        "onsetDateTime": "2020-04-01",
    }  # fmt: skip
    return body | changes


def medicine(id_: str, yj: str, name: str, of: str = "p1", **changes: Any) -> dict[str, Any]:
    """A prescription as a hospital sends it."""
    body = {
        "resourceType": "MedicationRequest", "id": id_, "status": "active", "intent": "order",
        "subject": {"reference": f"Patient/{of}"}, "authoredOn": "2026-10-01T09:00:00+09:00",
        "medicationCodeableConcept": {
            "coding": [{"system": "urn:oid:1.2.392.100495.20.1.73", "code": yj, "display": name}], "text": name,
        },
        "dosageInstruction": [{"text": "1日1回 朝食後"}],
    }  # fmt: skip
    return body | changes


def agree(engine: Engine, resident: str, *, granted: bool = True, at: datetime = SINCE) -> None:
    """The resident's word about sharing with the network."""
    draft = Event(resident=resident, purpose="care-share", granted=granted, at=at, recipient=NET, actor="test")
    said = say(draft)
    assert isinstance(said, Event)
    with write(engine) as connection:
        repo_consents.append(connection, said, os_user="test")


def named(engine: Engine, resident: str, number: str, at: datetime = SINCE) -> Link:
    """A patient number somebody wrote down for a resident."""
    draft = Link(resident=resident, network=NET, system=SYSTEM, value=number, by=BY.actor, at=at)
    with write(engine) as connection:
        stored = repo_links.put(connection, draft, "propose", BY, at)
    assert isinstance(stored, Link)
    return stored


def linked(engine: Engine, resident: str, remote: str, number: str = "1001", at: datetime = SINCE) -> Link:
    """A link as it stands after everybody agreed about it."""
    draft = Link(
        resident=resident, network=NET, system=SYSTEM, value=number, remote_id=remote, state="linked", reason="agreed",
        by=BY.actor, at=at,
    )  # fmt: skip
    with write(engine) as connection:
        stored = repo_links.put(connection, draft, "match", BY, at)
    assert isinstance(stored, Link)
    return stored


def link_of(engine: Engine, resident: str = HANAKO) -> Link:
    """How the link of a resident stands."""
    with read(engine) as connection:
        found = repo_links.get(connection, resident, NET)
    assert found is not None
    return found


class Bridge:
    """A bridge of one process to one server, with a clock of its own that a test moves on."""

    def __init__(self, engine: Engine, server: Server, base: str, folder: Path, at: datetime | None = None) -> None:
        self.engine, self.server, self.base = engine, server, base
        self.originals = Originals(folder / "originals")
        self.at = at or datetime.now(UTC)
        self.rng = Random(7)

    @property
    def reach(self) -> Reach:
        return Reach(
            engine=self.engine, server=self.server, network=NET, base=self.base, by=By(NET, "tester"), now=self.clock
        )

    def clock(self) -> datetime:
        """Later at every look, as clocks are."""
        self.at += timedelta(microseconds=1)
        return self.at

    def pull(self) -> Whole:
        """One pull of everybody."""
        return pull_all(self.reach, self.originals, rng=self.rng)


@contextmanager
def bridged(engine: Engine, hospital: Hospital, folder: Path) -> Iterator[Bridge]:
    """A bridge to a hospital that is being served."""
    # The breaker has tests of its own: here the network is tried on and on.
    network = Network(name=NET, base=hospital.base, rules=Rules(failures=10_000))
    with Client(network, tries=4, sleep=lambda _: None, rng=Random(3)) as client:
        yield Bridge(engine, client, hospital.base, folder)


def known(engine: Engine, resident: str = HANAKO) -> dict[str, list[str]]:
    """What stands of the facts of a resident now, by code, every value that was not taken back."""
    with read(engine) as connection:
        rows = repo_facts.of_one(connection, resident)
    found = standing(rows, datetime.max.replace(tzinfo=UTC))
    return {code: [fact.value for fact in facts] for code, facts in found.items()}


class Crash(Exception):  # noqa: N818 - what it is, not an error of anybody
    """The power goes."""


class Shelf:
    """A server of one patient in memory, which lies, forgets and changes as a test wants; pages of `size`.

    `editions` are (body, version, when) and the last of each name counts, unless `script` says what pages there are.
    """

    def __init__(self, *types: str, size: int = 2) -> None:
        self.types, self.size = types, size
        self.editions: list[tuple[dict[str, Any], str, datetime]] = []
        self.patients = {"p1": patient("p1", "1001")}
        self.script: list[list[tuple[dict[str, Any], str, datetime]]] | None = None
        self.asked: list[dict[str, Any]] = []
        self.knows_cursor, self.counts = True, True
        self.between: Callable[[], None] = lambda: None
        self.blobs: dict[str, Blob] = {}
        self.fetched: list[str] = []

    def abilities(self) -> Abilities:
        able = Ability(does=frozenset({"search-type", "read"}))
        return Abilities(version="4.0.1", types=dict.fromkeys(self.types, able))

    def read(self, kind: str, id_: str) -> Answer | Failure:
        found = self.patients.get(id_) if kind == "Patient" else None
        if found is None:
            return Failure(kind="gone", code="not-found", status=404)
        return Answer(status=200, kind=kind, id=id_, body=found)

    def pages(self, kind: str, params: Any) -> Iterator[Page | Failure]:
        self.asked.append({"kind": kind, **params})
        if not self.knows_cursor and "_sort" in params:
            yield Failure(kind="refused", code="refused", status=400)
            return
        offset = 0
        while True:
            found = self._found(kind, params)
            part = found[offset : offset + self.size] if self.script is None else found
            offset += self.size
            last = offset >= len(found) or self.script is not None
            total = len(found) if self.counts and self.script is None else None
            yield Page(found=tuple(_entry(*one) for one in part), total=total, odd=(), last=last)
            if last:
                return
            self.between()

    def fetch(self, url: str, most: int, accept: str = "*/*") -> Blob | Failure:
        self.fetched.append(url)
        found = self.blobs.get(url)
        if found is None:
            return Failure(kind="gone", code="not-found", status=404)
        return found if len(found.data) <= most else Failure(kind="too-large", code="too-large")

    def _found(self, kind: str, params: Any) -> list[tuple[dict[str, Any], str, datetime]]:
        if self.script is not None:
            return [one for one in (self.script.pop(0) if self.script else []) if one[0]["resourceType"] == kind]
        newest = {
            body["id"]: (body, version, at) for body, version, at in self.editions if body["resourceType"] == kind
        }
        since = datetime.fromisoformat(params["_lastUpdated"][0][2:]) if "_lastUpdated" in params else None
        kept = [one for one in newest.values() if since is None or one[2] >= since]
        return sorted(kept, key=lambda one: (one[2], one[0]["id"]))


def _entry(body: dict[str, Any], version: str, at: datetime) -> Found:
    whole = body | {"meta": {**body.get("meta", {}), "versionId": version, "lastUpdated": at.isoformat()}}
    raw = msgspec.json.Encoder(decimal_format="number").encode(whole)
    return Found(
        kind=whole["resourceType"], id=whole["id"], version=version, last_updated=at.isoformat(), body=whole, raw=raw
    )


@contextmanager
def agreed(path: Path, *, patient: str | None = None) -> Iterator[Engine]:
    """A furnished store at `path` where Hanako shares her record with the network, linked to `patient` if there is one."""
    made = furnished_file(path)
    agree(made, HANAKO)
    if patient is not None:
        linked(made, HANAKO, patient)
    yield made
    made.dispose()
