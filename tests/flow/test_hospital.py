"""The hospital stand-in over real HTTP: tokens, every fault, kills, racing writers, and the strategies against them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from simulators.hospital.abilities import Abilities
from simulators.hospital.faults import KINDS, Fault, Faults
from simulators.hospital.network import Hospital
from simulators.hospital.process import HospitalError, HospitalProcess, Settings
from simulators.hospital.serving import serving
from simulators.hospital.tokens import Client
from simulators.messaging.serving import identity_in

HANAKO = {"resourceType": "Patient", "id": "hanako", "identifier": [{"system": "urn:oid:1.2", "value": "1"}]}
JSON = {"Content-Type": "application/fhir+json"}
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EC_KEY = ECKey.generate_key("P-384", {"kid": "ec"}, private=True)
RSA_KEY = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
STRANGER = ECKey.generate_key("P-384", {"kid": "ec"}, private=True)
BRIDGE = Client(
    id="bridge", keys={"keys": [EC_KEY.as_dict(private=False), RSA_KEY.as_dict(private=False)]},
    scopes=("system/Patient.rs", "system/Observation.crus"),
)  # fmt: skip


def weight(name: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": name, "status": "final", "subject": {"reference": "Patient/hanako"},
        "identifier": [{"system": "urn:ours", "value": name}], "code": {"text": "体重"}, "valueString": "63.50",
    }  # fmt: skip


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def put(client: httpx.Client, name: str) -> httpx.Response:
    return client.put(f"Observation/{name}", json=weight(name), headers=JSON)


def reach(base: str) -> httpx.Client:
    """A client that reads no settings and no certificates of this machine."""
    return httpx.Client(base_url=base, timeout=10, verify=False, trust_env=False)


@pytest.fixture
def hospital() -> Iterator[Hospital]:
    made = Hospital()
    made.admit(HANAKO)
    with serving(made):
        yield made


@pytest.fixture
def client(hospital: Hospital) -> Iterator[httpx.Client]:
    with reach(hospital.base) as made:
        yield made


# -- tokens


def assertion(audience: str, key: Any = EC_KEY, alg: str = "ES384", **changes: Any) -> str:
    ends = datetime.now(UTC) + timedelta(minutes=4)
    claims = {
        "iss": "bridge",
        "sub": "bridge",
        "aud": audience,
        "jti": str(time.monotonic_ns()),
        "exp": int(ends.timestamp()),
    }
    header = {"alg": alg, "kid": key.kid}
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(header, claims, key, algorithms=["ES384", "RS384", "ES256", "PS384"])


def ask_token(origin: str, signed: str, scope: str = "system/Observation.crus", **changes: str) -> httpx.Response:
    form = {
        "grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": signed,
        "scope": scope,
    }  # fmt: skip
    return httpx.post(f"{origin}/oauth/token", data=form | changes, verify=False, trust_env=False)


@pytest.fixture
def guarded() -> Iterator[Hospital]:
    made = Hospital(clients=(BRIDGE,))
    made.admit(HANAKO)
    with serving(made):
        yield made


def test_a_client_that_signs_as_smart_wants_gets_a_token_that_opens_its_scopes_only(guarded: Hospital) -> None:
    with reach(guarded.base) as client:
        smart = client.get(".well-known/smart-configuration").json()
        assert client.get("metadata").status_code == 200
        refused = put(client, "a")
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        for key, alg in ((EC_KEY, "ES384"), (RSA_KEY, "RS384")):
            told = ask_token(guarded.origin, assertion(smart["token_endpoint"], key, alg))
            assert told.status_code == 200, told.text
            assert told.headers["Cache-Control"] == "no-store"
            client.headers["Authorization"] = f"Bearer {told.json()['access_token']}"
            assert put(client, "a").is_success
            assert client.get("Patient/hanako").status_code == 403
            assert client.post("Device", json={"resourceType": "Device"}, headers=JSON).status_code == 403
        guarded.tokens.expire()
        assert "invalid_token" in put(client, "a").headers["WWW-Authenticate"]
    assert "client_assertion" not in "".join(line.body for line in guarded.ledger.received)


FORGED: dict[str, dict[str, Any]] = {
    "of another audience": {"aud": "http://127.0.0.1/other"},
    "that ends too late": {"exp": int(datetime(2099, 1, 1, tzinfo=UTC).timestamp())},
    "that ended": {"exp": 1_700_000_000},
    "without an end": {"exp": None},
    "without a number": {"jti": None},
    "of an unknown client": {"iss": "x", "sub": "x"},
    "with two names": {"sub": "somebody"},
    "signed by a stranger": {"key": STRANGER},
    "signed with another algorithm": {"key": RSA_KEY, "alg": "PS384"},
}


@pytest.mark.parametrize("how", FORGED)
def test_an_assertion_gets_nothing(guarded: Hospital, how: str) -> None:
    told = ask_token(guarded.origin, assertion(f"{guarded.origin}/oauth/token", **FORGED[how]))
    assert (told.status_code, told.json()["error"]) == (401, "invalid_client")


def test_an_assertion_counts_once_and_a_request_must_be_whole(guarded: Hospital) -> None:
    signed = assertion(f"{guarded.origin}/oauth/token")
    assert ask_token(guarded.origin, signed).status_code == 200
    assert ask_token(guarded.origin, signed).json()["error"] == "invalid_client"
    audience = f"{guarded.origin}/oauth/token"
    assert ask_token(guarded.origin, "nonsense").json()["error"] == "invalid_client"
    assert ask_token(guarded.origin, "", grant_type="password").json()["error"] == "unsupported_grant_type"
    assert ask_token(guarded.origin, "", client_assertion_type="x").json()["error"] == "invalid_request"
    assert ask_token(guarded.origin, assertion(audience), "system/Device.c").json()["error"] == "invalid_scope"


def test_a_token_ends_by_itself() -> None:
    clock = [datetime.now(UTC)]
    guarded = Hospital(clients=(BRIDGE,), now=lambda: clock[0])
    guarded.admit(HANAKO)
    with serving(guarded):
        told = ask_token(
            guarded.origin, assertion(f"{guarded.origin}/oauth/token"), "system/*.cruds system/Patient.read"
        )
        assert told.json()["scope"] == "system/Patient.read"
        bearer = {"Authorization": f"Bearer {told.json()['access_token']}"}
        seconds = told.json()["expires_in"]
        assert httpx.get(f"{guarded.base}/Patient/hanako", headers=bearer, trust_env=False).status_code == 200
        clock[0] += timedelta(seconds=seconds)
        assert httpx.get(f"{guarded.base}/Patient/hanako", headers=bearer, trust_env=False).status_code == 401


# -- faults


def test_a_lost_reply_leaves_the_write_and_a_blind_retry_makes_two(hospital: Hospital, client: httpx.Client) -> None:
    hospital.faults.add(Fault(kind="drop", after=True, where="^POST"))
    for attempt in range(2):
        try:
            assert client.post("Observation", json=weight("a"), headers=JSON).status_code == 201
        except httpx.TransportError:
            assert attempt == 0
    assert len(hospital.duplicates("Observation")[("urn:ours", "a")]) == 2
    hospital.faults.add(Fault(kind="drop", after=True))
    with pytest.raises(httpx.TransportError):
        put(client, "b")
    assert put(client, "b").status_code == 200
    assert list(hospital.duplicates("Observation")) == [("urn:ours", "a")]
    assert hospital.ledger.faults() == {"drop-after": 2}
    assert [place for place in hospital.ledger.writes() if "/b/" in place] == [
        "Observation/b/_history/1", "Observation/b/_history/2",
    ]  # fmt: skip


def test_a_dropped_request_and_a_refusal_store_nothing(hospital: Hospital, client: httpx.Client) -> None:
    hospital.faults.add(
        Fault(kind="drop"), Fault(kind="status", status=429, retry_after="7"), Fault(kind="garbage"),
        Fault(kind="status", retry_after="Sun, 22 Nov 2026 09:00:00 GMT"), Fault(kind="redirect"),
    )  # fmt: skip
    with pytest.raises(httpx.TransportError):
        put(client, "a")
    busy = put(client, "a")
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "7")
    garbage = put(client, "a")
    assert (garbage.status_code, garbage.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    away = put(client, "a")
    assert (away.status_code, away.headers["Retry-After"][-3:]) == (503, "GMT")
    moved = put(client, "a")
    assert (moved.status_code, moved.headers["Location"]) == (307, f"{hospital.base}/metadata")
    assert hospital.records.all("Observation") == []
    assert put(client, "a").status_code == 201
    assert (hospital.faults.left(), len(hospital.ledger.received)) == (0, 6)


def test_after_the_write_an_error_garbage_or_half_an_answer_can_come_too(
    hospital: Hospital, client: httpx.Client
) -> None:
    hospital.faults.add(
        Fault(kind="status", status=500, after=True), Fault(kind="garbage", after=True), Fault(kind="cut")
    )
    assert put(client, "a").status_code == 500
    with pytest.raises(ValueError, match="Expecting value"):
        put(client, "b").json()
    with pytest.raises(httpx.RemoteProtocolError):
        put(client, "c")
    assert sorted(one.id for one in hospital.records.all("Observation")) == ["a", "b", "c"]
    assert hospital.ledger.faults() == {"status-500-after": 1, "garbage-after": 1, "cut": 1}


def test_slow_is_before_or_after_the_write(hospital: Hospital) -> None:
    hospital.faults.add(Fault(kind="slow", seconds=1.0, after=True), Fault(kind="slow", seconds=0.1))
    with reach(hospital.base) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.put("Observation/a", json=weight("a"), headers=JSON, timeout=0.5)
        wait_until(lambda: hospital.records.current("Observation", "a") is not None)
        began = time.monotonic()
        assert put(client, "b").status_code == 201
        assert time.monotonic() - began >= 0.1


def test_a_limit_can_shrink_for_a_while_and_halving_gets_through(hospital: Hospital, client: httpx.Client) -> None:
    hospital.faults.add(Fault(kind="small", limit=2, times=2))

    def send(names: str) -> None:
        entries = [{"request": {"method": "PUT", "url": f"Observation/{n}"}, "resource": weight(n)} for n in names]
        told = client.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries}, headers=JSON)
        if told.status_code == 413:
            send(names[: len(names) // 2])
            send(names[len(names) // 2 :])
        else:
            assert told.status_code == 200

    send("abcd")
    assert sorted(one.id for one in hospital.records.all("Observation")) == list("abcd")
    assert [line.status for line in hospital.ledger.answered.values()] == [413, 200, 200]


def test_a_fault_can_end_all_tokens_and_meets_only_whom_it_names(guarded: Hospital) -> None:
    guarded.faults.add(Fault(kind="expire", where="PUT /fhir/Observation/b"))
    told = ask_token(guarded.origin, assertion(f"{guarded.origin}/oauth/token")).json()
    bearer = {"Authorization": f"Bearer {told['access_token']}"}
    with reach(guarded.base) as client:
        client.headers.update(bearer)
        assert [put(client, name).status_code for name in "abab"] == [201, 401, 401, 401]


def test_weather_strikes_as_often_as_it_says_and_the_same_for_the_same_seed() -> None:
    weather = ((0.2, Fault(kind="drop")), (0.1, Fault(kind="garbage", where="^PUT")))
    drawn = [
        [(one.name if one else "") for one in (faults.strike("GET", "/") for _ in range(2_000))]
        for faults in (
            Faults(weather=weather, seed=1),
            Faults(weather=weather, seed=1),
            Faults(weather=weather, seed=2),
        )
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert set(drawn[0]) == {"", "drop"}
    assert 300 < drawn[0].count("drop") < 500


# -- racing writers


@pytest.mark.parametrize(("atomic", "copies"), [(True, 1), (False, 2)])
def test_two_writers_of_one_key_make_two_only_where_the_server_is_not_atomic(atomic: bool, copies: int) -> None:
    hospital = Hospital(Abilities(atomic=atomic, gap=1.0))
    hospital.admit(HANAKO)
    once = JSON | {"If-None-Exist": "identifier=urn:ours|a"}

    with serving(hospital), reach(hospital.base) as sender, ThreadPoolExecutor(2) as pool:

        def create(_: int) -> int:
            return sender.post("Observation", json=weight("a"), headers=once).status_code

        assert sorted(pool.map(create, range(2))) == [[200, 201], [201, 201]][copies - 1]
        assert len(hospital.records.all("Observation")) == copies
        assert create(0) == (200 if atomic else 412)


def test_nothing_is_taken_after_a_withdrawal_whoever_is_writing(hospital: Hospital, client: httpx.Client) -> None:
    def write(name: str) -> int:
        return put(client, name).status_code

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(write, f"o{number}") for number in range(24)]
        running[3].result()
        hospital.consents.change("hanako", given=False)
        held = len(hospital.records.all("Observation"))
        late = [pool.submit(write, f"o{number}") for number in range(30)]
        answers = [one.result() for one in running]
    assert len(hospital.records.all("Observation")) == held == answers.count(201)
    assert set(answers) <= {201, 403}
    assert {one.result() for one in late} == {403}


def test_over_tls_it_is_the_same_hospital(tmp_path: Path) -> None:
    import ssl

    hospital, identity = Hospital(), identity_in(tmp_path)
    trust = ssl.create_default_context(cafile=str(identity))
    with serving(hospital, identity=identity), httpx.Client(verify=trust, trust_env=False) as client:
        assert hospital.origin.startswith("https://")
        assert client.get(f"{hospital.base}/metadata").json()["fhirVersion"] == "4.0.1"


# -- a process that is killed


def test_a_killed_hospital_comes_back_where_it_was_with_what_it_had_confirmed(tmp_path: Path) -> None:
    process = HospitalProcess(Settings(), tmp_path / "hospital")
    with process:
        assert process.order("keep", HANAKO) == {"id": "hanako"}
        process.order("consent", {"patient": "hanako", "given": True})
        process.order("faults", {"script": [{"kind": "slow", "after": True, "seconds": 60, "where": "slow"}]})
        with reach(process.base) as client:
            assert [put(client, name).status_code for name in "ab"] == [201, 201]
            client.timeout = httpx.Timeout(1.0)
            with pytest.raises(httpx.ReadTimeout):
                put(client, "slow")
        wait_until(lambda: process.order("totals")["resources"] == 3)
        origin = process.origin
        process.kill()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{origin}/fhir/metadata", trust_env=False)
        process.start()
        assert process.origin == origin
        process.order("faults", {"script": [{"kind": "drop"}], "weather": [[0.0, {"kind": "drop"}]]})
        with reach(process.base) as client:
            with pytest.raises(httpx.TransportError):
                put(client, "a")
            assert [put(client, name).status_code for name in ("a", "slow", "c")] == [200, 200, 201]
        told = process.order("totals")
        assert (told["resources"], told["requests"], told["duplicates"]) == (4, 7, [])
        assert told["faults"] == {"slow-after": 1, "drop": 1}
        with pytest.raises(HospitalError, match="there is no order"):
            process.order("nonsense")
        with pytest.raises(HospitalError, match="banana"):
            process.order("faults", {"script": [{"kind": "banana"}]})


def test_a_hospital_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "journal.jsonl").mkdir()
    with pytest.raises(HospitalError, match="journal"):
        HospitalProcess(Settings(), tmp_path / "ours").start()


def test_settings_with_clients_survive_the_way_to_the_process() -> None:
    before = Settings(abilities=Abilities(atomic=False), clients=(BRIDGE,), weather=((0.1, Fault(kind="cut")),))
    assert msgspec.json.decode(msgspec.json.encode(before), type=Settings) == before


# -- strategies against faults

FAULT = st.builds(
    Fault, kind=st.sampled_from(sorted(set(KINDS) - {"slow"})), after=st.booleans(), times=st.integers(1, 3),
    status=st.sampled_from([429, 500, 503]),
)  # fmt: skip
NAMES = st.sampled_from([f"r{number}" for number in range(6)])


class Pushing(RuleBasedStateMachine):
    """A sender that puts each reading under its own id and knows only what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.hospital = Hospital()
        self.hospital.admit(HANAKO)
        self.door = serving(self.hospital)
        self.door.__enter__()
        self.client = reach(self.hospital.base)
        self.tried: set[str] = set()
        self.confirmed: set[str] = set()

    @rule(fault=FAULT)
    def trouble_comes(self, fault: Fault) -> None:
        self.hospital.faults.add(fault)

    @rule(name=NAMES)
    def one_is_put(self, name: str) -> None:
        self.tried.add(name)
        try:
            told = put(self.client, name)
            said = told.json() if told.is_success else {}
        except (httpx.TransportError, json.JSONDecodeError):
            return
        if said.get("id") == name:
            self.confirmed.add(name)

    @rule(names=st.lists(NAMES, min_size=1, unique=True), sort=st.sampled_from(["batch", "transaction"]))
    def many_are_put(self, names: list[str], sort: str) -> None:
        self.tried |= set(names)
        entries = [{"request": {"method": "PUT", "url": f"Observation/{n}"}, "resource": weight(n)} for n in names]
        try:
            told = self.client.post("", json={"resourceType": "Bundle", "type": sort, "entry": entries}, headers=JSON)
            answers = told.json().get("entry", []) if told.is_success else []
        except (httpx.TransportError, json.JSONDecodeError):
            return
        for name, answer in zip(names, answers, strict=False):
            if answer["response"]["status"][:3] in {"200", "201"}:
                self.confirmed.add(name)

    @invariant()
    def what_was_confirmed_is_there_once_and_nothing_else(self) -> None:
        stored = {one.id for one in self.hospital.records.all("Observation")}
        assert self.confirmed <= stored <= self.tried
        assert self.hospital.duplicates("Observation") == {}
        # Every version stands in the ledger of writes, whatever the sender was told.
        versions = {v.place for name in stored for v in self.hospital.records.versions("Observation", name)}
        assert sorted(self.hospital.ledger.writes()) == sorted(versions)

    def teardown(self) -> None:
        for name in self.tried:
            while name not in self.confirmed:
                self.one_is_put(name)
        assert {one.id for one in self.hospital.records.all("Observation")} == self.tried
        self.client.close()
        self.door.__exit__(None, None, None)


Pushing.TestCase.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
TestPushing = Pushing.TestCase
