"""What a mirror may show: agreed to, surely the person's, no estimate, no referral."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.consent import Event
from engine.people import Resident
from engine.review import Item
from engine.show import LASTS, show
from engine.signals import Point

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 21, 7, 0, tzinfo=TOKYO)
HANAKO = Resident(
    id="r-aaaaaaaaaaaaa", household_id="h-aaaaaaaaaaaaa", municipality_code="062049", family_name="佐藤",
    given_name="花子", family_kana="サトウ", given_kana="ハナコ", birth_date=date(1960, 5, 1), sex="female",
)  # fmt: skip


def yes(at: datetime = NOW - timedelta(days=1), **more: Any) -> Event:
    granted = bool(more.pop("granted", True))
    return Event(resident=HANAKO.id, purpose="mirror-display", granted=granted, at=at, **more)


def point(kg: str, hours: float = 1, **more: Any) -> Point:
    at = NOW - timedelta(hours=hours)
    return Point(at=at, value=Decimal(kg), unit="kg", reading_id=kg, device_id="d", **more)


def advice(state: str = "delivered", severity: str = "routine", day: int = 1) -> Item:
    return Item(
        id=f"a-{day}", resident_id=HANAKO.id, topic="weight", rule_id="x", rule_version=1, text_version=1,
        state=state, version=1, severity=severity, text_ja=f"{day}日の ことば。\n二行目。",  # type: ignore[arg-type]
        text_en=f"word of day {day}.\nsecond line.", evidence={}, snapshot_hash="", created_at=NOW,
        updated_at=datetime(2026, 11, day, tzinfo=TOKYO),
    )  # fmt: skip


def lines(
    points: list[Point] | None = None, items: tuple[Item, ...] = (), events: tuple[Event, ...] = (yes(),), **more: Any
) -> tuple[str, ...]:
    history = {"body-weight": [point("63.25")] if points is None else points} | more
    return show(HANAKO, history, items, events, TOKYO, NOW).en


def test_newest_weight_steps_and_one_sentence_in_both_languages() -> None:
    steps = [
        Point(at=NOW - timedelta(hours=h), value=Decimal(v), unit="{steps}", reading_id=str(h), device_id="band",
              since=(NOW - timedelta(hours=h)).replace(hour=0))
        for h, v in ((12, 5400), (0.5, 310))
    ]  # fmt: skip
    history = {"body-weight": [point("64.00", 30), point("63.25")], "steps-total": steps}
    found = show(HANAKO, history, [advice()], [yes()], TOKYO, NOW)
    assert found.ja == ("11月21日の 体重は 63.2kgです。", "11月21日の 歩数は 310歩です。", "1日の ことば。")
    assert found.en == ("Your weight on 21 Nov: 63.2 kg.", "Your steps on 21 Nov: 310.", "word of day 1.")
    assert [(value.kind, value.value) for value in found.values] == [("body-weight", "63.25"), ("steps-day", "310")]


@pytest.mark.parametrize(
    "events",
    [
        (), (yes(granted=False),), (yes(), yes(at=NOW - timedelta(hours=1), granted=False)),
        (yes(until=NOW),), (yes(at=NOW + timedelta(seconds=1)),),
        (msgspec.structs.replace(yes(), purpose="advice"),),
    ],
)  # fmt: skip
def test_without_a_living_consent_there_is_not_a_word(events: tuple[Event, ...]) -> None:
    assert lines(items=(advice(),), events=events) == ()


def test_a_consent_for_one_kind_shows_that_kind_and_no_advice() -> None:
    assert lines(items=(advice(),), events=(yes(kind="body-weight"),)) == ("Your weight on 21 Nov: 63.2 kg.",)
    assert lines(items=(advice(),), events=(yes(), yes(at=NOW, granted=False, kind="body-weight"))) == ()


@pytest.mark.parametrize(
    "odd",
    [
        {"certainty": "assumed"}, {"certainty": None}, {"preliminary": True}, {"experimental": True},
        {"hours": 24 * 28 + 1}, {"hours": -1},
    ],
)  # fmt: skip
def test_what_is_not_surely_theirs_or_an_estimate_or_old_is_not_shown(odd: dict[str, Any]) -> None:
    assert lines([point("99.9", **odd)]) == ("There is no message today.",)


@pytest.mark.parametrize("state", ["draft", "open", "approved", "rejected", "superseded"])
def test_advice_is_shown_only_when_it_was_signed_and_delivered(state: str) -> None:
    assert lines([], (advice(state),)) == ("There is no message today.",)


@pytest.mark.parametrize("severity", ["soon", "prompt", "urgent"])
def test_what_is_more_than_routine_is_not_read_out_in_the_bathroom(severity: str) -> None:
    found = lines([], (advice(severity=severity), advice(day=2)))
    assert found == ("There is a message from your nurse.", "Please read it on your page.")


def test_the_newest_advice_is_the_one_that_is_shown() -> None:
    assert lines([], (advice(day=3), advice(day=5), advice(day=4))) == ("word of day 5.",)


def test_lines_end_by_themselves_and_with_the_consent() -> None:
    def until(*events: Event) -> datetime:
        return show(HANAKO, {}, [], events, TOKYO, NOW).until

    assert until(yes()) == NOW + LASTS
    assert until(yes(until=NOW + timedelta(hours=2))) == NOW + timedelta(hours=2)


def test_who_left_or_died_is_shown_nothing() -> None:
    gone = msgspec.structs.replace(HANAKO, status="deceased")
    assert show(gone, {"body-weight": [point("63.25")]}, [], [yes()], TOKYO, NOW).en == ()


def test_a_record_of_unknown_time_is_not_shown_as_today_s() -> None:
    assert lines([point("64.00", 30), point("63.25", time_quality="unknown")]) == lines([point("64.00", 30)])
