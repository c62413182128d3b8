"""What the page of consents shows, and why a form of it was not taken: for the page and the forms about family."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, get_args

from fastapi.responses import HTMLResponse

from engine.consent import Event
from engine.contract.ids import Role, is_id
from engine.interests import OWN
from engine.locale import Language, text
from engine.people import Resident
from engine.picture import zone_of
from engine.refusal import Refusal
from engine.store import repo_acting, repo_closing, repo_consents, repo_family, repo_staff
from engine.store.database import Connection, read
from engine.web.context import Desk, SorryError
from engine.web.me import agreeing
from engine.web.me.family_scope import GROUPS, RELATIONS, Grant, grants
from engine.web.me.letters import topic
from engine.web.me.mine import clock_words, day_words, me_of
from engine.web.me.sheet import Sheet

PAGE: Final = "/me/consents"
_LAST: Final = 20


def refused(desk: Desk, sheet: Sheet, refusal: Refusal, form: dict[str, str]) -> HTMLResponse:
    """The page with what was typed and why it was not taken."""
    now = desk.now()
    with read(desk.engine) as connection:
        values = values_of(connection, me_of(connection, sheet.session), sheet, now)
    return sheet.page("me/consents.html", here=PAGE, status=422, refused=refusal, typed=form, **values)


def known(connection: Connection, person: Resident, said: Event) -> Event | Refusal:
    """A yes to family or to people who watch over must name somebody there is; a no anybody who was named before.

    While the account is being closed nobody says yes.

    Whoever is named by an id is told by name: the id of somebody else's family would give a stranger's name away.
    """
    if (closing := repo_closing.stands_against(connection, said)) is not None:
        return closing
    if said.recipient is None or not _names_somebody(said):
        return said
    family = {one.id for one in repo_family.named_by(connection, person.id) if one.ended_at is None}
    watching = said.purpose == "watch-over" or not said.granted
    watchers = {one for one, _ in watchers_of(connection, person)} if watching else set()
    before = {one.recipient for one in repo_consents.history(connection, person.id)} if not said.granted else set()
    if said.recipient in family | watchers | before:
        return said
    return Refusal("unknown-recipient", "there is nobody of that name here", "recipient")


def _names_somebody(said: Event) -> bool:
    """Whether the recipient must be somebody known here, as opposed to a place that is called by its own name."""
    yes = said.granted and said.purpose in {"family-view", "watch-over"}
    return yes or any(is_id(said.recipient or "", role) for role in get_args(Role))


def watchers_of(connection: Connection, person: Resident) -> list[tuple[str, str]]:
    """Who watches over people in this resident's town, as (id, name)."""
    staff = repo_staff.listed(connection, towns=frozenset({person.municipality_code}))
    found = [one for one in staff if one.active and "watcher" in one.roles]
    return [(one.id, one.name) for one in found if person.municipality_code in one.municipalities]


def values_of(connection: Connection, person: Resident, sheet: Sheet, now: datetime) -> dict[str, Any]:
    """What the template of the page needs."""
    lang, zone = sheet.session.lang, zone_of(connection, person)
    events = repo_consents.history(connection, person.id)
    names = names_of(connection, events, person, lang) | repo_acting.titles(connection, person.id, lang)
    family = repo_family.named_by(connection, person.id)
    live = [one for one in family if one.ended_at is None]
    watching = [*watchers_of(connection, person), *((one.id, one.name) for one in live)]
    return {
        "purposes": [one for one in agreeing.agreed(events, now, lang, names) if one.purpose != "family-view"],
        "family": [_member(one, grants(events, one.id, now)) for one in live], "relations": RELATIONS,
        "groups": tuple(GROUPS), "watchers": watching, "spans": agreeing.SPANS,
        "said": agreeing.history(events, lang, names, _LAST), "day": lambda at: day_words(lang, at),
        "topic": lambda code: topic(lang, code),
        "acting_for_me": repo_acting.shown(connection, person.id, lang, now),
        "clock": lambda at: clock_words(lang, at, zone),
        "words": next(one for one in agreeing.agreed([], now, lang, {}) if one.purpose == "family-view"),
    }  # fmt: skip


def _member(member: repo_family.Member, held: Grant) -> dict[str, Any]:
    return {"id": member.id, "name": member.name, "relation": member.relation, "held": held}


def names_of(connection: Connection, events: Sequence[Event], person: Resident, lang: Language) -> dict[str, str]:
    """The names behind the ids of these events; the resident's own id has none, the page says "me"."""
    ids = {one for event in events for one in (event.recipient, event.actor) if one}
    known = repo_staff.names_of(connection, [one for one in ids if is_id(one, "s") or is_id(one, "m")])
    return known | {person.id: "", OWN: text(lang, "resident", "me.interests.own")}


def mine_or_sorry(connection: Connection, person: Resident, member: str) -> repo_family.Member:
    """The family member of that id whom this resident named and who is still there."""
    found = next((one for one in repo_family.named_by(connection, person.id) if one.id == member), None)
    if found is None or found.ended_at is not None:
        raise SorryError(404, "not-found", back=PAGE)
    return found
