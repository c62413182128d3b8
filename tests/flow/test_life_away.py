"""A trip through the real store: watching rests in its span, the scale at home is asked about, the watch taken along not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import SystemRandom
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Engine, select, update

from engine.contract.reading import Reading, Value, reading_id
from engine.contract.wire import Binding, DeviceNote
from engine.life_store import Done, end
from engine.life_typed import Typed
from engine.life_typed import read as read_typed
from engine.life_words import badges
from engine.refusal import Refusal
from engine.review import LIVE
from engine.situation import refuses
from engine.store import repo_advice, repo_caseload, repo_devices, repo_life, repo_residents
from engine.store.database import read, write
from engine.store.repo_caseload import Want
from engine.store.tables import DEVICE, READING
from tests.flow.test_life import WHO, happens
from tests.flow.test_shared_scale import hear
from tests.homes import HANAKO, HOUSEHOLD, NOW, TARO, weighing
from tests.stores import furnished_file
from tests.web.desks import item, put

pytestmark = pytest.mark.flow
BAND = "d-bandbandband2"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SINCE, UNTIL = NOW - 5 * DAY, NOW - DAY
LEAVES, RETURNS = "2026-11-16 21:00", "2026-11-20 21:00"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Engine]:
    made = furnished_file(tmp_path / "engine.sqlite")
    with write(made) as connection:
        note = DeviceNote(device=BAND, profile="sig-activity", bindings=(Binding(slot=-1, resident=HANAKO),))
        repo_devices.note(connection, HOUSEHOLD, note, NOW)
    yield made
    made.dispose()


def band(measured: datetime, received: datetime, kind: str = "steps-day", value: str = "6100") -> Reading:
    unit = "kg" if kind == "body-weight" else "{steps}/d"
    return Reading(
        id=reading_id(BAND, None, measured.isoformat(), kind.encode()), device=BAND, profile="sig-activity",
        measured_at=measured, time_quality="device", received_at=received, values=(Value(kind, value, unit),),
    )  # fmt: skip


def whose(connection: Connection, reading: Reading) -> str | None:
    row = connection.execute(select(READING).where(READING.c.id == reading.id)).one()
    return row.resident_id if row.outcome == "accepted" else None


def came() -> tuple[dict[str, Reading], dict[str, str | None]]:
    """What came from the home around a trip, and whose it is."""
    mid = SINCE + 2 * DAY
    readings = {
        "scale before": weighing(1, "61.20", 1, measured_at=SINCE - HOUR, received_at=SINCE - HOUR),
        "scale meanwhile": weighing(2, "61.30", 1, measured_at=mid, received_at=mid),
        "husband's scale": weighing(3, "70.30", 2, measured_at=mid, received_at=mid),
        "scale heard late": weighing(4, "61.40", 1, measured_at=mid + HOUR, received_at=UNTIL + HOUR),
        "scale on return": weighing(5, "61.50", 1, measured_at=UNTIL, received_at=UNTIL),
        "band brought back": band(mid, UNTIL + HOUR),
        "band heard at home": band(mid + HOUR, mid + HOUR),
        "weight by the band's slot": band(mid + 2 * HOUR, UNTIL + HOUR, "body-weight", "61.00"),
    }
    mine = {"scale before", "scale on return", "band brought back"}
    owners = {name: HANAKO if name in mine else TARO if name == "husband's scale" else None for name in readings}
    return readings, owners


@pytest.mark.parametrize("late", [False, True], ids=["recorded before", "recorded afterwards"])
def test_a_trip_leaves_them_what_they_took_along_and_asks_about_the_rest(alone: Engine, *, late: bool) -> None:
    readings, owners = came()
    with write(alone) as connection:
        if not late:
            happens(connection, "away", LEAVES, until=RETURNS)
        hear(connection, *readings.values())
        if late:
            assert whose(connection, readings["scale meanwhile"]) == HANAKO
            done = happens(connection, "away", LEAVES, until=RETURNS)
            assert done.readings == 4
        assert {name: whose(connection, one) for name, one in readings.items()} == owners


def test_silence_means_nothing_from_the_first_instant_of_a_trip_to_its_last_and_advice_goes_on(alone: Engine) -> None:
    put(alone, item("rest", resident_id=HANAKO))
    tick = timedelta(microseconds=1)
    with write(alone) as connection:
        happens(connection, "away", since="2026-11-22", until="2026-11-27")
        connection.execute(update(DEVICE).values(last_seen=0))
        lived = repo_life.situation(connection, HANAKO)
        [trip] = lived.standing
        assert trip.until is not None
        starts = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
        assert (trip.since, trip.until) == (starts, starts + 5 * DAY)
        assert badges(lived, trip.since, ZoneInfo("Asia/Tokyo"), "ja") == ("留守（11/27まで）",)
        for when, held in (
            (trip.since - tick, False), (trip.since, True), (trip.until - tick, True), (trip.until, False),
        ):  # fmt: skip
            found = refuses(lived, "watching", when)
            assert (None if found is None else found.code) == ("away" if held else None)
            assert refuses(lived, "advice", when) is None
            silent = repo_caseload.ids(connection, Want(towns=None, silent_since=when - 2 * DAY, at=when))
            # Back home, silence counts from the day of return.
            assert (HANAKO in silent) is (when < trip.since)
        later = trip.until + 2 * DAY
        assert HANAKO in repo_caseload.ids(connection, Want(towns=None, silent_since=later - 2 * DAY, at=later))
        assert [one.id for one in repo_advice.listed(connection, resident=HANAKO, states=LIVE)] == [item("rest").id]


@pytest.mark.parametrize(
    ("until", "code"),
    [("", "no-until"), ("2026-11-25", "until-past"), ("2027-05-29", None), ("2027-05-30", "too-long-away")],
)
def test_nobody_is_away_for_ever(alone: Engine, until: str, code: str | None) -> None:
    with read(alone) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        typed = Typed(sort="away", since="2026-11-26", until=until)
        found = read_typed(connection, person, typed, WHO.actor, NOW, SystemRandom())
    assert (found.code if isinstance(found, Refusal) else None) == code


def test_a_trip_is_made_longer_by_half_a_year_at_most_and_shorter_at_will(alone: Engine) -> None:
    with write(alone) as connection:
        event = happens(connection, "away", since="2026-11-21", until="2026-11-30").event
        much = end(connection, event, NOW + 185 * DAY, WHO, NOW, SystemRandom())
        assert isinstance(much, Refusal)
        assert much.code == "too-long-away"
        longer = end(connection, event, NOW + 184 * DAY, WHO, NOW, SystemRandom())
        assert isinstance(longer, Done)
        shorter = end(connection, longer.event, NOW + HOUR, WHO, NOW, SystemRandom())
        assert isinstance(shorter, Done)
        assert refuses(repo_life.situation(connection, HANAKO), "watching", NOW + HOUR) is None
