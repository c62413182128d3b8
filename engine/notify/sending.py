"""Sending what is owed: taken by a lease, sent outside every transaction, settled; a crash sends twice at most."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.appointments import held
from engine.consent import permits
from engine.loans_due import KIND as LOAN
from engine.loans_due import is_withdrawn
from engine.locale import Language
from engine.notify.message import LEASE, Message, message_of, next_try, quiet_until
from engine.notify.port import Failed, Sent, Sink
from engine.picture import zone_of
from engine.referrals_store import KIND as VISIT
from engine.referrals_store import asks_still
from engine.review import Item
from engine.sealing import Seal
from engine.situation import refuses
from engine.store import (
    repo_addresses,
    repo_advice,
    repo_appointments,
    repo_consents,
    repo_emergency,
    repo_family,
    repo_life,
    repo_notices,
    repo_residents,
    repo_shows,
    repo_silences,
)
from engine.store.database import Connection, Engine, read, write
from engine.store.filing import unmistaken
from engine.store.repo_addresses import Address
from engine.store.repo_notices import Notice
from engine.store.repo_places import ZONE
from engine.watching_telling import BACK, NOTICE, still_watches

# What a resident's delivery channel means for notices: which kinds of addresses are used; the page's are browsers.
CHANNELS: Final = {"page": ("push",), "mail": ("mail",), "line": ("line",)}
_ALL: Final = ("mail", "line", "push")
FAMILY: Final = "family-urgent"
FAMILY_EMERGENCY: Final = "family-emergency"
WATCHING: Final = frozenset({NOTICE, BACK})


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Whether and how a notice can go out: the addresses, or why it is settled without one."""

    addresses: tuple[Address, ...] = ()
    language: Language = "ja"
    zone: ZoneInfo = ZoneInfo(ZONE)
    mirror: bool = False
    needless: str | None = None


def pump(engine: Engine, sinks: Mapping[str, Sink], seal: Seal, base: str, now: datetime) -> int:
    """One round: every notice that is due is sent, put off or given up; how many were sent."""
    with read(engine) as connection:
        if not repo_notices.waits(connection, now):
            return 0
    with write(engine) as connection:
        taken = [one for one in repo_notices.due(connection, now) if repo_notices.take(connection, one, now + LEASE)]
    return sum(_one(engine, sinks, seal, base, notice, now) for notice in taken)


def _one(engine: Engine, sinks: Mapping[str, Sink], seal: Seal, base: str, notice: Notice, now: datetime) -> bool:
    with write(engine) as connection:
        reach = reach_of(connection, seal, notice, now)
        wait = None if notice.urgent else quiet_until(now, reach.zone)
        if reach.needless is None and wait is not None:
            repo_notices.put_off(connection, notice.seq, wait, "quiet-hours")
            return False
        if reach.mirror:
            repo_shows.owe(connection, [notice.recipient], now)
        usable = [one for one in reach.addresses if one.channel in sinks]
        if not usable:
            code = reach.needless or ("no-sink" if reach.addresses else "no-address")
            state, channel = ("sent", "mirror") if reach.mirror and reach.needless is None else ("needless", "")
            repo_notices.settle(connection, notice.seq, state, now, channel, None if state == "sent" else code)
            return state == "sent"
    outcomes = {one: sinks[one.channel].send(one.address, _words(notice, one, reach, base)) for one in usable}
    with write(engine) as connection:
        return _settle(connection, notice, outcomes, now)


def _words(notice: Notice, address: Address, reach: Reach, base: str) -> Message:
    return message_of(reach.language, base, f"{notice.seq}:{address.id}", urgent=notice.urgent)


def _settle(connection: Connection, notice: Notice, outcomes: Mapping[Address, Sent | Failed], now: datetime) -> bool:
    """One address that took it is enough; dead addresses are not used again."""
    failures = {one: outcome for one, outcome in outcomes.items() if isinstance(outcome, Failed)}
    for address, failure in failures.items():
        if failure.gone:
            repo_addresses.fail(connection, address.id, now)
    took = [address.channel for address in outcomes if address not in failures]
    if took:
        repo_notices.settle(connection, notice.seq, "sent", now, "+".join(sorted(set(took))))
        return True
    codes = ",".join(sorted({failure.code for failure in failures.values()}))
    passing = [failure for failure in failures.values() if not failure.gone]
    asked = max((failure.after or timedelta(0) for failure in passing), default=None)
    again = next_try(notice.attempts + 1, now, asked) if passing else None
    if again is None:
        repo_notices.settle(connection, notice.seq, "failed", now, "", codes)
    else:
        repo_notices.put_off(connection, notice.seq, again, codes)
    return False


