"""Appointments by themselves: what may be booked, when people are reminded, and calendars another program can read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.appointments import (
    Appointment,
    When,
    cancelled,
    fits,
    marked,
    matter,
    moved,
    odd_hours,
    read_matter,
    read_when,
    remind_at,
    reminds,
)
from engine.appointments_ical import calendar_of, staff_calendar, uid_of
from engine.officehours import ZONE
from engine.refusal import Refusal
from tests.homes import HANAKO, TARO, resident

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=ZONE)
HOUR = timedelta(hours=1)


def one(**more: object) -> Appointment:
    starts = datetime(2026, 11, 25, 14, 0, tzinfo=ZONE)
    made = Appointment(
        seq=7, resident=HANAKO, municipality="062049", sort="check-up", starts_at=starts, ends_at=starts + HOUR,
        place="酒田市民健康センター", by="s-x", at=NOW,
    )  # fmt: skip
    return msgspec.structs.replace(made, **more)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (("2026-02-30", "10:00", "30", "x"), "unreadable-date"),
        (("", "10:00", "30", "x"), "unreadable-date"),
        (("2026-11-24", "24:00", "30", "x"), "unreadable-time"),
        (("2026-11-24", "10", "30", "x"), "unreadable-time"),
        (("2026-11-24", "10:00", "-5", "x"), "bad-span"),
        (("2026-11-24", "10:00", "30", " "), "empty"),
        (("2026-11-24", "10:00", "30", "x" * 81), "too-long"),
        (("2026-11-24", "10:00", "30", "a\nb"), "control-character"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_its_field(fields: tuple[str, str, str, str], code: str) -> None:
    found = read_when(*fields)
    assert isinstance(found, Refusal)
    assert found.code == code


def test_times_are_those_of_the_town_however_they_are_typed() -> None:
    # An input method left in Japanese writes wide digits.
    for clock in ("9:05", "09:05", "9時05分", "\uff19\uff1a\uff10\uff15", "\uff10\uff19\u6642\uff10\uff15\u5206"):
        found = read_when("2026-11-24", clock, "\uff13\uff10", "保健センター")
        assert isinstance(found, When)
        assert found.starts_at.astimezone(UTC) == datetime(2026, 11, 24, 0, 5, tzinfo=UTC)


def test_nothing_is_booked_in_the_past_too_far_ahead_or_for_no_time() -> None:
    def code(start: datetime, span: timedelta) -> str | None:
        found = fits(When(starts_at=start, ends_at=start + span, place="x"), NOW)
        return None if found is None else found.code

    assert code(NOW, HOUR) == "past"
    assert code(NOW + timedelta(seconds=1), HOUR) is None
    assert code(NOW + timedelta(days=400), HOUR) is None
    assert code(NOW + timedelta(days=400, seconds=1), HOUR) == "too-far"
    assert code(NOW + HOUR, timedelta(minutes=4, seconds=59)) == "bad-span"
    assert code(NOW + HOUR, timedelta(minutes=5)) is None
    assert code(NOW + HOUR, timedelta(hours=12, seconds=1)) == "bad-span"


def test_evenings_and_holidays_are_worth_a_word_and_no_more() -> None:
    def odd(day: int, hour: int, minute: int, long: int) -> bool:
        starts = datetime(2026, 11, day, hour, minute, tzinfo=ZONE)
        return odd_hours(When(starts_at=starts, ends_at=starts + timedelta(minutes=long), place="x"), "062049")

    assert not odd(24, 8, 30, 60)
    assert not odd(24, 16, 45, 30)
    assert odd(24, 16, 45, 31)
    assert odd(24, 8, 29, 30)
    assert odd(23, 10, 0, 30), "the 23rd is a public holiday"
    assert odd(21, 10, 0, 30), "the 21st is a Saturday"


def test_people_are_reminded_from_ten_the_day_before_until_it_begins_and_once() -> None:
    ten = datetime(2026, 11, 24, 10, 0, tzinfo=ZONE)
    assert remind_at(one().starts_at) == ten
    assert not reminds(one(), ten - timedelta(seconds=1))
    assert reminds(one(), ten)
    assert reminds(one(), one().starts_at - timedelta(seconds=1))
    assert not reminds(one(), one().starts_at)
    assert not reminds(one(reminded_at=ten), ten)
    assert not reminds(one(state="cancelled", reason="resident"), ten)
    assert not reminds(one(state="cancelled", reason="gone"), ten)
    assert reminds(one(state="cancelled", reason="class"), NOW)
    assert not reminds(one(state="cancelled", reason="staff"), one().starts_at)


def test_a_state_only_goes_forward() -> None:
    after = one().ends_at
    when = When(starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR, place="x")

    def code(found: Appointment | Refusal) -> str:
        return found.code if isinstance(found, Refusal) else found.state

    assert code(marked(one(), "kept", "s", NOW)) == "too-early"
    assert code(marked(one(), "kept", "s", after)) == "kept"
    assert code(marked(one(state="missed"), "kept", "s", after)) == "kept"
    assert code(marked(one(state="kept"), "missed", "s", after)) == "not-planned"
    assert code(marked(one(state="cancelled"), "kept", "s", after)) == "not-planned"
    assert code(cancelled(one(), "resident", "s", one().starts_at)) == "begun"
    assert code(cancelled(one(), "gone", "s", after)) == "cancelled"
    for state in ("kept", "missed", "cancelled"):
        assert code(cancelled(one(state=state), "staff", "s", NOW)) == "not-planned"
        assert code(moved(one(state=state), when, "s", NOW)) == "not-planned"


def test_moved_they_are_reminded_anew_of_another_matter() -> None:
    when = When(starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR, place="x")
    after = moved(one(reminded_at=NOW, reminded_by="notice"), when, "s", NOW)
    assert isinstance(after, Appointment)
    assert (after.reminded_at, after.reminded_by) == (None, None)
    assert read_matter(matter(one(version=3))) == (7, 3)
    for other in ("appointment-7", "a-xxxxxxxxxxxxx", "appointment-x-1", "appointment-1-２"):
        assert read_matter(other) is None


class Told(NamedTuple):
    """A component as another program reads it: its name, its lines, what is inside."""

    name: str
    lines: dict[str, tuple[dict[str, str], str]]
    inside: list[Told]


def understand(made: bytes) -> Told:
    """RFC 5545 by the letter: CRLF, 75 octets a line, folded lines put together before anything is decoded."""
    assert made.endswith(b"\r\n")
    assert b"\n" not in made.replace(b"\r\n", b"")
    for octets in made.split(b"\r\n"):
        assert len(octets) <= 75
        octets.decode("utf-8")  # no character is cut in two
    stack = [Told("", {}, [])]
    for line in made.replace(b"\r\n ", b"").decode("utf-8").split("\r\n")[:-1]:
        head, _, value = line.partition(":")
        name, *parameters = head.split(";")
        if name == "BEGIN":
            stack.append(Told(value, {}, []))
        elif name == "END":
            done = stack.pop()
            assert done.name == value
            stack[-1].inside.append(done)
        else:
            pairs = dict(part.split("=", 1) for part in parameters)
            plain = value.replace("\\n", "\n").replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\")
            assert name not in stack[-1].lines, f"{name} twice in {stack[-1].name}"
            stack[-1].lines[name] = (pairs, plain)
    [root] = stack
    [calendar] = root.inside
    return calendar


def instant(calendar: Told, event: Told, name: str) -> datetime:
    """A local time by the offset that the calendar itself tells of its zone."""
    pairs, value = event.lines[name]
    [zone] = [part for part in calendar.inside if part.name == "VTIMEZONE"]
    assert zone.lines["TZID"][1] == pairs["TZID"]
    [standard] = zone.inside
    sign = standard.lines["TZOFFSETTO"][1]
    offset = timedelta(hours=int(sign[1:3]), minutes=int(sign[3:5])) * (1 if sign[0] == "+" else -1)
    return datetime.strptime(value, "%Y%m%dT%H%M%S").replace(tzinfo=timezone(offset))


def test_another_program_reads_the_times_the_place_and_two_alarms_and_nothing_of_health() -> None:
    calendar = understand(calendar_of([one()], "ja"))
    assert calendar.lines["METHOD"][1] == "PUBLISH"
    [event] = [part for part in calendar.inside if part.name == "VEVENT"]
    assert instant(calendar, event, "DTSTART") == one().starts_at
    assert instant(calendar, event, "DTEND") == one().ends_at
    assert event.lines["SUMMARY"][1] == "保健センターの予約"
    assert event.lines["LOCATION"][1] == "酒田市民健康センター"
    assert event.lines["STATUS"][1] == "CONFIRMED"
    assert event.lines["DTSTAMP"][1] == "20261120T000000Z"
    assert sorted(part.lines["TRIGGER"][1] for part in event.inside) == ["-P1D", "-PT2H"]
    assert "健診" not in calendar_of([one()], "ja").decode()


def test_a_calendar_that_has_it_learns_of_a_move_and_of_the_end() -> None:
    """RFC 5546: the same UID with a higher SEQUENCE replaces; METHOD:CANCEL with STATUS:CANCELLED takes out."""
    first, second = one(), one(version=2, at=NOW + HOUR)
    off = one(version=3, state="cancelled", reason="resident")
    events = []
    for each in (first, second, off):
        calendar = understand(calendar_of([each], "ja"))
        [event] = [part for part in calendar.inside if part.name == "VEVENT"]
        events.append((event.lines["UID"][1], int(event.lines["SEQUENCE"][1]), calendar.lines["METHOD"][1]))
        assert (event.lines["STATUS"][1] == "CANCELLED") == (each.state == "cancelled")
        assert bool(event.inside) == (each.state == "planned")
    assert [uid for uid, _, _ in events] == [uid_of(first)] * 3
    assert [sequence for _, sequence, _ in events] == [0, 1, 2]
    assert [method for _, _, method in events] == ["PUBLISH", "PUBLISH", "CANCEL"]
    together = understand(calendar_of([off, one(seq=8)], "ja"))
    assert together.lines["METHOD"][1] == "PUBLISH"


@given(place=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=80))
def test_any_place_arrives_as_it_was_written_however_lines_are_folded(place: str) -> None:
    made = calendar_of([one(place=place)], "ja")
    [event] = [part for part in understand(made).inside if part.name == "VEVENT"]
    assert event.lines["LOCATION"][1] == place
    assert calendar_of([one(place=place)], "ja") == made


def test_the_calendar_of_staff_has_initials_a_class_once_and_no_address() -> None:
    people = {name: resident(name, "花子", NOW.date()) for name in (HANAKO, TARO)}
    taught = [one(seq=n, sort="class", group=3, resident=name) for n, name in ((1, HANAKO), (2, TARO))]
    listed = [*taught, one(seq=5, sort="visit", place="みなと町1-2"), one(seq=6, state="cancelled")]
    calendar = understand(staff_calendar(listed, people, people, "ja"))
    told = [part.lines["SUMMARY"][1] for part in calendar.inside if part.name == "VEVENT"]
    assert told == ["教室", "訪問 ヤ.ハ."]
    text = staff_calendar(listed, people, people, "ja").decode()
    assert "みなと町" not in text
    assert "山田" not in text
