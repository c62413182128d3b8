"""Watching over, by example: a person is told apart from a device, own rhythms count, and storms are nobody's fall."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.refusal import Refusal
from engine.signals import Point
from engine.situation import LifeEvent, Situation
from engine.watching import Device, Facts, Standing, ended, judge
from engine.watching_decisions import REASONS, decide
from engine.watching_drop import change_of, town_changes
from engine.watching_ears import Ear, Gateway, Trouble, gateway_of, listen
from engine.watching_rhythm import present, usual
from engine.watching_rules import rules
from engine.watching_signs import signs, steps_of, unbroken

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LISTENS = Gateway(id="g-one", told=NOW, since=NOW - 30 * DAY, hears=NOW)
DAILY = 24 * HOUR


def device(name: str = "d-band", quiet: timedelta = 60 * HOUR, **more: Any) -> Device:
    base = Device(id=name, battery=80, sign=NOW - quiet, usual=DAILY, heard=NOW - quiet)
    return msgspec.structs.replace(base, **more)


def facts(*devices: Device, **more: Any) -> Facts:
    base = Facts(resident="r-one", situation=Situation(resident="r-one"), devices=devices, gateways=(LISTENS,))
    return msgspec.structs.replace(base, **more)


def stay(sort: Any, since: datetime, until: datetime | None) -> Situation:
    event = LifeEvent(id="f-one", resident="r-one", sort=sort, since=since, until=until, at=since)
    return Situation(resident="r-one", events=(event,))


TROUBLES: tuple[tuple[Trouble, str], ...] = (("deaf", "gateway-deaf"), ("clock", "clock"), ("backlog", "backlog"))
QUIET = (device(), device("d-cuff", 70 * HOUR))
LIES = device(heard=NOW - 2 * HOUR, unbroken=NOW - 9 * DAY)
PAIR = (LIES, QUIET[1])


def test_a_band_that_lies_there_and_a_cuff_nobody_puts_on_in_a_home_that_is_heard_are_a_silent_person() -> None:
    [alert] = judge(facts(*PAIR), NOW)
    assert (alert.sort, alert.cause, alert.since) == ("person-silent", "silence", NOW - 60 * HOUR)
    assert alert.devices == ("d-band", "d-cuff")


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (facts(device()), "one-device"),
        # One breaks in the week in which the other is not used: that happens, and nobody fell.
        (facts(*QUIET), "one-device"),
        (facts(device(battery=10), device("d-cuff", 70 * HOUR, battery=15)), "battery-low"),
        (facts(device(quiet=80 * HOUR), device("d-cuff", HOUR)), "other-heard"),
        (facts(device(battery=None), device("d-cuff", 70 * HOUR)), "one-device"),
        (facts(device(), device("d-scale", 70 * HOUR, own=False)), "one-device"),
        (facts(device(), device("d-old", 12 * DAY)), "one-device"),
        (facts(*PAIR, gateways=(msgspec.structs.replace(LISTENS, told=NOW - 13 * HOUR, since=None),)), "gateway-silent"),
        (facts(*PAIR, gateways=(LISTENS, Gateway(id="g-two", told=NOW - 2 * DAY))), "gateway-silent"),
        *(
            (facts(*PAIR, gateways=(Gateway(id="g", told=NOW, trouble=trouble, since_trouble=NOW - DAY),)), cause)
            for trouble, cause in TROUBLES
        ),
    ],
)  # fmt: skip
def test_what_may_be_a_device_is_never_called_a_person(given: Facts, cause: str) -> None:
    found = judge(given, NOW)
    assert {alert.sort for alert in found} == {"device-silent"}
    assert cause in {alert.cause for alert in found}


@pytest.mark.parametrize(
    "given",
    [
        facts(*PAIR, gateways=()),
        facts(*PAIR, gateways=(Gateway(id="g-one"),)),
        # It came back after the silence had begun, or has heard nothing since: nobody knows.
        facts(*PAIR, gateways=(msgspec.structs.replace(LISTENS, since=NOW - 20 * HOUR),)),
        facts(*QUIET, gateways=(msgspec.structs.replace(LISTENS, hears=NOW - 59 * HOUR),)),
        facts(*PAIR, gateways=(msgspec.structs.replace(LISTENS, told=NOW - HOUR, since=None),)),
        facts(*PAIR, sign=NOW - HOUR, devices=(device(usual=None), device("d-cuff", usual=None))),
        # Whoever weighs once a week is not silent after three days.
        facts(device(usual=7 * DAY), device("d-cuff", usual=7 * DAY)),
        facts(device(usual=13 * DAY), device("d-cuff", usual=13 * DAY)),
    ],
)
def test_where_nothing_can_be_told_nothing_is_raised(given: Facts) -> None:
    assert judge(given, NOW) == ()


def test_a_band_that_is_heard_without_new_steps_is_a_witness_alone() -> None:
    lies = device(heard=NOW - 2 * HOUR, unbroken=NOW - 9 * DAY)
    [alert] = judge(facts(lies), NOW)
    assert (alert.sort, alert.since) == ("person-silent", NOW - 60 * HOUR)
    # One that was flat in between, or of somebody whose other device was overdue before, proves nothing.
    assert judge(facts(msgspec.structs.replace(lies, unbroken=NOW - 50 * HOUR)), NOW) == ()
    assert "person-silent" not in {one.sort for one in judge(facts(lies, device("d-old", 12 * DAY)), NOW)}
    told = [NOW - hours * HOUR for hours in (90, 80, 50, 30, 8)]
    assert unbroken(told) == NOW - 50 * HOUR
    assert unbroken([]) is None


def test_a_call_that_nobody_answered_is_the_second_witness_once_the_silence_was_unusual() -> None:
    assert judge(facts(device(), unanswered=NOW - 40 * HOUR), NOW)[0].sort == "device-silent"
    assert judge(facts(device(), unanswered=NOW - HOUR), NOW)[0].sort == "person-silent"


@pytest.mark.parametrize("sort", ["hospital", "care-home", "away", "death", "moved-out"])
def test_nobody_is_silent_while_they_are_away_or_until_just_now(sort: str) -> None:
    over = None if sort == "death" else NOW + DAY
    assert judge(facts(*PAIR, situation=stay(sort, NOW - DAY, over)), NOW) == ()
    if sort in {"hospital", "care-home", "away"}:
        assert judge(facts(*PAIR, situation=stay(sort, NOW - 9 * DAY, NOW - DAY)), NOW) == ()
        # Who was not heard since they are back may not be back: somebody phones, and no device bears witness.
        back = judge(facts(*QUIET, situation=stay(sort, NOW - 9 * DAY, NOW - 40 * HOUR)), NOW)
        assert {alert.cause for alert in back} == {"one-device"}
        heard = (msgspec.structs.replace(LIES, sign=NOW - 38 * HOUR), device("d-cuff", sign=NOW - 39 * HOUR))
        [alert] = judge(facts(*heard, situation=stay(sort, NOW - 9 * DAY, NOW - 40 * HOUR)), NOW)
        assert (alert.sort, alert.since) == ("person-silent", NOW - 38 * HOUR)


def test_while_others_hear_the_person_a_device_is_left_alone_until_they_lived_on_without_it() -> None:
    cuff = device("d-cuff", HOUR)
    assert judge(facts(device(quiet=72 * HOUR), cuff), NOW) == ()
    # What counts is how long they were surely heard without it, not how late it is; an empty battery waits for nobody.
    assert judge(facts(device(quiet=80 * HOUR), device("d-cuff", 20 * HOUR)), NOW) == ()
    [alert] = judge(facts(device(quiet=80 * HOUR), device("d-cuff", 7 * HOUR)), NOW)
    assert (alert.sort, alert.cause, alert.devices) == ("device-silent", "other-heard", ("d-band",))
    [alert] = judge(facts(device(battery=10), cuff), NOW)
    assert alert.cause == "battery-low"
    # Of the scale of somebody who weighs twice a week the next two weighings are waited for.
    scale = device("d-scale", quiet=7 * DAY, usual=4 * DAY)
    assert judge(facts(scale, cuff), NOW) == ()
    [alert] = judge(facts(msgspec.structs.replace(scale, sign=NOW - 9 * DAY, heard=NOW - 9 * DAY), cuff), NOW)
    assert alert.cause == "other-heard"


def test_whoever_comes_home_has_missed_no_device_while_they_were_out() -> None:
    band, cuff = device(quiet=9 * DAY), device("d-cuff", HOUR)
    assert judge(facts(band, cuff, present=NOW - 2 * DAY), NOW) == ()
    [alert] = judge(facts(band, cuff, present=NOW - 4 * DAY), NOW)
    assert (alert.cause, alert.since) == ("other-heard", NOW - 9 * DAY)


def test_of_several_devices_that_fell_silent_with_the_person_one_call_is_asked_for() -> None:
    band, cuff = device(), device("d-cuff", 61 * HOUR)
    [alert] = judge(facts(band, cuff), NOW)
    assert alert.devices == ("d-band",)
    standing = Standing(sort="device-silent", since=alert.since, cause="one-device", devices=("d-cuff",))
    [alert] = judge(facts(band, cuff, standing=(standing,)), NOW)
    assert alert.devices == ("d-cuff",)
    # One that was silent long before is another matter, and so is an empty battery: then the quiet itself is told.
    old = device("d-old", 12 * DAY)
    known = Standing(sort="device-silent", since=NOW - 12 * DAY, cause="other-heard", devices=("d-old",))
    told = judge(facts(old, band, standing=(known,)), NOW)
    assert ("d-band",) in {one.devices for one in told}
    flat = device("d-flat", battery=5)
    assert {one.cause for one in judge(facts(flat, cuff), NOW)} == {"battery-low", "one-device"}


def test_a_person_is_there_since_their_last_unusual_pause() -> None:
    told = [NOW - days * DAY for days in (20, 19, 18, 9, 8, 7, 6, 5)]
    assert present(told, DAY) == NOW - 9 * DAY
    assert present(told, 7 * DAY) == NOW - 20 * DAY
    assert present(told, None) is None
    assert present([], DAY) is None


def test_a_silence_ends_when_they_are_heard_and_not_when_the_gateway_dies() -> None:
    standing = Standing(sort="person-silent", since=NOW - 60 * HOUR, cause="silence", devices=("d-band", "d-cuff"))
    assert ended(facts(*PAIR), standing, NOW) is None
    assert ended(facts(*PAIR, gateways=(Gateway(id="g-one", told=NOW - DAY),)), standing, NOW) is None
    assert ended(facts(*PAIR, sign=NOW - HOUR), standing, NOW) == "heard"
    assert ended(facts(*PAIR, situation=stay("hospital", NOW - HOUR, None)), standing, NOW) == "excused"


def test_a_silent_device_is_over_when_it_is_heard_or_gone() -> None:
    standing = Standing(sort="device-silent", since=NOW - 60 * HOUR, cause="one-device", devices=("d-band",))
    assert ended(facts(device()), standing, NOW) is None
    assert ended(facts(device(heard=NOW)), standing, NOW) == "heard"
    assert ended(facts(device("d-cuff")), standing, NOW) == "gone"
    dead = Standing(sort="device-silent", since=NOW - DAY, cause="gateway-silent", devices=("g-one",))
    assert ended(facts(device()), dead, NOW) == "heard"


def test_the_usual_quiet_is_the_persons_own() -> None:
    def at(days: int, step: timedelta, *gaps: int) -> list[datetime]:
        skipped = {NOW - gap * DAY - off * DAY for gap in gaps for off in range(3)}
        found = [NOW - n * step for n in range(int(days * DAY / step))]
        return sorted(one for one in found if one not in skipped)

    weekly, daily, often = usual(at(90, 7 * DAY), NOW), usual(at(90, DAY), NOW), usual(at(90, HOUR), NOW)
    assert weekly is not None
    assert daily is not None
    assert often is not None
    assert 6 * DAY < weekly <= 7 * DAY
    assert 23 * HOUR < daily <= DAY
    assert often <= HOUR
    # Two days at the sea, twice: the third time is longer than usual only after a while.
    gone = usual(at(90, DAY, 20, 50), NOW)
    assert gone is not None
    assert 3 * DAY < gone < 4 * DAY
    assert usual(at(10, DAY), NOW) is None
    assert usual([], NOW) is None


def test_what_was_quiet_during_a_stay_is_no_habit() -> None:
    told = sorted([NOW - n * DAY for n in range(90) if not 30 <= n < 45])
    stayed = stay("hospital", NOW - 45 * DAY, NOW - 30 * DAY)
    with_stay, without = usual(told, NOW, stayed), usual(told, NOW)
    assert with_stay is not None
    assert without is not None
    assert with_stay <= DAY < without


def health(at: datetime, adverts: int, up: timedelta = 9 * DAY, **more: object) -> dict[str, object]:
    return {"at": at.isoformat(), "uptime": up.total_seconds(), "adverts": adverts, "journal": 0} | more


def listened(looks: int, start: Ear | None = None, **more: object) -> Ear:
    """An ear looked at hourly."""
    ear = start
    for n in range(looks):
        at = NOW - (looks - n) * HOUR
        ear = listen("g-one", ear, at, "ready", health(at, 100 + n, 9 * DAY + n * HOUR, **more), at)
    assert ear is not None
    return ear


def test_an_ear_listens_from_the_first_look_on_as_long_as_it_hears_something() -> None:
    ear = listened(48)
    found = gateway_of(ear, NOW - HOUR)
    assert (found.since, found.hears, found.trouble) == (NOW - 48 * HOUR, NOW - HOUR, "")
    assert gateway_of(ear, NOW).since is None


@pytest.mark.parametrize(
    ("state", "more", "trouble"),
    [("alert", {}, "deaf"), ("ready", {"clock_offset": -900.0}, "clock"), ("ready", {"journal": 500}, "backlog"),
     ("lost", {}, ""), ("sleeping", {}, "")],
)  # fmt: skip
def test_a_gateway_in_trouble_does_not_listen(state: str, more: dict[str, object], trouble: str) -> None:
    ear = listen("g-one", listened(3), NOW, state, health(NOW, 500, 9 * DAY + 3 * HOUR, **more), NOW)
    found = gateway_of(ear, NOW)
    assert (found.since, found.trouble) == (None, trouble)


def test_a_word_that_the_broker_kept_is_no_word_of_today() -> None:
    old = health(NOW - DAY, 500)
    assert gateway_of(listen("g-one", None, NOW, "ready", old, NOW), NOW).trouble == "clock"


def test_a_restart_is_no_break_and_a_night_without_power_is_one() -> None:
    before = listened(48)
    soon = listen("g-one", before, NOW, "ready", health(NOW, 5, timedelta(minutes=2)), NOW)
    assert soon.since == before.since
    late = NOW + 12 * HOUR
    again = listen("g-one", before, late, "ready", health(late, 5, timedelta(minutes=2)), late)
    assert again.since == late - timedelta(minutes=2)


def test_an_ear_that_heard_nothing_for_half_a_day_begins_anew() -> None:
    before = listened(48)
    ear = before
    for n in range(1, 14):
        at = NOW - HOUR + n * HOUR
        ear = listen("g-one", ear, at, "ready", health(at, before.adverts, 11 * DAY + (n - 1) * HOUR), at)
    assert ear.since == NOW + 12 * HOUR
    assert gateway_of(ear, NOW + 12 * HOUR).hears == NOW - HOUR


def point(at: datetime, value: int, since: datetime | None = None, name: str = "d-band") -> Point:
    return Point(at=at, value=Decimal(value), unit="{steps}", reading_id=f"{at}", device_id=name, since=since)


def test_steps_are_a_sign_only_when_they_grew_by_a_hundred_in_a_day() -> None:
    start = datetime(2026, 11, 20, tzinfo=TOKYO).astimezone(UTC)
    told = [(1, 0), (2, 60), (3, 99), (4, 130), (5, 130), (6, 180), (25, 0), (26, 40), (30, 40)]
    band = [point(start + hour * HOUR, count, start + (hour // 24) * DAY) for hour, count in told]
    assert signs({"steps-day": band}, TOKYO) == [start + 4 * HOUR, start + 6 * HOUR]
    counter = [point(start + n * HOUR, 5_000 + n * 60) for n in range(4)]
    assert signs({"steps-total": counter}, TOKYO) == [start + 2 * HOUR, start + 3 * HOUR]
    assert signs({"steps-total": counter[:1]}, TOKYO) == []
    intervals = [point(start + n * HOUR, 60, start + (n - 1) * HOUR) for n in range(1, 4)]
    assert signs({"steps-interval": intervals}, TOKYO) == [start + 2 * HOUR, start + 3 * HOUR]
    assert signs({"body-weight": [point(start, 62)]}, TOKYO) == [start]


def test_a_pedometer_on_the_table_makes_no_day_and_a_new_device_is_judged_by_itself() -> None:
    today = date(2026, 11, 21)

    def days(name: str, first: int, last: int, count: int) -> list[Point]:
        evening = datetime(2026, 11, 20, 20, tzinfo=TOKYO)
        return [point(evening - n * DAY, count, name=name) for n in range(last, first + 1)]

    old, new = days("d-old", 40, 6, 6_000), days("d-new", 5, 0, 2_000)
    assert steps_of({"steps-day": old + new}, TOKYO, today) == {
        today - n * DAY: 2_000 for n in range(1, 7)
    }  # fmt: skip
    assert steps_of({"steps-day": days("d-old", 5, 0, 40)}, TOKYO, today) == {}


def walks(lately: int, before: int = 6_000, days: int = 45) -> dict[date, int]:
    """Steps of each day before NOW's, the last ten of them `lately`."""
    today = NOW.astimezone(TOKYO).date()
    return {today - n * DAY: lately if n <= 10 else before for n in range(1, days)}


