"""Forms by which a resident lets family look: add somebody, choose what they see, a code for them, end at once."""

from __future__ import annotations

from random import SystemRandom
from typing import Final

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from engine.names import keep
from engine.refusal import Refusal
from engine.store import repo_acting, repo_closing, repo_codes, repo_consents, repo_family
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.web.account.one_id_mine import needs_card
from engine.web.context import Desk, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.agreeing import SPANS
from engine.web.me.consent_page import PAGE, mine_or_sorry, refused
from engine.web.me.family_scope import MOST, RELATIONS, ending, scope_events
from engine.web.me.mine import MOST_FIELDS, day_words, last, me_of
from engine.web.me.sheet import TheSheet
from engine.web.sessions import Session

door = Door()
_BACK: Final = f"{PAGE}#family"
_CARD: Final = f"/one-id/card?next={PAGE}"


@door.form(f"{PAGE}/family", "mine.say")
async def add(request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """Somebody new of the family, and what they may see."""
    if needs_card(request, desk, session):
        return RedirectResponse(_CARD, 303)
    form = await request.form(max_fields=MOST_FIELDS)
    name, relation, days = last(form, "name"), last(form, "relation"), last(form, "days")
    chosen = [one for one in form.getlist("see") if isinstance(one, str)]
    now = desk.now()
    kept = _kept(name, relation)
    if not isinstance(kept, Refusal):
        with write(desk.engine) as connection:
            person = me_of(connection, session)
            live = [one for one in repo_family.named_by(connection, person.id) if one.ended_at is None]
            if len(live) >= MOST:
                kept = Refusal("too-many", f"at most {MOST}", "name")
            elif isinstance(check := scope_events([], person.id, "m-aaaaaaaaaaaaa", chosen, 0, now), Refusal):
                kept = check
            else:
                member = repo_family.add(connection, kept, relation, session.lang, now, SystemRandom())
                note(connection, desk, session, "family-add", now, subject=member.id)
                _say(connection, desk, session, member.id, chosen, _days(days))
                return RedirectResponse(_BACK, 303)
    typed = {"name": name, "relation": relation, "days": days, "see": " ".join(chosen), "form": "family"}
    return refused(desk, sheet, kept, typed)


@door.form(f"{PAGE}/family/scope", "mine.say")
async def change(request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """What somebody of the family may see from now on."""
    if needs_card(request, desk, session):
        return RedirectResponse(_CARD, 303)
    form = await request.form(max_fields=MOST_FIELDS)
    member, days = last(form, "member"), last(form, "days")
    chosen = [one for one in form.getlist("see") if isinstance(one, str)]
    with write(desk.engine) as connection:
        mine_or_sorry(connection, me_of(connection, session), member)
        wrong = _say(connection, desk, session, member, chosen, _days(days))
    if wrong is not None:
        return refused(desk, sheet, wrong, {"form": member})
    return RedirectResponse(f"{PAGE}#{member}", 303)


@door.form(f"{PAGE}/family/code", "mine.say")
async def code(request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """A one-time code for somebody of the family, shown now and never again; an earlier one opens nothing more."""
    if needs_card(request, desk, session):
        return RedirectResponse(_CARD, 303)
    member = last(await request.form(max_fields=MOST_FIELDS), "member")
    now = desk.now()
    with write(desk.engine) as connection:
        found = mine_or_sorry(connection, me_of(connection, session), member)
        issued = repo_codes.issue(connection, found.id, "code", now, By(session.by, desk.os_user), SystemRandom())
    return sheet.page(
        "me/consents_code.html", here=PAGE, name=found.name, code=issued.secret,
        until=day_words(session.lang, issued.until),
    )  # fmt: skip


@door.form(f"{PAGE}/family/end", "mine.say")
async def end(request: Request, desk: TheDesk, session: Trusted) -> Response:
    """Somebody of the family sees nothing from this moment; whom nobody lets look any more has no account either."""
    member = last(await request.form(max_fields=MOST_FIELDS), "member")
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        found = mine_or_sorry(connection, person, member)
        for purpose in ("family-view", "watch-over"):
            repo_consents.append(connection, ending(person.id, found.id, purpose, now), os_user=desk.os_user)
        others = [one for one in repo_family.looking_at(connection, found.id) if one != person.id]
        # Whoever acts by law has the account from the desk: it is not the resident's to close.
        acts = any(one.ended_at is None for one in repo_acting.of_actor(connection, found.id))
        if not others and not acts:
            repo_family.end(connection, found.id, now)
        note(connection, desk, session, "family-end", now, subject=found.id)
    return RedirectResponse(_BACK, 303)


def _days(typed: str) -> int:
    """How long, as the list of spans has it; anything else is no end."""
    return next((span for span in SPANS if str(span) == typed), 0)


def _kept(name: str, relation: str) -> str | Refusal:
    if relation not in RELATIONS:
        return Refusal("no-relation", f"relations are {', '.join(RELATIONS)}", "relation")
    kept = keep(name)
    return Refusal(kept.code, kept.message, "name") if isinstance(kept, Refusal) else kept


def _say(
    connection: Connection, desk: Desk, session: Session, member: str, chosen: list[str], days: int
) -> Refusal | None:
    before = repo_consents.events_of(connection, [session.by], "family-view").get(session.by, [])
    events = scope_events(before, session.by, member, chosen, days, desk.now())
    if isinstance(events, Refusal):
        return events
    refused = next(filter(None, (repo_closing.stands_against(connection, event) for event in events)), None)
    for event in events if refused is None else ():
        repo_consents.append(connection, event, os_user=desk.os_user)
    return refused
