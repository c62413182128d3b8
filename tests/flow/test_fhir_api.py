"""The read API over a real store: a program reads one resident as far as they let it, and everything is written down."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from engine.clinical import Fact
from engine.contract.reading import Reading
from engine.grants import READABLE
from engine.store import repo_facts
from engine.store.database import write
from fhir_bridge.api_parameters import TABLE
from tests.contract.profiles import profile_findings
from tests.flow.fhir_world import (
    BASE,
    DESK,
    HERS,
    HIS,
    UNSEEN_VALUE,
    UNSEEN_WORD,
    World,
    every,
    filled,
    grant,
    ids_of,
    outcome,
    world,
)
from tests.homes import HANAKO, TARO
from tests.web.desks import NOW
from tests.web.resident_home import DAY, hear, reading

__all__ = ["filled", "world"]
pytestmark = pytest.mark.flow


@pytest.mark.xdist_group("node")
async def test_everything_served_is_valid_reads_by_its_id_and_is_hers_as_her_page_shows_it(world: World) -> None:
    told: dict[str, list[dict[str, Any]]] = {kind: await every(world.program, f"{kind}?_count=30") for kind in TABLE}
    assert [kind for kind, found in told.items() if not found] == []
    text = msgspec.json.encode(told).decode()
    assert [word for word in ids_of(world.engine, HIS) if word in text] == []
    assert f'"value":{UNSEEN_VALUE}' not in text
    assert UNSEEN_WORD not in text
    assert HERS.word in text
    sent: list[bytes] = []
    for kind, found in told.items():
        assert len({one["id"] for one in found}) == len(found)
        for one in found[:2]:
            answer = await world.program.get(f"{kind}/{one['id']}")
            assert (answer.status_code, answer.json()) == (200, one)
            assert answer.headers["etag"] == f'W/"{one["meta"]["versionId"]}"'
        sent.append((await world.program.get(f"{kind}?_count=200")).content)
    about = await world.program.get("metadata")
    refused = await world.program.get("Patient?birthdate=old")
    told_of = [about.content, refused.content]
    faults = [one for findings in profile_findings([*told_of, *sent]) for one in findings]
    assert faults == []


async def test_a_number_keeps_the_digits_it_was_measured_with(world: World) -> None:
    answer = await world.program.get("Observation?code=29463-7&_count=1")
    assert '"value":51.30,' in answer.text
    one = answer.json()["entry"][0]
    assert one["fullUrl"] == f"{BASE}/Observation/{one['resource']['id']}"
    assert one["search"] == {"mode": "match"}
    assert '"value":51.30,' in (await world.program.get(one["fullUrl"])).text


async def test_his_ids_are_the_same_as_ids_that_were_never_given(world: World) -> None:
    his_token, _ = grant(world.engine, who=TARO)
    async with world.other(his_token) as his:
        ids = [(kind, one["id"]) for kind in TABLE for one in await every(his, f"{kind}?_count=200")]
    shared = {one["id"] for kind in ("Device", "Practitioner") for one in await every(world.program, kind)}
    theirs = {kind: [name for other, name in ids if other == kind and name not in shared] for kind in TABLE}
    assert [kind for kind, names in theirs.items() if not names] == ["Device", "Practitioner"]
    for kind, names in theirs.items():
        missing = await world.program.get(f"{kind}/nobodys")
        for name in names[:3]:
            answer = await world.program.get(f"{kind}/{name}")
            assert (answer.status_code, outcome(answer), answer.content) == (404, "not-found", missing.content)
    [first, *_] = theirs["Observation"]
    for query in (f"patient={TARO}", f"subject=Patient/{TARO}", f"_id={first}"):
        assert (await world.program.get(f"Observation?{query}")).json()["total"] == 0
    assert (await world.program.get(f"Patient?_id={TARO}")).json()["total"] == 0


async def test_pages_stand_still_while_readings_arrive_and_their_links_are_for_nobody_else(world: World) -> None:
    names = [one["id"] for one in await every(world.program, "Observation?code=29463-7&_sort=-date&_count=200")]
    first = (await world.program.get("Observation?code=29463-7&_sort=-date&_count=7&colour=red")).json()
    links = {one["relation"]: one["url"] for one in first["link"]}
    assert links["self"] == f"{BASE}/Observation?code=29463-7&_sort=-date&_count=7"
    arrived: Reading = reading(1, 0.001, body_weight="52.00")
    hear(world.engine, arrived)
    told = [entry["resource"]["id"] for entry in first["entry"]] + [
        one["id"] for one in await every(world.program, links["next"])
    ]
    assert told == names
    assert len(await every(world.program, "Observation?code=29463-7&_count=200")) == len(names) + 1
    bent = links["next"].replace("_count=7", "_count=8")
    token, _ = grant(world.engine, name="別のアプリ")
    async with world.other(token) as other:
        for who, url in ((other, links["next"]), (world.program, bent), (world.program, links["next"] + "A")):
            answer = await who.get(url)
            assert (answer.status_code, outcome(answer)) == (400, "value")


async def test_what_is_asked_for_since_a_moment_is_what_changed_since(world: World) -> None:
    world.clock[0] += DAY
    since = (NOW + timedelta(hours=1)).isoformat()
    assert (await world.program.get("Condition", params={"_lastUpdated": f"ge{since}"})).json()["total"] == 0
    with write(world.engine) as connection:
        told = repo_facts.of_one(connection, HANAKO)
        condition = next(one for one in told if one.code == "has.diabetes")
        back = repo_facts.retract(connection, condition.id, DESK, "desk", NOW + timedelta(hours=2), Random(9))
    assert isinstance(back, Fact)
    [changed] = await every(world.program, f"Condition?_lastUpdated=ge{since.replace('+', '%2B')}")
    assert changed["id"] == condition.id
    assert changed["verificationStatus"]["coding"][0]["code"] == "entered-in-error"


async def test_a_read_knows_its_edition_and_a_head_has_no_body(world: World) -> None:
    whole = await world.program.get(f"Patient/{HANAKO}")
    tag = whole.headers["etag"]
    for known in (tag, f'"x", {tag}', "*", tag.removeprefix("W/")):
        answer = await world.program.get(f"Patient/{HANAKO}", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert (await world.program.get(f"Patient/{HANAKO}", headers={"If-None-Match": '"x"'})).status_code == 200
    for path in (f"Patient/{HANAKO}", "Patient", "metadata"):
        head, got = await world.program.head(path), await world.program.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("POST", "Observation", 405, "not-supported"), ("PUT", "Observation/x", 405, "not-supported"),
     ("DELETE", f"Patient/{HANAKO}", 405, "not-supported"), ("PATCH", "Goal/x", 405, "not-supported"),
     ("GET", "Patient/_search", 405, "not-supported"), ("POST", "metadata", 405, "not-supported"),
     ("OPTIONS", "Patient", 405, "not-supported"), ("TRACE", "Patient", 405, "not-supported"), ("BREW", "Patient", 405, "not-supported"),
     ("GET", "Task", 404, "not-found"), ("GET", "AuditEvent", 404, "not-found"), ("GET", "Robot/1", 404, "not-found"),
     ("GET", "", 404, "not-found"), ("GET", "Patient/x/_history", 404, "not-found"), ("GET", "patient", 404, "not-found"),
     ("GET", "..%2f..%2fetc", 404, "not-found"), ("GET", f"Patient/{HANAKO}/$everything", 404, "not-found"),
     ("GET", "Patient?_format=xml", 406, "not-supported"), ("GET", "Patient?_include=x", 400, "not-supported"),
     ("GET", f"Patient/{HANAKO}?_elements=name", 400, "not-supported"), ("GET", "Patient?birthdate=old", 400, "value")],
)  # fmt: skip
async def test_every_refusal_is_an_operation_outcome(
    world: World, method: str, path: str, status: int, code: str
) -> None:
    answer = await world.program.request(method, path)
    assert (answer.status_code, outcome(answer)) == (status, code)
    assert (status == 405) == ("allow" in answer.headers)


async def test_a_form_searches_as_an_address_does(world: World) -> None:
    asked = {"code": "29463-7", "_count": "3", "_sort": "-date"}
    by_form = await world.program.post("Observation/_search", data=asked)
    by_address = await world.program.get("Observation", params=asked)
    assert (by_form.status_code, by_form.json()) == (200, by_address.json())
    wrong = await world.program.post("Observation/_search", json=asked)
    assert (wrong.status_code, outcome(wrong)) == (415, "not-supported")
    both = await world.program.post("Observation/_search?code=8867-4", data={"date": "lt1990"})
    assert both.json()["total"] == 0
    strict = await world.program.get("Observation?colour=red", headers={"Prefer": "handling=strict"})
    assert (strict.status_code, outcome(strict)) == (400, "not-supported")


async def test_what_the_api_says_of_itself_is_what_it_does(world: World) -> None:
    async with world.other(None) as stranger:
        said = (await stranger.get("metadata")).json()
        smart = (await stranger.get(".well-known/smart-configuration")).json()
        described = (await stranger.get("openapi.json")).json()
    assert said["fhirVersion"] == "4.0.1"
    kinds = {one["type"]: one for one in said["rest"][0]["resource"]}
    assert kinds.keys() == set(READABLE)
    assert {f"patient/{kind}.rs" for kind in ("*", *READABLE)} == set(smart["scopes_supported"])
    assert smart["management_endpoint"].endswith("/me/apps")
    for kind, one in kinds.items():
        names = [known["name"] for known in one["searchParam"]]
        assert [name["name"] for name in described["paths"][f"/{kind}"]["get"]["parameters"]][: len(names)] == names
        query = "&".join(
            f"{known['name']}={'2026' if known['type'] == 'date' else 'x'}" for known in one["searchParam"]
        )
        answer = await world.program.get(f"{kind}?{query}", headers={"Prefer": "handling=strict"})
        assert (answer.status_code, answer.json()["total"]) == (200, 0)
        assert len(answer.json()["link"][0]["url"].split("&")) == len(names)
