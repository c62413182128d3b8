"""Who is let in by the read API, as far as they were let, for as long; and how the resident hears of it."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any, Final

import msgspec
import pytest

from engine.grants import MOST, Grant, draft
from engine.refusal import Refusal
from engine.report_looks import looks_of as on_paper
from engine.store import repo_consents, repo_grants, repo_residents
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.repo_seen_by import looks as looks_of
from fhir_bridge.api_gate import BURST
from tests.flow.fhir_world import World, every, filled, grant, looks, outcome, world
from tests.homes import HANAKO, consent
from tests.web.desks import NOW
from tests.web.resident_home import DAY

__all__ = ["filled", "world"]
pytestmark = pytest.mark.flow
CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"


async def test_every_request_is_written_down_and_told_to_the_resident_by_the_programs_name(world: World) -> None:
    before = len(looks(world.engine, world.grant))
    for path in ("Patient", f"Patient/{HANAKO}", "Goal?_summary=count", "Patient/x", "Observation?_count=1"):
        await world.program.get(path)
    made = looks(world.engine, world.grant)[before:]
    assert [(link.action, link.subject) for link in made] == [("export-api", HANAKO)] * 5
    assert len({link.detail_hash for link in made}) == 5
    with read(world.engine) as connection:
        [seen] = [one for one in looks_of(connection, HANAKO) if one.actor == world.grant]
        assert seen.times == before + 5
        used = repo_grants.get(connection, world.grant)
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        today = NOW.date()
        assert "血圧手帳 (アプリ)" in {one.who for one in on_paper(connection, person, today, today, "ja")}
    assert used is not None
    assert used.used_at == NOW
    for path in ("metadata", "Observation?_count=x", "Task"):
        await world.program.get(path)
    assert len(looks(world.engine, world.grant)) == before + 5, "what reads nothing is nothing to tell"


async def test_scopes_open_what_they_say_and_nothing_else(world: World) -> None:
    token, _ = grant(
        world.engine, f"patient/Observation.rs?category={CATEGORY}|laboratory", "patient/Goal.r patient/Patient.s"
    )
    async with world.other(token) as program:
        labs = await every(program, "Observation")
        assert {one["code"]["coding"][0]["code"] for one in labs} == {"4548-4"}
        [weight, *_] = await every(world.program, "Observation?code=29463-7")
        assert (await program.get(f"Observation/{weight['id']}")).status_code == 404
        assert (await program.get(f"Observation/{labs[0]['id']}")).status_code == 200
        [goal, *_] = await every(world.program, "Goal")
        assert (await program.get(f"Goal/{goal['id']}")).status_code == 200
        for path in ("Goal", f"Patient/{HANAKO}", "Condition", "Condition/x", "Provenance"):
            answer = await program.get(path)
            assert (answer.status_code, outcome(answer)) == (403, "forbidden")
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
        assert (await program.get("Patient")).json()["total"] == 1


def _end_of_time(world: World) -> None:
    world.clock[0] += 31 * DAY


def _revoke(world: World) -> None:
    with write(world.engine) as connection:
        held = repo_grants.get(connection, world.grant)
        assert held is not None
        assert repo_grants.revoke(connection, held, By("t", "t"), NOW)
        assert not repo_grants.revoke(connection, held, By("t", "t"), NOW)


def _no_record(world: World) -> None:
    with write(world.engine) as connection:
        repo_consents.append(connection, consent(HANAKO, "record", granted=False, at=NOW), os_user="t")


def _moved_away(world: World) -> None:
    with write(world.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        gone = msgspec.structs.replace(person, status="moved", version=person.version + 1)
        repo_residents.edit(connection, gone, NOW, actor="t", os_user="t")


@pytest.mark.parametrize("ended", [_end_of_time, _revoke, _no_record, _moved_away])
async def test_a_grant_ends_at_once_by_its_day_by_revocation_by_consent_and_by_leaving(
    world: World, ended: Any
) -> None:
    assert (await world.program.get("Patient")).status_code == 200
    ended(world)
    for path in ("Patient", f"Patient/{HANAKO}", "Observation?_count=1"):
        answer = await world.program.get(path)
        assert (answer.status_code, outcome(answer)) == (401, "login")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "carried", ["", "Bearer", "Bearer x", "Basic dTpw", "Bearer minato_" + "A" * 43, "Bearer \x01"]
)
async def test_without_a_good_token_there_is_nothing(world: World, carried: str) -> None:
    async with world.other(None) as stranger:
        heads = {"Authorization": carried.encode()} if carried else {}
        answer = await stranger.get("Patient", headers=heads)  # type: ignore[arg-type]
        assert (answer.status_code, outcome(answer)) == (401, "login")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="minato-phr"')
        assert (await stranger.get(f"Patient?access_token={world.token}")).status_code == 401
        stranger.cookies.set("phr_desk", world.token)
        assert (await stranger.get("Patient")).status_code == 401


async def test_a_program_that_runs_in_a_circle_is_braked_and_the_others_are_not(world: World) -> None:
    answers = [await world.program.get("Patient?_summary=count") for _ in range(BURST + 2)]
    assert {one.status_code for one in answers[:BURST]} == {200}
    braked = answers[-1]
    assert (braked.status_code, outcome(braked)) == (429, "throttled")
    token, _ = grant(world.engine, name="別のアプリ")
    async with world.other(token) as other:
        assert (await other.get("Patient")).status_code == 200
    world.clock[0] += timedelta(seconds=int(braked.headers["retry-after"]))
    assert (await world.program.get("Patient?_summary=count")).status_code == 200


async def test_a_resident_has_at_most_ten_programs_at_a_time(world: World) -> None:
    for number in range(MOST - 1):
        grant(world.engine, name=f"アプリ{number}")
    with write(world.engine) as connection:
        made = draft("もう一つ", ["patient/*.rs"], 5, NOW, resident=HANAKO, issued_by="t")
        assert isinstance(made, Grant)
        refused = repo_grants.issue(connection, made, By("t", "t"), Random(1))
        assert isinstance(refused, Refusal)
        assert refused.code == "too-many"
        repo_grants.revoke(connection, repo_grants.of(connection, HANAKO)[0], By("t", "t"), NOW)
        assert isinstance(repo_grants.issue(connection, made, By("t", "t"), Random(1)), repo_grants.Issued)
