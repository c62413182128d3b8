"""The bridge's client against the hospital stand-in over real HTTP: what it is for, and every fault."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from fhir_bridge.abilities import Abilities
from fhir_bridge.breaker import Rules
from fhir_bridge.client import Client
from fhir_bridge.client_answers import Answer, Failure, Page, Write
from fhir_bridge.client_network import Limits, criteria
from simulators.hospital.abilities import Abilities as Make
from simulators.hospital.faults import Fault
from simulators.hospital.network import Hospital
from simulators.hospital.serving import serving
from simulators.messaging.serving import Quiet, served
from tests.bridge.client_world import (
    HANAKO,
    HURRIED,
    LIMITS,
    bmi,
    codes,
    put,
    reach,
)

pytestmark = pytest.mark.flow


# -- what it is for


def test_it_reads_what_the_server_can_do_once(hospital: Hospital, client: Client) -> None:
    told = client.abilities()
    assert isinstance(told, Abilities)
    assert (told.strategy("Observation"), told.batch, told.version) == ("put", True, "4.0.1")
    assert client.abilities() is told is client.known
    assert client.abilities(fresh=True) == told
    assert len(hospital.ledger.received) == 2


def test_it_does_not_talk_to_another_version_of_fhir() -> None:
    with serving(Hospital(Make(fhir_version="5.0.0"))) as newer, reach(newer.base) as client:
        told = client.abilities()
    assert isinstance(told, Failure)
    assert (told.code, told.again) == ("fhir-version", False)
    assert "5.0.0" in told.outcome


def test_a_resource_is_stored_corrected_and_read_with_every_digit(hospital: Hospital, client: Client) -> None:
    first = client.put("Observation", "a", bmi("a"))
    assert isinstance(first, Answer)
    assert (first.created, first.id, first.version) == (True, "a", "1")
    amended = client.put("Observation", "a", bmi("a", "23.0", status="amended"), if_match="1")
    assert isinstance(amended, Answer)
    assert (amended.created, amended.version) == (False, "2")
    late = client.put("Observation", "a", bmi("a"), if_match="1")
    assert isinstance(late, Failure)
    assert (late.kind, late.code, late.again) == ("conflict", "version", False)
    read = client.read("Observation", "a")
    assert isinstance(read, Answer)
    assert (read.kind, read.id, read.version) == ("Observation", "a", "2")
    assert read.body is not None
    assert str(read.body["valueQuantity"]["value"]) == "23.0"
    assert b'"value":23.0' in read.raw
    gone = client.read("Observation", "nobody")
    assert isinstance(gone, Failure)
    assert (gone.kind, gone.status) == ("gone", 404)
    assert codes([client.read("Observation", "../metadata")]) == ["bad-id"]


@pytest.mark.parametrize("conflict", [409, 412])
def test_a_version_conflict_is_one_whatever_its_status(conflict: Any) -> None:
    hospital = Hospital(Make(conflict=conflict))
    hospital.admit(HANAKO)
    with serving(hospital), reach(hospital.base) as client:
        client.put("Observation", "a", bmi("a"))
        assert codes([client.put("Observation", "a", bmi("a"), if_match="7")]) == ["version"]


def test_a_conditional_create_tells_new_from_there_from_several(hospital: Hospital, client: Client) -> None:
    once = criteria(identifier="urn:ours|a")
    told = [client.create("Observation", bmi("a"), if_none_exist=once) for _ in range(2)]
    assert codes(told) == [201, 200]
    assert {one.id for one in told if isinstance(one, Answer)} == {hospital.records.all("Observation")[0].id}
    hospital.keep(json.loads(bmi("a")) | {"id": "other"})
    several = client.create("Observation", bmi("a"), if_none_exist=once)
    assert isinstance(several, Failure)
    assert (several.kind, several.code) == ("conflict", "several")


def test_a_search_finds_all_pages_in_order(hospital: Hospital, client: Client) -> None:
    for number in range(8):
        client.put("Observation", f"o{number}", bmi(f"o{number}"))
    params = {"patient": "hanako", "_lastUpdated": "ge2026-01-01T00:00:00+09:00", "_sort": "_lastUpdated"}
    found = client.search("Observation", params)
    assert isinstance(found, list)
    assert [one.id for one in found] == [f"o{number}" for number in range(8)]
    assert all(json.loads(one.raw) and one.version == "1" and one.last_updated for one in found)
    # A page is asked for when it is wanted, not before.
    before = len(hospital.ledger.received)
    walk = client.pages("Observation", params)
    first = next(walk)
    assert isinstance(first, Page)
    assert (len(first.found), first.total, first.last) == (3, 8, False)
    assert len(hospital.ledger.received) - before == 1
    assert codes([client.search("Observation", params, most=4)]) == ["too-many"]


def test_a_search_whose_pages_are_forgotten_says_so(hospital: Hospital, client: Client) -> None:
    for number in range(5):
        client.put("Observation", f"o{number}", bmi(f"o{number}"))
    hospital.faults.add(Fault(kind="status", status=410, where="_page"))
    told = client.search("Observation", {"patient": "hanako"})
    assert isinstance(told, Failure)
    assert (told.kind, told.status) == ("gone", 410)


def test_a_batch_is_cut_to_what_the_server_takes_and_each_entry_has_its_outcome(hospital: Hospital) -> None:
    with reach(hospital.base) as client:
        writes = [put(f"o{number}") for number in range(70)]
        writes[33] = Write(kind="Observation", id="o33", body=b'{"resourceType":"Observation","id":"o33"}')
        told = client.batch(writes)
        assert [number for number, one in enumerate(told) if isinstance(one, Failure)] == [33]
        [refused] = [one for one in told if isinstance(one, Failure)]
        assert (refused.kind, refused.outcome) == ("refused", "invalid Field required @Observation.code")
        assert [one.id for one in told if isinstance(one, Answer)] == [f"o{n}" for n in range(70) if n != 33]
        assert len(hospital.records.all("Observation")) == 69
        again = client.batch(writes[:33])
        assert set(codes(again)) == {200}


@pytest.mark.parametrize("over", [400, 413])
def test_a_server_that_counts_entries_is_learned_whatever_it_answers(over: Any) -> None:
    hospital = Hospital(Make(over=over, entries=7))
    hospital.admit(HANAKO)
    with serving(hospital), reach(hospital.base) as client:
        assert set(codes(client.batch([put(f"o{number}") for number in range(50)]))) == {201}
        asked = len(hospital.ledger.received)
        assert set(codes(client.batch([put(f"p{number}") for number in range(50)]))) == {201}
        assert len(hospital.ledger.received) - asked <= 9


def test_without_bundles_each_is_sent_by_itself_and_none_is_tried_where_the_server_says_so() -> None:
    hospital = Hospital(Make(batch=False))
    hospital.admit(HANAKO)
    with serving(hospital):
        for asks, tried in ((False, 1), (True, 0)):
            before = len(hospital.ledger.received)
            with reach(hospital.base) as client:
                if asks:
                    client.abilities()
                assert not any(isinstance(one, Failure) for one in client.batch([put("a"), put("b")]))
            sent = [one for one in hospital.ledger.received[before:] if one.target == "/fhir"]
            assert len(sent) == tried


def test_a_transaction_is_all_or_nothing_and_its_entries_know_each_other(hospital: Hospital, client: Client) -> None:
    device = b'{"resourceType":"Device","identifier":[{"system":"urn:ours","value":"d-1"}]}'
    scale = Write(kind="Device", body=device, full_url="urn:uuid:9b6a1e3e-6c0b-4a5c-9a4e-0c8a2d6f1b11")
    about = json.loads(bmi("a")) | {"device": {"reference": scale.full_url}}
    told = client.transaction([scale, Write(kind="Observation", id="a", body=json.dumps(about).encode())])
    assert isinstance(told, list)
    assert codes(told) == [201, 201]
    [stored] = hospital.records.all("Observation")
    assert stored.body["device"]["reference"] == f"Device/{hospital.records.all('Device')[0].id}"
    bad = Write(kind="Observation", id="b", body=b'{"resourceType":"Observation","id":"b"}')
    refused = client.transaction([put("c"), bad])
    assert isinstance(refused, Failure)
    assert not refused.again
    assert len(hospital.records.all("Observation")) == 1


def test_who_has_not_agreed_at_the_network_is_refused_and_not_tried_for_ever(
    hospital: Hospital, client: Client
) -> None:
    hospital.consents.change("hanako", given=False)
    told = client.put("Observation", "a", bmi("a"))
    assert isinstance(told, Failure)
    assert (told.code, told.status, told.again) == ("forbidden", 403, False)


# -- faults

FAULTS: dict[str, tuple[Fault, str, str, bool]] = {
    "a dropped connection": (Fault(kind="drop"), "retry", "cut", True),
    "a lost reply": (Fault(kind="drop", after=True), "retry", "cut", True),
    "half an answer": (Fault(kind="cut"), "retry", "cut", True),
    "503": (Fault(kind="status", status=503), "retry", "server", True),
    "503 after it was done": (Fault(kind="status", status=503, after=True), "retry", "server", True),
    "429": (Fault(kind="status", status=429), "retry", "throttled", False),
    "a page of a hotel's network": (Fault(kind="garbage"), "retry", "garbage", True),
    "silence": (Fault(kind="slow", seconds=2.0), "retry", "timeout", True),
    "a redirect to its own log-in": (Fault(kind="redirect"), "retry", "redirect", True),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_a_value_and_the_same_request_again_is_stored_once(
    name: str, hospital: Hospital, client: Client
) -> None:
    fault, kind, code, unsure = FAULTS[name]
    hospital.faults.add(fault)
    with reach(hospital.base, limits=HURRIED if name == "silence" else LIMITS) as first:
        told = first.put("Observation", "a", bmi("a"))
    assert isinstance(told, Failure)
    assert (told.kind, told.code, told.unsure, told.again) == (kind, code, unsure, True)
    stored = bool(hospital.records.all("Observation"))
    assert not stored or told.unsure
    assert isinstance(client.put("Observation", "a", bmi("a")), Answer)
    assert hospital.duplicates("Observation") == {}


@pytest.mark.parametrize("name", FAULTS)
def test_reading_goes_on_past_a_fault_where_it_may_try_again(name: str, hospital: Hospital) -> None:
    slept = list[float]()
    limits = HURRIED if name == "silence" else LIMITS
    with reach(hospital.base, tries=3, sleep=slept.append, limits=limits) as client:
        client.put("Observation", "a", bmi("a"))
        hospital.faults.add(FAULTS[name][0])
        told = client.read("Observation", "a")
        # A redirect within the origin is followed: to another resource here.
        assert isinstance(told, Answer) == (name != "a page of a hotel's network")
        assert len(slept) == (0 if "redirect" in name or "hotel" in name else 1)


@pytest.mark.parametrize("limit", [1, 7])
def test_a_server_that_takes_less_for_a_while_gets_all_of_it_in_order(limit: int, hospital: Hospital) -> None:
    hospital.faults.add(Fault(kind="small", limit=limit, where="POST /fhir$", times=12))
    with reach(hospital.base) as client:
        assert set(codes(client.batch([put(f"o{number}") for number in range(50)]))) == {201}
    written = [place.split("/")[1] for place in hospital.ledger.writes("Observation/")]
    assert written == [f"o{number}" for number in range(50)]


def test_writing_is_never_repeated_behind_the_back_of_who_remembers_it(hospital: Hospital) -> None:
    hospital.faults.add(Fault(kind="drop", after=True))
    with reach(hospital.base, tries=3) as client:
        assert codes([client.create("Observation", bmi("a"))]) == ["cut"]
    assert len(hospital.ledger.received) == 1


def test_a_batch_stops_where_the_server_asks_for_time(hospital: Hospital) -> None:
    hospital.faults.add(Fault(kind="slow", times=2), Fault(kind="status", status=503, retry_after="30"))
    limits = Limits(batch=10)
    with reach(hospital.base, limits=limits) as client:
        told = client.batch([put(f"o{number}") for number in range(50)])
    assert codes(told) == [201] * 20 + ["server"] * 30
    late = [one for one in told if isinstance(one, Failure)]
    assert [one.unsure for one in late] == [True] * 10 + [False] * 20
    assert {one.retry_after for one in late} == {30}
    assert len(hospital.records.all("Observation")) == 20


def test_an_open_breaker_asks_nothing_until_its_time_and_goes_on_in_the_next_client(hospital: Hospital) -> None:
    moment = datetime.now(UTC)

    def clock() -> datetime:
        return moment

    hospital.faults.add(Fault(kind="drop", times=3))
    rules = Rules(failures=3, wait=40, longest=40)
    with reach(hospital.base, rules=rules, now=clock) as client:
        assert codes(client.put("Observation", "a", bmi("a")) for _ in range(5)) == ["cut"] * 3 + ["breaker"] * 2
        kept = client.breaker
    assert len(hospital.ledger.received) == 3
    with reach(hospital.base, rules=rules, now=clock, breaker=kept) as client:
        told = client.put("Observation", "a", bmi("a"))
        assert isinstance(told, Failure)
        assert told.retry_after is not None
        assert 20 <= told.retry_after <= 40
        moment += timedelta(seconds=told.retry_after)
        assert codes([client.put("Observation", "a", bmi("a"))]) == [201]
        assert client.breaker.state(moment) == "closed"


def test_a_retry_after_as_a_date_is_read_by_the_servers_own_clock() -> None:
    behind = timedelta(hours=5)

    class Behind(Quiet):
        def do_GET(self) -> None:  # noqa: N802 - the base class calls it so
            self.answer(503, b"", Retry_After=format_datetime(there() + timedelta(seconds=90), usegmt=True))

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(there(), usegmt=True)

    def there() -> datetime:
        return datetime.now(UTC) - behind

    with served(Behind) as origin, reach(f"{origin}/fhir") as client:
        told = client.get("metadata")
        assert isinstance(told, Failure)
        assert told.retry_after == pytest.approx(90, abs=3)
        assert client.skew == pytest.approx(-behind.total_seconds(), abs=3)


def test_nobody_there_is_offline_and_certainly_not_carried_out(hospital: Hospital) -> None:
    with serving(Hospital()) as other:
        gone = other.base
    with reach(gone) as client:
        told = client.put("Observation", "a", bmi("a"))
    assert isinstance(told, Failure)
    assert (told.kind, told.code, told.unsure, told.again) == ("offline", "connect", False, True)
