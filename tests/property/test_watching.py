"""Promises of watching over: whatever happens to devices, gateways and lives, a device is never called a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.refusal import Refusal
from engine.situation import LifeEvent, Situation, refuses
from engine.watching import Device, Facts, Standing, ended, judge, last_sign
from engine.watching_decisions import REASONS, decide
from engine.watching_ears import Gateway
from engine.watching_rhythm import usual
from engine.watching_rules import rules

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONG = NOW - 40 * 24 * HOUR
ago = st.integers(0, 24 * 30).map(lambda hours: NOW - hours * HOUR)
spans = st.integers(1, 24 * 10).map(lambda hours: hours * HOUR)


@st.composite
def devices(draw: st.DrawFn) -> tuple[Device, ...]:
    """Devices of a home, many of which fell silent at about the same time."""
    found, quiet = [], draw(st.integers(38, 300).map(lambda hours: NOW - hours * HOUR) | ago)
    for number in range(draw(st.sampled_from([2, 3, 1, 4, 0]))):
        near = st.integers(0, 20).map(lambda hours: quiet - hours * HOUR)
        sign = draw(near if draw(st.sampled_from([True, True, False])) else st.none() | ago)
        heard = draw(st.just(sign) if draw(st.sampled_from([True, True, False])) else st.none() | ago)
        found.append(
            Device(
                id=f"d-{number}", own=draw(st.sampled_from([True, True, False])),
                battery=draw(st.sampled_from([None, None, 80, 15, 16])), sign=sign,
                usual=draw(st.just(24 * HOUR) if draw(st.booleans()) else st.none() | spans),
                heard=heard if sign is None else max(sign, heard or sign), unbroken=draw(st.none() | ago),
            )
        )  # fmt: skip
    return tuple(found)


@st.composite
def gateways(draw: st.DrawFn) -> tuple[Gateway, ...]:
    found = []
    if draw(st.sampled_from([True, True, False])):
        return (Gateway(id="g-0", told=NOW, since=LONG, hears=NOW),)
    for number in range(draw(st.sampled_from([1, 1, 2, 0]))):
        told = draw(st.none() | ago)
        trouble: Any = draw(st.sampled_from([*[""] * 9, "deaf", "clock", "backlog"]))
        told = draw(st.sampled_from([NOW, NOW, told]))
        here = told is not None and NOW - told <= rules().gateway.stale and not trouble
        found.append(
            Gateway(
                id=f"g-{number}", told=told, trouble=trouble, since=draw(st.just(LONG) | ago) if here else None,
                hears=draw(st.just(NOW) | st.none() | ago), since_trouble=draw(ago) if trouble else None,
            )
        )  # fmt: skip
    return tuple(found)


@st.composite
def lives(draw: st.DrawFn) -> Situation:
    events = []
    for number in range(draw(st.sampled_from([0, 0, 1, 2]))):
        sort: Any = draw(st.sampled_from(["hospital", "care-home", "away", "moved-within", "pregnancy", "death"]))
        since = draw(ago)
        span = draw(st.none() | spans)
        until = None if sort in {"death", "moved-within"} or span is None else since + span
        back = draw(st.none() | st.just(NOW))
        events.append(
            LifeEvent(
                id=f"f-{number}", resident="r-one", sort=sort, since=since, until=until, at=since, taken_back_at=back
            )
        )  # fmt: skip
    return Situation(resident="r-one", events=tuple(events))


@st.composite
def known(draw: st.DrawFn) -> Facts:
    today = NOW.date()
    level, lately = draw(st.integers(0, 12_000)), draw(st.integers(0, 12_000))
    held = draw(st.sets(st.integers(1, 50)))
    return Facts(
        resident="r-one", situation=draw(lives()), devices=draw(devices()), gateways=draw(gateways()),
        sign=draw(ago if draw(st.sampled_from([False, False, True])) else st.none()), unanswered=draw(st.none() | ago),
        steps={today - n * timedelta(days=1): lately if n <= 8 else level for n in held},
    )  # fmt: skip


@given(known())
def test_nobody_is_called_silent_or_changed_while_they_are_away(facts: Facts) -> None:
    if refuses(facts.situation, "watching", NOW) is not None:
        assert judge(facts, NOW) == ()


@given(known())
def test_a_device_is_never_called_a_person(facts: Facts) -> None:
    """A silent person needs every ear open since before it began, and a witness: see each line."""
    for alert in judge(facts, NOW):
        if alert.sort != "person-silent":
            continue
        floor = rules().silence.floor
        last = last_sign(facts)
        assert last is not None
        assert alert.since >= last
        assert NOW - alert.since > floor
        assert facts.gateways
        for ear in facts.gateways:
            assert ear.trouble == ""
            assert ear.since is not None
            assert ear.since <= alert.since
            assert ear.told is not None
            assert NOW - ear.told <= rules().gateway.stale
        late = [one for one in facts.devices if one.id in alert.devices and one.own and one.sign is not None]
        alive = [
            one
            for one in late
            if one.heard
            and one.heard > alert.since
            and NOW - one.heard <= 24 * HOUR
            and one.unbroken is not None
            and one.unbroken <= alert.since
        ]
        fell = [
            one for one in late
            if (one.battery is None or one.battery > rules().witness.battery)
            and one.usual is not None and one.sign is not None and alert.since - one.sign <= one.usual
        ]  # fmt: skip
        phoned = facts.unanswered is not None and facts.unanswered > alert.since + floor
        assert alive or (fell and phoned)


@given(known())
def test_devices_that_are_silent_altogether_are_never_a_silent_person(facts: Facts) -> None:
    """Broken, lost, flat or left in a drawer: of devices that are not heard nobody can say which, however many."""
    quiet = tuple(msgspec.structs.replace(device, heard=device.sign) for device in facts.devices)
    alone = msgspec.structs.replace(facts, devices=quiet, unanswered=None)
    assert all(alert.sort != "person-silent" for alert in judge(alone, NOW))


@given(known(), st.sampled_from(["gone", "lost", "deaf", "clock", "backlog", "back", "mute"]))
def test_a_fault_of_any_gateway_clears_every_person(facts: Facts, fault: str) -> None:
    sign = last_sign(facts) or NOW
    broken = {
        "gone": Gateway(id="g-x"), "lost": Gateway(id="g-x", told=NOW - HOUR),
        "back": Gateway(id="g-x", told=NOW, since=max(sign, NOW - 90 * 24 * HOUR) + HOUR, hears=NOW),
        "mute": Gateway(id="g-x", told=NOW, since=NOW - 900 * HOUR, hears=sign),
    }  # fmt: skip
    kind: Any = fault
    ear = broken.get(fault) or Gateway(id="g-x", told=NOW, trouble=kind, since_trouble=NOW - HOUR)
    back = msgspec.structs.replace(facts, situation=Situation(resident="r-one"), gateways=(*facts.gateways, ear))
    if fault in {"back", "mute"} and not facts.gateways:
        # With one gateway what any device says is heard by it.
        back = msgspec.structs.replace(back, devices=tuple(one for one in back.devices if one.heard == one.sign))
        sign = last_sign(back) or NOW
        ear = msgspec.structs.replace(ear, since=sign + HOUR if fault == "back" else ear.since, hears=sign)
        back = msgspec.structs.replace(back, gateways=(ear,))
    assert all(alert.sort != "person-silent" for alert in judge(back, NOW))


@given(known(), st.lists(st.integers(1, 72), max_size=12))
def test_one_silence_is_one_alert_however_often_it_is_looked_at(facts: Facts, later: list[int]) -> None:
    """Looked at again and again without a new sign, the same silence has the same beginning."""
    still = msgspec.structs.replace(facts, situation=Situation(resident="r-one"), steps={})
    since = {
        alert.since
        for hours in sorted(later)
        for alert in judge(_carried(still, hours * HOUR), NOW + hours * HOUR)
        if alert.sort == "person-silent"
    }
    assert len(since) <= 1


def _carried(facts: Facts, on: timedelta) -> Facts:
    """The same home later: the gateways have gone on listening, and nothing else was heard."""
    ears = tuple(
        ear if ear.since is None else msgspec.structs.replace(ear, told=NOW + on, hears=NOW + on)
        for ear in facts.gateways
    )
    return msgspec.structs.replace(facts, gateways=ears)


@given(known())
def test_what_is_raised_is_not_over_at_the_same_moment(facts: Facts) -> None:
    for alert in judge(facts, NOW):
        held = Standing(
            sort=alert.sort, since=alert.since, cause=alert.cause, devices=alert.devices, usual=alert.usual
        )  # fmt: skip
        assert ended(facts, held, NOW) is None


@given(st.lists(st.integers(1, 24 * 20), min_size=1, max_size=200))
def test_the_usual_quiet_is_exceeded_at_so_few_moments(gaps: list[int]) -> None:
    told, at = [], NOW
    for gap in gaps:
        at -= gap * HOUR
        told.append(at)
    told = sorted(one for one in told if one >= NOW - timedelta(days=rules().silence.days))
    found = usual(told, NOW)
    if found is None:
        return
    quiet = [after - before for before, after in pairwise(told)]
    over = sum((gap - found for gap in quiet if gap > found), timedelta(0))
    assert over <= sum(quiet, timedelta(0)) * rules().silence.share * 1.0001
    assert found <= max(quiet)


@given(
    st.sampled_from(["person-silent", "activity-drop", "device-silent"]),
    st.lists(st.tuples(st.sampled_from(["tell", "dismiss", "reached", "absent", "close"]), st.sampled_from(["", *REASONS]))),
)  # fmt: skip
def test_only_a_nurses_tell_ever_makes_anything_told(sort: str, acts: list[tuple[Any, str]]) -> None:
    state = "open"
    for act, reason in acts:
        after = decide(state, sort, act, reason, ended=state == "over")
        if isinstance(after, Refusal):
            continue
        assert after != "told" or act == "tell" or state == "told"
        assert not (sort == "device-silent" and after == "told")
        assert state not in {"over", "dismissed"}
        state = after
