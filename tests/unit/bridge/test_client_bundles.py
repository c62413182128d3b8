"""Many writes in one request, and pages of a search: what a server of any mood makes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_bridge.client_answers import Answer, Failure, Page, Write, failure_of
from fhir_bridge.client_bundles import Outcome, Room, deliver, read_bundle, stored, write_bundle
from fhir_bridge.client_network import Limits, Network
from fhir_bridge.client_pages import pages, query, read_page
from fhir_bridge.client_wire import Received, read_json

NETWORK = Network(name="n", base="https://h/fhir", limits=Limits(pages=5))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceType", "type", "entry", "response", "status", "link", "url"]), inner
        )
    ),
    max_leaves=10,
)


def write(name: int, **more: Any) -> Write:
    body = b'{"resourceType":"Observation","id":"o%d","valueQuantity":{"value":63.50}}' % name
    return Write(kind="Observation", id=f"o{name}", body=body, **more)


def named(write: Write) -> int:
    return int((write.id or "o0")[1:])


def test_a_bundle_keeps_every_digit_and_says_each_condition() -> None:
    once = Write(kind="Observation", body=write(2).body, if_none_exist="identifier=a%7Cb", full_url="urn:uuid:1")
    bundle = json.loads(write_bundle("batch", [write(1, if_match="3"), once]), parse_float=Decimal)
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "batch")
    assert str(bundle["entry"][0]["resource"]["valueQuantity"]["value"]) == "63.50"
    assert bundle["entry"][0]["request"] == {"method": "PUT", "url": "Observation/o1", "ifMatch": 'W/"3"'}
    assert bundle["entry"][1]["request"] == {"method": "POST", "url": "Observation", "ifNoneExist": "identifier=a%7Cb"}
    assert bundle["entry"][1]["fullUrl"] == "urn:uuid:1"


def test_each_entry_gets_its_own_outcome() -> None:
    issue = {"resourceType": "OperationOutcome", "issue": [{"code": "invalid", "diagnostics": "bad unit"}]}
    entries = [
        {"response": {"status": "201 Created", "location": "Observation/o1/_history/1", "etag": 'W/"1"'}},
        {"response": {"status": "422", "outcome": issue}},
        {"response": {"status": "412"}},
        {"response": {"status": "200 OK"}, "resource": {"resourceType": "Observation", "id": "o4"}},
        {"response": {"status": "what"}},
        {"response": {"status": "200", "location": "Observation/o7"}},
        {},
    ]
    writes = [write(1), write(2), write(3, if_none_exist="identifier=x"), *(write(number) for number in (4, 5, 6, 8))]
    told = read_bundle({"resourceType": "Bundle", "type": "batch-response", "entry": entries}, writes, "q")
    assert told is not None
    first, refused, several, fourth, *odd = told
    assert first == Answer(status=201, kind="Observation", id="o1", version="1", request="q")
    assert isinstance(refused, Failure)
    assert (refused.code, refused.outcome) == ("unprocessable", "invalid bad unit")
    assert isinstance(several, Failure)
    assert several.code == "several"
    assert isinstance(fourth, Answer)
    assert (fourth.id, fourth.version, fourth.created) == ("o4", None, False)
    # An entry about another resource than ours, or about none, says nothing about ours.
    assert {(one.code, one.unsure) for one in odd if isinstance(one, Failure)} == {("garbage", True)}
    assert len(odd) == 3


@given(JSON, st.integers(1, 3))
def test_no_answer_to_a_bundle_can_hurt(said: Any, count: int) -> None:
    writes = [write(number) for number in range(count)]
    for body in (said, {"resourceType": "Bundle", "type": "batch-response", "entry": [said] * count}):
        told = read_bundle(body, writes, "q")
        assert told is None or len(told) == count


def test_another_resource_than_the_one_sent_is_no_success() -> None:
    put, post = write(1), Write(kind="Observation", body=b"{}")
    assert isinstance(stored(put, 200, None, "Observation/o2/_history/1", None), Failure)
    assert isinstance(stored(post, 201, None, "Patient/x/_history/1", None), Failure)
    assert isinstance(stored(post, 201, {"resourceType": "Observation", "id": 3}, None, None), Failure)
    assert stored(post, 201, None, "https://h/fhir/Observation/x/_history/7", None) == Answer(
        status=201, kind="Observation", id="x", version="7"
    )


def test_a_version_that_could_not_stand_in_a_header_is_none() -> None:
    told = stored(
        write(1), 200, {"resourceType": "Observation", "id": "o1", "meta": {"versionId": "1\r\nX: y"}}, None, None
    )
    assert isinstance(told, Answer)
    assert told.version is None


# -- delivering


class Server:
    """A server that takes `most` entries at once, no `culprits`, and nothing from the request `falls` on."""

    def __init__(self, most: int, culprits: set[int], falls: int, over: int) -> None:
        self.most, self.culprits, self.falls, self.over = most, culprits, falls, over
        self.requests, self.carried_out = 0, list[int]()

    def send(self, part: Sequence[Write]) -> list[Outcome] | Failure:
        self.requests += 1
        if self.requests >= self.falls:
            return failure_of(503, retry_after=7)
        if len(part) > self.most or {named(one) for one in part} & self.culprits:
            return failure_of(self.over)
        self.carried_out += [named(one) for one in part]
        return [Answer(status=200, id=one.id) for one in part]

    def send_one(self, one: Write) -> Outcome:
        told = Server.send(self, [one]) if self.most else self.send_alone(one)
        return told if isinstance(told, Failure) else told[0]

    def send_alone(self, one: Write) -> list[Outcome] | Failure:
        self.most = 1
        told = Server.send(self, [one])
        self.most = 0
        return told


SERVERS = st.builds(
    Server,
    most=st.integers(0, 60),
    culprits=st.sets(st.integers(0, 70), max_size=4),
    falls=st.sampled_from([1, 2, 5, 20, 10_000]),
    over=st.sampled_from([400, 413, 403, 422, 405]),
)


@given(server=SERVERS, count=st.integers(0, 70), most=st.integers(1, 50))
def test_each_write_is_carried_out_once_in_its_order_or_has_the_reason_why_not(
    server: Server, count: int, most: int
) -> None:
    writes = [write(number) for number in range(count)]
    told = deliver(writes, server.send, server.send_one, Room(50, most))
    assert len(told) == count
    done = [number for number, one in enumerate(told) if isinstance(one, Answer)]
    assert server.carried_out == done
    assert [one.id for one in told if isinstance(one, Answer)] == [f"o{number}" for number in done]
    waiting = [number for number, one in enumerate(told) if isinstance(one, Failure) and one.kind == "retry"]
    # Once the server asks for time nothing behind it is sent, and what was not sent leaves no doubt.
    assert waiting == list(range(waiting[0], count)) if waiting else True
    assert all(isinstance(one := told[number], Failure) and not one.unsure for number in waiting[50:])
    refused = {number for number, one in enumerate(told) if isinstance(one, Failure) and one.kind != "retry"}
    assert refused == {number for number in server.culprits if number < (waiting[0] if waiting else count)}


def test_a_server_that_takes_fewer_is_asked_with_fewer_and_later_with_more_again() -> None:
    server, room = Server(12, set(), 10_000, 413), Room(50, 50)
    writes = [write(number) for number in range(50)]
    deliver(writes, server.send, server.send_one, room)
    assert room.most == 12
    before = server.requests
    deliver(writes, server.send, server.send_one, room)
    assert server.requests - before == 5
    server.most = 50
    for _ in range(40):
        deliver(writes, server.send, server.send_one, room)
    assert room.most == 50


def test_one_bad_entry_does_not_make_the_bundles_smaller() -> None:
    server, room = Server(50, {13}, 10_000, 400), Room(50, 50)
    deliver([write(number) for number in range(50)], server.send, server.send_one, room)
    assert room.most == 50


def test_a_server_without_bundles_is_asked_one_by_one_at_once() -> None:
    server, room = Server(0, set(), 10_000, 405), Room(50, 50)
    told = deliver([write(number) for number in range(20)], server.send, server.send_one, room)
    assert [isinstance(one, Answer) for one in told] == [True] * 20
    assert (server.requests, room.most) == (21, 1)


# -- pages


def received(body: Any) -> Received:
    return Received(200, {"content-type": "application/fhir+json"}, json.dumps(body).encode(), "q")


def searchset(*ids: str, following: str = "") -> dict[str, Any]:
    links = [{"relation": "self", "url": "x"}, {"relation": "next", "url": following}]
    entries = [{"resource": {"resourceType": "Patient", "id": one}} for one in ids]
    return {"resourceType": "Bundle", "type": "searchset", "link": links if following else [], "entry": entries}


def walk(answers: dict[str, Any], first: str = "https://h/fhir/Patient?x=1") -> tuple[list[str], str, list[str]]:
    """The ids that were found, the code of what ended it, and every address that was asked."""
    asked = list[str]()

    def fetch(url: str) -> Received | Failure:
        asked.append(url)
        said = answers[url]
        return said if isinstance(said, Failure) else received(said)

    told = list(pages(NETWORK, first, fetch))
    found = [one.id for page in told if isinstance(page, Page) for one in page.found]
    last = told[-1]
    return found, last.code if isinstance(last, Failure) else "", asked


FIRST = "https://h/fhir/Patient?x=1"


def test_pages_are_followed_whether_their_links_are_whole_or_not() -> None:
    answers = {
        FIRST: searchset("a", following="https://h:443/fhir?page=2"),
        "https://h:443/fhir?page=2": searchset("b", following="/fhir/more"),
        "https://h:443/fhir/more": searchset("c"),
    }
    assert walk(answers)[:2] == (["a", "b", "c"], "")


@pytest.mark.parametrize(
    ("following", "code"),
    [
        ("https://evil.jp/fhir?page=2", "foreign-next"), ("http://h/fhir?page=2", "foreign-next"),
        ("//evil.jp/x", "foreign-next"), ("https://h@evil.jp/", "foreign-next"), (FIRST, "loop"),
        ("javascript:alert(1)", "foreign-next"), ("https://h:99999/", "foreign-next"),
        ("http://[::1", "foreign-next"),
    ],
)  # fmt: skip
def test_a_next_link_to_elsewhere_or_back_is_never_asked(following: str, code: str) -> None:
    assert walk({FIRST: searchset("a", following=following)}) == (["a"], code, [FIRST])


def test_a_search_without_an_end_ends() -> None:
    answers = {FIRST: searchset("a", following="https://h/fhir?page=0")} | {
        f"https://h/fhir?page={number}": searchset("b", following=f"https://h/fhir?page={number + 1}")
        for number in range(9)
    }
    found, code, asked = walk(answers)
    assert (len(found), code, len(asked)) == (5, "too-many", 5)


def test_a_page_keeps_each_resource_as_it_came() -> None:
    raw = (
        b'{"id":"a",  "resourceType":"Patient","meta":{"versionId":"3","lastUpdated":"2026-01-01T00:00:00Z"},"n":1.50}'
    )
    outcome = b'{"resource":{"resourceType":"OperationOutcome"},"search":{"mode":"outcome"}}'
    odd = [b'{"resourceType":"Patient"}', b"[1]", b'{"id":"x","resourceType":7}']
    entries = b",".join([b'{"resource":%s}' % one for one in (raw, *odd)] + [outcome, b"{}"])
    told = read_page(
        Received(200, {}, b'{"resourceType":"Bundle","type":"searchset","total":9,"entry":[%s]}' % entries, "q")
    )
    assert isinstance(told, tuple)
    [one] = told[0].found
    assert (one.kind, one.id, one.version, one.last_updated) == ("Patient", "a", "3", "2026-01-01T00:00:00Z")
    assert (one.raw, str(one.body["n"])) == (raw, "1.50")
    assert told[0].odd == (*odd, b"")
    assert (told[0].total, told[0].last) == (9, True)


@given(st.binary(max_size=60) | JSON.map(lambda said: json.dumps(said).encode()))
def test_whatever_comes_instead_of_a_page_is_a_failure_or_a_page(raw: bytes) -> None:
    told = read_page(Received(200, {}, raw, "q"))
    assert isinstance(told, tuple) or told.code == "garbage"
    read_json(raw)


def test_a_resource_nested_deep_does_not_take_its_neighbours_with_it() -> None:
    deep = b'{"resourceType":"Observation","id":"deep","x":' + b"[" * 300 + b"]" * 300 + b"}"
    bundle = (
        b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource":%s},{"resource":{"resourceType":"Patient",'
        b'"id":"p"}}]}'
    )
    told = read_page(Received(200, {}, bundle % deep, "q"))
    assert isinstance(told, tuple)
    assert [one.id for one in told[0].found] == ["deep", "p"]
    endless = read_page(Received(200, {}, bundle % (b"[" * 100_000 + b"]" * 100_000), "q"))
    assert isinstance(endless, Failure)


def test_a_query_arrives_as_it_was_meant() -> None:
    params = {"_lastUpdated": "ge2026-11-22T12:00:00+09:00", "identifier": "urn:x|a&b", "date": ["ge1", "lt2"]}
    assert query(params) == (
        "_lastUpdated=ge2026-11-22T12%3A00%3A00%2B09%3A00&identifier=urn%3Ax%7Ca%26b&date=ge1&date=lt2"
    )
