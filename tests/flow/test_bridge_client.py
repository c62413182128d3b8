"""The bridge's client against the hospital stand-in over real HTTP: every fault, tokens, TLS, and rougher servers."""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import pytest

from fhir_bridge.abilities import Abilities
from fhir_bridge.auth import SCOPES, Smart
from fhir_bridge.auth_keys import make_key, public_set
from fhir_bridge.breaker import Rules
from fhir_bridge.client import Client
from fhir_bridge.client_answers import Answer, Blob, Failure, Page, Write
from fhir_bridge.client_network import Limits, Network, NetworkError, Tls, criteria
from simulators.hospital.abilities import Abilities as Make
from simulators.hospital.faults import Fault
from simulators.hospital.network import Hospital
from simulators.hospital.serving import serving
from simulators.hospital.tokens import Client as Registered
from simulators.hospital.words import Told
from simulators.messaging.serving import Quiet, identity_in, served

pytestmark = pytest.mark.flow
KEYS = {"ES384": make_key("ES384"), "RS384": make_key("RS384")}
HANAKO = {
    "resourceType": "Patient", "id": "hanako", "identifier": [{"system": "urn:oid:1.2", "value": "0012345"}],
}  # fmt: skip
LIMITS = Limits(answer=300_000)
HURRIED = Limits(silence=1.0)
RULES = Rules(failures=1000)


def bmi(name: str, value: str = "22.50", **more: Any) -> bytes:
    said = {
        "resourceType": "Observation", "id": name, "status": "final", "subject": {"reference": "Patient/hanako"},
        "identifier": [{"system": "urn:ours", "value": name}], "code": {"text": "BMI"}, **more,
    }  # fmt: skip
    quantity = f'{{"value":{value},"unit":"kg/m2","system":"http://unitsofmeasure.org","code":"kg/m2"}}'
    return f'{json.dumps(said)[:-1]},"valueQuantity":{quantity}}}'.encode()


def put(name: str, **more: Any) -> Write:
    return Write(kind="Observation", id=name, body=bmi(name), **more)


def network(base: str, **more: Any) -> Network:
    return Network(name="choukai-net", base=base, **{"limits": LIMITS, "rules": RULES, **more})


def reach(base: str, **more: Any) -> Client:
    sleeps: dict[str, Any] = {"sleep": lambda _: None, "rng": Random(1)}
    settings = {name: more.pop(name) for name in ("auth", "tls", "limits", "rules") if name in more}
    return Client(network(base, **settings), **(sleeps | more))


def codes(told: Any) -> list[Any]:
    return [one.code if isinstance(one, Failure) else one.status for one in told]


@pytest.fixture
def hospital() -> Iterator[Hospital]:
    made = Hospital(Make(entries=20, page=3))
    made.admit(HANAKO)
    with serving(made):
        yield made


@pytest.fixture
def client(hospital: Hospital) -> Iterator[Client]:
    with reach(hospital.base) as made:
        yield made


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


# -- tokens


def guarded(*, scopes: tuple[str, ...] = ("system/*.cruds",), sort: type[Hospital] = Hospital, **more: Any) -> Hospital:
    keys = public_set([(pem, None) for pem in KEYS.values()])
    made = sort(clients=(Registered(id="minato", keys=keys, scopes=scopes),), **more)
    made.admit(HANAKO)
    return made


def lines(hospital: Hospital) -> list[str]:
    """The paths that were asked, without `/fhir`."""
    return [f"{one.method} {one.target.partition('?')[0].removeprefix('/fhir')}" for one in hospital.ledger.received]


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_token_is_fetched_once_and_used_until_it_ends(algorithm: str) -> None:
    moment = datetime.now(UTC)
    smart = Smart(client_id="minato", key=KEYS[algorithm])
    with (
        serving(guarded(now=lambda: moment)) as hospital,
        reach(hospital.base, auth=smart, now=lambda: moment) as client,
    ):
        assert codes(client.put("Observation", name, bmi(name)) for name in "abc") == [201] * 3
        assert lines(hospital).count("POST /oauth/token") == 1
        assert client.missing_scopes == ()
        moment += timedelta(seconds=271)
        assert codes([client.put("Observation", "a", bmi("a"))]) == [200]
        assert lines(hospital).count("POST /oauth/token") == 2
        assert lines(hospital).count("GET /.well-known/smart-configuration") == 1


