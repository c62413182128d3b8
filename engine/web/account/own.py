"""One's own account: language, single keys, the password, and signing out everywhere else."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine.contract.ids import is_id
from engine.refusal import Refusal
from engine.staffing import set_password
from engine.store import repo_sessions, repo_staff
from engine.store.database import Connection, read, write
from engine.store.filing import By
from engine.web.account.signin import next_language
from engine.web.account.ways_in import staff_proof
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.sessions import Session, cookie_name, hash_of

door = Door()


@door.page("/account", "self")
def account(desk: TheDesk, session: Signed, done: str = "") -> Response:
    """What somebody may set about themselves."""
    return _page(desk, session, done=done if done in {"saved", "password", "others"} else "")


@door.form("/account", "self")
def save(
    desk: TheDesk, session: Trusted, language: Annotated[str, Form()] = "", single_keys: Annotated[str, Form()] = ""
) -> Response:
    """Keeps the language and whether single keys decide."""
    who = msgspec.structs.replace(session.who, single_keys=single_keys == "on")
    lang = next_language(language or session.lang)
    with write(desk.engine) as connection:
        _keep(connection, desk, msgspec.structs.replace(session, who=who, lang=lang))
        repo_sessions.rewrite(connection, who)
        repo_sessions.speak(connection, who.id, lang)
        note(connection, desk, session, "account-change", desk.now())
    return RedirectResponse("/account?done=saved", 303)


@door.form("/account/password", "self")
def change_password(
    request: Request,
    desk: TheDesk,
    session: Trusted,
    password: Annotated[str, Form()] = "",
    new: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:
    """Sets another password for whoever knows the one they have, and signs them out everywhere else."""
    if not is_id(session.by, "s"):
        raise SorryError(403, "not-yours")
    now = desk.now()
    if new != again:
        return _page(desk, session, error="not-the-same", status=422)
    who = staff_proof(desk).unlock(session.by, password, now)
    if isinstance(who, Refusal):
        return _page(desk, session, error=who.code, status=429 if who.code == "slow-down" else 422)
    weak = set_password(desk.engine, session.by, new, now, desk.os_user)
    if weak is not None:
        return _page(desk, session, error=weak.code, status=422)
    _end_others(request, desk, session)
    return RedirectResponse("/account?done=password", 303)


@door.form("/account/others", "self")
def end_others(request: Request, desk: TheDesk, session: Trusted) -> Response:
    """Signs this person out in every other browser."""
    _end_others(request, desk, session)
    return RedirectResponse("/account?done=others", 303)


def _page(desk: Desk, session: Session, *, done: str = "", error: str | None = None, status: int = 200) -> Response:
    with read(desk.engine) as connection:
        others = repo_sessions.count_of(connection, session.by, desk.now()) - 1
        member = repo_staff.get(connection, session.by) if is_id(session.by, "s") else None
    more = {"done": done, "error": error, "others": others, "member": member}
    template = "account/own.html" if session.who.is_staff else "account/mine.html"
    return desk.page(template, session.lang, session, status=status, here="/account", **more)


def _keep(connection: Connection, desk: Desk, session: Session) -> None:
    """Writes what somebody set about themselves into their account, if they have one."""
    member = repo_staff.get(connection, session.by) if is_id(session.by, "s") else None
    if member is None:
        return
    changed = msgspec.structs.replace(member, single_keys=session.who.single_keys, language=session.lang)
    if changed != member:
        changed = msgspec.structs.replace(changed, version=member.version + 1)
        repo_staff.change(connection, changed, desk.now(), By(session.by, desk.os_user))


def _end_others(request: Request, desk: Desk, session: Session) -> None:
    mine = hash_of(request.cookies.get(cookie_name(desk.secure), ""))
    with write(desk.engine) as connection:
        repo_sessions.end_of(connection, session.by, desk.now(), but=mine)
        note(connection, desk, session, "sign-out-others", desk.now())