def test_whoever_moves_less_than_half_of_the_usual_for_three_days_is_noticed_once() -> None:
    [alert] = judge(facts(steps=walks(2_000)), NOW)
    assert (alert.sort, alert.since) == ("activity-drop", datetime(2026, 11, 18, tzinfo=TOKYO))
    assert alert.share == pytest.approx(1 / 3, abs=0.05)
    standing = Standing(sort="activity-drop", since=alert.since, cause="activity", usual=alert.usual)
    assert judge(facts(steps=walks(2_000), standing=(standing,)), NOW) == ()
    assert ended(facts(steps=walks(2_000)), standing, NOW) is None
    assert ended(facts(steps=walks(5_000)), standing, NOW) == "recovered"
    assert judge(facts(steps=walks(2_000), settled=(standing,)), NOW) == ()
    before = msgspec.structs.replace(standing, since=NOW - 30 * DAY)
    assert judge(facts(steps=walks(2_000), settled=(before,)), NOW) != ()
    late = msgspec.structs.replace(standing, since=NOW - 60 * DAY)
    assert ended(facts(steps=walks(2_000)), late, NOW) == "lasting"


@pytest.mark.parametrize("lately", [3_500, 6_000, 12_000])
def test_whoever_moves_a_little_less_is_not(lately: int) -> None:
    assert judge(facts(steps=walks(lately)), NOW) == ()