def test_a_token_that_ended_early_is_renewed_exactly_once() -> None:
    with (
        serving(guarded()) as hospital,
        reach(hospital.base, auth=Smart(client_id="minato", key=KEYS["ES384"])) as client,
    ):
        client.put("Observation", "a", bmi("a"))
        hospital.faults.add(Fault(kind="expire"))
        assert codes([client.put("Observation", "a", bmi("a"))]) == [200]
        assert lines(hospital)[-3:] == ["PUT /Observation/a", "POST /oauth/token", "PUT /Observation/a"]
        hospital.faults.add(Fault(kind="status", status=401, where="PUT", times=2))
        told = client.put("Observation", "a", bmi("a"))
        assert isinstance(told, Failure)
        assert (told.kind, told.status, told.again) == ("auth", 401, True)
        assert lines(hospital)[-3:] == ["PUT /Observation/a", "POST /oauth/token", "PUT /Observation/a"]


def test_what_the_network_does_not_allow_is_named() -> None:
    smart = Smart(client_id="minato", key=KEYS["ES384"])
    allowed = ("system/Observation.cruds", "system/Patient.rs")
    with serving(guarded(scopes=allowed)) as hospital, reach(hospital.base, auth=smart) as client:
        assert codes([client.put("Observation", "a", bmi("a"))]) == [201]
        assert set(client.missing_scopes) == set(SCOPES) - {"system/Observation.crus", "system/Patient.rs"}
        assert codes([client.read("Device", "x")]) == ["forbidden"]


def test_a_stranger_is_told_why_and_tries_later() -> None:
    stranger = Smart(client_id="minato", key=make_key("ES384"))
    with serving(guarded()) as hospital, reach(hospital.base, auth=stranger) as client:
        told = client.put("Observation", "a", bmi("a"))
    assert isinstance(told, Failure)
    assert (told.kind, told.code, told.unsure, told.again) == ("auth", "invalid-client", False, True)
    assert told.outcome


@pytest.mark.parametrize("hours", [-9, 9])
def test_a_clock_that_goes_wrong_by_hours_does_not_keep_us_out(hours: int) -> None:
    wrong = timedelta(hours=hours)
    smart = Smart(client_id="minato", key=KEYS["ES384"])
    with (
        serving(guarded()) as hospital,
        reach(hospital.base, auth=smart, now=lambda: datetime.now(UTC) + wrong) as client,
    ):
        assert codes([client.put("Observation", "a", bmi("a"))]) == [201]
        assert client.skew == pytest.approx(-wrong.total_seconds(), abs=3)


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault(kind="status", status=503, where="token"), "retry", "server"),
        (Fault(kind="garbage", where="token"), "retry", "garbage"),
        (Fault(kind="drop", after=True, where="token"), "retry", "cut"),
        (Fault(kind="drop", where="smart-configuration"), "retry", "cut"),
        (Fault(kind="garbage", where="smart-configuration"), "retry", "garbage"),
        (Fault(kind="status", status=404, where="smart-configuration"), "auth", "no-smart-configuration"),
    ],
)
def test_trouble_on_the_way_to_a_token_leaves_no_doubt_about_the_resource(fault: Fault, kind: str, code: str) -> None:
    smart = Smart(client_id="minato", key=KEYS["ES384"])
    with serving(guarded()) as hospital, reach(hospital.base, auth=smart) as client:
        hospital.faults.add(fault)
        told = client.put("Observation", "a", bmi("a"))
        assert isinstance(told, Failure)
        assert (told.kind, told.code, told.again) == (kind, code, True)
        assert not told.unsure
        assert codes([client.put("Observation", "a", bmi("a"))]) == [201]


