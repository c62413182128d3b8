"""No red flag vanishes: through the real service and store each ends in exactly one way that somebody can see."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select, update

from engine.contract import topics, wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.wire import Binding, DeviceNote
from engine.decisions import nameless, queue
from engine.evaluate import evaluate
from engine.safety import red_flags as kinds_of
from engine.service import Answer, Facts, handle
from engine.service_link import Delivery
from engine.showing import pay
from engine.store import filing, inbox, red_flags, repo_consents, repo_devices, tallies
from engine.store.database import Connection, read, write
from engine.store.filing import By
from engine.store.tables import READING, REFUSAL
from engine.urgent import Ending
from tests.flow.stores import store
from tests.homes import GATEWAY, HANAKO, HOUSEHOLD, NOW, TARO, consent, furnish, weighing

__all__ = ["store"]
SINCE = NOW - timedelta(days=60)
UNPROVEN = "d-nopqrstuvwxyz"
WHO = By("nurse", "test")


def cuff(number: int, systolic: str = "186", diastolic: str = "95", slot: int | None = 1, **more: Any) -> Reading:
    said = (Value("systolic", systolic, "mm[Hg]"), Value("diastolic", diastolic, "mm[Hg]"))
    return weighing(number, f"{systolic}-{diastolic}", slot=slot, values=said, profile="sig-blood-pressure", **more)


def hear(engine: Engine, *readings: Reading) -> tuple[Answer, ...]:
    with write(engine) as connection:
        told = [
            Delivery(1, number, 1, topics.up(GATEWAY, "reading"), wire.encode_reading(reading))
            for number, reading in enumerate(readings)
        ]
        answers = handle(connection, Facts(), told, NOW).answers
        for person in (HANAKO, TARO):
            evaluate(connection, person, NOW)
    return answers


def seen(connection: Connection, reading: Reading) -> dict[str, bool]:
    """Where a person can see it, found without asking the classification: item, request to measure again, refusal."""
    items = [item for _, item in queue(connection, NOW) if item.severity in {"urgent", "emergency"}]
    waits = {one.id: one for one in inbox.waiting(connection, HOUSEHOLD)}
    refused = connection.execute(select(REFUSAL.c.code).where(REFUSAL.c.reading_id == reading.id)).scalars().all()
    return {
        "urgent": any(filing.built_on(item, reading.id) for item in items),
        "again": reading.id in waits and waits[reading.id].red_flag,
        "refused": bool(refused),
    }


def test_a_sure_one_goes_to_the_top_of_the_queue_at_once_and_asks_for_another(store: Engine) -> None:
    furnish(store)
    hear(store, *(weighing(n * 1440 - 20 * 1440, "95.00", 2) for n in range(20)))
    hear(store, cuff(5))
    with read(store) as connection:
        (_, first), *_ = queue(connection, NOW)
        assert (first.resident_id, first.severity, first.topic) == (HANAKO, "urgent", "blood-pressure")
        assert "もう一度" in first.text_ja
        assert "again" in first.text_en
        assert red_flags.ends(connection, HOUSEHOLD, SINCE, NOW) == {
            cuff(5).id: Ending("urgent", "sure", ("systolic",), HANAKO)
        }
        assert seen(connection, cuff(5)) == {"urgent": True, "again": False, "refused": False}
        assert nameless(connection, NOW) == []


def test_one_of_nobody_asks_the_home_and_stands_before_the_nurse_without_a_name(store: Engine) -> None:
    furnish(store)
    hear(store, cuff(5, slot=9))
    with read(store) as connection:
        assert red_flags.ends(connection, HOUSEHOLD, SINCE, NOW) == {
            cuff(5, slot=9).id: Ending("again", "nobodys", ("systolic",))
        }
        assert seen(connection, cuff(5, slot=9)) == {"urgent": False, "again": True, "refused": False}
        assert [home for home, _ in nameless(connection, NOW)] == [HOUSEHOLD]
        assert queue(connection, NOW) == []


def test_the_mirrors_of_the_home_ask_for_another_without_value_or_name_until_somebody_says_who(store: Engine) -> None:
    furnish(store)
    with write(store) as connection:
        for person in (HANAKO, TARO):
            repo_consents.append(connection, consent(person, "mirror-display"), os_user="test")
    nobodys = cuff(5, slot=9)
    plain = cuff(6, "150", "80", slot=9)
    assert not any(_asks(lines) for lines in shown(store, plain).values())
    asked = shown(store, nobodys)
    assert asked.keys() == {HANAKO, TARO}
    for lines in asked.values():
        assert _asks(lines)
        assert not any("186" in line or "花子" in line for line in lines)
    with write(store) as connection:
        assert isinstance(filing.discard(connection, nobodys.id, NOW, WHO), filing.Filed)
    assert not any(_asks(lines) for lines in shown(store).values())


def shown(engine: Engine, *readings: Reading) -> dict[str, tuple[str, ...]]:
    """What the mirrors are sent after these readings, Japanese lines by resident."""
    hear(engine, *readings)
    sent: dict[str, tuple[str, ...]] = {}

    def keep(_: str, payload: bytes) -> None:
        show = wire.decode(payload, wire.Show)
        sent[show.resident] = show.ja

    pay(engine, NOW, keep)
    return sent


def _asks(lines: tuple[str, ...]) -> bool:
    return any("もう一度" in line for line in lines)


def test_once_somebody_says_whose_it_is_it_becomes_urgent_and_the_request_is_gone(store: Engine) -> None:
    furnish(store)
    nobodys = cuff(5, slot=9)
    hear(store, nobodys)
    with write(store) as connection:
        assert isinstance(filing.assign(connection, nobodys.id, TARO, NOW, WHO), filing.Filed)
        evaluate(connection, TARO, NOW)
        assert seen(connection, nobodys) == {"urgent": True, "again": False, "refused": False}
        assert red_flags.ends(connection, HOUSEHOLD, SINCE, NOW)[nobodys.id].way == "urgent"
        assert nameless(connection, NOW) == []


def test_one_that_is_only_probably_somebody_s_asks_again_and_is_nobody_s_item(store: Engine) -> None:
    furnish(store)
    hear(store, cuff(5))
    with write(store) as connection:
        # Only the numbers leave a doubt, and today only of weighings; what holds a pressure may one day be among them.
        connection.execute(update(READING).values(certainty="assumed", posterior=0.93))
        evaluate(connection, HANAKO, NOW)
        assert red_flags.ends(connection, HOUSEHOLD, SINCE, NOW) == {
            cuff(5).id: Ending("again", "assumed", ("systolic",), HANAKO)
        }
        assert seen(connection, cuff(5)) == {"urgent": False, "again": True, "refused": False}
        assert [home for home, _ in nameless(connection, NOW)] == [HOUSEHOLD]


def test_a_resting_heart_rate_beyond_its_limits_of_nobody_is_asked_for_again(store: Engine) -> None:
    furnish(store)
    rates = [
        weighing(n, rate, slot=9, values=(Value("resting-heart-rate", rate, "/min"),), profile="band")
        for n, rate in enumerate(("39", "40", "41", "119", "120"))
    ]
    lone = weighing(9, "0", slot=9, values=(Value("pulse-rate", "130", "/min"),), profile="oximeter")
    seated = weighing(10, "0", slot=9, values=(*cuff(1, "120", "80").values, Value("pulse-rate", "130", "/min")))
    hear(store, *rates, lone, seated)
    with read(store) as connection:
        flagged = {item.id for item in inbox.waiting(connection) if item.red_flag}
        assert flagged == {rates[0].id, rates[1].id, rates[4].id, seated.id}
        assert flagged == set(red_flags.ends(connection, HOUSEHOLD, SINCE, NOW))


@pytest.mark.parametrize(
    ("at", "code"), [(NOW + timedelta(hours=25), "future"), (NOW.replace(year=2012), "past")]
)  # fmt: skip
def test_an_impossible_clock_is_refused_with_its_code_and_told_to_the_gateway(
    store: Engine, at: datetime, code: str
) -> None:
    furnish(store)
    reading = cuff(5, measured_at=at)
    (answer,) = hear(store, reading)
    with read(store) as connection:
        assert red_flags.ends(connection, HOUSEHOLD, SINCE, NOW)[reading.id] == Ending("refused", code, ("systolic",))
        assert answer.refused == (wire.RefusedId(reading.id, code),)
        assert seen(connection, reading) == {"urgent": False, "again": False, "refused": True}


def test_an_impossible_value_takes_nothing_red_away_with_it(store: Engine) -> None:
    furnish(store)
    reading = cuff(5, "400", "115")
    hear(store, reading)
    with read(store) as connection:
        assert connection.execute(select(REFUSAL.c.code)).scalars().all() == ["dropped"]
        end = Ending("urgent", "sure", ("diastolic",), HANAKO)
        assert red_flags.ends(connection, HOUSEHOLD, SINCE, NOW) == {reading.id: end}
        assert seen(connection, reading)["urgent"]


def test_without_consent_to_record_the_refusal_is_told_and_counted_and_no_value_is_kept(store: Engine) -> None:
    furnish(store)
    with write(store) as connection:
        repo_consents.append(connection, consent(HANAKO, "record", granted=False, at=NOW), os_user="test")
    (answer,) = hear(store, cuff(5))
    with read(store) as connection:
        assert answer.refused == (wire.RefusedId(cuff(5).id, "no-consent"),)
        assert seen(connection, cuff(5)) == {"urgent": False, "again": False, "refused": True}
        assert red_flags.ends(connection, HOUSEHOLD, SINCE, NOW) == {}


@pytest.mark.parametrize(
    ("spoil", "code"),
    [("advice", "no-consent"), ("camera", "preliminary"), ("late", "late"), ("clock", "clock"), ("unproven", "experimental"), ("discard", "discarded")],
)  # fmt: skip
def test_what_is_stored_but_alarms_nobody_is_listed_with_its_reason(store: Engine, spoil: str, code: str) -> None:
    furnish(store)
    reading = cuff(5)
    changes: dict[str, dict[str, Any]] = {
        "camera": {"quality": 0.9},
        "late": {"measured_at": NOW - timedelta(days=8)},
        "clock": {"measured_at": NOW + timedelta(hours=2)},
        "unproven": {"device": UNPROVEN, "id": reading_id(UNPROVEN, 1, "1", b"x")},
    }
    reading = msgspec.structs.replace(reading, **changes.get(spoil, {}))
    with write(store) as connection:
        note = DeviceNote(device=UNPROVEN, profile="new", bindings=(Binding(1, HANAKO),), experimental=True)
        repo_devices.note(connection, HOUSEHOLD, note, NOW)
        if spoil == "advice":
            no = consent(HANAKO, "advice", granted=False, at=NOW - timedelta(days=1))
            repo_consents.append(connection, no, os_user="test")
    hear(store, reading)
    with write(store) as connection:
        if spoil == "discard":
            assert isinstance(filing.discard(connection, reading.id, NOW, WHO), filing.Filed)
        end = red_flags.ends(connection, HOUSEHOLD, SINCE, NOW)[reading.id]
        assert (end.way, end.code, end.kinds) == ("refused", code, ("systolic",))
        assert not any(filing.built_on(item, reading.id) for _, item in queue(connection, NOW))


def test_every_red_flag_that_comes_in_has_exactly_one_end_and_somebody_sees_it(store: Engine) -> None:
    furnish(store)
    rng = Random(4)
    said = [_any_reading(rng, number) for number in range(60)]
    hear(store, *said, *rng.sample(said, 10))
    with read(store) as connection:
        found = red_flags.ends(connection, HOUSEHOLD, SINCE, NOW)
        red = {one.id: one for one in said if kinds_of((v.kind, Decimal(v.value)) for v in one.values)}
        assert found.keys() == red.keys()
        assert {end.way for end in found.values()} == {"urgent", "again", "refused"}
        for name, end in found.items():
            where = seen(connection, red[name])
            if end.code in {"preliminary", "clock", "late"}:
                assert not any(where.values()), (end, where)
            elif end.way == "urgent":
                # One item stands for the highest values of the week; each sure one is among its evidence or below it.
                assert not where["again"]
                assert not where["refused"]
            else:
                assert where == {way: way == end.way for way in where}, (end, where)
        owners = {end.resident for end in found.values() if end.way == "urgent"}
        urgent = {item.resident_id for _, item in queue(connection, NOW) if item.severity == "urgent"}
        assert owners == urgent
        assert tallies.counts(connection)["duplicate", ""] >= 1


def _any_reading(rng: Random, number: int) -> Reading:
    moments = (NOW - timedelta(days=1), NOW - timedelta(days=9), NOW + timedelta(hours=3), NOW + timedelta(days=3))
    at = rng.choices(moments, (8, 1, 1, 1))[0] - timedelta(minutes=number)
    return cuff(
        number, rng.choice(("179", "180", "195")), rng.choice(("90", "109", "110")), rng.choice((1, 2, 9)),
        measured_at=at, quality=rng.choice((None, None, None, 0.8)), time_quality=rng.choice(("device", "unknown")),
    )  # fmt: skip
