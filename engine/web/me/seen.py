"""Who has seen or received my data, and which looks were taken without the usual right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

from fastapi import Query
from fastapi.responses import HTMLResponse

from engine.access import Role
from engine.contract.ids import is_id
from engine.locale import Language
from engine.seen import did, role_of
from engine.store import repo_acting, repo_emergency, repo_glass, repo_grants, repo_seen_by, repo_staff
from engine.store.database import Connection, write
from engine.store.repo_seen_by import Look
from engine.web.context import Signed, TheDesk, note
from engine.web.door import Door
from engine.web.me.mine import day_words, me_of, time_words
from engine.web.me.records import origin_words
from engine.web.me.sheet import TheSheet

door = Door()
_PAGE: Final = 30
_BIGGEST: Final = 2**62


@door.page("/me/seen", "mine.see")
def show(
    desk: TheDesk, session: Signed, sheet: TheSheet, before: Annotated[int | None, Query(ge=1, le=_BIGGEST)] = None
) -> HTMLResponse:
    """By name and role, day and what; the looks behind a broken glass with their reason at the top."""
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        found = repo_seen_by.looks(connection, person.id, before=before, limit=_PAGE + 1)
        glasses = [] if before else repo_glass.of(connection, person.id)
        names, roles = _people(connection, [*(one.actor for one in found), *(one.staff for one in glasses)], lang)
        note(connection, desk, session, "seen-view", now, subject=person.id)
        broken = [
            {
                "name": names.get(one.staff, one.staff), "role": roles.get(one.staff), "reason": one.reason,
                "at": time_words(lang, one.at, connection, person),
            }
            for one in glasses
        ]  # fmt: skip
        held = [] if before else repo_seen_by.told(connection, person.id)
        networks = [
            {"name": origin_words(lang, one.network), "count": one.values, "day": day_words(lang, one.last)}
            for one in held
        ]
        names |= repo_acting.titles(connection, person.id, lang)
        by_card = [
            {"name": one.who, "role": None, "reason": one.reason, "at": time_words(lang, one.at, connection, person)}
            for one in ([] if before else repo_emergency.looks(connection, person.id))
        ]
    rows = _told(found[:_PAGE], names, roles, lang)
    further = found[_PAGE - 1].seq if len(found) > _PAGE else None
    return sheet.page(
        "me/seen.html", here="/me/seen", rows=rows, broken=broken, by_card=by_card, networks=networks, further=further,
        later=before,
    )  # fmt: skip


def _told(
    found: Iterable[Look], names: dict[str, str], roles: dict[str, Role | None], lang: Language
) -> list[dict[str, Any]]:  # fmt: skip
    """One line for what the same words tell of the same day: entries of the chain can be one deed to a reader."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in found:
        name, day, deed = names.get(one.actor, one.actor), day_words(lang, one.day), did(one.action)
        row = {"name": name, "role": roles.get(one.actor), "did": deed, "day": day, "times": 0}
        rows.setdefault((one.actor, deed, day), row)["times"] += one.times
    return list(rows.values())


def _people(
    connection: Connection, ids: Iterable[str], lang: Language
) -> tuple[dict[str, str], dict[str, Role | None]]:  # fmt: skip
    """Names and roles of who acted; somebody who signed by a link or at the terminal is called as they signed."""
    wanted = sorted(set(ids))
    names = repo_staff.names_of(connection, wanted) | repo_grants.names_of(connection, wanted)
    names |= repo_emergency.names_of(connection, wanted)
    names |= {one: origin_words(lang, one) for one in wanted if names.get(one, one) == one}
    roles: dict[str, Any] = {}
    for one in wanted:
        member = repo_staff.get(connection, one) if is_id(one, "s") else None
        mark = "family" if is_id(one, "m") else "program" if is_id(one, "x") else None
        roles[one] = mark or (role_of(member.roles) if member else None)
    return names, roles
