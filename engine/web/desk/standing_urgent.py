"""Urgent texts a physician signed: which words may go out by themselves when a re-measurement confirms them."""

from __future__ import annotations

from random import SystemRandom
from typing import Annotated

from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.contract.ids import is_id, new_id
from engine.refusal import Refusal
from engine.standing import digest_of
from engine.store import repo_staff, repo_urgent_text
from engine.store.database import write
from engine.urgent_text import SignedText, signable
from engine.web.context import Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import standing_view as view
from engine.web.door import Door
from engine.web.view import word

door = Door()
_BACK = "/standing/urgent"


@door.page(_BACK, "standing.see")
def overview(desk: TheDesk, session: Signed) -> Response:
    """Every urgent rule in each of this person's towns: its words, and who signed for them."""
    now = desk.now()
    with write(desk.engine) as connection:
        towns = view.towns_of(connection, session.who)
        live = [one for one in repo_urgent_text.listed(connection, towns) if one.ended_at is None]
        names = repo_staff.names_of(connection, [one.signed_by for one in live])
        note(connection, desk, session, "urgent-text-view", now)
    signed = {(one.municipality_code, one.rule_id): one for one in live}
    rules = view.urgent_rules(now)
    rows = {
        code: [view.urgent_shown(session.lang, rule, signed.get((code, rule.id)), names) for rule in rules]
        for code in towns
    }
    return desk.page(
        "standing/urgent.html", session.lang, session, here=_BACK, towns=towns, rows=rows,
        words=[(rule, word(session.lang, "topic", rule.topic), view.words_of(rule)) for rule in rules],
        on=desk.automatic.urgent_texts, may_sign=session.who.may("urgent-text.sign"),
    )  # fmt: skip


@door.form("/standing/urgent/sign", "urgent-text.sign")
def sign(
    desk: TheDesk,
    session: Trusted,
    rule: Annotated[str, Form()],
    municipality: Annotated[str, Form()],
    digest: Annotated[str, Form()],
) -> Response:
    """Sign for exactly the words that were shown; an earlier signature of the same rule and town ends."""
    now = desk.now()
    found = signable(view.rules_now(now).get(rule))
    if isinstance(found, Refusal):
        raise SorryError(404, "not-found", back=_BACK)
    if digest != digest_of(found):
        raise SorryError(409, "conflict", back=_BACK)
    with write(desk.engine) as connection:
        if municipality not in view.towns_of(connection, session.who):
            raise SorryError(404, "not-found", back=_BACK)
        made = SignedText(
            id=new_id("u", SystemRandom()), municipality_code=municipality, rule_id=found.id,
            rule_version=found.version, text_version=found.text_version, digest=digest, signed_by=session.by,
            signed_at=now,
        )  # fmt: skip
        repo_urgent_text.sign(connection, made, os_user=desk.os_user)
    return RedirectResponse(_BACK, 303)


@door.form("/standing/urgent/{text}/end", "urgent-text.sign")
def end(text: str, desk: TheDesk, session: Trusted) -> Response:
    """Take a signature back: nothing goes out by it any more."""
    with write(desk.engine) as connection:
        found = repo_urgent_text.get(connection, text) if is_id(text, "u") else None
        if found is None or not session.who.within(found.municipality_code):
            raise SorryError(404, "not-found", back=_BACK)
        if not repo_urgent_text.end(connection, found.id, session.by, desk.now(), os_user=desk.os_user):
            raise SorryError(409, "conflict", back=_BACK)
    return RedirectResponse(_BACK, 303)
