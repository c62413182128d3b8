"""The queue: its order with reasons, search, saved views, batches."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import Response

from engine.decisions import nameless, open_to_nurses, queue
from engine.review import LIVE, Item, Rank
from engine.store import repo_residents
from engine.store.database import Connection, write
from engine.store.repo_places import ZONE
from engine.web.context import Signed, TheDesk, note
from engine.web.door import Door
from engine.web.sessions import Session
from engine.web.view import REVIEWED, row, when

door = Door()
PAGE: Final = 100


@door.page("/queue", "queue")
def waiting(desk: TheDesk, session: Signed) -> Response:
    """The queue in its order, what is held or sleeps apart; whoever did not agree to nurses looking is left out."""
    now = desk.now()
    with write(desk.engine) as connection:
        found = queue(connection, now, home=desk.home)
        agreed = open_to_nurses(connection, [item.resident_id for _, item in found], now)
        placed = [pair for pair in found if pair[1].resident_id in agreed]
        note(connection, desk, session, "queue-view", now, detail=[item.id for _, item in placed])
        open_ = [pair for pair in placed if pair[1].state in REVIEWED]
        sections = {
            "open": open_,
            "held": [pair for pair in placed if pair[1].state == "approved"],
            "later": [pair for pair in placed if pair[1].state in LIVE - REVIEWED - {"approved"}],
        }
        shown = {key: _rows(connection, session, pairs[:PAGE], now) for key, pairs in sections.items()}
        again = [(home, when(session.lang, at, ZoneInfo(ZONE))) for home, at in nameless(connection, now)]
    counts = {key: len(pairs) for key, pairs in sections.items()}
    more: dict[str, Any] = {"sections": shown, "counts": counts, "nameless": again, "barred": len(found) - len(placed)}
    return desk.page("queue.html", session.lang, session, **more)


def _rows(connection: Connection, session: Session, pairs: list[tuple[Rank, Item]], now: datetime) -> list[Any]:
    wanted = [item.resident_id for _, item in pairs]
    people = {person.id: person for person in repo_residents.get_many(connection, wanted)}
    return [row(session.lang, place, item, people.get(item.resident_id), now) for place, item in pairs]
