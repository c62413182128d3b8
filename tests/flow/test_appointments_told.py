"""Appointments are told at ten the day before, or somebody telephones; what became wrong before it left is not sent."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from engine.appointments import Appointment
from engine.appointments_reminding import calls, run
from engine.appointments_store import move, told
from engine.notify.sending import pump
from engine.officehours import ZONE
from engine.store.database import read, write
from tests.flow.appointment_home import FRIDAY, SEAL, WHO, Box, at, happens, notices, now_is, reach, sure
from tests.flow.furnished import alone
from tests.homes import HANAKO

__all__ = ["alone"]
pytestmark = pytest.mark.flow
DAY, TEN = timedelta(days=1), timedelta(hours=1)


def test_a_reminder_goes_out_at_ten_the_day_before_and_says_nothing_of_health(alone: Engine) -> None:
    reach(alone)
    sure(alone, at(25, 14))
    ten = datetime(2026, 11, 24, 10, 0, tzinfo=ZONE)
    assert run(alone, ten - timedelta(seconds=1)) == 0
    assert run(alone, ten) == 1
    assert run(alone, ten + timedelta(minutes=10)) == 0
    box = Box()
    assert pump(alone, {"mail": box}, SEAL, "https://phr.example.jp", ten) == 1
    [letter] = box.taken
    assert not any(word in letter for word in ("面談", "保健センター", "花子", "14"))


def test_somebody_in_hospital_is_not_reminded_and_not_on_the_list(alone: Engine) -> None:
    reach(alone)
    one = sure(alone, at(25, 14))
    happens(alone, "hospital", "2026-11-23", "2026-11-25")
    run(alone, datetime(2026, 11, 24, 12, 0, tzinfo=ZONE))
    assert notices(alone) == []
    with read(alone) as connection:
        assert calls(connection, None, datetime(2026, 11, 24, 12, 0, tzinfo=ZONE)) == []
    # Back home on the morning of the day, they are told as soon as they can be.
    assert run(alone, datetime(2026, 11, 25, 9, 0, tzinfo=ZONE)) == 1
    assert now_is(alone, one).reminded_by == "notice"


def test_a_reminder_that_became_wrong_before_it_left_is_not_sent(alone: Engine) -> None:
    reach(alone)
    night = datetime(2026, 11, 24, 22, 0, tzinfo=ZONE)
    early = sure(alone, at(25, 6, 30), now=night - DAY)
    run(alone, night)
    box = Box()
    # At night nothing is sent; at seven it has begun.
    for hour in (0, 9):
        pump(alone, {"mail": box}, SEAL, "https://phr.example.jp", night + timedelta(hours=hour))
    assert box.taken == []
    assert notices(alone) == [(HANAKO, f"appointment-{early.seq}-1", "needless")]


def test_who_gets_no_message_is_on_the_telephone_list_until_told(alone: Engine) -> None:
    """On Friday the list holds everything until the end of the next working day, Tuesday: Monday is a holiday."""
    one, late = sure(alone, at(24), sort="visit"), sure(alone, at(25))
    with read(alone) as connection:
        [call] = calls(connection, {"062049"}, FRIDAY)
        assert calls(connection, {"064611"}, FRIDAY) == []
    assert (call.appointment.seq, call.why) == (one.seq, "channel")
    with write(alone) as connection:
        assert told(connection, one, WHO, FRIDAY) is None
    with read(alone) as connection:
        assert calls(connection, None, FRIDAY) == []
        tuesday = calls(connection, None, FRIDAY + 4 * DAY)
    assert [each.appointment.seq for each in tuesday] == [late.seq]
    # Moved, they have to be told again.
    with write(alone) as connection:
        assert isinstance(move(connection, now_is(alone, one), at(24, 15), WHO, FRIDAY), Appointment)
    with read(alone) as connection:
        assert [each.appointment.seq for each in calls(connection, None, FRIDAY)] == [one.seq]


@pytest.mark.parametrize("why", ["refused", "never sent"])
def test_a_message_that_reached_nobody_becomes_a_call(alone: Engine, why: str) -> None:
    reach(alone)
    one = sure(alone, at(25, 14))
    ten = datetime(2026, 11, 24, 10, 0, tzinfo=ZONE)
    run(alone, ten)
    if why == "refused":
        pump(alone, {"mail": Box(broken=True)}, SEAL, "https://phr.example.jp", ten)
    with read(alone) as connection:
        found = calls(connection, None, ten + timedelta(hours=3))
    assert [(call.appointment.seq, call.why) for call in found] == [(one.seq, "undelivered")]
    with write(alone) as connection:
        assert told(connection, now_is(alone, one), WHO, ten + timedelta(hours=3)) is None
    with read(alone) as connection:
        assert calls(connection, None, ten + timedelta(hours=3)) == []