def test_a_storm_in_which_the_whole_town_stays_at_home_is_nobodys_fall() -> None:
    days = walks(2_400)
    storm = dict.fromkeys(days, 0.45)
    assert judge(facts(steps=days), NOW) != ()
    assert judge(facts(steps=days, town=storm), NOW) == ()
    windy = dict.fromkeys(days, 0.8)
    assert judge(facts(steps=walks(2_600), town=windy), NOW) == ()
    assert judge(facts(steps=walks(1_000), town=windy), NOW) != ()
    # That all others walk more is no fall of hers.
    assert judge(facts(steps=walks(3_500), town=dict.fromkeys(days, 2.0)), NOW) == ()


def test_a_towns_change_is_known_only_of_many() -> None:
    day = date(2026, 11, 20)
    few = rules().drop.town_people - 1
    assert town_changes([{day: 0.5}] * few) == {}
    assert town_changes([{day: 0.5}] * few + [{day: 0.1}]) == {day: 0.5}


def test_autumn_is_not_compared_with_the_snow() -> None:
    christmas = date(2026, 12, 24)
    days = {christmas - n * DAY: 6_000 if (christmas - n * DAY).month == 11 else 4_800 for n in range(1, 50)}
    change = change_of(days, christmas - DAY)
    assert change is not None
    assert change.share == pytest.approx(1.0, abs=0.05)


