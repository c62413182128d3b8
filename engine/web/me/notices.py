"""Where a resident is told that there is a message; and the web hook of LINE."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Annotated, Any, Final, get_args
from urllib.parse import quote, urlencode

import msgspec
from fastapi import Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from engine.locale import text
from engine.notify.line import DIALOG, Event, Line
from engine.notify.message import Message
from engine.notify.outlets import Outlets
from engine.notify.port import Sent
from engine.notify.push import read_subscription
from engine.people import Channel
from engine.store import repo_addresses, repo_residents
from engine.store.database import Connection, write
from engine.store.repo_addresses import Address
from engine.web.context import Desk, SorryError, TheDesk, Trusted, note
from engine.web.door import OPEN, Door
from engine.web.me.sheet import Sheet, TheSheet
from engine.web.static import files

door = Door()
# As much of RFC 5321 as mailboxes of residents need; the number that is sent proves the rest.
_MAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}")
_MAILS_A_DAY: Final = 3
_CODE_LIFE: Final = timedelta(hours=1)
_LINK_LIFE: Final = timedelta(minutes=10)
_HOOK_LIMIT: Final = 100


@door.page("/me/notices", "mine.see")
def show(sheet: TheSheet, error: str | None = None) -> Response:
    """The addresses, and the forms that add one."""
    return _show(sheet, error)


@door.form("/me/notices/mail", "mine.say")
def give_mail(sheet: TheSheet, session: Trusted, address: Annotated[str, Form()] = "") -> Response:
    """Send a number to an address; only who reads it there can use the address."""
    outlets, now = _outlets(sheet.desk), sheet.desk.now()
    given = address.strip()
    if outlets.mail is None:
        return _show(sheet, "off", status=422)
    if not _MAIL.fullmatch(given):
        return _show(sheet, "bad-address", status=422, given=given)
    with write(sheet.desk.engine) as connection:
        made = _new_mail(connection, sheet, outlets, given, now)
    if made is None:
        return _show(sheet, "too-many", status=429, given=given)
    code = outlets.number_of(made.id)
    subject, body = (text(session.lang, "resident", f"notice.code.{part}", code=code) for part in ("subject", "body"))
    sent = outlets.mail.send(given, Message(subject=subject, body=body, link="", key=made.id))
    return RedirectResponse("/me/notices" if isinstance(sent, Sent) else "/me/notices?error=not-sent", 303)


def _new_mail(connection: Connection, sheet: Sheet, outlets: Outlets, given: str, now: datetime) -> Address | None:
    """The address, still to be proven; None when too many were given today."""
    owner = sheet.session.by
    if repo_addresses.tried_since(connection, owner, "mail", now - timedelta(days=1)) >= _MAILS_A_DAY:
        return None
    made = repo_addresses.add(connection, outlets.seal, owner, "mail", given, now, SystemRandom(), verified=False)
    note(connection, sheet.desk, sheet.session, "address-add", now, subject=owner, detail=[made.id])
    return made


@door.form("/me/notices/code", "mine.say")
def prove_mail(
    sheet: TheSheet, session: Trusted, address: Annotated[str, Form()] = "", code: Annotated[str, Form()] = ""
) -> Response:
    """Use an address from now on; a wrong number spoils it, so that nobody guesses."""
    outlets, now = _outlets(sheet.desk), sheet.desk.now()
    # Decimal digits of any script; a superscript is a digit to Unicode, but no number is made of it.
    digits = "".join(str(int(character)) for character in code if character.isdecimal())
    with write(sheet.desk.engine) as connection:
        waits = [
            one for one in repo_addresses.of(connection, outlets.seal, session.by, ("mail",))
            if one.id == address and one.verified_at is None and one.failed_at is None
        ]  # fmt: skip
        good = [one for one in waits if now < one.created_at + _CODE_LIFE and digits == outlets.number_of(one.id)]
        for one in good:
            repo_addresses.verify(connection, one.id, now)
            note(connection, sheet.desk, session, "address-verify", now, subject=session.by, detail=[one.id])
        for one in waits if not good else ():
            repo_addresses.fail(connection, one.id, now)
    return RedirectResponse("/me/notices" if good else "/me/notices?error=bad-code", 303)


@door.form("/me/notices/forget", "mine.say")
def forget(sheet: TheSheet, session: Trusted, address: Annotated[str, Form()] = "") -> Response:
    """Send nothing to an address any more; it is removed."""
    with write(sheet.desk.engine) as connection:
        if repo_addresses.forget(connection, session.by, address):
            note(
                connection,
                sheet.desk,
                session,
                "address-forget",
                sheet.desk.now(),
                subject=session.by,
                detail=[address],
            )
    return RedirectResponse("/me/notices", 303)


@door.form("/me/notices/channel", "mine.say")
def choose(sheet: TheSheet, session: Trusted, channel: Annotated[str, Form()] = "") -> Response:
    """How this person is usually told."""
    wished = next((one for one in get_args(Channel) if one == channel), None)
    if wished is None:
        raise SorryError(400, "bad-request", back="/me/notices")
    now = sheet.desk.now()
    with write(sheet.desk.engine) as connection:
        person = repo_residents.get(connection, session.by)
        if person is not None and person.channel != wished:
            changed = msgspec.structs.replace(person, channel=wished, version=person.version + 1)
            repo_residents.edit(connection, changed, now, actor=session.by, os_user=sheet.desk.os_user)
    return RedirectResponse("/me/notices", 303)


@door.form("/me/notices/push", "mine.say")
def subscribe(sheet: TheSheet, session: Trusted, subscription: Annotated[str, Form()] = "") -> Response:
    """Send signals to this browser from now on."""
    outlets, now = _outlets(sheet.desk), sheet.desk.now()
    if outlets.push is None or read_subscription(subscription, outlets.push.services) is None:
        raise SorryError(422, "bad-request", back="/me/notices")
    with write(sheet.desk.engine) as connection:
        made = repo_addresses.add(
            connection, outlets.seal, session.by, "push", subscription, now, SystemRandom(), verified=True
        )
        note(connection, sheet.desk, session, "address-add", now, subject=session.by, detail=[made.id])
    return RedirectResponse("/me/notices", 303)


@door.page("/me/push.js", OPEN)
def worker() -> Response:
    """The script that shows a signal while no page is open; it lies where its pages are, as browsers want it."""
    return Response(files()["push-worker.js"], media_type="text/javascript; charset=utf-8")


@door.page("/me/notices/line", "mine.see")
def ask_line(sheet: TheSheet, link_token: str = "") -> Response:
    """Whether this LINE account, from which the link came, is to be linked."""
    return sheet.page("me/notices_line.html", here="/me/notices/line", token=link_token, onward=None)


@door.form("/me/notices/line", "mine.say")
def link_line(sheet: TheSheet, session: Trusted, token: Annotated[str, Form()] = "") -> Response:
    """Give the way on to LINE, which tells our web hook who linked what; a link, because forms stay at home."""
    until = (sheet.desk.now() + _LINK_LIFE).isoformat()
    nonce = _outlets(sheet.desk).seal.seal(f"{session.by} {until}", "line-link")
    onward = f"{DIALOG}?{urlencode({'linkToken': token, 'nonce': nonce})}"
    return sheet.page("me/notices_line.html", here="/me/notices/line", token=token, onward=onward)


@door.form("/line/webhook", OPEN)
async def hook(request: Request, desk: TheDesk) -> Response:
    """What LINE tells us: a fixed answer to whatever was written, which is kept nowhere, and finished linkings."""
    outlets = desk.outlets
    if outlets is None or outlets.line is None:
        raise SorryError(404, "not-found")
    found = outlets.line.read(await request.body(), request.headers.get("x-line-signature", ""))
    if found is None:
        raise SorryError(403, "forbidden")
    for event in found.events[:_HOOK_LIMIT]:
        if event.source is not None and event.source.type == "user":
            await run_in_threadpool(_answer, desk, outlets, outlets.line, event)
    return Response(status_code=200)


def _answer(desk: Desk, outlets: Outlets, line: Line, event: Event) -> None:
    user = event.source.userId if event.source else None
    if event.type == "accountLink" and event.link is not None and user:
        _linked(desk, outlets, line, event, user)
    elif event.type in {"message", "follow"} and event.replyToken:
        told = text("ja", "resident", "notice.reply", link=f"{outlets.base}/signin")
        token = line.link_token(user) if user else None
        if token is not None:
            way = f"{outlets.base}/me/notices/line?link_token={quote(token, safe='')}"
            told += "\n" + text("ja", "resident", "notice.reply-link", link=way)
        line.reply(event.replyToken, told)


def _linked(desk: Desk, outlets: Outlets, line: Line, event: Event, user: str) -> None:
    assert event.link is not None
    opened = outlets.seal.open(event.link.nonce, "line-link") if event.link.result == "ok" else None
    owner, _, until = (opened or "").partition(" ")
    now = desk.now()
    if not until or now >= datetime.fromisoformat(until):
        return
    with write(desk.engine) as connection:
        repo_addresses.add(connection, outlets.seal, owner, "line", user, now, SystemRandom(), verified=True)
    if event.replyToken:
        line.reply(event.replyToken, text("ja", "resident", "notice.reply-linked"))


def _show(sheet: TheSheet, error: str | None, *, status: int = 200, given: str = "") -> Response:
    outlets, session = sheet.desk.outlets, sheet.session
    with write(sheet.desk.engine) as connection:
        person = repo_residents.get(connection, session.by)
        mine = [] if outlets is None else repo_addresses.of(connection, outlets.seal, session.by)
        note(connection, sheet.desk, session, "addresses-view", sheet.desk.now(), subject=session.by)
    more: dict[str, Any] = {
        "addresses": [one for one in mine if one.channel in {"mail", "line", "push"}], "given": given,
        "channel": person.channel if person else "page", "channels": get_args(Channel), "error": error,
        "mail": bool(outlets and outlets.mail), "line": bool(outlets and outlets.line),
        "push_key": outlets.push.public_key if outlets and outlets.push else None,
    }  # fmt: skip
    return sheet.page("me/notices.html", here="/me/notices", status=status, **more)


def _outlets(desk: Desk) -> Outlets:
    if desk.outlets is None:
        raise SorryError(404, "not-found", back="/me")
    return desk.outlets
