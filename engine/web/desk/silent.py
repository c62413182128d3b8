"""From whom nothing came for weeks, at the desk: whom to telephone, and what came of the call."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from random import SystemRandom
from typing import Annotated, Final

import msgspec
from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.locale import Language
from engine.store import repo_contacts, repo_silences
from engine.store.database import Connection, write
from engine.web import scope
from engine.web.context import Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows
from engine.web.door import Door

door = Door()
PAGE: Final = "/silent"
MOST: Final = 50
# From which pages a call is noted.
_BACK: Final = (PAGE, "/cases")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the list, in words."""

    id: str
    name: str
    kana: str
    phone: str
    reason: str
    step: str
    days: int
    tried: str
    outcome: str


def rows(
    connection: Connection, towns: Collection[str] | None, now: datetime, lang: Language, limit: int | None = MOST
) -> list[Row]:
    """Up to `limit` people of these towns (None: all) as the list shows them, the longest silent first."""
    return [
        Row(
            id=one.person.id, name=people_rows.name(one.person), kana=people_rows.kana(one.person),
            phone=one.person.phone or "", reason=one.silence.reason, step=one.step, days=one.silence.days,
            tried=fact_rows.day(lang, one.tried) if one.tried else "", outcome=one.outcome or "",
        )
        for one in repo_silences.listed(connection, towns, now, limit)
    ]  # fmt: skip


@door.page(PAGE, "case")
def show(desk: TheDesk, session: Signed) -> Response:
    """Whom to ask after in my towns."""
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        found = rows(connection, session.who.municipalities, now, lang, MOST + 1)
        note(connection, desk, session, "silent-view", now, detail=[one.id for one in found] or None)
    return desk.page("cases/silent.html", lang, session, here=PAGE, silent=found[:MOST], more=len(found) > MOST)


@door.form(PAGE + "/{resident}/call", "case")
def call(
    resident: str, desk: TheDesk, session: Trusted, outcome: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = PAGE,
) -> Response:  # fmt: skip
    """Notes that somebody of the list was telephoned; whoever was spoken to rests."""
    now = desk.now()
    spoken = next((one for one in ("reached", "absent") if one == outcome), None)
    if spoken is None:
        raise SorryError(400, "bad-request", back=PAGE)
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now)
        if repo_silences.one_listed(connection, person.id, now) is None:
            raise SorryError(409, "conflict", back=PAGE)
        repo_contacts.add(
            connection, resident=person.id, by=session.by, how="phone", outcome=_outcome(spoken), text="", now=now,
            rng=SystemRandom(), os_user=desk.os_user,
        )  # fmt: skip
    return RedirectResponse(back if back in _BACK else PAGE, 303)


def _outcome(said: str) -> repo_contacts.Outcome:
    return "reached" if said == "reached" else "absent"