def test_of_the_first_days_at_home_nothing_is_said() -> None:
    stayed = stay("hospital", NOW - 12 * DAY, NOW - 5 * DAY)
    assert judge(facts(steps=walks(1_500), situation=stayed), NOW) == ()


def test_too_few_days_tell_nothing() -> None:
    today = NOW.astimezone(TOKYO).date()
    short = {day: count for day, count in walks(1_000).items() if day >= today - 20 * DAY}
    assert judge(facts(steps=short), NOW) == ()
    old = {day - 6 * DAY: count for day, count in walks(1_000).items()}
    assert judge(facts(steps=old), NOW) == ()


@pytest.mark.parametrize(
    ("state", "sort", "act", "reason", "after"),
    [
        ("open", "person-silent", "tell", "", "told"), ("told", "activity-drop", "tell", "", "told"),
        ("open", "activity-drop", "dismiss", "visited", "dismissed"), ("open", "device-silent", "absent", "", "open"),
        ("open", "person-silent", "reached", "", "over"), ("told", "person-silent", "close", "visited", "over"),
        ("open", "device-silent", "tell", "", "device-silent"), ("told", "device-silent", "tell", "", "device-silent"),
        ("dismissed", "person-silent", "tell", "", "not-now"), ("told", "person-silent", "dismiss", "other", "not-now"),
        ("open", "person-silent", "dismiss", "", "no-reason"), ("open", "person-silent", "dismiss", "because", "no-reason"),
        ("over", "person-silent", "tell", "", "over"), ("open", "person-silent", "close", "other", "not-now"),
    ],
)  # fmt: skip
def test_what_may_be_decided(state: str, sort: str, act: Any, reason: str, after: str) -> None:
    done = decide(state, sort, act, reason)
    assert (done.code if isinstance(done, Refusal) else done) == after
    assert isinstance(decide(state, sort, act, reason or REASONS[0], ended=True), Refusal)
