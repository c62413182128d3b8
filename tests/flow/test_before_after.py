"""Baths through the real store: readings as gateways send them, moved, discarded and withheld, and nurses who hear."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import Engine, select, update
from typer.testing import CliRunner, Result

from cli import session as command
from cli.exits import Exit
from engine.before_after import Session, Sort
from engine.before_after_store import Report, begin, feel, finish, report, tend
from engine.contract.reading import Reading
from engine.refusal import Refusal
from engine.review import LIVE
from engine.sealing import Seal
from engine.store import (
    audit,
    filing,
    repo_advice,
    repo_before_after,
    repo_consents,
    repo_requests,
    repo_residents,
)
from engine.store.database import read, write
from engine.store.erasing import erase_rows, scope_of
from engine.store.repo_facts import By
from engine.store.tables import READING
from engine.store.tables_following import BEFORE_AFTER
from tests.flow.commands import refused, told
from tests.flow.furnished import alone, engine, store
from tests.flow.test_evaluate import hear, judge, pressure
from tests.flow.test_life import happens
from tests.homes import HANAKO, NOW, TARO, consent

__all__ = ["alone", "engine", "store"]
pytestmark = pytest.mark.flow
WHO, MINUTE, DAY = By("s-nursenursenur", "test"), timedelta(minutes=1), timedelta(days=1)
START, END = NOW - 90 * MINUTE, NOW - 70 * MINUTE


def bath(
    store: Engine, start: datetime = START, end: datetime | None = END, name: str = HANAKO, sort: Sort = "bath",
    now: datetime = NOW,
) -> Session:  # fmt: skip
    with write(store) as connection:
        person = repo_residents.get(connection, name)
        assert person is not None
        made = begin(connection, person, sort, "湯田川温泉", start, WHO, now)
        assert isinstance(made, Session), made
        if end is not None:
            made = finish(connection, person, made, end, WHO, now)
            assert isinstance(made, Session), made
    return made


def seen(store: Engine, name: str = HANAKO, now: datetime = NOW) -> Report:
    with read(store) as connection:
        person = repo_residents.get(connection, name)
        assert person is not None
        return report(connection, person, now)


def changes(store: Engine, name: str = HANAKO) -> dict[str, Decimal]:
    [one] = seen(store, name).sessions
    return {difference.kind: difference.change for difference in one.differences}


def asked(store: Engine, name: str = HANAKO) -> list[str]:
    with read(store) as connection:
        return [one.text for one in repo_requests.of(connection, name)]


def around(high: int = 131, after: int = 118, slot: int = 1) -> tuple[Reading, Reading]:
    return pressure(START - 4 * MINUTE, high, 80, slot), pressure(END + 15 * MINUTE, after, 74, slot)


def test_what_a_shared_cuff_measured_pairs_with_whose_it_is_on_both_databases(store: Engine) -> None:
    bath(store)
    bath(store, name=TARO)
    mine, his = around(), around(150, 120, slot=2)
    # Before it only she measured, and he only after it: no pair is made of the two.
    hear(store, [mine[0], his[1]])
    assert changes(store) == {}
    assert changes(store, TARO) == {}
    hear(store, [mine[1]])
    assert changes(store) == {"systolic": Decimal(-13), "diastolic": Decimal(-6)}
    assert changes(store, TARO) == {}


def test_a_reading_that_was_somebody_elses_or_is_discarded_dissolves_the_pair(alone: Engine) -> None:
    bath(alone)
    first, last = around()
    hear(alone, [first, last])
    told_by = filing.By("nurse", "test")
    assert changes(alone)
    with write(alone) as connection:
        assert not isinstance(filing.assign(connection, last.id, TARO, NOW, told_by), Refusal)
    assert changes(alone) == {}
    with write(alone) as connection:
        assert not isinstance(filing.assign(connection, last.id, HANAKO, NOW, told_by), Refusal)
    assert changes(alone)
    with write(alone) as connection:
        connection.execute(update(READING).where(READING.c.id == first.id).values(certainty="assumed", posterior=0.98))
    assert changes(alone) == {}, "only what is surely hers"
    with write(alone) as connection:
        assert not isinstance(filing.discard(connection, last.id, NOW, told_by), Refusal)
    assert changes(alone) == {}


def test_a_nurse_is_asked_once_to_hear_of_a_low_pressure_after_it_and_only_with_a_yes(alone: Engine) -> None:
    bath(alone)
    hear(alone, [around()[0]])
    assert tend(alone, NOW) == 0
    hear(alone, [pressure(END + 15 * MINUTE, 88, 60)])
    with write(alone) as connection:
        no = msgspec.structs.replace(consent(HANAKO, "nurse-review", granted=False), at=NOW - MINUTE)
        repo_consents.append(connection, no, os_user="test")
    assert tend(alone, NOW) == 0
    assert seen(alone).low, "the page says it all the same"
    with write(alone) as connection:
        yes = msgspec.structs.replace(consent(HANAKO, "nurse-review"), at=NOW)
        repo_consents.append(connection, yes, os_user="test")
    later = NOW + MINUTE
    assert tend(alone, later) == 1
    assert tend(alone, later) == 0
    assert asked(alone) == ["自動: おふろの あとの 血圧が 低めでした。"]
    with read(alone) as connection:
        [one] = repo_requests.waiting(connection, "health", {"062049"})
        assert (one.resident_id, one.kind) == (HANAKO, "call")
        assert audit.verify(connection) is None


def test_of_a_low_pressure_long_ago_nobody_is_asked_to_hurry_and_nobody_hears_of_the_gone(alone: Engine) -> None:
    bath(alone)
    hear(alone, [pressure(END + 15 * MINUTE, 88, 60)])
    assert tend(alone, END + DAY + MINUTE) == 0
    with write(alone) as connection:
        happens(connection, "death", "2026-11-21")
    assert tend(alone, NOW) == 0


def test_180_just_before_it_is_refused_and_takes_the_urgent_path(alone: Engine) -> None:
    hear(alone, [pressure(NOW - 3 * MINUTE, 182, 96)])
    with write(alone) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        for sort in ("bath", "exercise"):
            found = begin(connection, person, sort, "", NOW, WHO, NOW)
            assert isinstance(found, Refusal)
            assert found.code == "too-high"
        # What was over before we were told is written down as it was.
        assert isinstance(begin(connection, person, "exercise", "", NOW - 40 * MINUTE, WHO, NOW), Session)
    judge(alone)
    with read(alone) as connection:
        items = repo_advice.listed(connection, resident=HANAKO, states=LIVE)
    assert "urgent" in {item.severity for item in items}


def test_without_a_yes_to_the_record_nothing_begins_and_nothing_is_shown(alone: Engine) -> None:
    bath(alone)
    hear(alone, list(around()))
    assert seen(alone).sessions
    with write(alone) as connection:
        no = msgspec.structs.replace(consent(HANAKO, "record", granted=False), at=NOW)
        repo_consents.append(connection, no, os_user="test")
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        found = begin(connection, person, "bath", "", NOW, WHO, NOW)
        assert isinstance(found, Refusal)
        assert found.code == "no-consent"
    assert seen(alone) == Report(sessions=(), scores=())


def test_a_kind_that_may_not_be_recorded_is_not_compared(alone: Engine) -> None:
    bath(alone)
    hear(alone, list(around()))
    with write(alone) as connection:
        no = msgspec.structs.replace(consent(HANAKO, "record", granted=False), kind="systolic", at=NOW)
        repo_consents.append(connection, no, os_user="test")
    assert changes(alone) == {"diastolic": Decimal(-6)}


def test_sessions_do_not_overlap_and_one_nobody_ended_is_no_session(alone: Engine) -> None:
    bath(alone, end=None)
    with write(alone) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        for at, code in ((NOW, "already-begun"), (NOW + MINUTE, "future"), (NOW - 8 * DAY, "past")):
            found = begin(connection, person, "bath", "", at, WHO, NOW)
            assert isinstance(found, Refusal)
            assert found.code == code
        [one] = repo_before_after.of(connection, HANAKO)
        for at, code in ((START, "until-past"), (NOW + MINUTE, "future")):
            ended = finish(connection, person, one, at, WHO, NOW)
            assert isinstance(ended, Refusal)
            assert ended.code == code
    later = START + timedelta(hours=4, minutes=1)
    assert seen(alone, now=later).lasting is None
    made = bath(alone, later, later + 20 * MINUTE, now=later + DAY)
    with read(alone) as connection:
        assert [one.number for one in repo_before_after.of(connection, HANAKO)] == [made.number]
    with write(alone) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        inside = begin(connection, person, "bath", "", later + 10 * MINUTE, WHO, later + DAY)
        assert isinstance(inside, Refusal)
        assert inside.code == "overlaps"


def test_one_that_was_begun_by_mistake_is_begun_anew_at_the_same_minute_on_both_databases(store: Engine) -> None:
    wrong = bath(store, end=None, sort="exercise")
    with write(store) as connection:
        assert repo_before_after.take_back(connection, wrong, WHO, NOW)
    made = bath(store)
    with read(store) as connection:
        assert [(one.number, one.sort) for one in repo_before_after.of(connection, HANAKO)] == [(made.number, "bath")]


def test_of_a_pressure_that_may_not_be_recorded_any_more_no_nurse_hears(alone: Engine) -> None:
    bath(alone)
    hear(alone, [pressure(END + 15 * MINUTE, 88, 60)])
    with write(alone) as connection:
        no = msgspec.structs.replace(consent(HANAKO, "record", granted=False), kind="systolic", at=NOW - MINUTE)
        repo_consents.append(connection, no, os_user="test")
    assert tend(alone, NOW) == 0
    assert asked(alone) == []


def test_how_it_felt_is_kept_beside_what_was_said_before_and_stale_words_change_nothing(alone: Engine) -> None:
    made = bath(alone)
    with write(alone) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        first = feel(connection, person, made, "fatigue", before=7, by=WHO, now=NOW)
        assert isinstance(first, Session)
        stale = feel(connection, person, made, "fatigue", after=1, by=WHO, now=NOW)
        assert isinstance(stale, Refusal)
        assert stale.code == "conflict"
        assert isinstance(feel(connection, person, first, "fatigue", after=3, by=WHO, now=NOW), Session)
        for kind, value, code in (("fatigue", 11, "bad-rating"), ("fatigue", -1, "bad-rating"), ("joy", 3, "unknown-rating")):  # fmt: skip
            found = feel(connection, person, first, kind, after=value, by=WHO, now=NOW)
            assert isinstance(found, Refusal)
            assert found.code == code
    assert changes(alone) == {"fatigue": Decimal(-4)}


def test_what_is_erased_leaves_no_session_behind(alone: Engine) -> None:
    bath(alone)
    bath(alone, name=TARO)
    with write(alone) as connection:
        erase_rows(connection, scope_of(connection, HANAKO, Seal(b"k" * 32)))
        left = connection.execute(select(BEFORE_AFTER.c.resident_id)).scalars().all()
    assert list(left) == [TARO]


def run(*words: str) -> Result:
    return CliRunner().invoke(command.app, [*words])


def test_the_commands_begin_end_list_and_take_back(engine: Engine) -> None:
    made = told(run("start", HANAKO, "--sort", "bath", "--place", "湯田川温泉", "--fatigue", "6", "--json"))
    number = str(made["number"])
    assert made["place"] == "湯田川温泉"
    assert refused(run("start", HANAKO, "--sort", "exercise")) == (Exit.ALREADY, "already-begun")
    assert refused(run("start", HANAKO, "--sort", "sauna")) == (Exit.USAGE, "unknown-sort")
    assert refused(run("start", TARO, "--sort", "bath", "--spot", "g-nowherenowher")) == (
        Exit.NOT_FOUND,
        "unknown-spot",
    )
    assert refused(run("start", TARO, "--sort", "bath", "--at", "ある日")) == (Exit.USAGE, "unreadable-date")
    assert "まだ終わっていません" in run("list", HANAKO).output
    ended = run("end", number, "--fatigue", "3", "--json")
    assert told(ended)["ended_at"] is not None
    assert refused(run("end", number)) == (Exit.ALREADY, "already-ended")
    shown = run("list", HANAKO)
    assert "おふろ・温泉" in shown.output
    assert "つかれ: 6 → 3" in shown.output
    assert "5回に なると まとめます" in run("report", HANAKO).output
    assert told(run("report", HANAKO, "--json"))["scores"][0]["sessions"] == 1
    assert run("take-back", number).exit_code == 0
    assert refused(run("end", number)) == (Exit.NOT_FOUND, "unknown-session")
    assert told(run("list", HANAKO, "--json"))["sessions"] == []
    with read(engine) as connection:
        acts = {entry.action for entry in audit.entries(connection, subject=HANAKO)}
        assert audit.verify(connection) is None
    assert {
        "before-after-start",
        "before-after-end",
        "before-after-felt",
        "before-after-back",
        "before-after-view",
    } <= acts
