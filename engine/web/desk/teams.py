"""Teams: made and renamed, and residents given to them singly or all of a view at once, after a page that asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import SystemRandom
from typing import Annotated, Any, Final

import msgspec
from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.contract.ids import is_id
from engine.decisions import open_to_nurses
from engine.refusal import Refusal
from engine.store import repo_caseload, repo_teams
from engine.store.database import Connection, write
from engine.store.repo_caseload import Want
from engine.store.repo_facts import By
from engine.store.repo_places import municipalities
from engine.store.repo_teams import Team
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import people_rows
from engine.web.desk.people_rows import SILENCE
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
# What can be given away at once: views that are the same for whoever looks, and again a moment later.
BULK: Final = ("all", "unseen", "silent", "unkept", "mine")
SPANS: Final = (30, 90, 180)


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """A view of the caseload whose residents are to be given to somebody."""

    view: str
    days: int
    team: str
    town: str


@door.page("/teams", "person.assign")
def look(desk: TheDesk, session: Signed) -> Response:
    """The teams of my towns with how many residents each has."""
    return _show(desk, session, None, "")


@door.form("/teams", "person.assign")
def make(
    desk: TheDesk, session: Trusted, name: Annotated[str, Form()] = "", town: Annotated[str, Form()] = ""
) -> Response:
    """A new team."""
    now = desk.now()
    with write(desk.engine) as connection:
        if town not in municipalities(connection) or not session.who.within(town):
            raise SorryError(404, "not-found", back="/teams")
        made = repo_teams.add(connection, town, name, By(session.by, desk.os_user), now, SystemRandom())
    return _show(desk, session, made, name) if isinstance(made, Refusal) else RedirectResponse("/teams", 303)


@door.form("/teams/{team}/rename", "person.assign")
def rename(team: str, desk: TheDesk, session: Trusted, name: Annotated[str, Form()] = "") -> Response:
    """Another name for a team."""
    now = desk.now()
    with write(desk.engine) as connection:
        known = _team(connection, session, team)
        done = repo_teams.rename(connection, known, name, By(session.by, desk.os_user), now)
    return _show(desk, session, done, name, team) if isinstance(done, Refusal) else RedirectResponse("/teams", 303)


@door.form("/residents/{resident}/assign", "person.assign")
def assign(
    resident: str, desk: TheDesk, session: Trusted, team: Annotated[str, Form()] = "",
    staff: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """One resident to a team, to one person, or to nobody."""
    now = desk.now()
    with write(desk.engine) as connection:
        # Who looks after somebody is nothing of their health: it needs no consent, and shows no record.
        person = scope.known(connection, session.who, resident)
        chosen = _chosen(connection, session, person.municipality_code, team, staff)
        repo_teams.assign(connection, [person.id], *chosen, By(session.by, desk.os_user), now)
        agreed = open_to_nurses(connection, [person.id], now)
    return RedirectResponse(f"/residents/{resident}#who" if agreed else "/caseload", 303)


@door.page("/caseload/assign", "person.assign")
def confirm(
    desk: TheDesk, session: Signed, view: str = "unkept", days: int = 90, team: str = "", town: str = ""
) -> Response:
    """How many residents of a view would be given away, and to whom they may be given."""
    return _confirm(desk, session, _portion(view, days, team, town), None)


@door.form("/caseload/assign", "person.assign")
def assign_all(
    desk: TheDesk,
    session: Trusted,
    view: Annotated[str, Form()] = "",
    days: Annotated[int, Form()] = 90,
    team: Annotated[str, Form()] = "",
    town: Annotated[str, Form()] = "",
    count: Annotated[int, Form()] = -1,
    to_team: Annotated[str, Form()] = "",
    to_staff: Annotated[str, Form()] = "",
) -> Response:
    """Gives them away, if they are still as many as the page said."""
    now, portion = desk.now(), _portion(view, days, team, town)
    with write(desk.engine) as connection:
        _town(connection, session, portion.town)
        ids = repo_caseload.ids(connection, _want(portion, session, now))
        chosen = _chosen(connection, session, portion.town, to_team, to_staff)
        same = len(ids) == count
        if same:
            repo_teams.assign(connection, ids, *chosen, By(session.by, desk.os_user), now)
    return RedirectResponse("/teams", 303) if same else _confirm(desk, session, portion, "changed")


def _portion(view: str, days: int, team: str, town: str) -> Portion:
    return Portion(
        view=view if view in BULK else "unkept", days=days if days in SPANS else 90,
        team=team if is_id(team, "t") else "", town=town,
    )  # fmt: skip


def _want(portion: Portion, session: Session, now: datetime) -> Want:
    """The residents of a view in one town: a team belongs to one municipality."""
    view = portion.view
    return Want(
        towns=frozenset({portion.town}), team=portion.team or None, staff=session.by if view == "mine" else None,
        unkept=view == "unkept", unseen_since=now - timedelta(days=portion.days) if view == "unseen" else None,
        silent_since=now - SILENCE if view == "silent" else None, at=now,
    )  # fmt: skip


def _town(connection: Connection, session: Session, town: str) -> None:
    if town not in municipalities(connection) or not session.who.within(town):
        raise SorryError(404, "not-found", back="/caseload")


def _team(connection: Connection, session: Session, name: str) -> Team:
    found = repo_teams.get(connection, name, session.who.municipalities)
    if found is None:
        raise SorryError(404, "not-found", back="/teams")
    return found


def _chosen(
    connection: Connection, session: Session, town: str, team: str, staff: str
) -> tuple[str | None, str | None]:  # fmt: skip
    """The team and person that were chosen; both must belong to that town."""
    if team and _team(connection, session, team).municipality_code != town:
        raise SorryError(404, "not-found", back="/teams")
    if staff and all(name != staff for name, _ in people_rows.nurses(connection, town)):
        raise SorryError(404, "not-found", back="/teams")
    return team or None, staff or None


def _confirm(desk: Desk, session: Session, portion: Portion, refused: str | None) -> Response:
    now = desk.now()
    with write(desk.engine) as connection:
        towns = _towns(connection, session)
        if not portion.town and len(towns) == 1:
            portion = msgspec.structs.replace(portion, town=next(iter(towns)))
        if portion.town:
            _town(connection, session, portion.town)
        count = repo_caseload.count(connection, _want(portion, session, now)) if portion.town else 0
        teams = repo_teams.listed(connection, {portion.town}) if portion.town else []
        staff = people_rows.nurses(connection, portion.town) if portion.town else []
        note(connection, desk, session, "assign-view", now, detail=[portion.view, portion.town, count])
    context: dict[str, Any] = {
        "portion": portion, "count": count, "teams": teams, "staff": staff, "towns": towns, "refused": refused,
        "error": refused,
    }  # fmt: skip
    status = 409 if refused else 200
    return desk.page("caseload/assign.html", session.lang, session, status=status, here="/caseload/assign", **context)


def _towns(connection: Connection, session: Session) -> dict[str, str]:
    return {code: name for code, name in municipalities(connection).items() if session.who.within(code)}


def _show(desk: Desk, session: Session, refused: Refusal | None, typed: str, team: str = "") -> Response:
    now = desk.now()
    with write(desk.engine) as connection:
        teams, towns = repo_teams.listed(connection, session.who.municipalities), _towns(connection, session)
        note(connection, desk, session, "teams-view", now)
    context = {"teams": teams, "towns": towns, "refused": refused, "typed": typed, "which": team, "error": refused}
    status = 422 if refused else 200
    return desk.page("caseload/teams.html", session.lang, session, status=status, here="/teams", **context)
