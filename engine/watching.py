"""Who of those watched over is unlike themself: silent beyond their own rhythm, or moving far less. Pure.

The hard rule: what may be a device's or a gateway's silence is never called a person's. It is looked after by whoever
looks after devices, who phones. Two streams tell them apart: signs of the person, and words of a device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from engine import watching_drop
from engine.situation import Situation, quiet_from, refuses
from engine.watching_ears import Gateway
from engine.watching_rhythm import Span
from engine.watching_rules import Rules, rules

Sort = Literal["activity-drop", "person-silent", "device-silent"]
Cause = Literal[
    "activity", "silence", "gateway-silent", "gateway-deaf", "clock", "backlog", "battery-low", "other-heard",
    "one-device",
]  # fmt: skip
End = Literal["heard", "recovered", "excused", "gone", "lasting"]
_GATEWAYS: Final = frozenset({"gateway-silent", "gateway-deaf", "clock", "backlog"})
_TROUBLES: Final[Mapping[str, Cause]] = {"deaf": "gateway-deaf", "clock": "clock", "backlog": "backlog"}
_TOKYO: Final = ZoneInfo("Asia/Tokyo")
_NOON: Final = time(12)


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device of the person: their last `sign` by it, when it was `heard` at all, how long they are `usual`ly quiet.

    `unbroken` is from when its words come without a gap of a day. A device that is not their `own` is used by others
    of the home, too, and proves nothing of them.
    """

    id: str
    own: bool = True
    battery: int | None = None
    sign: datetime | None = None
    usual: timedelta | None = None
    heard: datetime | None = None
    unbroken: datetime | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that was raised and has not ended, whatever a nurse decided about it."""

    sort: Sort
    since: datetime
    cause: Cause
    devices: tuple[str, ...] = ()
    usual: float | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one person who is watched over.

    `sign` is their last sign without a device (their own page, a talk), `maybe` the last thing at home that may have
    been theirs: it makes nobody silent, and tells nobody that they are well. `present` is from when their signs come
    without a quiet that is unusual for them. `unanswered` is the last call nobody took.
    `steps` are valid days of the device that counts now, `town` the town's middle change by day; `settled` are drops
    that somebody's word ended: they are not raised again before the person has walked again.
    """

    resident: str
    situation: Situation
    devices: tuple[Device, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    sign: datetime | None = None
    maybe: datetime | None = None
    present: datetime | None = None
    unanswered: datetime | None = None
    steps: Mapping[date, int] = {}
    town: Mapping[date, float] = {}
    standing: tuple[Standing, ...] = ()
    settled: tuple[Standing, ...] = ()
    zone: ZoneInfo = _TOKYO


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something unusual since an instant; the same silence or drop always has the same `sort` and `since`."""

    resident: str
    sort: Sort
    since: datetime
    cause: Cause
    devices: tuple[str, ...] = ()
    share: float | None = None
    usual: float | None = None


def judge(facts: Facts, now: datetime, numbers: Rules | None = None) -> tuple[Alert, ...]:
    """What is unusual about this person at `now`; nothing while they are in hospital, away, or were until just now."""
    rule = numbers or rules()
    if refuses(facts.situation, "watching", now) is not None:
        return ()
    return (*_drop(facts, now, rule), *_silence(facts, now, rule))


def ended(facts: Facts, standing: Standing, now: datetime, numbers: Rules | None = None) -> End | None:
    """Why an alert is over: somebody or something was heard again, walks again, is away, or the device is gone.

    Only what was really heard ends a silence: a gateway that dies does not. A drop that lasts is the new usual.
    """
    rule = numbers or rules()
    if refuses(facts.situation, "watching", now) is not None:
        return "excused"
    if standing.sort == "activity-drop":
        return _drop_end(facts, standing, now, rule)
    if standing.cause in _GATEWAYS:
        listening = facts.gateways and all(one.since is not None for one in facts.gateways)
        return "heard" if listening else None if facts.gateways else "gone"
    if standing.sort == "person-silent":
        last = last_sign(facts)
        return "heard" if last is not None and last > standing.since else None
    mine = [device for device in facts.devices if device.id in standing.devices]
    heard = any(at > standing.since for one in mine for at in (one.sign, one.heard) if at is not None)
    return "heard" if heard else None if mine else "gone"


def last_sign(facts: Facts) -> datetime | None:
    """The last sure sign of the person of any kind."""
    return max((at for at in (facts.sign, *(one.sign for one in facts.devices)) if at is not None), default=None)


def counted_days(facts: Facts, now: datetime) -> Mapping[date, int]:
    """The days of steps that count: none on which the person was away, was in hospital or had just moved."""
    if not facts.situation.events:
        return facts.steps
    back = quiet_from(facts.situation, now)
    fresh = back.astimezone(facts.zone).date() if back is not None else None
    return {
        day: count for day, count in facts.steps.items()
        if day != fresh
        and refuses(facts.situation, "watching", datetime.combine(day, _NOON, facts.zone)) is None
    }  # fmt: skip


def _drop(facts: Facts, now: datetime, rule: Rules) -> Iterator[Alert]:
    if not facts.steps or any(one.sort == "activity-drop" for one in facts.standing):
        return
    today, back = now.astimezone(facts.zone).date(), quiet_from(facts.situation, now)
    found = watching_drop.falls(counted_days(facts, now), facts.town, today, rule)
    if found is None:
        return
    day, change = found
    if any(_still_settled(facts, one, now, rule) for one in facts.settled):
        return
    since = datetime.combine(day, time(), facts.zone)
    window = since - timedelta(days=rule.drop.window - 1)
    # Of a week in which they came home nothing is said: the first days at home are nobody's usual days.
    if back is None or back <= window:
        yield Alert(
            resident=facts.resident, sort="activity-drop", since=since, cause="activity", share=change.share,
            usual=change.usual,
        )  # fmt: skip


def _still_settled(facts: Facts, one: Standing, now: datetime, rule: Rules) -> bool:
    """Whether a drop that somebody's word ended goes on: on no day since did they walk again."""
    if one.usual is None or now - one.since > rule.drop.lasting:
        return False
    first, days = one.since.astimezone(facts.zone).date(), counted_days(facts, now)
    return not any(
        watching_drop.walks_again(days, facts.town, day, one.usual, rule) for day in days if day > first
    )  # fmt: skip


def _drop_end(facts: Facts, standing: Standing, now: datetime, rule: Rules) -> End | None:
    today, days = now.astimezone(facts.zone).date(), counted_days(facts, now)
    if standing.usual and watching_drop.recovered(days, facts.town, today, standing.usual, rule):
        return "recovered"
    return "lasting" if now - standing.since > rule.drop.lasting else None


def _silence(facts: Facts, now: datetime, rule: Rules) -> tuple[Alert, ...]:
    faults = tuple(_faults(facts, now, rule))
    if faults:
        return faults
    last, back = _last_known(facts), quiet_from(facts.situation, now)
    span = _heard_through(facts)
    if last is None or span is None:
        return ()
    since = max(last, back) if back is not None else last
    late = [one for one in facts.devices if _late(one, span[1], back, rule)]
    raised = [one for one in facts.standing if one.sort == "person-silent"]
    # While an alert stands it is the same silence, also if it turns out to have begun earlier.
    if late and not raised and _is_person(facts, late, since, span, now, rule):
        names = tuple(one.id for one in late)
        return (Alert(resident=facts.resident, sort="person-silent", since=since, cause="silence", devices=names),)
    # What is silent with a person whose silence was raised before is theirs.
    known = {name for one in raised for name in one.devices}
    others = [one for one in late if one.id not in known]
    return tuple(_devices(facts, others, since, span, rule))


def _last_known(facts: Facts) -> datetime | None:
    """The last sign that is or may be theirs."""
    return max((at for at in (last_sign(facts), facts.maybe) if at is not None), default=None)


def _heard_through(facts: Facts) -> Span | None:
    """From when until when the home was surely listened to without a break; None where some ear is shut now."""
    begun = [one.since for one in facts.gateways if one.since is not None]
    heard = [one.hears for one in facts.gateways if one.hears is not None]
    if not facts.gateways or min(len(begun), len(heard)) < len(facts.gateways):
        return None
    until = min(heard)
    if len(facts.gateways) == 1:
        until = max([until, *(one.heard for one in facts.devices if one.heard is not None)])
    return max(begun), until


def _faults(facts: Facts, now: datetime, rule: Rules) -> Iterator[Alert]:
    """What is wrong with the gateways of the home for so long that somebody should look."""
    for one in facts.gateways if facts.devices else ():
        quiet = one.told is not None and now - one.told > rule.gateway.stale
        cause: Cause = "gateway-silent" if quiet else _TROUBLES.get(one.trouble, "gateway-silent")
        since = one.told if quiet else one.since_trouble
        if since is not None and now - since > rule.gateway.report:
            yield Alert(
                resident=facts.resident, sort="device-silent", since=since, cause=cause, devices=(one.id,)
            )  # fmt: skip


def _late(device: Device, until: datetime, back: datetime | None, rule: Rules) -> bool:
    """Whether this device had no sign of the person, up to `until`, for longer than is usual with it."""
    limit = rule.silence.limit(device.usual)
    if device.sign is None or limit is None:
        return False
    return until - (max(device.sign, back) if back is not None else device.sign) > limit


def _is_person(
    facts: Facts, late: list[Device], since: datetime, span: Span, now: datetime, rule: Rules
) -> bool:  # fmt: skip
    """Whether it is surely the person: all ears were open before it began, and devices bear witness."""
    begun, until = span
    if begun > since or until - since <= rule.silence.floor:
        return False
    own = [one for one in late if one.own]
    sound = [one for one in own if _fell_silent_then(one, since) and not _flat(one, rule)]
    phoned = facts.unanswered is not None and any(
        facts.unanswered - since > limit for one in sound if (limit := rule.silence.limit(one.usual)) is not None
    )
    if phoned:
        return True
    # A device of theirs that was overdue before may be broken, and what they measured with it was never heard.
    if not all(_fell_silent_then(one, since) for one in facts.devices if one.own and one.usual is not None):
        return False
    # Two that fall silent in the same days are not enough: one breaks while the other is left alone for a while.
    return any(_lives(one, since, now, rule) for one in own)


def _lives(device: Device, since: datetime, now: datetime, rule: Rules) -> bool:
    """Whether it was heard all the time since the silence began: it works, and its person does nothing with it."""
    if device.heard is None or device.unbroken is None:
        return False
    return now - device.heard <= rule.witness.alive and device.heard > since and device.unbroken <= since


def _fell_silent_then(device: Device, since: datetime) -> bool:
    """Whether it was still within its usual quiet when the person's silence began: a broken one proves nothing."""
    return device.sign is not None and device.usual is not None and since - device.sign <= device.usual


def _flat(device: Device, rule: Rules) -> bool:
    return device.battery is not None and device.battery <= rule.witness.battery


def _devices(
    facts: Facts, late: list[Device], since: datetime, span: Span, rule: Rules
) -> Iterator[Alert]:  # fmt: skip
    """The devices that are silent themselves, of which nobody can say that it is the person."""
    begun, until = span
    told = _told_of(facts, since, rule)
    for one in late:
        limit = rule.silence.limit(one.usual)
        assert one.sign is not None  # a late device has had a sign, and a rhythm
        assert limit is not None
        last = max(one.sign, one.heard or one.sign)
        if until - max(last, begun) <= limit:
            continue
        flat, others = _flat(one, rule), since > one.sign and until - since <= limit
        if not flat and (not _missed(one, max(last, begun), since, facts, rule) if others else told - {one.id}):
            continue
        cause: Cause = "battery-low" if flat else "other-heard" if others else "one-device"
        yield Alert(resident=facts.resident, sort="device-silent", since=last, cause=cause, devices=(one.id,))
        if cause == "one-device" and _fell_silent_then(one, since):
            told |= {one.id}


def _missed(device: Device, quiet: datetime, since: datetime, facts: Facts, rule: Rules) -> bool:
    """Whether its person lived on without it so long that it must be looked after; there is no hurry, they are heard.

    The days they were not at home say nothing of it: only those since their own signs come again are counted.
    """
    home = quiet if facts.present is None else max(quiet, facts.present)
    return device.usual is not None and since - home > rule.silence.patience(device.usual)


def _told_of(facts: Facts, since: datetime, rule: Rules) -> frozenset[str]:
    """The devices that fell silent in the quiet that began at `since` and were raised: one call is enough for all."""
    raised = {name for one in facts.standing if one.sort == "device-silent" for name in one.devices}
    return frozenset(
        one.id for one in facts.devices if one.id in raised and _fell_silent_then(one, since) and not _flat(one, rule)
    )