# -- who may hear what


def test_nothing_of_ours_ever_goes_to_another_origin() -> None:
    smart = Smart(client_id="minato", key=KEYS["ES384"])
    with serving(Hospital()) as other, serving(guarded()) as hospital, reach(hospital.base, auth=smart) as client:
        client.put("Observation", "a", bmi("a"))
        hospital.faults.add(Fault(kind="redirect", location=f"{other.base}/Observation/a", times=3))
        assert codes([client.read("Observation", "a"), client.put("Observation", "a", bmi("a"))]) == ["redirect"] * 2
        assert codes([client.fetch(f"{other.base}/Binary/1", 100)]) == ["foreign-url"]
        assert other.ledger.received == []


def test_a_redirect_within_the_origin_is_followed_by_reading_only(hospital: Hospital, client: Client) -> None:
    client.put("Observation", "a", bmi("a"))
    hospital.faults.add(Fault(kind="redirect", location="/fhir/Observation/a", where="Observation/old"))
    told = client.read("Observation", "old")
    assert isinstance(told, Answer)
    assert told.id == "a"
    hospital.faults.add(Fault(kind="redirect", location="/fhir/Observation/a", where="PUT"))
    assert codes([client.put("Observation", "a", bmi("a"))]) == ["redirect"]


class Listening(Hospital):
    """Remembers the headers that its ledger leaves out."""

    heard: list[dict[str, str]]

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes, *, most: int = 0) -> Told:
        self.heard.append(headers)
        return super().answer(method, target, headers, body, most=most)


def test_the_log_names_requests_and_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    hospital, smart = guarded(sort=Listening), Smart(client_id="minato", key=KEYS["ES384"])
    assert isinstance(hospital, Listening)
    hospital.heard = []
    with serving(hospital), reach(hospital.base, auth=smart) as client:
        assert codes([client.put("Observation", "a", bmi("a"))]) == [201]
        assert client.search("Patient", {"identifier": "urn:oid:1.2|0012345"})
        assert codes([client.put("Observation", "b", b'{"resourceType":"Observation","id":"b"}')]) == ["refused"]
    ids = [one["x-request-id"] for one in hospital.heard]
    tokens = {one["authorization"].split()[1] for one in hospital.heard if "authorization" in one}
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert (len(set(ids)), len(ids), len(tokens)) == (5, 5, 1)
    assert all(one in said for one in ids)
    assert not any(word in said for word in ("0012345", "hanako", "Observation", "eyJ", *tokens))


# -- TLS


def test_a_certificate_is_trusted_only_when_we_were_told_so(tmp_path: Path) -> None:
    identity = identity_in(tmp_path)
    hospital = Hospital()
    hospital.admit(HANAKO)
    with serving(hospital, identity=identity):
        with reach(hospital.base) as client:
            told = client.put("Observation", "a", bmi("a"))
            assert isinstance(told, Failure)
            assert (told.kind, told.code, told.unsure) == ("offline", "tls", False)
        with reach(hospital.base, tls=Tls(ca_file=str(identity))) as client:
            assert codes([client.put("Observation", "a", bmi("a"))]) == [201]


def test_mutual_tls_shows_our_certificate(tmp_path: Path) -> None:
    identity = identity_in(tmp_path)

    class Guarded(Quiet):
        def do_GET(self) -> None:  # noqa: N802 - the base class calls it so
            assert isinstance(self.connection, ssl.SSLSocket)
            known = b'{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}'
            self.answer(200 if self.connection.getpeercert() else 401, known, Content_Type="application/fhir+json")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    context.load_verify_locations(identity)
    context.verify_mode = ssl.CERT_OPTIONAL
    server = ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        base, ca = f"https://127.0.0.1:{server.server_port}/fhir", str(identity)
        with reach(base, tls=Tls(ca_file=ca)) as client:
            assert codes([client.get("metadata")]) == ["unauthorized"]
        with reach(base, tls=Tls(ca_file=ca, cert_file=ca, key_file=ca)) as client:
            assert isinstance(client.abilities(), Abilities)
    finally:
        server.shutdown()
        server.server_close()


