"""What whoever acts for a resident does there: values typed in, a yes or no, a word to the desk; never as the resident.

Every page asks for the basis anew, says above all else for whom one acts, and is audited under the basis' own id.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from engine.acting import CHANNEL, Acting, Scope, against, may_say
from engine.consent import Event
from engine.refusal import Refusal
from engine.requests import Kind as Ask
from engine.requests import due_of, words_of
from engine.sealing import seal_of
from engine.store import repo_acting, repo_closing, repo_consents, repo_requests, repo_staff
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.taking import may_record
from engine.web.account.one_id_mine import needs_card
from engine.web.context import Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me import agreeing, entry
from engine.web.me.contact import MOST_OPEN
from engine.web.me.family import Seen, bar_of, seen_or_sorry
from engine.web.me.mine import MOST_FIELDS, day_words, last, me_of
from engine.web.me.sheet import Sheet, TheSheet
from engine.web.sessions import Session

door = Door()
_ASKS: Final[tuple[Ask, ...]] = ("call", "ask", "wrong")


@door.page("/family/{resident}/entry", "family.act")
def values(resident: str, desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """The form for values of somebody else; it shows nothing that was measured before."""
    now = desk.now()
    with write(desk.engine) as connection:
        seen, basis = may_or_sorry(connection, session, resident, "enter", now)
        allowed = may_record(connection, seen.person, now)
        note(connection, desk, session, "acting-entry-view", now, subject=basis.id)
    wrong = None if allowed else Refusal("no-consent", "the resident has not agreed")
    return entry.blank(sheet, entry.Typed(), wrong, _at(seen, "entry"), acting=bar_of(seen, session.lang))


@door.form("/family/{resident}/entry", "family.act")
async def keep_values(
    resident: str, request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet
) -> Response:  # fmt: skip
    """Stores what was typed as the resident's, said by whoever typed it."""
    typed = entry.typed_of(await request.form(max_fields=MOST_FIELDS))
    now = desk.now()
    with write(desk.engine) as connection:
        seen, basis = may_or_sorry(connection, session, resident, "enter", now)
        answer = entry.keep(
            connection, sheet, seen.person, typed, _at(seen, "entry"), acting=bar_of(seen, session.lang)
        )  # fmt: skip
        note(connection, desk, session, "acting-entry", now, subject=basis.id, detail=[answer.status_code])
    return answer


@door.page("/family/{resident}/consents", "family.act")
def consents(resident: str, desk: TheDesk, sheet: TheSheet) -> HTMLResponse:
    """What the resident's consents are, and what a representative may say of them."""
    with write(desk.engine) as connection:
        return _consents(connection, sheet, resident, None)


