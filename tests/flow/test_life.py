"""Life events through the real parts: service, queue, notices, mirrors, the gate, the terminal, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random, SystemRandom
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, Engine, select
from typer.testing import CliRunner, Result

from cli import life as command
from cli import resident as resident_command
from cli.exits import Exit
from engine import life_words, rosters
from engine.clinical import picture_of
from engine.contract import topics, wire
from engine.contract.reading import Reading
from engine.contract.wire import Binding
from engine.decisions import nameless
from engine.evaluate import attempt, look_after, settle
from engine.identity_codes import CodeProof
from engine.life_store import Done, come_due, end, record, take_back
from engine.life_typed import NEW, SAME, Typed
from engine.life_typed import read as read_typed
from engine.notify.sending import reach_of
from engine.refusal import Refusal
from engine.review import LIVE
from engine.sealing import Seal
from engine.showing import pay
from engine.situation import Sort, lived_in, refuses
from engine.store import (
    filing,
    repo_advice,
    repo_cards,
    repo_codes,
    repo_consents,
    repo_devices,
    repo_facts,
    repo_life,
    repo_notices,
    repo_residents,
    repo_teams,
)
from engine.store.database import check, read, write
from engine.store.red_flags import ends
from engine.store.repo_facts import By
from engine.store.tables import READING
from engine.urgent import Ending
from fhir_bridge.gate import doors
from tests.flow.commands import refused, told
from tests.flow.furnished import alone, engine, store
from tests.flow.test_evaluate import hear, high_week, judge, pressure, queue
from tests.flow.test_shared_scale import SHARED, anonymous, slotted
from tests.homes import DEVICE, GATEWAY, HANAKO, HOUSEHOLD, NOW, TARO, consent, weighing
from tests.web.desks import item, put

__all__ = ["alone", "engine", "store"]
pytestmark = pytest.mark.flow
WHO, DAY, HOUR = By("s-nursenursenur", "test"), timedelta(days=1), timedelta(hours=1)
YUZA = "064611"
SEAL = Seal(b"k" * 32)


def happens(
    connection: Connection, sort: Sort, since: str, now: datetime = NOW, name: str = HANAKO, **more: str
) -> Done:
    """An event as it is typed at a desk."""
    person = repo_residents.get(connection, name)
    assert person is not None
    rng = SystemRandom()
    ready = read_typed(connection, person, Typed(sort=sort, since=since, **more), WHO.actor, now, rng)
    assert not isinstance(ready, Refusal), ready
    done = record(connection, person, ready, WHO, now, rng)
    assert isinstance(done, Done), done
    return done


def undone(connection: Connection, done: Done, now: datetime = NOW) -> Done:
    event = repo_life.get(connection, done.event.id)
    assert event is not None
    back = take_back(connection, event, "まちがい", WHO, now, SystemRandom())
    assert isinstance(back, Done)
    return back


def owner(connection: Connection, reading: Reading) -> str | None:
    found: str | None = connection.execute(select(READING.c.resident_id).where(READING.c.id == reading.id)).scalar()
    return found


def test_a_death_empties_the_queue_at_once_and_closes_every_way_in(store: Engine) -> None:
    put(store, item("waits", "urgent", resident_id=HANAKO), item("rest", resident_id=HANAKO), item("his"))
    with write(store) as connection:
        code = repo_codes.issue(connection, HANAKO, "code", NOW, filing.By("n", "t"), Random(2))
        given = {"code": code.secret, "month": "5", "day": "5"}
        done = happens(connection, "death", "2026-11-21")
        assert (done.withdrawn, done.slots) == (2, 1)
        assert repo_advice.listed(connection, resident=HANAKO, states=LIVE) == []
        assert len(repo_advice.listed(connection, resident=TARO, states=LIVE)) == 1
        assert {one.resident for one in repo_devices.devices(connection)[0].bindings} == {TARO}
        assert repo_cards.listed(connection, HANAKO) == []
    assert isinstance(CodeProof(store, "test").prove(given, NOW), Refusal)
    assert not check(store)


def test_what_waits_to_be_sent_about_the_dead_is_never_sent_and_goes_out_when_it_was_a_mistake(alone: Engine) -> None:
    put(alone, item("told", "urgent", resident_id=HANAKO, state="delivered", decided_by="s-nursenursenur"))
    with write(alone) as connection:
        assert repo_notices.owe(connection, HANAKO, "advice", item("told").id, NOW, urgent=True)
        [notice] = repo_notices.of(connection, HANAKO)
        done = happens(connection, "death", "2026-11-21")
        assert reach_of(connection, SEAL, notice, NOW).needless == "inactive"
        undone(connection, done)
        assert reach_of(connection, SEAL, notice, NOW).needless != "inactive"


def test_a_backlog_is_filed_by_when_it_was_measured_whoever_holds_the_slot_by_now(store: Engine) -> None:
    late, gap, hers, his = (
        weighing(number, kg, 1, measured_at=at, received_at=NOW + 3 * DAY)
        for number, (kg, at) in enumerate(
            [("61.10", NOW - 2 * DAY), ("61.20", NOW - 20 * HOUR), ("61.30", NOW - 3 * DAY), ("80.00", NOW + 2 * DAY)]
        )
    )
    with write(store) as connection:
        happens(connection, "death", "2026-11-20 9:00")
        repo_devices.bind(connection, HOUSEHOLD, DEVICE, [Binding(1, TARO)], NOW)
    hear(store, [late, gap, hers, his], NOW + 3 * DAY)
    with read(store) as connection:
        assert [owner(connection, one) for one in (late, hers)] == [HANAKO, HANAKO]
        assert owner(connection, his) == TARO
        assert owner(connection, gap) != HANAKO


def test_what_was_filed_after_a_death_nobody_knew_of_is_asked_about_and_comes_back_with_the_mistake(
    store: Engine,
) -> None:
    before, after = weighing(1, "61.10", measured_at=NOW - 3 * DAY), weighing(2, "61.20", measured_at=NOW - DAY)
    hear(store, [before, after])
    with write(store) as connection:
        done = happens(connection, "death", "2026-11-18 10:00")
        assert done.readings == 2
        undone(connection, done)
        assert [owner(connection, one) for one in (before, after)] == [HANAKO, HANAKO]
        done = happens(connection, "death", "2026-11-19")
        assert (done.readings, owner(connection, before), owner(connection, after)) == (1, HANAKO, None)
        # A person may say so all the same of what was measured while she lived, and of nothing later.
        assert isinstance(filing.assign(connection, after.id, HANAKO, NOW, filing.By("n", "t")), Refusal)


@pytest.mark.parametrize("sort", ["death", "left-household", "moved-out"])
def test_a_shared_scale_never_again_proposes_who_is_gone(alone: Engine, sort: Sort) -> None:
    with write(alone) as connection:
        repo_devices.note(connection, HOUSEHOLD, wire.DeviceNote(device=SHARED, profile="xiaomi-scale-v1"), NOW)
    hear(alone, slotted())
    first, second = anonymous(0, "52.05"), anonymous(1, "52.10", day=24)
    hear(alone, [first])
    with write(alone) as connection:
        assert owner(connection, first) == HANAKO, "the numbers knew her"
        happens(connection, sort, "2026-11-19 9:00")
    hear(alone, [second])
    with read(alone) as connection:
        assert (owner(connection, first), owner(connection, second)) == (HANAKO, None)


def test_a_red_value_of_the_dead_stands_before_the_nurse_and_tells_nobody(alone: Engine) -> None:
    with write(alone) as connection:
        happens(connection, "death", "2026-11-20")
    red = pressure(NOW - HOUR, 190, 100)
    hear(alone, [red])
    with write(alone) as connection:
        attempt(connection, HANAKO, NOW)
        assert ends(connection, HOUSEHOLD, NOW - DAY, NOW)[red.id] == Ending("again", "nobodys", ("systolic",))
        assert [home for home, _ in nameless(connection, NOW)] == [HOUSEHOLD]
        assert repo_advice.listed(connection, resident=HANAKO, states=None) == []
        assert repo_notices.of(connection, HANAKO) == []


def test_in_hospital_goals_rest_referrals_stay_and_after_it_goals_are_made_again(alone: Engine) -> None:
    high_week(alone)
    judge(alone)
    routine = {one.topic for one in queue(alone) if one.severity == "routine"}
    referrals = {one.topic for one in queue(alone) if one.severity != "routine"}
    assert routine
    assert "blood-pressure" in referrals
    with write(alone) as connection:
        stay = happens(connection, "hospital", "2026-11-21 20:00")
    judge(alone)
    assert {one.topic for one in queue(alone)} == referrals
    weighed = weighing(5, "61.00", measured_at=NOW + DAY)
    hear(alone, [weighed], NOW + DAY)
    with write(alone) as connection:
        assert owner(connection, weighed) is None, "on leave or not: somebody is asked"
        assert isinstance(filing.assign(connection, weighed.id, HANAKO, NOW + DAY, filing.By("n", "t")), filing.Filed)
        left = end(connection, stay.event, NOW + 2 * DAY, WHO, NOW + 2 * DAY, SystemRandom())
        assert isinstance(left, Done)
    judge(alone, now=NOW + 2 * DAY)
    assert routine <= {one.topic for one in queue(alone, now=NOW + 2 * DAY)}


def test_what_was_approved_before_a_hospital_stay_is_not_delivered_in_it(alone: Engine) -> None:
    put(alone, item("rest", resident_id=HANAKO, state="approved", held_until=NOW, decided_by="s-nursenursenur"))
    with write(alone) as connection:
        happens(connection, "hospital", "2026-11-21 20:00")  # an hour ago, in Japan
        settle(connection, NOW + HOUR)
        assert [one.state for one in repo_advice.listed(connection, resident=HANAKO, states=None)] == ["superseded"]


def test_a_pregnancy_is_the_fact_the_rules_read_and_taking_it_back_takes_the_fact_back(alone: Engine) -> None:
    with write(alone) as connection:
        person = repo_residents.get(connection, TARO)
        assert person is not None

        def said() -> Any:
            return picture_of(repo_facts.of_one(connection, TARO), person, NOW + 60 * DAY)["answer.pregnant"].value

        assert said() is None
        done = happens(connection, "pregnancy", "2026-11-01", name=TARO)
        assert said() == 1
        assert refuses(repo_life.situation(connection, TARO), "statistics", NOW) == Refusal(
            "pregnant", f"pregnancy since {done.event.since.isoformat()}", "pregnancy"
        )
        ended = end(connection, done.event, NOW + 30 * DAY, WHO, NOW, SystemRandom())
        assert isinstance(ended, Done)
        assert said() is None, "a yes that ran out is asked anew"
        undone(connection, ended)
        assert said() is None
        # The same word once more, on the same day.
        assert happens(connection, "pregnancy", "2026-11-01", name=TARO).event.detail.fact is not None
        assert said() == 1


def test_without_consent_to_record_no_pregnancy_is_written(alone: Engine) -> None:
    with write(alone) as connection:
        repo_consents.append(connection, consent(HANAKO, "record", granted=False, at=NOW), os_user="test")
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        typed = Typed(sort="pregnancy", since="2026-11-01")
        ready = read_typed(connection, person, typed, "n", NOW, Random(1))
        assert not isinstance(ready, Refusal)
        found = record(connection, person, ready, WHO, NOW, SystemRandom())
        assert isinstance(found, Refusal)
        assert (found.code, repo_life.of(connection, HANAKO)) == ("no-consent", [])


def test_the_gate_shuts_at_the_instant_of_a_move_recorded_ahead_though_nothing_runs(store: Engine) -> None:
    with write(store) as connection:
        happens(connection, "moved-out", "2026-11-24")
        moment = datetime.fromisoformat("2026-11-24T00:00+09:00")
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        assert person.status == "active"
        door = doors(connection, [HANAKO], "choukai-net")[HANAKO]
        repo_notices.owe(connection, HANAKO, "code", "i-a", NOW, urgent=True)
        [notice] = repo_notices.of(connection, HANAKO)
        for when, code in ((moment - HOUR, None), (moment, "inactive")):
            held = refuses(door.situation, "sends", when)
            assert (held.code if held else None) == code
            assert (reach_of(connection, SEAL, notice, when).needless == "inactive") is (code is not None)
    assert judge(store, now=moment + HOUR).created == ()
    look_after(store, moment + HOUR)
    with read(store) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        assert person.status == "moved"
        assert repo_life.unfinished(connection, moment + HOUR) == []


def test_a_move_within_the_region_changes_town_nurses_home_and_mirror(store: Engine) -> None:
    put(store, item("waits", "urgent", resident_id=HANAKO))
    with write(store) as connection:
        repo_consents.append(connection, consent(HANAKO, "mirror-display"), os_user="test")
        team = repo_teams.add(connection, "062049", "港", WHO, NOW, SystemRandom())
        assert not isinstance(team, Refusal)
        repo_teams.assign(connection, [HANAKO], team.id, None, WHO, NOW)
        done = happens(connection, "moved-within", "2026-11-20", municipality=YUZA, household=NEW)
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        assert (person.municipality_code, person.status) == (YUZA, "active")
        assert person.household_id not in {HOUSEHOLD, None}
        assert HANAKO not in repo_teams.keepers(connection, [HANAKO])
        lived = repo_life.situation(connection, HANAKO)
        assert [lived_in(lived, NOW - 5 * DAY), lived_in(lived, NOW)] == ["062049", YUZA]
    shows: list[tuple[str, bytes]] = []
    pay(store, NOW, lambda topic, payload: shows.append((topic, payload)))
    mirrors = {topic: wire.decode(payload, wire.Show) for topic, payload in shows}
    assert mirrors[topics.show(GATEWAY, HANAKO)].ja == (), "the mirror of the old home knows nothing of her any more"
    told_homes: dict[str, bytes] = {}
    rosters.pay(store, NOW, told_homes.__setitem__)
    assert wire.decode(told_homes[topics.down(GATEWAY, "roster")], wire.Roster).residents == (TARO,)
    with write(store) as connection:
        undone(connection, done)
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        assert (person.municipality_code, person.household_id) == ("062049", HOUSEHOLD)
        assert repo_teams.keepers(connection, [HANAKO])[HANAKO].team == team.id
        assert {one.resident for one in repo_devices.devices(connection)[0].bindings} == {HANAKO, TARO}


def test_a_family_that_moves_with_its_devices_keeps_them(alone: Engine) -> None:
    with write(alone) as connection:
        happens(connection, "moved-within", "2026-11-20", municipality=YUZA, household=SAME)
    weighed = weighing(3, "61.00", measured_at=NOW - HOUR)
    hear(alone, [weighed])
    with read(alone) as connection:
        assert owner(connection, weighed) == HANAKO


def test_a_year_after_moving_out_the_own_code_still_opens_the_page(alone: Engine) -> None:
    for days, opens in ((300, True), (380, False)):
        with write(alone) as connection:
            done = happens(connection, "moved-out", "2026-11-20")
            code = repo_codes.issue(connection, HANAKO, "code", NOW + days * DAY, filing.By("n", "t"), Random(days))
            given = {"code": code.secret, "month": "5", "day": "5"}
        proved = CodeProof(alone, "test").prove(given, NOW + days * DAY + HOUR)
        assert isinstance(proved, Refusal) is not opens
        with write(alone) as connection:
            undone(connection, done, NOW + days * DAY + HOUR)


def test_whoever_comes_back_is_here_again_with_their_slot(store: Engine) -> None:
    with write(store) as connection:
        happens(connection, "moved-out", "2026-11-10", until="2026-11-25")
        assert come_due(connection, NOW) == 0
        assert come_due(connection, NOW + 10 * DAY) == 1
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        assert person.status == "active"
        assert {one.resident for one in repo_devices.devices(connection)[0].bindings} == {HANAKO, TARO}


Run = Callable[..., Result]


@pytest.fixture
def run(engine: Engine) -> Run:
    del engine
    return lambda app, *words: CliRunner().invoke(app, list(words))


def test_the_terminal_records_lists_ends_and_takes_back(run: Run) -> None:
    made = told(run(command.app, "record", HANAKO, "hospital", "--from", "2026-11-03 9:00", "--json"))
    assert (made["sort"], made["until"], made["withdrawn"]) == ("hospital", None, 0)
    listed = run(command.app, "list", HANAKO)
    assert f"{made['id']}  入院  2026-11-03" in listed.stdout
    assert told(run(command.app, "end", made["id"], "--on", "2026-11-10", "--json"))["until"].startswith(
        "2026-11-09T15"
    )
    assert refused(run(command.app, "end", made["id"], "--on", "2026-11-11")) == (Exit.REFUSED, "already-over")
    assert refused(run(command.app, "record", HANAKO, "hospital", "--from", "2026-11-05")) == (
        Exit.REFUSED, "overlaps",
    )  # fmt: skip
    back = told(run(command.app, "take-back", made["id"], "--reason", "wrong person", "--json"))
    assert back["taken_back_at"] is not None
    assert refused(run(command.app, "take-back", made["id"], "--reason", "again")) == (Exit.ALREADY, "taken-back")
    assert told(run(command.app, "list", HANAKO, "--json")) == {"events": []}
    [kept] = told(run(command.app, "list", HANAKO, "--all", "--json"))["events"]
    assert kept["reason"] == "wrong person"
    assert (
        refused(run(command.app, "record", "r-nobodynobody2", "death", "--from", "2026-11-03"))[1] == "unknown-resident"
    )
    assert refused(run(command.app, "end", "f-nobodynobody2", "--on", "2026-11-03")) == (
        Exit.NOT_FOUND,
        "unknown-event",
    )
    for words, code in (
        (("death", "--from", "someday"), "unreadable-date"),
        (("moved-within", "--from", "2026-11-03", "--municipality", "011002"), "unknown-municipality"),
        (("left-household", "--from", "2026-11-03", "--household", "h-nowherenowher"), "unknown-household"),
        (("birthday", "--from", "2026-11-03"), "unknown-sort"),
    ):
        assert refused(run(command.app, "record", HANAKO, *words))[1] == code


def test_a_status_is_never_edited_but_made_by_an_event(run: Run, engine: Engine) -> None:
    done = run(resident_command.app, "edit", HANAKO, "--status", "deceased")
    assert refused(done) == (Exit.USAGE, "life-event")
    told(run(command.app, "record", HANAKO, "death", "--from", "2026-11-03", "--json"))
    with read(engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        assert person.status == "deceased"


def test_the_table_of_effects_reads_as_it_did(golden: Callable[[str, str], None], run: Run) -> None:
    golden("life-effects.txt", run(command.app, "effects").stdout)
    rows = told(run(command.app, "effects", "--json"))["effects"]
    assert rows == list(msgspec.to_builtins(life_words.effects("ja")))
    assert refused(run(command.app, "effects", "birthday")) == (Exit.USAGE, "unknown-sort")


def test_who_lets_nothing_be_recorded_is_refused_in_hospital_as_ever(alone: Engine) -> None:
    with write(alone) as connection:
        happens(connection, "hospital", "2026-11-19")
        repo_consents.append(connection, consent(HANAKO, "record", granted=False, at=NOW - DAY), os_user="test")
    weighed = weighing(4, "61.00", measured_at=NOW - HOUR)
    hear(alone, [weighed])
    with read(alone) as connection:
        assert owner(connection, weighed) is None
        assert connection.execute(select(READING.c.id).where(READING.c.id == weighed.id)).first() is None