def test_an_assertion_is_never_sent_to_a_plain_port_of_this_machine_for_a_server_elsewhere(tmp_path: Path) -> None:
    identity = identity_in(tmp_path)
    with serving(guarded()) as inside:

        class Sly(Quiet):
            def do_GET(self) -> None:  # noqa: N802 - the base class calls it so
                said = json.dumps({"token_endpoint": f"{inside.origin}/oauth/token"}).encode()
                self.answer(200, said, Content_Type="application/json")

        with served(Sly, identity) as origin:
            smart, tls = Smart(client_id="minato", key=KEYS["ES384"]), Tls(ca_file=str(identity))
            with reach(f"{origin}/fhir", auth=smart, tls=tls) as client:
                assert codes([client.put("Observation", "a", bmi("a"))]) == ["not-https"]
        assert inside.ledger.received == []


def test_no_proxy_of_this_machine_hears_of_it(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with reach(hospital.base) as client:
        assert codes([client.put("Observation", "a", bmi("a"))]) == [201]


def test_an_address_that_is_not_to_be_used_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(NetworkError, match="https") as refused:
        reach("http://hospital.example.jp/fhir")
    assert refused.value.refusal.code == "not-https"


# -- rougher servers


class Rough(Quiet):
    """Answers that no server of FHIR should give; the path says which."""

    def do_GET(self) -> None:  # noqa: N802 - the base class calls it so
        what = self.path.rpartition("/")[2]
        if what == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "8")
            self.end_headers()
            with suppress(OSError):
                for _ in range(8):
                    self.wfile.write(b" ")
                    time.sleep(0.2)
        elif what == "huge":
            self.answer(200, b" " * 400_000, Content_Type="application/fhir+json")
        elif what == "packed":
            self.answer(200, b"\x1f\x8b", Content_Type="application/fhir+json", Content_Encoding="gzip")
        elif what == "circle":
            self.answer(302, b"", Location="/fhir/circle")
        elif what == "nowhere":
            self.answer(302, b"", Location="http://[::1")
        else:
            self.answer(200, ROUGH[what].encode("utf-8", "surrogateescape"), Content_Type="application/fhir+json")


ROUGH = {
    "number": "17", "list": "[]", "cut": '{"resourceType":"Pat', "text": "", "nameless": '{"id":"a"}', "bytes": "\udcff",
    "deep": "[" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("drip", "timeout"), ("huge", "answer-too-large"), ("packed", "garbage"), ("circle", "redirect"),
        ("nowhere", "cut"), ("number", "garbage"), ("list", "garbage"), ("cut", "garbage"), ("nameless", "garbage"),
        ("bytes", "garbage"), ("deep", "garbage"),
    ],
)  # fmt: skip
def test_an_answer_that_no_fhir_server_should_give_is_a_failure(what: str, code: str) -> None:
    limits = Limits(whole=0.7) if what == "drip" else LIMITS
    with served(Rough) as origin, reach(f"{origin}/fhir", limits=limits) as client:
        assert codes([client.get(what)]) == [code]


def test_an_attachment_comes_as_it_is_up_to_the_size_that_is_wanted() -> None:
    with served(Rough) as origin, reach(f"{origin}/fhir") as client:
        assert client.fetch("list", 10) == Blob("application/fhir+json", b"[]")
        assert client.fetch(f"{origin}/fhir/list", 2) == Blob("application/fhir+json", b"[]")
        assert codes([client.fetch("number", 1)]) == ["answer-too-large"]