@door.form("/family/{resident}/consents", "family.act")
async def say(resident: str, request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """A yes or no of a representative: kept with who said it and that they said it for somebody else."""
    sent = await request.form(max_fields=MOST_FIELDS)
    form = {name: value for name, value in sent.items() if isinstance(value, str)}
    now = desk.now()
    with write(desk.engine) as connection:
        seen, basis = may_or_sorry(connection, session, resident, "consents", now)
        # To say no nobody needs a card, for somebody else as for oneself.
        if form.get("granted") == "yes" and needs_card(request, desk, session):
            return RedirectResponse(f"/one-id/card?next={_at(seen, 'consents')}", 303)
        said = _spoken(connection, seen, basis, form, session.by, now)
        if isinstance(said, Refusal):
            return _consents(connection, sheet, resident, said)
        repo_consents.append(connection, said, os_user=desk.os_user, seal=seal_of(desk.home))
        note(connection, desk, session, "acting-consent", now, subject=basis.id, detail=[said.purpose, said.granted])
    return RedirectResponse(f"{_at(seen, 'consents')}#{said.purpose}", 303)


@door.page("/family/{resident}/contact", "family.act")
def contact(resident: str, desk: TheDesk, session: Signed, sheet: TheSheet, sent: bool = False) -> HTMLResponse:
    """A word to the desk for somebody else; what they asked for themselves is not shown."""
    now = desk.now()
    with write(desk.engine) as connection:
        seen, basis = may_or_sorry(connection, session, resident, "requests", now)
        note(connection, desk, session, "acting-contact-view", now, subject=basis.id)
    return _contact(sheet, seen, now, sent=sent)


@door.form("/family/{resident}/contact", "family.act")
async def ask(resident: str, request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """Stores what is asked for, with who asks it."""
    sent = await request.form(max_fields=MOST_FIELDS)
    kind, typed, now = next((one for one in _ASKS if one == last(sent, "kind")), None), last(sent, "text"), desk.now()
    with write(desk.engine) as connection:
        seen, basis = may_or_sorry(connection, session, resident, "requests", now)
        open_ = [one for one in repo_requests.of(connection, seen.person.id) if one.state == "open"]
        title = repo_acting.titles(connection, seen.person.id, seen.person.language)[session.by]
        text = words_of(f"[{title}] {typed}" if typed or kind == "call" else "")
        if kind is None:
            text = Refusal("no-kind", "choose one", "kind")
        elif len(open_) >= MOST_OPEN:
            text = Refusal("too-many", "wait for an answer first", "text")
        if isinstance(text, Refusal) or kind is None:
            code = text.code if isinstance(text, Refusal) else "no-kind"
            return _contact(sheet, seen, now, kind=kind, typed=typed, wrong=code)
        made = repo_requests.add(connection, seen.person, kind, text, None, now)
        note(connection, desk, session, "acting-request", now, subject=basis.id, detail=[made.id])
    return RedirectResponse(f"{_at(seen, 'contact')}?sent=1", 303)


@door.form("/me/acting/end", "mine.say")
async def end(request: Request, desk: TheDesk, session: Trusted) -> Response:
    """The resident takes back what they gave: it ends at once; what a court or the law gave, the desk ends."""
    name = last(await request.form(max_fields=MOST_FIELDS), "acting")
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        found = repo_acting.get(connection, name)
        if found is None or found.resident != person.id:
            raise SorryError(404, "not-found", back="/me/consents")
        done = repo_acting.end(connection, found.id, By(session.by, desk.os_user), "resident", now)
        if isinstance(done, Refusal):
            raise SorryError(409, "conflict", back="/me/consents")
    return RedirectResponse("/me/consents#acting", 303)


def may_or_sorry(
    connection: Connection, session: Session, resident: str, scope: Scope, now: datetime
) -> tuple[Seen, Acting]:  # fmt: skip
    """Whom one acts for and the basis that allows `scope`; raises SorryError as for somebody who never was."""
    seen = seen_or_sorry(connection, session, resident, now)
    basis = seen.held.basis(scope)
    if basis is None:
        raise SorryError(404, "not-found", back="/family")
    return seen, basis


def _at(seen: Seen, page: str) -> str:
    return f"/family/{seen.person.id}/{page}"


def _spoken(
    connection: Connection, seen: Seen, basis: Acting, form: dict[str, str], by: str, now: datetime
) -> Event | Refusal:  # fmt: skip
    said = agreeing.draft({**form, "kind": ""}, seen.person.id, now)
    if isinstance(said, Refusal):
        return said
    refused = may_say(basis, seen.person.birth_date, said.purpose, now, granted=said.granted)
    if refused is not None:
        return refused
    history = repo_consents.history(connection, seen.person.id)
    refused = repo_closing.stands_against(connection, said) or against(basis, history, said)
    if refused is not None:
        return refused
    before = {one.recipient for one in history}
    if said.recipient is not None and not said.granted and said.recipient not in before:
        return Refusal("unknown-recipient", "nobody of that name was ever said yes to", "recipient")
    return msgspec.structs.replace(said, actor=by, channel=CHANNEL)


def _consents(connection: Connection, sheet: Sheet, resident: str, refused: Refusal | None) -> HTMLResponse:
    desk, session, now = sheet.desk, sheet.session, sheet.desk.now()
    seen, basis = may_or_sorry(connection, session, resident, "consents", now)
    events = repo_consents.history(connection, seen.person.id)
    ids = {one for event in events for one in (event.recipient, event.actor) if one}
    names = repo_staff.names_of(connection, ids)
    agreed = agreeing.agreed(events, now, session.lang, names)
    rows = [(one, _may_yes(seen, basis, events, one, now)) for one in agreed]
    note(connection, desk, session, "acting-consents-view", now, subject=basis.id)
    return sheet.page(
        "me/acting_consents.html", here=_at(seen, "consents"), rows=rows, refused=refused,
        status=422 if refused else 200, acting=bar_of(seen, session.lang),
    )  # fmt: skip


def _may_yes(
    seen: Seen, basis: Acting, events: Sequence[Event], one: agreeing.Agreed, now: datetime
) -> bool:  # fmt: skip
    """Whether the page offers a yes; to whom it names a yes to one, that one is asked about when it is said."""
    if may_say(basis, seen.person.birth_date, one.purpose, now, granted=True) is not None:
        return False
    yes = Event(resident=seen.person.id, purpose=one.purpose, granted=True, at=now)
    return one.chosen or against(basis, events, yes) is None


def _contact(
    sheet: Sheet, seen: Seen, now: datetime, *, kind: str | None = None, typed: str = "", wrong: str = "",
    sent: bool = False,
) -> HTMLResponse:  # fmt: skip
    lang = sheet.session.lang
    by: dict[str, Any] = {one: day_words(lang, due_of(one, seen.person.municipality_code, now)) for one in _ASKS}
    return sheet.page(
        "me/acting_contact.html", here=_at(seen, "contact"), kinds=_ASKS, by=by, kind=kind, typed=typed, wrong=wrong,
        sent=sent, status=422 if wrong else 200, acting=bar_of(seen, lang),
    )  # fmt: skip
