"""A scale everybody steps on without saying who: filed where the numbers are sure, asked about where they are not."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, Engine, select

from cli.today import today
from engine.contract import topics, wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.wire import Binding, DeviceNote
from engine.picture import history_of, signals_of
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import filing, inbox, repo_consents, repo_devices, repo_residents
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.store.tables import MEASUREMENT, READING, REFUSAL
from tests.flow.stores import store
from tests.homes import DEVICE, GATEWAY, HANAKO, HOUSEHOLD, NOW, TARO, consent, furnish, weighing
from tests.stores import migrated_file

__all__ = ["store"]
pytestmark = pytest.mark.flow
SHARED = "d-sharedshared2"
START = NOW - timedelta(days=25)


def slotted(days: int = 20, hanako: float = 52.0, taro: float = 66.0) -> list[Reading]:
    """Twenty mornings on a scale that knows its users."""
    found = []
    for day in range(days):
        for slot, kg in ((1, hanako), (2, taro)):
            at = START + timedelta(days=day, minutes=10 * slot)
            text = f"{kg + 0.3 * math.sin(day * 1.7):.2f}"
            said = weighing(day, text, slot, measured_at=at, received_at=at)
            found.append(msgspec.structs.replace(said, id=reading_id(DEVICE, slot, f"{day}", text.encode())))
    return found


def anonymous(number: int, kg: str, *, day: int = 20) -> Reading:
    at = START + timedelta(days=day, minutes=30 + number)
    return Reading(
        id=reading_id(SHARED, None, str(at), kg.encode()), device=SHARED, profile="xiaomi-scale-v1", measured_at=at,
        time_quality="device", received_at=at, values=(Value("body-weight", kg, "kg"),),
    )  # fmt: skip


def hear(connection: Connection, *readings: Reading) -> None:
    topic = topics.up(GATEWAY, "reading")
    heard = [Delivery(1, n, 1, topic, wire.encode_reading(item)) for n, item in enumerate(readings)]
    handle(connection, Facts(), heard, NOW)


def settle(engine: Engine, *past: Reading, shared: tuple[Binding, ...] = ()) -> None:
    furnish(engine)
    with write(engine) as connection:
        note = DeviceNote(device=SHARED, profile="xiaomi-scale-v1", bindings=shared)
        repo_devices.note(connection, HOUSEHOLD, note, NOW)
        hear(connection, *(past or slotted()))


def filed(connection: Connection, reading: Reading) -> Any:
    return connection.execute(select(READING).where(READING.c.id == reading.id)).one_or_none()


def test_what_fits_one_person_is_theirs_and_how_surely_is_kept(store: Engine) -> None:
    settle(store)
    mine, between = anonymous(1, "52.10"), anonymous(2, "59.00")
    with write(store) as connection:
        hear(connection, mine, between)
        row = filed(connection, mine)
        assert (row.resident_id, row.certainty, row.outcome) == (HANAKO, "sure", "accepted")
        assert 0.99 <= row.posterior <= 1
        other = filed(connection, between)
        assert (other.resident_id, other.outcome, other.posterior) == (None, "unassigned", None)
        assert filed(connection, slotted()[0]).posterior is None


def test_what_is_only_assumed_is_shown_and_feeds_nothing_until_somebody_confirms(store: Engine) -> None:
    settle(store, *slotted(taro=54.2))
    unsure = anonymous(1, "53.00")
    with write(store) as connection:
        # Taro has weighed today: of the two it is likelier Hanako, but not surely.
        hear(connection, weighing(500, "54.20", 2, measured_at=unsure.measured_at - timedelta(minutes=5)), unsure)
        row = filed(connection, unsure)
        assert (row.resident_id, row.certainty) == (HANAKO, "assumed")
        assert 0.9 <= row.posterior < 0.99
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        shown = history_of(connection, HANAKO, NOW)["body-weight"]
        assert (shown[-1].reading_id, shown[-1].certainty) == (unsure.id, "assumed")
        before = signals_of(connection, person, NOW)
        assert unsure.id not in before.values["weight.level"].inputs
        (waiting,) = inbox.waiting(connection)
        assert (waiting.id, waiting.resident, waiting.posterior) == (unsure.id, HANAKO, row.posterior)
        assert isinstance(filing.confirm(connection, unsure.id, NOW, By("hanako", "test")), filing.Filed)
        after = signals_of(connection, person, NOW)
        assert unsure.id in after.values["weight.level"].inputs
        assert inbox.waiting(connection) == []


def test_one_batch_or_many_the_outcome_is_the_same(store: Engine) -> None:
    settle(store, *slotted(taro=55.0))
    weights = ("52.10", "54.90", "53.40", "52.60", "53.90", "51.80", "55.30", "53.70")
    stream = [anonymous(n, kg, day=20 + n // 2) for n, kg in enumerate(weights)]
    found: list[list[Any]] = []
    for batches in ([stream], [[item] for item in stream]):
        with write(store) as connection:
            spot = connection.begin_nested()
            for batch in batches:
                hear(connection, *batch)
            found.append([tuple(filed(connection, item))[4:7] for item in stream])
            posteriors = [filed(connection, item).posterior for item in stream]
            found[-1] += [None if p is None else round(p, 9) for p in posteriors]
            spot.rollback()
    assert found[0] == found[1]
    assert {owner for owner, _, _ in found[0][: len(stream)]} >= {HANAKO, TARO}


def test_who_does_not_let_us_record_keeps_their_reading_from_being_somebody_else_s(store: Engine) -> None:
    settle(store)
    his, hers = anonymous(1, "66.10"), anonymous(2, "52.10")
    with write(store) as connection:
        repo_consents.append(connection, consent(TARO, "record", granted=False, at=NOW), os_user="test")
        hear(connection, his, hers)
        assert filed(connection, his) is None
        refusal = connection.execute(select(REFUSAL).where(REFUSAL.c.reading_id == his.id)).one()
        assert (refusal.code, refusal.content, refusal.digest) == ("no-consent", None, "")
        assert filed(connection, hers).resident_id == HANAKO


def test_a_person_s_word_makes_somebody_known(store: Engine) -> None:
    settle(store, anonymous(0, "52.00", day=0))
    first, second = anonymous(0, "52.00", day=0), anonymous(1, "52.20", day=1)
    with write(store) as connection:
        assert filed(connection, first).outcome == "unassigned"
        filing.assign(connection, first.id, HANAKO, NOW, By("hanako", "test"))
        hear(connection, second)
        row = filed(connection, second)
        # Taro has never weighed: he might be this, so it is not sure.
        assert (row.resident_id, row.certainty) == (HANAKO, "assumed")
        assert (
            connection.execute(select(MEASUREMENT.c.resident_id).where(MEASUREMENT.c.reading_id == second.id)).scalar()
            == HANAKO
        )


@pytest.mark.parametrize(
    "change",
    [
        {"user_slot": 5},
        {"time_quality": "unknown"},
        {"person_hint": "r-strangerstra2"},
        {"device": "d-neverheardof2"},
        {"values": (Value("body-weight", "1.00", "kg"), Value("impedance", "480", "Ohm"))},
    ],
)
def test_the_numbers_are_not_asked_where_they_cannot_know(store: Engine, change: dict[str, object]) -> None:
    settle(store)
    one = msgspec.structs.replace(anonymous(1, "52.10"), **change)
    with write(store) as connection:
        hear(connection, one)
        assert filed(connection, one).outcome == "unassigned"


def test_a_scale_that_is_one_person_s_is_theirs_whatever_it_says(store: Engine) -> None:
    settle(store, shared=(Binding(None, TARO),))
    one = anonymous(1, "52.10")
    with write(store) as connection:
        hear(connection, one)
        row = filed(connection, one)
    assert (row.resident_id, row.certainty, row.posterior) == (TARO, "sure", None)


def test_a_wrong_filing_taken_back_is_learnt_from(store: Engine) -> None:
    settle(store, *slotted(taro=55.0))
    borderline = [anonymous(n, "53.00", day=20 + n) for n in range(4)]
    with write(store) as connection:
        for item in borderline:
            hear(connection, item)
            filing.assign(connection, item.id, TARO, NOW, By("taro", "test"))
        hear(connection, last := anonymous(9, "53.10", day=24))
        found = filed(connection, last)
    assert found.resident_id != HANAKO


def test_two_weeks_of_backlog_are_filed_as_if_they_had_come_day_by_day(store: Engine) -> None:
    settle(store)
    late = [anonymous(0, f"{66 + 0.1 * day:.2f}", day=20 + day) for day in range(4)]
    with write(store) as connection:
        hear(connection, *reversed(late))
        assert {filed(connection, item).resident_id for item in late} == {TARO}
    with read(store) as connection:
        assert inbox.waiting(connection) == []


def test_today_asks_the_resident_about_what_is_only_assumed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHR_HOME", str(tmp_path))
    engine = migrated_file(tmp_path / "engine.sqlite")
    settle(engine, *slotted(taro=54.2))
    unsure = anonymous(1, "53.00")
    just_now = datetime.now(UTC) - timedelta(hours=1)
    with write(engine) as connection:
        hear(connection, weighing(500, "54.20", 2, measured_at=unsure.measured_at - timedelta(minutes=5)), unsure)
        for table in (READING, MEASUREMENT):
            name = table.c.id if table is READING else table.c.reading_id
            connection.execute(table.update().where(name == unsure.id).values(measured_at=to_micros(just_now)))
    engine.dispose()
    today(HANAKO, json=True)
    (asked,) = json.loads(capsys.readouterr().out)["unconfirmed"]
    assert (asked["reading"], asked["values"]) == (unsure.id, [["body-weight", "53.00", "kg"]])
    today(HANAKO, json=False)
    assert "53.00 kg は あなたの 測定ですか" in capsys.readouterr().out
    today(TARO, json=True)
    assert json.loads(capsys.readouterr().out)["unconfirmed"] == []
