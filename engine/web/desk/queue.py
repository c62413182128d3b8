"""The queue: its order with reasons, search, saved views."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine.decisions import nameless
from engine.locale import Language
from engine.queue_search import ASSIGNED, BUILT_IN, DUE, Search, parse, parse_query
from engine.refusal import Refusal
from engine.review import ORDER
from engine.rules import load_catalogue
from engine.rules.model import AdviceRule, FlagRule
from engine.store import repo_emergency, repo_glass, repo_queue, repo_residents, repo_views
from engine.store.database import Connection, write
from engine.store.repo_barred import barred_of
from engine.store.repo_places import ZONE
from engine.store.repo_queue import Cursor, Leaf
from engine.store.repo_staff import names_of
from engine.web import keys
from engine.web.context import Desk, Signed, TheDesk, Trusted, note
from engine.web.desk import queue_batch as _batch  # noqa: F401 - its routes are of the same door
from engine.web.desk.queue_door import door
from engine.web.desk.queue_rows import rows_of
from engine.web.desk.queue_rows import word as worded
from engine.web.sessions import Session
from engine.web.view import when

__all__ = ["door"]
# A broken glass is told at the top of the queue for as long as a working day and a night.
GLASS: Final = timedelta(hours=24)


@door.page("/queue", "queue")
def waiting(request: Request, desk: TheDesk, session: Signed) -> Response:
    """A page of the queue in its order; whoever did not agree to nurses looking is left out."""
    return _show(desk, session, request.query_params)


@door.page("/keys", "queue")
def pressed(desk: TheDesk, session: Signed) -> Response:
    """What the keys do; the same table that `?` shows."""
    return desk.page("keys.html", session.lang, session, here="/keys", keys=keys.shown(session), table=keys.table())


@door.form("/queue/views", "queue")
def keep(
    desk: TheDesk, session: Trusted, name: Annotated[str, Form()] = "", query: Annotated[str, Form()] = ""
) -> Response:
    """Keep a search under a name."""
    search = parse_query(query)
    with write(desk.engine) as connection:
        kept = repo_views.save(connection, session.by, name, search.query, desk.now())
    return _after(desk, session, kept, search, name)


@door.form("/queue/views/rename", "queue")
def rename(
    desk: TheDesk, session: Trusted, name: Annotated[str, Form()] = "", new: Annotated[str, Form()] = "",
    query: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Call a kept search something else."""
    with write(desk.engine) as connection:
        kept = repo_views.rename(connection, session.by, name, new)
    return _after(desk, session, kept, parse_query(query), new, of=name)


@door.form("/queue/views/delete", "queue")
def forget(
    desk: TheDesk, session: Trusted, name: Annotated[str, Form()] = "", query: Annotated[str, Form()] = ""
) -> Response:
    """Forget a kept search."""
    with write(desk.engine) as connection:
        repo_views.remove(connection, session.by, name)
    return _after(desk, session, name, parse_query(query), "")


def _after(desk: Desk, session: Session, kept: str | Refusal, search: Search, typed: str, *, of: str = "") -> Response:
    """Back to the search; a refusal shows it again with what was typed."""
    if isinstance(kept, Refusal):
        return _show(desk, session, search.words, error=kept.code, typed={of: typed})
    return RedirectResponse(f"/queue?{search.query}" if search.query else "/queue", 303)


def _show(
    desk: Desk,
    session: Session,
    given: Mapping[str, str],
    *,
    error: str | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    now, (search, faults) = desk.now(), parse(given)
    with write(desk.engine) as connection:
        leaf = _leaf(connection, session, search, given, now)
        note(connection, desk, session, "queue-view", now, detail=[line.id for line in leaf.lines])
        context: dict[str, Any] = {
            "rows": rows_of(connection, session, leaf.lines, search, now), "leaf": leaf,
            "counts": repo_queue.counts(connection, session.who),
            "barred": barred_of(desk.engine).count(connection, session.who, now),
            "nameless": _nameless(connection, session, now), "glasses": _glasses(connection, session, now),
            "views": repo_views.of(connection, session.by),
        }  # fmt: skip
    context |= {
        "search": search, "faults": faults, "built_in": BUILT_IN, "choices": choices(session.lang),
        "keys": keys.shown(session), "error": error, "typed": typed or {}, "counted": counted,
        "decides": session.who.may("advice.decide"),
        "asked": {name: dict(choices(session.lang).get(name, ())).get(word) for name, word in search.words.items()},
    }  # fmt: skip
    status = 422 if error or faults else 200
    here = f"/queue?{search.query}" if search.query else "/queue"
    return desk.page("queue.html", session.lang, session, status=status, here=here, **context)


def _leaf(connection: Connection, session: Session, search: Search, given: Mapping[str, str], now: datetime) -> Leaf:
    """The page asked for; an item that is gone, or never was, begins at the top."""
    after, before = (_cursor(connection, session, given.get(name, "")) for name in ("after", "before"))
    if after is not None:
        before = None
    found = repo_queue.leaf(connection, session.who, search, now, after=after, before=before)
    if not found.lines and (after or before):
        return repo_queue.leaf(connection, session.who, search, now)
    return found


def _cursor(connection: Connection, session: Session, advice: str) -> Cursor | None:
    line = repo_queue.line(connection, advice) if advice else None
    # Where another town's item would stand tells how urgent it is.
    return None if line is None or not session.who.within(line.municipality_code) else line.cursor


def _nameless(connection: Connection, session: Session, now: datetime) -> list[tuple[str, str]]:
    homes = nameless(connection, now, towns=session.who.municipalities)
    return [(home, when(session.lang, at, ZoneInfo(ZONE))) for home, at in homes]


def _glasses(connection: Connection, session: Session, now: datetime) -> list[tuple[str, str, str]]:
    """Who looked into whose record without the usual right to it, and when: names of staff, ids of residents."""
    found = [*repo_glass.recent(connection, None, now - GLASS), *repo_emergency.recent(connection, None, now - GLASS)]
    if not found:
        return []
    homes = {
        one.id: one.municipality_code for one in repo_residents.get_many(connection, [one.resident for one in found])
    }
    near = [one for one in found if session.who.within(homes.get(one.resident, ""))]
    names = names_of(connection, {one.staff for one in near})
    return [(names.get(one.staff, one.staff), one.resident, when(session.lang, one.at, ZoneInfo(ZONE))) for one in near]


def counted(number: int) -> str:
    """A number of items, or that there are more than anybody counts."""
    return str(number) if number <= repo_queue.COUNTED else f"{repo_queue.COUNTED}+"


@cache
def choices(lang: Language) -> dict[str, tuple[tuple[str, str], ...]]:
    """What the fields of the search offer, each with its word."""
    rules = [rule for rule in load_catalogue() if isinstance(rule, AdviceRule | FlagRule)]
    codes = {
        "severity": ORDER, "state": ("open", "claimed", "escalated", "approved", "delivered"),
        "topic": sorted({rule.topic for rule in rules}), "assigned": ASSIGNED, "due": DUE,
        "rule": sorted(rule.id for rule in rules),
    }  # fmt: skip
    return {field: tuple((code, worded(lang, field, code)) for code in some) for field, some in codes.items()}
