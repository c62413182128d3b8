"""The administrator's page: who works here, in which role, for which town; never a health value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import SystemRandom
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine.access import STAFF
from engine.contract.ids import is_id, new_id
from engine.municipalities import REGION
from engine.refusal import Refusal
from engine.staffing import Form as Said
from engine.staffing import amended, drafted, invite, switched
from engine.store import repo_staff, repo_teams
from engine.store.database import Connection, read, write
from engine.store.filing import By
from engine.store.repo_codes import Issued
from engine.store.repo_staff import Member
from engine.web.account.times import day
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
Many = Annotated[list[str] | None, Form()]


@door.page("/staff", "staff.manage")
def everybody(desk: TheDesk, session: Signed) -> Response:
    """Every account of the towns this administrator works for."""
    return _list(desk, session)


@door.form("/staff/add", "staff.manage")
def add(
    request: Request,
    desk: TheDesk,
    session: Trusted,
    login: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    roles: Many = None,
    towns: Many = None,
) -> Response:
    """Makes an account and shows its enrolment link, once."""
    said = Said(name=name, roles=tuple(roles or ()), towns=tuple(towns or ()))
    _allowed(session, said)
    now, rng, by = desk.now(), SystemRandom(), By(session.by, desk.os_user)
    made = drafted(said, login, new_id("s", rng), now)
    if not isinstance(made, Refusal):
        with write(desk.engine) as connection:
            made = repo_staff.add(connection, made, by)
            if not isinstance(made, Refusal):
                return _invited(request, desk, session, made, invite(connection, made, now, by, rng))
    return _list(desk, session, filled={"login": login, "said": said}, error=made.code, status=422)


@door.page("/staff/{member}", "staff.manage")
def one(desk: TheDesk, session: Signed, member: str, done: str = "") -> Response:
    """One account with its forms."""
    with read(desk.engine) as connection:
        found = _account(connection, session, member)
    return _one(desk, session, found, done=done == "1")


@door.form("/staff/{member}/edit", "staff.manage")
def edit(
    desk: TheDesk,
    session: Trusted,
    member: str,
    version: Annotated[int, Form()],
    name: Annotated[str, Form()] = "",
    roles: Many = None,
    towns: Many = None,
    team: Annotated[str, Form()] = "",
) -> Response:
    """Changes name, roles, towns or team; nobody gives themselves another role or a town they do not work for."""
    said = Said(name=name, roles=tuple(roles or ()), towns=tuple(towns or ()), team=team)
    _allowed(session, said)

    def change(connection: Connection, found: Member) -> Member | Refusal:
        if team and team not in {known.id for known in repo_teams.listed(connection, said.towns)}:
            return Refusal("team", "there is no such team in these towns", "team")
        changed = amended(found, said)
        if isinstance(changed, Refusal) or found.id != session.by:
            return changed
        if (changed.roles, changed.municipalities) != (found.roles, found.municipalities):
            return Refusal("own-rights", "somebody else must change your roles and towns")
        return changed

    return _change(desk, session, member, version, change, filled={"said": said})


@door.form("/staff/{member}/disable", "staff.manage")
def disable(desk: TheDesk, session: Trusted, member: str, version: Annotated[int, Form()]) -> Response:
    """Closes an account and signs its holder out everywhere; nobody closes their own."""

    def change(_connection: Connection, found: Member) -> Member | Refusal:
        if found.id == session.by:
            return Refusal("own-rights", "somebody else must close your account")
        return switched(found, active=False)

    return _change(desk, session, member, version, change)


@door.form("/staff/{member}/enable", "staff.manage")
def enable(desk: TheDesk, session: Trusted, member: str, version: Annotated[int, Form()]) -> Response:
    """Opens a closed account again, with the password it had."""
    return _change(desk, session, member, version, lambda _connection, found: switched(found, active=True))


@door.form("/staff/{member}/reset", "staff.manage")
def reset(request: Request, desk: TheDesk, session: Trusted, member: str) -> Response:
    """Makes a new enrolment link: password and second factor are lost or known to somebody else."""
    now, rng, by = desk.now(), SystemRandom(), By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        found = _account(connection, session, member)
        return _invited(request, desk, session, found, invite(connection, found, now, by, rng))


def _allowed(session: Session, said: Said) -> None:
    """An administrator hands out only towns they work for."""
    if not all(session.who.within(town) for town in said.towns):
        raise SorryError(403, "forbidden", back="/staff")


def _account(connection: Connection, session: Session, name: str) -> Member:
    """The account of that id, if all its towns are towns of this administrator."""
    found = repo_staff.get(connection, name) if is_id(name, "s") else None
    if found is None or not all(session.who.within(town) for town in found.municipalities):
        raise SorryError(404, "not-found", back="/staff")
    return found


def _change(
    desk: Desk,
    session: Session,
    name: str,
    version: int,
    change: Callable[[Connection, Member], Member | Refusal],
    filled: Mapping[str, Any] | None = None,
) -> Response:
    with write(desk.engine) as connection:
        found = _account(connection, session, name)
        changed = change(connection, found) if found.version == version else Refusal("conflict", "changed meanwhile")
        if not isinstance(changed, Refusal) and changed != found:
            changed = repo_staff.change(connection, changed, desk.now(), By(session.by, desk.os_user))
    if isinstance(changed, Refusal):
        status = 409 if changed.code == "conflict" else 422
        return _one(desk, session, found, filled=filled, error=changed.code, status=status)
    return RedirectResponse(f"/staff/{found.id}?done=1", 303)


def _list(
    desk: Desk,
    session: Session,
    *,
    filled: Mapping[str, Any] | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    with read(desk.engine) as connection:
        listed = repo_staff.listed(connection, towns=session.who.municipalities)
        teams = {team.id: team.name for team in repo_teams.listed(connection, tuple(REGION))}
    more = {"people": listed, "teams": teams, "filled": filled or {}, "error": error, **_choices(session)}
    return desk.page("account/staff.html", session.lang, session, status=status, here="/staff", **more)


def _one(
    desk: Desk,
    session: Session,
    member: Member,
    *,
    done: bool = False,
    filled: Mapping[str, Any] | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    with read(desk.engine) as connection:
        teams = repo_teams.listed(connection, member.municipalities)
    said = (filled or {}).get("said") or Said(
        name=member.name, roles=tuple(member.roles), towns=tuple(member.municipalities), team=member.team or ""
    )
    more = {"member": member, "said": said, "teams": teams, "done": done, "error": error, **_choices(session)}
    return desk.page("account/member.html", session.lang, session, status=status, here=f"/staff/{member.id}", **more)


def _choices(session: Session) -> dict[str, Any]:
    towns = {code: name for code, name in REGION.items() if session.who.within(code)}
    return {"all_roles": sorted(STAFF), "all_towns": towns, "region": REGION}


def _invited(request: Request, desk: Desk, session: Session, member: Member, link: Issued) -> Response:
    """The link, shown to the administrator this once: it goes to its owner by another way than this page."""
    address = f"{base_of(request, desk)}/enrol?{urlencode({'token': link.secret})}"
    more: dict[str, Any] = {"member": member, "link": address, "until": link.until, "day": day}
    return desk.page("account/invited.html", session.lang, session, here="/staff", **more)


def base_of(request: Request, desk: Desk) -> str:
    """How this desk is reached from outside, by the name it was just called by."""
    return f"{'https' if desk.secure else request.url.scheme}://{request.headers['host']}"
