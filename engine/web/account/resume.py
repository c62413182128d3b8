"""Nothing typed is lost: a form that meets an ended session travels, sealed, through signing in to its own person.

What was typed is never kept here: the page that asks to sign in carries it, sealed for whoever typed it. Who that
was is known by the mark of the form, so that a form made elsewhere carries nothing.
"""

from __future__ import annotations

import zlib
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

import msgspec
from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from engine.locale import Language, has_text, text
from engine.sealing import seal_of
from engine.store.repo_sessions import REMEMBERED
from engine.web.context import Desk, SorryError, desk_of, visitor, wished
from engine.web.sessions import Session

# Why somebody is sent to sign in, as SorryError names it.
AWAY: Final = frozenset({"not-signed-in", "locked", "csrf"})
SIGN_IN, UNLOCK = "/signin", "/unlock"
_LONGEST: Final = 512
# Forms that hold passwords: what proves somebody is typed again, carried nowhere and shown on no page.
_SECRET: Final = frozenset({"/account/password", "/enrol", SIGN_IN, UNLOCK})


class Typed(msgspec.Struct, frozen=True):
    """A form that could not be taken: where it was sent, when, and its fields in order."""

    path: str
    at: datetime
    fields: tuple[tuple[str, str], ...]


async def come_back(request: Request, error: SorryError) -> Response:
    """The way in for somebody whose session is gone, locked or another one; raises `error` for a form of nobody's."""
    desk = desk_of(request)
    session = visitor(request, desk)
    way = UNLOCK if session is not None and session.locked else SIGN_IN
    if request.method != "POST":
        return RedirectResponse(f"{way}?{urlencode({'next': _own_address(request)})}", 303)
    form = [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str)]
    maker = desk.sessions.maker_of(dict(form).get("csrf", ""), desk.now())
    typed = Typed(request.url.path, desk.now(), tuple(pair for pair in form if pair[0] != "csrf"))
    carried = request.url.path not in _SECRET
    if error.key == "csrf":
        if not carried or session is None or maker is None or maker.who.id != session.who.id:
            raise error
        return show(desk, session, typed)
    lang = session.lang if session else maker.lang if maker else wished(request) or "ja"
    mine = maker is not None and (session is None or session.who.id == maker.who.id)
    kept = sealed(desk, maker.who.id, typed) if carried and mine and maker is not None else ""
    from engine.web.account import ways_in

    if session is not None and session.locked:
        return ways_in.locked_page(desk, session, kept=kept, status=403)
    return ways_in.sign_in_page(desk, lang, maker=maker, kept=kept, status=403)


def sealed(desk: Desk, who: str, typed: Typed) -> str:
    """What was typed as a text that only this desk can open, and only for `who`."""
    packed = zlib.compress(msgspec.json.encode(typed), 9).hex()
    return seal_of(desk.home).seal(packed, _about(who))


def opened(desk: Desk, who: str, kept: str, now: datetime) -> Typed | None:
    """What `who` typed; None for anybody else, and after a day."""
    packed = seal_of(desk.home).open(kept, _about(who)) if kept else None
    if packed is None:
        return None
    typed = msgspec.json.decode(zlib.decompress(bytes.fromhex(packed)), type=Typed)
    return typed if now < typed.at + REMEMBERED else None


def show(desk: Desk, session: Session, typed: Typed) -> Response:
    """What somebody typed before they had to prove themselves, with one button that sends it on."""
    words = [(_label(session.lang, name), value) for name, value in typed.fields if value.strip() and _is_said(name)]
    return desk.page("account/resume.html", session.lang, session, here="/", typed=typed, words=words)


def own_path(text_: str) -> str:
    """`text_` if it is an address of ours to go on to, else the first page."""
    plain = len(text_) <= _LONGEST and text_.isprintable() and "\\" not in text_
    own = plain and text_.startswith("/") and not text_.startswith("//")
    return text_ if own and not text_.startswith((SIGN_IN, UNLOCK)) else "/"


def _own_address(request: Request) -> str:
    return own_path(request.url.path + (f"?{request.url.query}" if request.url.query else ""))


def _about(who: str) -> str:
    return f"typed {who}"


def _is_said(name: str) -> bool:
    """Whether a field is something a person typed, as opposed to what the page itself put in."""
    return has_text("ja", "nurse", f"desk.field.{name}")


def _label(lang: Language, name: str) -> str:
    return text(lang, "nurse", f"desk.field.{name}") if _is_said(name) else name
