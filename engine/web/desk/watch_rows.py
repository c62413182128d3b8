"""Alerts about people who are watched over, in words: for the nurse who decides, and for whoever was told."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from engine.contract.ids import is_id
from engine.decisions import open_to_nurses
from engine.locale import Language, text
from engine.officehours import due_at, left_words
from engine.people import Resident
from engine.situation import gone, refuses
from engine.store import repo_life, repo_residents, repo_watch_alerts
from engine.store.database import Connection
from engine.store.repo_watch_alerts import Raised
from engine.watching import Sort
from engine.web.desk import fact_rows, people_rows
from engine.web.view import when

# Told notes are read for so long; an alert that ended is read a month.
KEPT: Final = timedelta(days=60)
PEOPLE: Final[tuple[Sort, ...]] = ("person-silent", "activity-drop")
DEVICES: Final[tuple[Sort, ...]] = ("device-silent",)
UNCLEAR: Final = "one-device"
# Within which somebody should have looked, as for advice of that severity.
_SEVERITY: Final = {"person-silent": "prompt", "activity-drop": "soon", "device-silent": "routine"}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of a list: about whom, what, since when, and how long it has waited."""

    seq: int
    name: str
    kana: str
    devices: tuple[str, ...]
    sort: str
    cause: str
    since: str
    left: str
    late: bool
    state: str


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What one watcher was told about somebody: when, and whether it is over, and well."""

    resident: str
    name: str
    at: str
    over: bool
    back: str


def lines(
    connection: Connection, towns: Collection[str] | None, sorts: Iterable[Sort], lang: Language, now: datetime
) -> list[Line]:  # fmt: skip
    """What nobody has decided yet, or was told and goes on, of people who let nurses look: the latest overdue first."""
    found = repo_watch_alerts.listed(connection, towns, sorts, ("open", "told"))
    agreed = open_to_nurses(connection, {one.resident for one in found}, now)
    people = {person.id: person for person in repo_residents.get_many(connection, agreed)}
    shown = [one for one in found if one.resident in people]
    shown.sort(key=lambda one: (one.state != "open", one.evidence.cause != UNCLEAR, _due(one), one.seq))
    return [line(one, people[one.resident], lang, now) for one in shown]


def to_ask(connection: Connection, towns: Collection[str] | None, lang: Language, now: datetime) -> list[Line]:
    """Of `lines` those that may be the person: all but devices that surely are no more than devices."""
    found = lines(connection, towns, (*PEOPLE, *DEVICES), lang, now)
    return [one for one in found if one.sort in PEOPLE or one.cause == UNCLEAR]


def line(one: Raised, person: Resident, lang: Language, now: datetime) -> Line:
    """One alert in words."""
    left = left_words(_due(one), now, _severity(one), one.municipality)
    return Line(
        seq=one.seq, name=people_rows.name(person), kana=people_rows.kana(person),
        devices=tuple(name for name in one.evidence.devices if is_id(name, "d")), sort=one.sort,
        cause=one.evidence.cause, since=when(lang, one.since, fact_rows.ZONE),
        left=text(lang, "nurse", f"desk.queue.{left.kind}-{left.unit}", n=left.number),
        late=one.state == "open" and left.kind == "over", state=one.state,
    )  # fmt: skip


def notes(
    connection: Connection, recipient: str, watched: Collection[str], lang: Language, now: datetime
) -> list[Note]:  # fmt: skip
    """What `recipient` was told of the people they may watch over now, newest first; nothing of who died or left.

    Of who is in hospital or away it is over, also before somebody looks the next time.
    """
    told = repo_watch_alerts.told_to(connection, recipient, now - KEPT)
    known = repo_life.situations(connection, {alert.resident for _, alert in told if alert.resident in watched})
    here = {name for name, lived in known.items() if gone(lived, now) is None}
    rests = {name for name, lived in known.items() if refuses(lived, "watching", now) is not None}
    mine = [(telling, alert) for telling, alert in told if alert.resident in here]
    about = {alert.resident for _, alert in mine}
    names = {person.id: people_rows.name(person) for person in repo_residents.get_many(connection, about)}
    return [
        Note(
            resident=alert.resident, name=names[alert.resident], at=when(lang, telling.at, fact_rows.ZONE),
            over=alert.ended_at is not None or alert.resident in rests,
            back="" if telling.back_at is None else when(lang, telling.back_at, fact_rows.ZONE),
        )
        for telling, alert in mine
        if alert.resident in names
    ]  # fmt: skip


def _due(one: Raised) -> datetime:
    return due_at(one.at, _severity(one), one.municipality)


def _severity(one: Raised) -> str:
    """Of what may be the person as well as a device somebody asks as soon as if it were the person."""
    return "prompt" if one.evidence.cause == UNCLEAR else _SEVERITY[one.sort]
