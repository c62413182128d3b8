"""Teams that collect points together, as the desk sees them: names and what was told of their pots, never who is in."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Form
from fastapi.responses import RedirectResponse, Response

from engine.refusal import Refusal
from engine.store import repo_point_teams
from engine.store.database import write
from engine.store.repo_facts import By
from engine.store.repo_places import municipalities
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
PAGE: Final = "/points/teams"


@door.page(PAGE, "person.assign")
def show(desk: TheDesk, session: Signed) -> Response:
    """The teams of my towns, each with the last month that was told."""
    return _show(desk, session, None, "")


@door.form(PAGE, "person.assign")
def make(
    desk: TheDesk, session: Trusted, name: Annotated[str, Form()] = "", town: Annotated[str, Form()] = "",
    sort: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """A new team, which residents join by themselves."""
    with write(desk.engine) as connection:
        if town not in municipalities(connection) or not session.who.within(town):
            raise SorryError(404, "not-found", back=PAGE)
        made = repo_point_teams.add(connection, town, sort, name, By(session.by, desk.os_user), desk.now())
    return _show(desk, session, made, name) if isinstance(made, Refusal) else RedirectResponse(PAGE, 303)


def _show(desk: Desk, session: Session, refused: Refusal | None, typed: str) -> Response:
    with write(desk.engine) as connection:
        towns = {code: name for code, name in municipalities(connection).items() if session.who.within(code)}
        teams = repo_point_teams.listed(connection, sorted(towns))
        pots = repo_point_teams.pots(connection, [team.number for team in teams])
        note(connection, desk, session, "point-teams-view", desk.now())
    return desk.page(
        "points/teams.html", session.lang, session, status=422 if refused else 200, here=PAGE, teams=teams, pots=pots,
        towns=towns, refused=refused, error=refused, typed=typed, sorts=repo_point_teams.SORTS,
    )  # fmt: skip
