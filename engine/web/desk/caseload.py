"""Who is looked after by whom, who has not been looked at for long, who improved, and whose devices fell silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from fastapi import Response

from engine.contract.ids import is_id
from engine.decisions import open_to_nurses
from engine.life_words import badges
from engine.locale import Language, text
from engine.people import Resident
from engine.store import repo_caseload, repo_life, repo_residents, repo_staff, repo_teams
from engine.store.database import Connection, write
from engine.store.repo_caseload import Last, Want
from engine.web.context import Signed, TheDesk, note
from engine.web.desk import people_rows
from engine.web.desk.fact_rows import ZONE
from engine.web.desk.improved import Improved, improved
from engine.web.desk.people_rows import SILENCE
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
PAGE: Final = 50
VIEWS: Final = ("all", "unseen", "improved", "silent", "mine", "unkept")
SPANS: Final = (30, 90, 180)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One resident of a page; who did not agree that nurses look is named, and nothing else is said of them."""

    id: str
    name: str
    kana: str
    age: str
    agreed: bool
    looked: str = ""
    reading: str = ""
    contact: str = ""
    view: str = ""
    advice: str = ""
    devices: int = 0
    silent: int = 0
    keeper: str = ""
    improved: tuple[str, ...] = ()
    life: tuple[str, ...] = ()


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is asked for: a view, days for those unseen, a team, and after whom it goes on."""

    view: str = "all"
    days: int = 90
    team: str = ""
    after: str = ""

    def query(self, **changes: Any) -> str:
        """The address of the same page with something changed."""
        fields = msgspec.structs.asdict(self) | changes
        told = {name: value for name, value in fields.items() if value not in {"", None}}
        return f"/caseload?{urlencode(told)}"


@door.page("/caseload", "caseload")
def caseload(
    desk: TheDesk, session: Signed, view: str = "all", days: int = 90, team: str = "", after: str = ""
) -> Response:  # fmt: skip
    """A page of residents in kana order, of the towns and the team of whoever looks."""
    now = desk.now()
    wish = Choice(
        view=view if view in VIEWS else "all", days=days if days in SPANS else 90,
        team=team if is_id(team, "t") else "", after=after if is_id(after, "r") else "",
    )  # fmt: skip
    with write(desk.engine) as connection:
        known = repo_teams.listed(connection, session.who.municipalities)
        if wish.team and all(one.id != wish.team for one in known):
            wish = msgspec.structs.replace(wish, team="")
        last = repo_residents.get(connection, wish.after) if wish.after else None
        if last is None or not session.who.within(last.municipality_code):
            wish = msgspec.structs.replace(wish, after="")
        want = wanted(wish, session, now)
        people, gains, more = _people(connection, wish, want, now)
        lines = _lines(connection, session.lang, people, gains, now)
        total = None if wish.view == "improved" else repo_caseload.count(connection, want)
        note(connection, desk, session, "caseload-view", now, detail=[person.id for person in people])
    context: dict[str, Any] = {
        "lines": lines, "wish": wish, "views": VIEWS, "spans": SPANS, "teams": known, "total": total,
        "next": wish.query(after=more) if more else "", "q": "", "searched": False,
    }  # fmt: skip
    return desk.page("caseload/caseload.html", session.lang, session, here="/caseload", **context)


@door.page("/residents", "caseload")
def search(desk: TheDesk, session: Signed, q: str = "") -> Response:
    """Residents by name or kana, however it is typed."""
    now = desk.now()
    with write(desk.engine) as connection:
        people = repo_caseload.search(connection, session.who.municipalities, q[:60], limit=PAGE + 1)
        lines = _lines(connection, session.lang, people[:PAGE], {}, now)
        known = repo_teams.listed(connection, session.who.municipalities)
        note(connection, desk, session, "residents-search", now, detail=[person.id for person in people])
    context: dict[str, Any] = {
        "lines": lines, "wish": Choice(), "views": VIEWS, "spans": SPANS, "teams": known, "total": len(lines),
        "next": "", "q": q[:60], "searched": True, "more": len(people) > PAGE,
    }  # fmt: skip
    return desk.page("caseload/caseload.html", session.lang, session, here="/residents", **context)


def wanted(wish: Choice, session: Session, now: datetime) -> Want:
    """The residents a view asks for, never beyond the towns of whoever looks."""
    view = wish.view
    return Want(
        towns=session.who.municipalities, team=wish.team or None, staff=session.by if view == "mine" else None,
        unkept=view == "unkept", unseen_since=now - timedelta(days=wish.days) if view == "unseen" else None,
        silent_since=now - SILENCE if view == "silent" else None, at=now,
    )  # fmt: skip


def _people(
    connection: Connection, wish: Choice, want: Want, now: datetime
) -> tuple[list[Resident], Mapping[str, Sequence[Improved]], str]:
    """The residents of the page, what improved of each, and after whom the next page goes on ("" for no more)."""
    after = wish.after or None
    if wish.view == "improved":
        return improved(connection, want, now, after=after, most=PAGE)
    people = repo_caseload.page(connection, want, after=after, limit=PAGE + 1)
    return people[:PAGE], {}, people[PAGE - 1].id if len(people) > PAGE else ""


def _lines(
    connection: Connection, lang: Language, people: Sequence[Resident], gains: Mapping[str, Sequence[Improved]],
    now: datetime,
) -> list[Line]:  # fmt: skip
    ids = [person.id for person in people]
    agreed = open_to_nurses(connection, ids, now)
    last = repo_caseload.last_of(connection, agreed, now, SILENCE)
    kept = repo_teams.keepers(connection, ids)
    names = repo_staff.names_of(connection, [one.staff for one in kept.values() if one.staff])
    teams_ = {team.id: team.name for team in repo_teams.listed(connection, {one.municipality_code for one in people})}
    keeper = {
        name: " ".join(filter(None, (teams_.get(one.team or "", ""), names.get(one.staff or "", ""))))
        for name, one in kept.items()
    }
    lived = repo_life.situations(connection, agreed)
    lines = [
        _line(lang, person, last.get(person.id), keeper.get(person.id, ""), gains.get(person.id, ()), now)
        for person in people
    ]
    return [
        msgspec.structs.replace(line, life=badges(lived[line.id], now, ZONE, lang)) if line.id in lived else line
        for line in lines
    ]


def _line(
    lang: Language, person: Resident, last: Last | None, keeper: str, gains: Sequence[Improved], now: datetime
) -> Line:
    row = people_rows.who(person, lang, now)
    base = Line(id=row.id, name=row.name, kana=row.kana, age=row.age, agreed=last is not None, keeper=keeper)
    if last is None:
        return base
    told = {
        name: people_rows.ago(lang, at, now)
        for name, at in (
            ("looked", last.looked_at), ("reading", last.reading), ("contact", last.contact), ("view", last.view),
            ("advice", last.advice),
        )
    }  # fmt: skip
    return msgspec.structs.replace(
        base, **told, devices=last.devices, silent=last.silent, improved=tuple(_gain(lang, one) for one in gains)
    )


def _gain(lang: Language, one: Improved) -> str:
    slope = one.slope
    digits = ".1f" if one.better == "pressure-down" else ".2f"
    low, high, middle = (format(number, f"+{digits}") for number in (slope.low, slope.high, slope.per_week))
    key = f"desk.caseload.gain.{one.better}"
    return text(lang, "nurse", key, now=f"{slope.now:.1f}", slope=middle, low=low, high=high)