def reach_of(connection: Connection, seal: Seal, notice: Notice, now: datetime) -> Reach:
    """Where this notice may go now: consent and what it is about are looked at again for every try."""
    if notice.kind in {"advice", FAMILY}:
        item = repo_advice.get(connection, notice.about)
        if item is None or item.state != "delivered" or not unmistaken(connection, [item]):
            return Reach(needless="withdrawn")
        if not _agreed(connection, item, now):
            return Reach(needless="no-consent")
        if notice.kind == FAMILY:
            return _family(connection, seal, notice, item.resident_id, now)
    if notice.kind == FAMILY_EMERGENCY:
        look = repo_emergency.get(connection, notice.about)
        return Reach(needless="withdrawn") if look is None else _family(connection, seal, notice, look.resident, now)
    return (_watcher if notice.kind in WATCHING else _own)(connection, seal, notice, now)


def _watcher(connection: Connection, seal: Seal, notice: Notice, now: datetime) -> Reach:
    member = repo_family.get(connection, notice.recipient)
    back = notice.kind == BACK
    if member is None or not still_watches(connection, member.id, notice.about, now, back=back):
        return Reach(needless="withdrawn")
    return Reach(addresses=_usable(connection, seal, member.id, _ALL), language=member.language)


def _own(connection: Connection, seal: Seal, notice: Notice, now: datetime) -> Reach:
    person = repo_residents.get(connection, notice.recipient)
    lived = repo_life.situation(connection, notice.recipient)
    expected = notice.kind == repo_appointments.NOTICE_KIND
    stopped = held(lived, now) if expected else refuses(lived, "notices", now)
    if person is None or stopped is not None:
        return Reach(needless="inactive" if stopped is None else stopped.code)
    if _over(connection, notice, now):
        return Reach(needless="withdrawn")
    if expected and not repo_appointments.still_stands(connection, notice.about, now):
        return Reach(needless="withdrawn")
    zone = zone_of(connection, person)
    channels = _ALL if notice.urgent and person.channel != "none" else CHANNELS.get(person.channel, ())
    mirror = _mirror(connection, person.id, now)
    if not channels and not mirror:
        return Reach(zone=zone, needless=f"by-{person.channel}")
    return Reach(
        addresses=_usable(connection, seal, person.id, channels), language=person.language, zone=zone, mirror=mirror
    )  # fmt: skip


def _over(connection: Connection, notice: Notice, now: datetime) -> bool:
    """Whether a silence has ended, a visit was told of, or a loan came back, before it could be told."""
    if notice.kind == repo_silences.KIND:
        return repo_silences.of_resident(connection, notice.recipient, now) is None
    if notice.kind == LOAN:
        return is_withdrawn(connection, notice.recipient, notice.about)
    return notice.kind == VISIT and not asks_still(connection, notice.about, notice.recipient, now)


def _agreed(connection: Connection, item: Item, now: datetime) -> bool:
    """Whether the resident still wants advice on this: between the evening and the morning they may have said no."""
    said = repo_consents.events_of(connection, [item.resident_id], "advice").get(item.resident_id, [])
    return permits(said, "advice", None, item.topic, now).granted


def _family(connection: Connection, seal: Seal, notice: Notice, resident: str, now: datetime) -> Reach:
    held = refuses(repo_life.situation(connection, resident), "notices", now)
    if held is not None:
        return Reach(needless=held.code)
    member = repo_family.get(connection, notice.recipient)
    if member is None or not repo_family.may_look(connection, member.id, resident, None, now):
        return Reach(needless="no-consent")
    return Reach(addresses=_usable(connection, seal, member.id, _ALL), language=member.language)


def _usable(connection: Connection, seal: Seal, owner: str, channels: tuple[str, ...]) -> tuple[Address, ...]:
    found = repo_addresses.of(connection, seal, owner, channels)
    return tuple(one for one in found if one.verified_at is not None and one.failed_at is None)


def _mirror(connection: Connection, resident: str, now: datetime) -> bool:
    said = repo_consents.events_of(connection, [resident], "mirror-display").get(resident, [])
    return permits(said, "mirror-display", None, None, now).granted
