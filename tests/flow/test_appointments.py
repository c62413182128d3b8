"""Appointments in the real store: nobody in two places, nobody reminded twice or after their death, nobody forgotten."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from cli import appointment as command
from cli.exits import Exit
from engine import appointments_classes as classes
from engine.appointments import Appointment, GroupClass
from engine.appointments_reminding import calls, run
from engine.appointments_store import cancel, mark, move, told
from engine.cases import Case
from engine.cases_store import Opening, events_of, open_case
from engine.notify.sending import pump
from engine.officehours import ZONE
from engine.refusal import Refusal
from engine.store import audit, repo_appointments
from engine.store.database import read, write
from engine.store.erasing import erase_rows, scope_of
from engine.store.tables_following import APPOINTMENT
from tests.flow.appointment_home import (
    FRIDAY,
    SEAL,
    WHO,
    Box,
    at,
    booked,
    happens,
    notices,
    now_is,
    person,
    reach,
    sure,
)
from tests.flow.commands import refused
from tests.flow.commands import told as answered
from tests.flow.furnished import alone, engine, store
from tests.homes import HANAKO, TARO

__all__ = ["alone", "engine", "store"]
pytestmark = pytest.mark.flow
NURSE, DAY = "s-nursenursenur", timedelta(days=1)
TEN = timedelta(hours=1)


def test_of_two_who_book_the_same_hour_at_once_one_is_refused(store: Engine) -> None:
    """Both look, decide and write in transactions of their own; neither can see what the other has not committed."""
    done: list[Appointment | Refusal] = []
    ready = threading.Barrier(2)

    def take(name: str) -> None:
        ready.wait()
        done.append(booked(store, at(24, staff=NURSE), name))

    threads = [threading.Thread(target=take, args=(name,)) for name in (HANAKO, TARO)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.code if isinstance(one, Refusal) else "booked" for one in done) == ["booked", "overlaps-staff"]
    with read(store) as connection:
        assert len(repo_appointments.planned(connection, None)) == 1


def test_the_last_place_of_a_class_is_given_away_once(store: Engine) -> None:
    with write(store) as connection:
        made = classes.make(connection, "062049", "運動教室", at(25, long=90), 1, WHO, FRIDAY)
    assert isinstance(made, GroupClass)
    done: list[Appointment | Refusal] = []
    ready = threading.Barrier(2)

    def take(name: str) -> None:
        found = person(store, name)
        ready.wait()
        with write(store) as connection:
            done.append(classes.join(connection, made.seq, found, WHO, FRIDAY))

    threads = [threading.Thread(target=take, args=(name,)) for name in (HANAKO, TARO)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.code if isinstance(one, Refusal) else "booked" for one in done) == ["booked", "full"]


def test_nobody_is_expected_in_two_places_and_the_next_hour_is_free(alone: Engine) -> None:
    sure(alone, at(24, staff=NURSE))
    overlap, other = booked(alone, at(24, 10, 15)), booked(alone, at(24, 10, 29, staff=NURSE), TARO)
    assert isinstance(overlap, Refusal)
    assert overlap.code == "overlaps-resident"
    assert isinstance(other, Refusal)
    assert other.code == "overlaps-staff"
    sure(alone, at(24, 10, 30, staff=NURSE))
    sure(alone, at(24, 10, 0), TARO)
    with write(alone) as connection:
        taught = classes.make(connection, "062049", "栄養教室", at(24, 9, 45, staff=NURSE), 9, WHO, FRIDAY)
    assert isinstance(taught, Refusal)
    # What was called off is free again.
    with write(alone) as connection:
        one = repo_appointments.of(connection, TARO)[0]
        assert isinstance(cancel(connection, one, "staff", WHO, FRIDAY), Appointment)
    sure(alone, at(24, 10, 0), TARO)


def test_nobody_is_booked_for_a_day_in_hospital_or_after_a_death(alone: Engine) -> None:
    happens(alone, "hospital", "2026-11-24", "2026-11-27")
    away = booked(alone, at(25))
    assert isinstance(away, Refusal)
    assert away.code == "in-hospital"
    later = sure(alone, at(30))
    with write(alone) as connection:
        moved = move(connection, later, at(26), WHO, FRIDAY)
    assert isinstance(moved, Refusal)
    happens(alone, "death", "2026-11-20", name=TARO)
    dead = booked(alone, at(25), TARO)
    assert isinstance(dead, Refusal)
    assert dead.code == "inactive"


def test_who_died_is_called_off_and_never_reminded_whenever_it_is_recorded(alone: Engine) -> None:
    for name in (HANAKO, TARO):
        reach(alone, name)
    one, other = sure(alone, at(25)), sure(alone, at(25, 14), TARO)
    happens(alone, "death", "2026-11-22", now=FRIDAY + 3 * DAY)
    run(alone, FRIDAY + 3 * DAY)
    run(alone, FRIDAY + 4 * DAY + TEN)
    assert (now_is(alone, one).state, now_is(alone, one).reason) == ("cancelled", "gone")
    assert [(who, state) for who, _, state in notices(alone)] == [(TARO, "waiting")]
    # A message that was owed is not sent to somebody who died before it left.
    happens(alone, "death", "2026-11-24", name=TARO, now=FRIDAY + 4 * DAY + TEN)
    box = Box()
    pump(alone, {"mail": box}, SEAL, "https://phr.example.jp", FRIDAY + 4 * DAY + TEN)
    assert not box.taken
    with read(alone) as connection:
        off = repo_appointments.called_off(connection, {"062049"}, FRIDAY)
        assert [each.seq for each in off] == [one.seq]
        assert calls(connection, None, FRIDAY + 4 * DAY) == []
    run(alone, FRIDAY + 5 * DAY)
    assert now_is(alone, other).state == "cancelled"


def test_one_form_writes_down_who_came_and_open_cases_know_it(alone: Engine) -> None:
    with write(alone) as connection:
        wish = Opening(programme="other", basis="nurse")
        case = open_case(connection, person(alone), wish, FRIDAY, WHO, Random(1))
        assert isinstance(case, Case), case
        made = classes.make(connection, "062049", "運動教室", at(24, long=90), 10, WHO, FRIDAY)
        assert isinstance(made, GroupClass)
        joined = [classes.join(connection, made.seq, person(alone, name), WHO, FRIDAY) for name in (HANAKO, TARO)]
    numbers = [one.seq for one in joined if isinstance(one, Appointment)]
    with write(alone) as connection:
        assert classes.attend(connection, made, {numbers[0]: "kept"}, WHO, FRIDAY) == Refusal(
            "too-early", "it has not begun yet"
        )
    after = FRIDAY + 5 * DAY
    with write(alone) as connection:
        assert (
            classes.attend(connection, made, {numbers[0]: "kept", numbers[1]: "missed", 999: "kept"}, WHO, after) == 2
        )
        assert classes.attend(connection, made, {numbers[0]: "missed", numbers[1]: "kept"}, WHO, after) == 1
    with read(alone) as connection:
        states = [one.state for one in repo_appointments.of_class(connection, made.seq)]
        sorts = [event.sort for event in events_of(connection, case)]
        acts = [entry.action for entry in audit.entries(connection, subject=HANAKO)]
    assert states == ["kept", "kept"]
    assert sorts.count("attended") == 1
    assert "appointment-kept" in acts


def test_a_class_is_moved_and_called_off_as_a_whole(alone: Engine) -> None:
    reach(alone)
    with write(alone) as connection:
        made = classes.make(connection, "062049", "運動教室", at(25, long=90, staff=NURSE), 10, WHO, FRIDAY)
        assert isinstance(made, GroupClass)
        one = classes.join(connection, made.seq, person(alone), WHO, FRIDAY)
        again = classes.join(connection, made.seq, person(alone), WHO, FRIDAY)
    assert isinstance(one, Appointment)
    assert isinstance(again, Refusal)
    sure(alone, at(26), TARO)
    with write(alone) as connection:
        # Its own people and its own teacher are no obstacle to half an hour later.
        moved = classes.move(connection, made, at(25, 10, 30, long=90, staff=NURSE), WHO, FRIDAY)
        assert isinstance(moved, GroupClass)
        alone_ = move(connection, one, at(27), WHO, FRIDAY)
    assert isinstance(alone_, Refusal)
    assert now_is(alone, one).starts_at == at(25, 10, 30).starts_at
    sure(alone, at(26, long=10))
    with write(alone) as connection:
        busy = classes.move(connection, moved, at(26, long=90), WHO, FRIDAY)
        assert isinstance(busy, Refusal)
        assert isinstance(classes.call_off(connection, moved, WHO, FRIDAY), GroupClass)
    assert (now_is(alone, one).state, now_is(alone, one).reason) == ("cancelled", "class")


def test_what_we_call_off_is_told_at_once_to_everybody_who_was_expected(alone: Engine) -> None:
    """One is told by a message, the other by telephone; whoever called it off themselves is told by nobody."""
    reach(alone)
    with write(alone) as connection:
        made = classes.make(connection, "062049", "運動教室", at(30, long=90), 10, WHO, FRIDAY)
        assert isinstance(made, GroupClass)
        for name in (HANAKO, TARO):
            assert isinstance(classes.join(connection, made.seq, person(alone, name), WHO, FRIDAY), Appointment)
    own = sure(alone, at(27), TARO)
    with write(alone) as connection:
        assert isinstance(classes.call_off(connection, made, WHO, FRIDAY), GroupClass)
        assert isinstance(cancel(connection, own, "resident", WHO, FRIDAY), Appointment)
    assert run(alone, FRIDAY) == 1
    assert run(alone, FRIDAY + DAY) == 0
    box = Box()
    assert pump(alone, {"mail": box}, SEAL, "https://phr.example.jp", FRIDAY) == 1
    with read(alone) as connection:
        [call] = calls(connection, None, FRIDAY)
    assert (call.person.id, call.appointment.state) == (TARO, "cancelled")
    with write(alone) as connection:
        assert told(connection, call.appointment, WHO, FRIDAY) is None
    with read(alone) as connection:
        assert calls(connection, None, FRIDAY) == []


def test_two_who_change_one_appointment_do_not_undo_each_other(alone: Engine) -> None:
    one = sure(alone, at(25))
    with write(alone) as connection:
        assert isinstance(move(connection, one, at(26), WHO, FRIDAY), Appointment)
        stale = cancel(connection, one, "staff", WHO, FRIDAY)
    assert isinstance(stale, Refusal)
    assert stale.code == "conflict"
    with write(alone) as connection:
        assert isinstance(mark(connection, now_is(alone, one), "kept", WHO, FRIDAY), Refusal)
        assert isinstance(mark(connection, now_is(alone, one), "kept", WHO, FRIDAY + 9 * DAY), Appointment)
        assert isinstance(cancel(connection, now_is(alone, one), "staff", WHO, FRIDAY + 9 * DAY), Refusal)


def test_what_is_erased_leaves_no_appointment(alone: Engine) -> None:
    sure(alone, at(25))
    sure(alone, at(26), TARO)
    with write(alone) as connection:
        erase_rows(connection, scope_of(connection, HANAKO, SEAL))
        left = connection.execute(select(APPOINTMENT.c.resident_id)).scalars().all()
    assert left == [TARO]


def run_command(*words: str) -> Any:
    return CliRunner().invoke(command.app, list(words))


def test_the_terminal_books_moves_marks_and_writes_calendars(engine: Engine, tmp_path: Path) -> None:
    day = (datetime.now(UTC).astimezone(ZONE) + 3 * DAY).date().isoformat()
    when = ("--on", day, "--at", "10:30", "--place", "保健センター")
    made = answered(run_command("book", HANAKO, "interview", *when, "--json"))
    assert made["state"] == "planned"
    number = f"{made['seq']}"
    assert refused(run_command("book", HANAKO, "visit", *when)) == (Exit.REFUSED, "overlaps-resident")
    assert refused(run_command("book", HANAKO, "class", *when)) == (Exit.USAGE, "no-sort")
    assert refused(run_command("book", HANAKO, "visit", "--on", "2026-02-30", *when[2:])) == (
        Exit.USAGE, "unreadable-date",
    )  # fmt: skip
    assert refused(run_command("kept", number)) == (Exit.REFUSED, "too-early")
    assert refused(run_command("move", "99", *when)) == (Exit.NOT_FOUND, "unknown-appointment")
    assert "11:00" in run_command("move", number, "--on", day, "--at", "11:00", "--place", "市役所").stdout
    file = tmp_path / "one.ics"
    assert answered(run_command("ical", HANAKO, str(file), "--json"))["appointments"] == 1
    assert refused(run_command("ical", HANAKO, str(file))) == (Exit.ALREADY, "file-exists")
    assert b"SEQUENCE:1" in file.read_bytes()
    assert [one["seq"] for one in answered(run_command("list", "--json"))] == [made["seq"]]
    assert answered(run_command("remind", "--json"))["owed"] == 0
    assert answered(run_command("cancel", number, "--json"))["reason"] == "resident"


def test_the_terminal_keeps_classes(engine: Engine) -> None:
    day = (datetime.now(UTC).astimezone(ZONE) + 3 * DAY).date().isoformat()
    made = answered(
        run_command("class", "make", "062049", "運動教室", "--on", day, "--at", "13:30", "--place", "体育館",
                    "--capacity", "1", "--json")
    )  # fmt: skip
    group = f"{made['seq']}"
    assert answered(run_command("class", "join", group, HANAKO, "--json"))["class"] == made["seq"]
    assert refused(run_command("class", "join", group, TARO)) == (Exit.REFUSED, "full")
    assert answered(run_command("class", "list", "--json"))[0]["booked"] == 1
    assert refused(run_command("class", "attend", group, "--came", "1")) == (Exit.REFUSED, "too-early")
    assert answered(run_command("class", "cancel", group, "--json"))["state"] == "cancelled"
    assert refused(run_command("class", "join", "77", HANAKO)) == (Exit.NOT_FOUND, "unknown-class")
