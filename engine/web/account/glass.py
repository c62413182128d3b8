"""Breaking the glass: a look without the usual right, with a reason, alarmed and shown to the resident."""

from __future__ import annotations

from random import SystemRandom
from typing import Annotated, Final

from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.decisions import open_to_nurses, reason_of
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_glass, repo_notices, repo_staff
from engine.store.database import Connection, write
from engine.web.account.times import minute
from engine.web.context import Desk, Signed, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.scope import known
from engine.web.sessions import Session

door = Door()
# Long enough that a reason is one, short enough to be typed in an emergency.
SHORTEST: Final = 10


@door.page("/residents/{resident}/glass", "break-glass")
def ask(desk: TheDesk, session: Signed, resident: str) -> Response:
    """What breaking the glass means, before anybody does it, and the looks there were."""
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        note(connection, desk, session, "glass-view", desk.now(), subject=person.id)
        return _page(connection, desk, session, person)


@door.form("/residents/{resident}/glass", "break-glass")
def smash(desk: TheDesk, session: Trusted, resident: str, reason: Annotated[str, Form()] = "") -> Response:
    """Opens the record for an hour to one person, tells the auditor and the nurses, and lets the resident know."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        if not open_to_nurses(connection, [person.id], now):
            line = reason_of(reason)
            refused = line.code if isinstance(line, Refusal) else "too-short" if len(line) < SHORTEST else None
            if refused is not None or isinstance(line, Refusal):
                return _page(connection, desk, session, person, reason=reason, error=refused, status=422)
            if not repo_glass.broken(connection, session.by, person.id, now):
                made = repo_glass.smash(connection, session.by, person.id, line, now, SystemRandom(), desk.os_user)
                repo_notices.owe(connection, person.id, "glass", made.id, now)
    return RedirectResponse(f"/residents/{person.id}", 303)


def _page(
    connection: Connection,
    desk: Desk,
    session: Session,
    person: Resident,
    *,
    reason: str = "",
    error: str | None = None,
    status: int = 200,
) -> Response:
    now = desk.now()
    looks = repo_glass.of(connection, person.id)
    more = {
        "person": person, "agreed": bool(open_to_nurses(connection, [person.id], now)), "reason": reason,
        "mine": repo_glass.broken(connection, session.by, person.id, now), "looks": looks, "shortest": SHORTEST,
        "names": repo_staff.names_of(connection, [one.staff for one in looks]), "error": error, "minute": minute,
    }  # fmt: skip
    here = f"/residents/{person.id}/glass"
    return desk.page("account/glass.html", session.lang, session, status=status, here=here, **more)
