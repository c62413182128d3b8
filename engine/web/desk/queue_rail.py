"""The slim queue beside an item: where one is, what came before it, what comes next."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from engine.queue_search import Search, parse_query
from engine.store import repo_queue
from engine.store.database import Connection
from engine.web.desk.queue_rows import Row, rows_of
from engine.web.sessions import Session

BEFORE: Final = 3
AFTER: Final = 8


class Rail(msgspec.Struct, frozen=True, kw_only=True):
    """Rows around an item, `here` among them where it still lies there; the links before and after it, "" at an end."""

    rows: tuple[Row, ...]
    here: str
    previous: str
    next: str
    query: str


def queue_rail(connection: Connection, session: Session, now: datetime, *, around: str, within: str = "") -> Rail:
    """The queue around one item, in the search `within` (a query; empty: everything that waits)."""
    search, middle = parse_query(within), repo_queue.line(connection, around)
    start = None if middle is None else middle.cursor
    before, after = repo_queue.beside(connection, session.who, search, now, start, BEFORE, AFTER)
    lies = [middle] if middle is not None and _lies(middle, search) else []
    rows = rows_of(connection, session, [*before, *lies, *after], search, now)
    links = {row.id: row.href for row in rows}
    return Rail(
        rows=tuple(rows), here=around, previous=links[before[-1].id] if before else "",
        next=links[after[0].id] if after else "", query=search.query,
    )  # fmt: skip


def _lies(line: repo_queue.Line, search: Search) -> bool:
    """Whether the item still belongs to the list it was opened from, as far as its row can say."""
    return line.shelf == search.shelf
