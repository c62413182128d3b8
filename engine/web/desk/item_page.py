"""The page of one item: its words, its evidence with charts, what came before, and the forms that are legal now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import Response

from engine.access import rights_of
from engine.charts import Chart, rows
from engine.clinical import Fact, standing
from engine.clinical_codes import catalogue
from engine.contract.ids import is_id
from engine.locale import text
from engine.people import Resident
from engine.picture import zone_of
from engine.review import ENGINE, REJECTIONS, Event, Item, busy_with, legal
from engine.store import (
    repo_advice,
    repo_contacts,
    repo_evidence,
    repo_facts,
    repo_history,
    repo_notes,
    repo_seen,
    repo_staff,
    repo_standing,
    repo_urgent_text,
)
from engine.store.database import Connection, write
from engine.store.instants import to_micros
from engine.web import keys, scope
from engine.web.context import Desk, SorryError, note
from engine.web.desk.fact_rows import FactRow, area_of, row
from engine.web.desk.item_charts import Plot, draw_of, plots_of
from engine.web.desk.item_rows import contact_rows, earlier_rows, note_rows
from engine.web.desk.item_typed import WHENS, Typed
from engine.web.desk.queue_rail import queue_rail
from engine.web.sessions import Session
from engine.web.view import detail

TABLE_ROWS: Final = 40
_IN_VIEW: Final = ("medicine", "condition", "allergy", "lab")


def show(
    desk: Desk,
    session: Session,
    advice: str,
    typed: Typed,
    *,
    within: str = "",
    done: str = "",
    status: int = 200,
) -> Response:
    """The page of an item as this person may see it; the look is audited, and noted as seen."""
    now = desk.now()
    with write(desk.engine) as connection:
        item, person, agreed = scope.look_at(connection, session.who, advice, now)
        # The consent text promises that who looked, and when, is kept.
        note(connection, desk, session, "advice-view", now, subject=item.id, detail=[item.version, item.snapshot_hash])
        repo_seen.mark(connection, item.id, session.by, item.version, now)
        context = context_of(connection, session, item, person, now, agreed=agreed)
        context["rail"] = queue_rail(connection, session, now, around=item.id, within=within)
        context["done"] = _done(connection, session, done, now)
    context |= {"typed": typed, "error": typed.refused, "within": within, "keys": keys.shown(session)}
    return desk.page("item.html", session.lang, session, status=status, here=f"/advice/{item.id}", **context)


def context_of(
    connection: Connection, session: Session, item: Item, person: Resident, now: datetime, *, agreed: bool
) -> dict[str, Any]:
    """What the templates of an item show; nothing can be decided unless the resident `agreed` to nurses looking."""
    events, zone = repo_advice.events(connection, item.id), zone_of(connection, person)
    notes = repo_notes.of_advice(connection, item.id)
    contacts = repo_contacts.of_advice(connection, item.id)
    before = repo_evidence.earlier(connection, item)
    lies = repo_evidence.desk_of(connection, item.id)
    people = {item.decided_by, item.escalated_by, lies.assigned_to, *(event.actor for event in events)}
    people |= {one.author for one in notes} | {one.by for one in contacts} | {one.by for one in before}
    names = names_of(connection, session, (one for one in people if one))
    # Behind a broken glass one looks and decides nothing.
    verbs = legal(item, session.by, rights_of(session.who.roles), now) if agreed else frozenset()
    facts = repo_facts.of_one(connection, person.id)
    context = detail(session.lang, item, person, events, now, zone, names)
    use = repo_standing.use_of(connection, item.id)
    return context | {
        "legal": verbs, "names": names, "busy": busy_with(item, now), "assigned": lies.assigned_to,
        "successor": repo_evidence.successor(connection, item) if item.state == "superseded" else None,
        "needs_contact": lies.needs_contact,
        "notes": note_rows(session.lang, notes, names, zone),
        "contacts": contact_rows(session.lang, contacts, names, zone),
        "earlier": earlier_rows(session.lang, before, item, names, zone),
        "drafted": drafted(item, events), "facts": _in_view(facts, now, session),
        "charts": _charts(connection, session, item, person, facts, zone),
        "colleagues": _colleagues(connection, session, person) if "forward" in verbs else (),
        "sampled": use is not None and use.sampled, "rejections": REJECTIONS, "whens": WHENS,
        "hows": repo_contacts.HOWS, "outcomes": repo_contacts.OUTCOMES,
        "cares": agreed and session.who.may("advice.decide"),
        "tel": person.phone or "",
    }  # fmt: skip


def names_of(connection: Connection, session: Session, ids: Iterable[str]) -> dict[str, str]:
    """Who these are: people by name, a standing approval and a signed urgent text by who signed them."""
    signed: dict[str, tuple[str, str]] = {}
    plain = set(ids)
    for one in sorted(plain):
        approval = repo_standing.get(connection, one) if is_id(one, "p") else None
        words = repo_urgent_text.get(connection, one) if is_id(one, "u") else None
        if approval is not None:
            signed[one] = ("standing", approval.signed_by)
        elif words is not None:
            signed[one] = ("urgent-text", words.signed_by)
    names = repo_staff.names_of(connection, plain | {by for _, by in signed.values()})
    names[ENGINE] = text(session.lang, "nurse", "desk.by.engine")
    return names | {
        one: text(session.lang, "nurse", f"desk.by.{key}", name=names[by]) for one, (key, by) in signed.items()
    }


def drafted(item: Item, events: Iterable[Event]) -> tuple[str, str] | None:
    """The words as the engine drafted them, where somebody has changed them since."""
    first = next((event for event in events if event.command == "edit" and event.text_ja is not None), None)
    if first is None or (first.text_ja, first.text_en) == (item.text_ja, item.text_en):
        return None
    return first.text_ja or "", first.text_en or ""


def chart_of(connection: Connection, session: Session, item: Item, person: Resident, signal: str) -> Chart:
    """The chart of one signal of an item; raises SorryError not-found where there is none."""
    plot = next((one for one in plots_of(item.evidence) if one.signal == signal), None)
    if plot is None:
        raise SorryError(404, "not-found", back=f"/advice/{item.id}")
    facts = [] if plot.stored else repo_facts.of_one(connection, person.id)
    return _chart(connection, session, plot, item, person, facts, zone_of(connection, person))


def _charts(
    connection: Connection,
    session: Session,
    item: Item,
    person: Resident,
    facts: list[Fact],
    zone: ZoneInfo,
) -> list[dict[str, Any]]:
    """The charts there are, each with the newest of its numbers as rows."""
    found = []
    for plot in plots_of(item.evidence):
        chart = _chart(connection, session, plot, item, person, facts, zone)
        if chart.dots:
            path, told = f"/advice/{item.id}/chart/{plot.signal}.svg", rows(chart)
            found.append({
                "signal": plot.signal, "title": chart.title, "about": chart.description, "path": path,
                "rows": told[:TABLE_ROWS], "left": max(len(told) - TABLE_ROWS, 0), "unit": chart.shown,
            })  # fmt: skip
    return found


def _chart(
    connection: Connection,
    session: Session,
    plot: Plot,
    item: Item,
    person: Resident,
    facts: list[Fact],
    zone: ZoneInfo,
) -> Chart:
    history = {}
    if plot.stored:
        since, until = to_micros(plot.first), 1 << 62
        history = repo_history.history(connection, person.id, plot.stored, since, until)
    return draw_of(plot, item.evidence, history, facts, person.height_cm, zone, session.lang)


def _in_view(facts: list[Fact], now: datetime, session: Session) -> list[tuple[str, list[FactRow]]]:
    """Medicines, conditions, allergies and the newest value of each item of a laboratory, with their days."""
    known = standing(facts, now)
    newest = [row(known[code][-1], now, session.lang) for code in catalogue() if code in known]
    parts = [(area, [one for one in newest if area_of(one.code) == area]) for area in _IN_VIEW]
    return [(area, found) for area, found in parts if found]


def _colleagues(connection: Connection, session: Session, person: Resident) -> list[tuple[str, str]]:
    """Who else of this town decides about advice, by name."""
    town = frozenset({person.municipality_code})
    staff = repo_staff.listed(connection, towns=town)
    fit = (one for one in staff if one.active and one.identity.within(person.municipality_code))
    return sorted(
        ((one.id, one.name) for one in fit if one.id != session.by and one.identity.may("advice.decide")),
        key=lambda pair: (pair[1], pair[0]),
    )


def _done(connection: Connection, session: Session, advice: str, now: datetime) -> dict[str, Any] | None:
    """The item this person decided a moment ago, so that it can be taken back from where they are now."""
    if not advice:
        return None
    try:
        item, person = scope.item_of(connection, session.who, advice, now)
    except SorryError:
        return None
    mine = item.decided_by == session.by and "undo" in legal(item, session.by, rights_of(session.who.roles), now)
    return {"item": item, "name": f"{person.family_name} {person.given_name}"} if mine else None
