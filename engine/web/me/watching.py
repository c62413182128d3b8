"""Who watches over me, whom was told what and when, and a word that I am well; the same notes for family."""

from __future__ import annotations

from typing import Any, Final

from fastapi.responses import HTMLResponse, RedirectResponse, Response

from engine.contract.ids import is_id
from engine.decisions import open_to_nurses
from engine.store import repo_staff, repo_watch, repo_watch_alerts
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.watching_telling import fine
from engine.web.context import Desk, Signed, TheDesk, Trusted, note
from engine.web.desk.watch_rows import Note, notes
from engine.web.door import Door
from engine.web.me.mine import me_of, time_words
from engine.web.me.sheet import TheSheet
from engine.web.sessions import Session

door = Door()
PAGE: Final = "/me/watching"


@door.page(PAGE, "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet, said: str = "") -> HTMLResponse:
    """Who watches over me, and whom was told that I seemed different."""
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        held = repo_watch.overseers(connection, now, [person.id]).get(person.id, ())
        alerts = {one.seq: one for one in repo_watch_alerts.of_resident(connection, person.id)}
        tellings = repo_watch_alerts.tellings(connection, alerts)
        told = [each for _, group in sorted(tellings.items(), reverse=True) for each in group]
        names = repo_staff.names_of(connection, {*held, *(each.recipient for each in told)})
        rows: list[dict[str, Any]] = [
            {
                "name": names.get(each.recipient, each.recipient), "at": time_words(lang, each.at, connection, person),
                "over": alerts[each.alert].ended_at is not None,
                "back": time_words(lang, each.back_at, connection, person) if each.back_at else "",
            }
            for each in told
        ]  # fmt: skip
        nurses = bool(open_to_nurses(connection, [person.id], now))
        note(connection, desk, session, "me-watching-view", now, subject=person.id)
    watchers = [{"name": names.get(one, one), "kind": "m" if is_id(one, "m") else "s"} for one in held]
    return sheet.page("me/watching.html", here=PAGE, watchers=watchers, told=rows, nurses=nurses, said=said == "fine")


@door.form(f"{PAGE}/fine", "mine.say")
def i_am_fine(desk: TheDesk, session: Trusted) -> Response:
    """Ends what stands about me; whoever was told reads that all is well."""
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        fine(connection, person.id, By(session.by, desk.os_user), desk.now())
    return RedirectResponse(f"{PAGE}?said=fine", 303)


def told_me(connection: Connection, desk: Desk, session: Session) -> list[Note]:
    """What somebody of the family was told of those they may watch over now."""
    now = desk.now()
    watched = repo_watch.watched(connection, session.by, now) if is_id(session.by, "m") else frozenset()
    return notes(connection, session.by, watched, session.lang, now)
