"""The bridge's client against a FHIR R4 server that nobody here wrote: npm @medplum/fhir-router with its memory store.

What the layer in tests/npm/fhir-server adds to it is named there; everything about FHIR is the router's own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhir_bridge.abilities import Abilities
from fhir_bridge.breaker import Rules
from fhir_bridge.client import Client
from fhir_bridge.client_answers import Answer, Failure, Page, Write
from fhir_bridge.client_network import Limits, Network, criteria
from simulators.hospital.faults import Fault, Faults
from tests.third_party import faulty, fhir_router

pytestmark = [pytest.mark.flow, pytest.mark.xdist_group("node")]
SYSTEM = "urn:minato-phr:observation"


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The address of a server of its own for this file."""
    with fhir_router() as served:
        yield served


@pytest.fixture
def client(base: str) -> Iterator[Client]:
    with Client(Network(name="third", base=base, limits=Limits(batch=50))) as made:
        yield made


def weight(name: str, patient: str, value: str = "63.25", status: str = "final", *, id_: bool = True) -> bytes:
    said: dict[str, Any] = {
        "resourceType": "Observation", "status": status, "subject": {"reference": f"Patient/{patient}"},
        "identifier": [{"system": SYSTEM, "value": name}], "effectiveDateTime": "2026-11-21T07:01:03+09:00",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}], "text": "体重"},
        "valueQuantity": {"value": float(value), "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }  # fmt: skip
    return json.dumps(said | {"id": name} if id_ else said, ensure_ascii=False).encode()


def ids(found: list[Any] | Failure) -> list[str]:
    assert isinstance(found, list)
    return [one.id for one in found]


def held(client: Client, patient: str) -> list[str]:
    return ids(client.search("Observation", {"subject": f"Patient/{patient}", "_count": "7"}))


def test_it_says_what_it_can(client: Client) -> None:
    told = client.abilities()
    assert isinstance(told, Abilities)
    assert (told.software, told.strategy("Observation"), told.batch) == ("@medplum/fhir-router", "put", True)
    assert told.searches("Observation", "identifier", "subject", "_lastUpdated")


def test_a_resource_is_put_amended_and_not_overwritten_by_who_is_late(client: Client) -> None:
    first = client.put("Observation", "put-1", weight("put-1", "p1"))
    assert isinstance(first, Answer)
    assert first.version
    amended = client.put("Observation", "put-1", weight("put-1", "p1", "63.5", "amended"), if_match=first.version)
    assert isinstance(amended, Answer)
    assert amended.version not in {None, first.version}
    late = client.put("Observation", "put-1", weight("put-1", "p1"), if_match=first.version)
    assert isinstance(late, Failure)
    assert (late.kind, late.code, late.status) == ("conflict", "version", 412)
    read = client.read("Observation", "put-1")
    assert isinstance(read, Answer)
    assert read.body is not None
    assert (read.version, read.body["status"], read.body["code"]["text"]) == (amended.version, "amended", "体重")


def test_a_blind_repeat_of_a_put_or_a_conditional_create_makes_no_second_one(client: Client) -> None:
    once = criteria(identifier=f"{SYSTEM}|twice-2")
    for _ in range(3):
        assert isinstance(client.put("Observation", "twice-1", weight("twice-1", "p2")), Answer)
        assert isinstance(client.create("Observation", weight("twice-2", "p2", id_=False), if_none_exist=once), Answer)
    told = [
        client.create("Observation", weight("twice-2", "p2", id_=False), if_none_exist=once),
        client.create("Observation", weight("twice-3", "p2", id_=False), if_none_exist=criteria(identifier="x|y")),
    ]
    assert [one.created for one in told if isinstance(one, Answer)] == [False, True]
    assert len(held(client, "p2")) == 3


def test_several_hits_of_a_conditional_create_are_told_apart(client: Client) -> None:
    for name in ("several-1", "several-2"):
        client.put("Observation", name, weight(name, "p3"))
    told = client.create("Observation", weight("x", "p3", id_=False), if_none_exist=criteria(subject="Patient/p3"))
    assert isinstance(told, Failure)
    assert (told.kind, told.code, told.again) == ("conflict", "several", False)


def test_a_batch_of_seventy_has_an_outcome_for_each(client: Client) -> None:
    writes = [Write(kind="Observation", id=f"b{n}", body=weight(f"b{n}", "p4")) for n in range(70)]
    writes[40] = Write(kind="Observation", id="b40", body=b'{"resourceType":"Observation","id":"other"}')
    told = client.batch(writes)
    assert [n for n, one in enumerate(told) if isinstance(one, Failure)] == [40]
    assert all(one.id == f"b{n}" and one.version for n, one in enumerate(told) if isinstance(one, Answer))
    again = client.batch(writes[:40])
    assert all(isinstance(one, Answer) for one in again)
    assert sorted(held(client, "p4")) == sorted(f"b{n}" for n in range(70) if n != 40)


def test_a_conditional_create_in_a_batch_finds_its_own_and_wrong_versions_are_refused(client: Client) -> None:
    once = criteria(identifier=f"{SYSTEM}|c1")
    create = Write(kind="Observation", body=weight("c1", "p5", id_=False), if_none_exist=once)
    first, second = client.batch([create, Write(kind="Observation", id="c2", body=weight("c2", "p5"))])
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert first.created
    late = Write(kind="Observation", id="c2", body=weight("c2", "p5"), if_match="never")
    same, refused = client.batch([create, late])
    assert isinstance(same, Answer)
    assert (same.created, same.id) == (False, first.id)
    assert isinstance(refused, Failure)
    assert refused.kind == "conflict"
    assert len(held(client, "p5")) == 2


def test_search_goes_through_all_pages_by_identifier_patient_date_and_code(client: Client) -> None:
    client.batch([Write(kind="Observation", id=f"s{n}", body=weight(f"s{n}", "p6")) for n in range(45)])
    walked = list(client.pages("Observation", {"subject": "Patient/p6"}))
    assert [len(one.found) for one in walked if isinstance(one, Page)] == [20, 20, 5]
    assert isinstance(walked[0], Page)
    assert walked[0].total == 45
    assert ids(client.search("Observation", {"identifier": f"{SYSTEM}|s7"})) == ["s7"]
    both = {"subject": "Patient/p6", "code": "http://loinc.org|29463-7", "_lastUpdated": "ge2026-01-01T00:00:00+09:00"}
    assert len(ids(client.search("Observation", both))) == 45
    assert ids(client.search("Observation", {**both, "_lastUpdated": "ge2999-01-01T00:00:00+09:00"})) == []
    assert ids(client.search("Patient", {"identifier": "urn:none|1"})) == []


def test_what_it_does_not_have_and_does_not_understand_are_values(client: Client) -> None:
    told = [
        client.read("Observation", "nobody"),
        client.write(Write(kind="Observation", id="x", body=b'{"resourceType":"Patient","id":"x"}')),
        client.write(Write(kind="Observation", id="x", body=b"{")),
        client.get("nothing/at/all/here/there"),
    ]
    assert [(one.kind, one.again) for one in told if isinstance(one, Failure)] == [
        ("gone", False), ("refused", False), ("refused", False), ("gone", False),
    ]  # fmt: skip
    assert [bool(one.outcome) for one in told if isinstance(one, Failure)] == [True] * 4


def test_a_transaction_resolves_its_references(client: Client) -> None:
    scale = Write(
        kind="Device", full_url="urn:uuid:1c1fd8ba-0d2e-4d5b-9c2b-0a9c61ff31a7",
        body=b'{"resourceType":"Device","identifier":[{"system":"urn:minato-phr:device","value":"d-1"}]}',
    )  # fmt: skip
    about = json.loads(weight("t1", "p7")) | {"device": {"reference": scale.full_url}}
    told = client.transaction([scale, Write(kind="Observation", id="t1", body=json.dumps(about).encode())])
    assert isinstance(told, list)
    device, observation = told
    assert isinstance(device, Answer)
    assert isinstance(observation, Answer)
    read = client.read("Observation", "t1")
    assert isinstance(read, Answer)
    assert read.body is not None
    assert read.body["device"]["reference"] == f"Device/{device.id}"


WEATHER = tuple(
    (0.05, fault)
    for fault in (
        Fault(kind="drop"), Fault(kind="drop", after=True), Fault(kind="cut", after=True), Fault(kind="garbage"),
        Fault(kind="status", status=503), Fault(kind="status", status=503, after=True),
        Fault(kind="status", status=429, retry_after="1"), Fault(kind="slow", seconds=0.01),
        Fault(kind="status", status=413, where="POST /fhir$"),
    )
)  # fmt: skip


@pytest.mark.parametrize("strategy", ["put", "conditional"])
def test_through_every_fault_each_reading_is_stored_exactly_once(base: str, strategy: str) -> None:
    patient, names = f"f-{strategy}", [f"{strategy}-{n}" for n in range(100)]
    owed = {name: _owed(strategy, name, patient) for name in names}
    faults = Faults(weather=WEATHER, seed=7)
    struck = Counter[str]()
    weather = faults.strike
    faults.strike = lambda method, target: _count(struck, weather(method, target))  # type: ignore[method-assign]
    ahead = timedelta()
    with faulty(base, faults) as line, Client(_line(line), now=lambda: datetime.now(UTC) + ahead) as sender:
        for _ in range(300):
            now = list(owed)[:12]
            for name, one in zip(now, sender.batch([owed[name] for name in now]), strict=True):
                assert isinstance(one, Answer) or one.again, one
                if isinstance(one, Answer):
                    del owed[name]
                else:
                    # What the server asks us to wait passes at once here.
                    ahead += timedelta(seconds=one.retry_after or 0)
            if not owed:
                break
    assert owed == {}
    assert sum(struck.values()) >= 8
    assert len(struck) >= 5
    with Client(Network(name="third", base=base)) as reader:
        found = reader.search("Observation", {"subject": f"Patient/{patient}", "_count": "50"})
    assert isinstance(found, list)
    assert sorted(one.body["identifier"][0]["value"] for one in found) == sorted(names)


def _owed(strategy: str, name: str, patient: str) -> Write:
    if strategy == "put":
        return Write(kind="Observation", id=name, body=weight(name, patient))
    once = criteria(identifier=f"{SYSTEM}|{name}")
    return Write(kind="Observation", body=weight(name, patient, id_=False), if_none_exist=once)


def _count(struck: Counter[str], fault: Fault | None) -> Fault | None:
    if fault:
        struck[fault.name] += 1
    return fault


def _line(line: str) -> Network:
    """The network behind a bad line; its breaker opens for no time."""
    return Network(name="third", base=line, rules=Rules(failures=10_000, wait=0, longest=0))
