"""The auditor's page: the audit chain, its proof, and nothing of what it is about."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Response

from engine.sealing import seal_of
from engine.store import anchors, repo_emergency, repo_glass, repo_log, repo_staff
from engine.store.database import read, write
from engine.store.instants import from_micros
from engine.store.repo_log import Wanted
from engine.store.repo_places import ZONE
from engine.web.account.times import minute
from engine.web.context import Desk, Signed, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
PAGE: Final = 50
ALARM: Final = timedelta(days=90)
_DAY: Final = timedelta(days=1)
_LONGEST: Final = 64


@door.page("/log", "log.see")
def log(
    desk: TheDesk,
    session: Signed,
    actor: str = "",
    subject: str = "",
    action: str = "",
    since: str = "",
    until: str = "",
    below: str = "",
) -> Response:
    """The entries newest first, as far as they were asked for; looking is itself written down."""
    with write(desk.engine) as connection:
        note(connection, desk, session, "log-view", desk.now())
    fields = {"actor": actor, "subject": subject, "action": action, "since": since, "until": until}
    return _page(desk, session, {name: text.strip()[:_LONGEST] for name, text in fields.items()}, below=below)


@door.form("/log/verify", "log.see")
def verify(desk: TheDesk, session: Trusted) -> Response:
    """Reads the whole chain and its anchors and names the first entry that is wrong."""
    with read(desk.engine) as connection:
        fault = anchors.verify(connection, desk.home, seal_of(desk.home))
    with write(desk.engine) as connection:
        note(connection, desk, session, "log-verify", desk.now(), detail=[fault.code, fault.seq] if fault else None)
    return _page(desk, session, {}, result={"fault": fault})


def _page(
    desk: Desk, session: Session, fields: dict[str, str], *, below: str = "", result: dict[str, Any] | None = None
) -> Response:
    now = desk.now()
    with read(desk.engine) as connection:
        start = int(below) if below.isascii() and below.isdigit() and len(below) < len(str(2**62)) else None
        found = repo_log.newest(connection, _wanted(fields), below=start, limit=PAGE + 1)
        towns, since = session.who.municipalities, now - ALARM
        carded = repo_emergency.recent(connection, towns, since)
        looks = [*repo_glass.recent(connection, towns, since), *carded]
        looks.sort(key=lambda one: one.at, reverse=True)
        actors = [one.actor for one in found] + [look.staff for look in looks]
        shared = {
            "names": repo_staff.names_of(connection, actors) | {one.id: one.staff for one in carded},
            "acts": repo_log.actions(connection), "looks": looks,
        }  # fmt: skip
    rows = found[:PAGE]
    older = urlencode({k: v for k, v in fields.items() if v} | {"below": rows[-1].seq}) if len(found) > PAGE else ""
    more: dict[str, Any] = {
        "rows": rows, "older": older, "fields": fields, "result": result, "anchor": anchors.last(desk.home),
        "moment": _moment, "minute": minute, "zone": ZONE, **shared,
    }  # fmt: skip
    return desk.page("account/log.html", session.lang, session, here="/log", **more)


def _wanted(fields: dict[str, str]) -> Wanted:
    until = _day(fields.get("until", ""))
    return Wanted(
        actor=fields.get("actor") or None, subject=fields.get("subject") or None, action=fields.get("action") or None,
        since=_day(fields.get("since", "")), before=None if until is None else until + _DAY,
    )  # fmt: skip


def _day(text: str) -> datetime | None:
    """The first moment of a day here; None for what is no day, or none that has another before and behind it."""
    try:
        day = date.fromisoformat(text)
        (day - _DAY, day + _DAY)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(day, datetime.min.time(), ZoneInfo(ZONE))


def _moment(micros: int) -> str:
    """An instant of the chain as the clock on the wall showed it."""
    return f"{from_micros(micros).astimezone(ZoneInfo(ZONE)):%Y-%m-%d %H:%M:%S}"
