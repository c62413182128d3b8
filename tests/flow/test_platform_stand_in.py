"""The broker stand-in over real HTTP: tokens, every fault, kills, and a sender that gets a release through all of it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from simulators.hospital.faults import KINDS
from simulators.platform.audit import broken_promises, entities_of, misuses, told
from simulators.platform.broker import Abilities, Platform
from simulators.platform.faults import BrokerFault
from simulators.platform.process import PlatformError, PlatformProcess, Settings
from simulators.platform.serving import serving
from simulators.platform.tokens import Client

HOME = {"Fiware-Service": "sakata", "Fiware-ServicePath": "/phr/stats"}
JSON = {"Content-Type": "application/json"}
RELEASE = "urn:ngsi-ld:PhrAggregateRelease:062049:2026H1"
PHR = Client("phr", "s3cret-of-the-platform")
GRANT = {"grant_type": "client_credentials", "client_id": PHR.id, "client_secret": PHR.secret}


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def cell(name: str) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:PhrAggregateCell:{name}", "type": "PhrAggregateCell",
        "refRelease": {"type": "Relationship", "value": RELEASE}, "personCount": {"type": "Integer", "value": 35},
    }  # fmt: skip


def release(status: str, count: int) -> dict[str, Any]:
    return {
        "id": RELEASE, "type": "PhrAggregateRelease", "cellCount": {"type": "Integer", "value": count},
        "releaseStatus": {"type": "Text", "value": status},
    }  # fmt: skip


def batch(*entities: Any) -> bytes:
    return json.dumps({"actionType": "append", "entities": entities}).encode()


def send(client: httpx.Client, body: bytes) -> httpx.Response:
    return client.post("/v2/op/update", content=body, headers=JSON)


def reach(origin: str) -> httpx.Client:
    """A client that reads no settings and no certificates of this machine."""
    return httpx.Client(base_url=origin, timeout=10, headers=HOME, trust_env=False)


def names(platform: Platform) -> list[str]:
    return sorted(key.id.rpartition(":")[2] for key in platform.entities.everywhere())


@pytest.fixture
def platform() -> Iterator[Platform]:
    with serving(Platform()) as made:
        yield made


@pytest.fixture
def client(platform: Platform) -> Iterator[httpx.Client]:
    with reach(platform.origin) as made:
        yield made


# -- the line


def test_a_batch_is_written_read_back_and_stands_in_the_ledger(platform: Platform, client: httpx.Client) -> None:
    written = send(client, batch(cell("a"), cell("b")))
    assert (written.status_code, written.content) == (204, b"")
    page = client.get("/v2/entities", params={"options": "count", "limit": 1})
    assert (page.headers["Fiware-Total-Count"], [one["id"][-1] for one in page.json()]) == ("2", ["a"])
    first, second = platform.ledger.received
    assert entities_of(first) == list(platform.ledger.answered[1].stored) == [cell("a")["id"], cell("b")["id"]]
    assert (first.headers["fiware-service"], entities_of(second), misuses([first, second])) == ("sakata", [], [])


def test_a_body_without_a_length_is_refused(platform: Platform, client: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        yield batch(cell("a"))

    refused = client.post("/v2/op/update", content=pieces(), headers=JSON)
    assert (refused.status_code, refused.headers["Connection"]) == (411, "close")
    assert platform.entities.everywhere() == []
    assert client.get("/v2/entities").status_code == 200


def test_after_a_body_that_was_not_read_the_line_ends(platform: Platform) -> None:
    host, port = platform.origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        head = "POST /v2/op/update HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        # What follows would be a request of its own to a server that reads on.
        hidden = "GET /v2/entities HTTP/1.1\r\nHost: x\r\n\r\n"
        line.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n{hidden}".encode())
        answered = b"".join(iter(lambda: line.recv(65536), b""))
    assert answered.count(b"HTTP/1.1 ") == 1
    assert [line.method for line in platform.ledger.received] == ["POST"]


@pytest.mark.parametrize("hangs_up", [False, True])
def test_a_body_over_a_mebibyte_is_a_413_or_a_broken_line(hangs_up: bool) -> None:
    body = batch(cell("a")) + b" " * 8_000_000
    with serving(Platform(Abilities(hangs_up=hangs_up))) as platform, reach(platform.origin) as client:
        try:
            assert send(client, body).status_code == 413
        except httpx.TransportError:
            assert hangs_up
        assert platform.ledger.answered[1].status == 413
        assert send(client, batch(cell("a"))).status_code == 204


def test_tokens_open_the_door_and_stand_in_no_ledger(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    with serving(Platform(clients=(PHR,), journal=journal)) as platform, reach(platform.origin) as client:
        assert send(client, batch(cell("a"))).status_code == 401
        token = client.post("/oauth2/token", data=GRANT).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        assert send(client, batch(cell("a"))).status_code == 204
        platform.faults.add(BrokerFault(kind="expire", where="op/update"))
        refused = send(client, batch(cell("b")))
        assert (refused.status_code, "invalid_token" in refused.headers["WWW-Authenticate"]) == (401, True)
        del client.headers["Authorization"]
        again = client.post("/oauth2/token", data=GRANT).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {again}"
        assert send(client, batch(cell("b"))).status_code == 204
        assert client.get("/oauth2/token").status_code == 405
        assert told(platform.ledger.received, [PHR.secret, token, again]) == []
        assert told(platform.ledger.received, ["client_credentials"]) != []
        platform.close()
    kept = journal.read_text()
    assert not any(secret in kept for secret in (PHR.secret, token, again))
    back = Platform(journal=journal)
    assert names(back) == ["a", "b"]
    back.close()


# -- faults


def test_a_lost_reply_leaves_the_batch_and_the_same_bytes_again_make_no_second(
    platform: Platform, client: httpx.Client
) -> None:
    platform.faults.add(BrokerFault(kind="drop", after=True))
    with pytest.raises(httpx.TransportError):
        send(client, batch(cell("a")))
    assert names(platform) == ["a"]
    assert send(client, batch(cell("a"))).status_code == 204
    assert names(platform) == ["a"]
    assert platform.ledger.faults() == {"drop-after": 1}
    assert [line.stored for line in platform.ledger.answered.values()] == [(cell("a")["id"],)] * 2


def test_a_fault_before_the_write_stores_nothing(platform: Platform, client: httpx.Client) -> None:
    platform.faults.add(
        BrokerFault(kind="drop"), BrokerFault(kind="status", status=429, retry_after="7"), BrokerFault(kind="garbage"),
        BrokerFault(kind="status", retry_after="Sun, 22 Nov 2026 09:00:00 GMT"), BrokerFault(kind="redirect"),
        BrokerFault(kind="status", status=502),
    )  # fmt: skip
    with pytest.raises(httpx.TransportError):
        send(client, batch(cell("a")))
    answers = [send(client, batch(cell("a"))) for _ in range(5)]
    assert [one.status_code for one in answers] == [429, 200, 503, 307, 502]
    assert [one.headers.get("Retry-After", "")[-3:] for one in answers] == ["7", "", "GMT", "", ""]
    assert answers[0].json()["error"] == "TooManyRequests"
    assert answers[1].headers["Content-Type"].startswith("text/html")
    assert answers[3].headers["Location"] == f"{platform.origin}/v2/entities"
    assert names(platform) == []
    assert send(client, batch(cell("a"))).status_code == 204
    assert (platform.faults.left(), names(platform)) == (0, ["a"])


def test_after_the_write_an_error_garbage_or_half_an_answer_can_come_too(
    platform: Platform, client: httpx.Client
) -> None:
    platform.faults.add(
        BrokerFault(kind="status", status=500, after=True), BrokerFault(kind="garbage", after=True),
        BrokerFault(kind="cut"),
    )  # fmt: skip
    assert send(client, batch(cell("a"))).status_code == 500
    assert send(client, batch(cell("b"))).status_code == 200
    with pytest.raises(httpx.TransportError):
        client.get("/v2/entities")
    assert names(platform) == ["a", "b"]


@pytest.mark.parametrize("kind", ["status", "drop", "garbage"])
def test_a_broker_that_fails_in_the_middle_keeps_what_it_had_done(
    platform: Platform, client: httpx.Client, kind: Any
) -> None:
    body = batch(*(cell(name) for name in "abcd"), release("complete", 4))
    platform.faults.add(BrokerFault(kind=kind, after=True, only=2))
    try:
        assert send(client, body).status_code != 204
    except httpx.TransportError:
        assert kind == "drop"
    assert names(platform) == ["a", "b"]
    assert list(platform.ledger.faults()) == [f"{'status-503' if kind == 'status' else kind}-after-partial"]
    assert [len(line.stored) for line in platform.ledger.answered.values()] == [2]
    assert send(client, body).status_code == 204
    assert names(platform) == ["2026H1", "a", "b", "c", "d"]
    assert broken_promises(platform.entities.changes) == []


def test_a_broker_that_confirms_more_than_it_did_is_found_by_reading_back(
    platform: Platform, client: httpx.Client
) -> None:
    platform.faults.add(BrokerFault(kind="slow", seconds=0, after=True, only=2))
    assert send(client, batch(*map(cell, "abc"))).status_code == 204
    assert client.get("/v2/entities?options=count").headers["Fiware-Total-Count"] == "2"
    assert send(client, batch(release("complete", 3))).status_code == 204
    assert [one.code for one in broken_promises(platform.entities.changes)] == ["complete-early"]


def test_a_part_of_a_batch_needs_a_fault_that_strikes_after() -> None:
    with pytest.raises(ValueError, match="after"):
        BrokerFault(kind="drop", only=1)


def test_a_slow_broker_carries_out_what_its_client_has_given_up(platform: Platform, client: httpx.Client) -> None:
    platform.faults.add(BrokerFault(kind="slow", seconds=0.4), BrokerFault(kind="slow", after=True, seconds=0.1))
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v2/op/update", content=batch(cell("late")), headers=JSON, timeout=0.1)
    assert names(platform) == []
    began = time.monotonic()
    assert send(client, batch(cell("a"))).status_code == 204
    assert time.monotonic() - began >= 0.1
    wait_until(lambda: names(platform) == ["a", "late"])


def test_a_limit_can_shrink_for_a_while_and_halving_gets_through(platform: Platform, client: httpx.Client) -> None:
    limit = len(batch(*map(cell, "ab")))
    platform.faults.add(BrokerFault(kind="small", limit=limit, times=3), BrokerFault(kind="status", status=413))

    def push(wanted: str) -> None:
        answer = send(client, batch(*map(cell, wanted)))
        if answer.status_code == 413:
            assert answer.json()["error"] == "RequestEntityTooLarge"
            push(wanted[: len(wanted) // 2])
            push(wanted[len(wanted) // 2 :])
        else:
            assert answer.status_code == 204

    push("abcdefgh")
    assert names(platform) == list("abcdefgh")
    assert [line.status for line in platform.ledger.answered.values()] == [413, 413, 204, 413, 204, 204, 204]


# -- a process that is killed


def test_a_killed_broker_comes_back_with_what_it_had_done_and_no_tokens(tmp_path: Path) -> None:
    process = PlatformProcess(Settings(clients=(PHR,)), tmp_path / "platform")

    def enter(client: httpx.Client) -> None:
        token = client.post("/oauth2/token", data=GRANT).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"

    with process:
        origin = process.origin
        script = [{"kind": "drop", "after": True, "only": 2, "where": "op/update"}]
        assert process.order("faults", {"script": script}) == {"left": 1}
        body = batch(*map(cell, "abc"), release("complete", 3))
        with reach(origin) as client:
            enter(client)
            with pytest.raises(httpx.TransportError):
                send(client, body)
        process.kill()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{origin}/v2/entities", trust_env=False)
        # A kill in the middle of a line: the torn end is dropped.
        with (process.state / "journal.jsonl").open("ab") as journal:
            journal.write(b'{"type":"commit","vers')
        process.start()
        assert process.origin == origin
        with reach(origin) as client:
            assert client.get("/v2/entities").status_code == 401
            enter(client)
            assert [one["id"][-1] for one in client.get("/v2/entities").json()] == ["a", "b"]
            assert send(client, body).status_code == 204
        found = process.order("totals")
        assert found["entities"] == {"PhrAggregateCell": 3, "PhrAggregateRelease": 1}
        assert (found["duplicates"], found["broken"], found["misuses"], found["unanswered"]) == ([], [], [], 0)
        assert process.order("struck") == {"requests": 6, "faults": {"drop-after-partial": 1}}
        assert [line["id"][-1] for line in process.order("changes")] == ["a", "b", "a", "b", "c", "1"]
        assert process.order("told", ["佐藤", "PhrAggregateRelease"])[0]["what"] == "PhrAggregateRelease"
        weather = {"weather": [[1.0, {"kind": "drop"}]]}
        assert process.order("faults", weather) == {"left": 0}
        with reach(origin) as client, pytest.raises(httpx.TransportError):
            client.get("/v2/entities")
        with pytest.raises(PlatformError, match="there is no order"):
            process.order("nonsense")
        with pytest.raises(PlatformError, match="banana"):
            process.order("faults", {"script": [{"kind": "banana"}]})


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(PlatformError, match="journal"):
        PlatformProcess(Settings(), tmp_path).start()


def test_settings_survive_the_way_to_the_process() -> None:
    before = Settings(
        abilities=Abilities(hangs_up=True),
        clients=(PHR,),
        weather=((0.1, BrokerFault(kind="cut", after=True, only=3)),),
    )
    assert msgspec.json.decode(msgspec.json.encode(before), type=Settings) == before


# -- a sender against faults

FAULT = st.builds(
    BrokerFault, kind=st.sampled_from(sorted(set(KINDS) - {"slow"})), after=st.just(True), times=st.integers(1, 2),
    status=st.sampled_from([413, 429, 500, 503]), limit=st.just(400),
) | st.builds(
    BrokerFault, kind=st.sampled_from(["drop", "cut", "status", "garbage", "redirect"]), after=st.just(True),
    only=st.integers(0, 4),
) | st.builds(
    BrokerFault, kind=st.sampled_from(sorted(set(KINDS) - {"slow"})), status=st.sampled_from([413, 429, 500, 503]),
    limit=st.just(400),
)  # fmt: skip
CELLS = [f"c{number}" for number in range(7)]


class Publishing(RuleBasedStateMachine):
    """A sender that knows only what it was told: cells in batches until each is a 204, then the release, complete."""

    def __init__(self) -> None:
        super().__init__()
        self.platform = Platform()
        self.door = serving(self.platform)
        self.door.__enter__()
        self.client = reach(self.platform.origin)
        self.confirmed: set[str] = set()

    @rule(fault=FAULT)
    def trouble_comes(self, fault: BrokerFault) -> None:
        self.platform.faults.add(fault)

    @rule(wanted=st.lists(st.sampled_from(CELLS), min_size=1, unique=True))
    def cells_are_sent(self, wanted: list[str]) -> None:
        if self.answered(batch(*map(cell, wanted))):
            self.confirmed |= set(wanted)

    @rule()
    def the_release_turns_complete_when_all_is_there(self) -> None:
        if self.confirmed == set(CELLS):
            self.answered(batch(release("complete", len(CELLS))))

    @invariant()
    def what_was_confirmed_is_there_once_and_nothing_is_shown_early(self) -> None:
        stored = names(self.platform)
        assert self.confirmed <= set(stored) <= {*CELLS, "2026H1"}
        assert len(set(stored)) == len(stored)
        assert broken_promises(self.platform.entities.changes) == []

    def answered(self, body: bytes) -> bool:
        try:
            return send(self.client, body).status_code == 204
        except httpx.TransportError:
            return False

    def teardown(self) -> None:
        while self.confirmed != set(CELLS):
            for name in CELLS:
                self.cells_are_sent([name])
        while not self.answered(batch(release("complete", len(CELLS)))):
            pass
        assert names(self.platform) == ["2026H1", *CELLS]
        self.what_was_confirmed_is_there_once_and_nothing_is_shown_early()
        self.client.close()
        self.door.__exit__(None, None, None)


Publishing.TestCase.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
TestPublishing = Publishing.TestCase
