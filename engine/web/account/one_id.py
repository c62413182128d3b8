"""The city's ID at our door: the way to the provider, back again, the first time, and its word that somebody left."""

from __future__ import annotations

import logging
import secrets
from typing import Annotated, Any, Final, Literal

from fastapi import Form, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse

from engine.access import Identity
from engine.identity_one import TICKET_LIFE, Arrival, OneIdProof, Wish, arrive, depart, ticket_of
from engine.locale import Language
from engine.refusal import Refusal
from engine.sealing import seal_of
from engine.store import repo_one_id_ways
from engine.store.database import write
from engine.web.account import resume
from engine.web.account.signin import next_language
from engine.web.account.staff import base_of
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note, wished
from engine.web.door import OPEN, Door
from engine.web.oidc import OneId
from engine.web.sessions import cookie_name, hash_of

door = Door()
BACK: Final = "/one-id/back"
_LIFE: Final = 600
# Of what was typed before, sealed: more than any form of ours holds, less than would fill a disk.
_KEPT: Final = 32 * 1024
Kept = Annotated[str, Form(max_length=_KEPT)]
_LOG: Final = logging.getLogger("engine.web")
# In which of a few plain sentences a refusal is told; whatever else it is, it was stopped for safety.
_WORDS: Final = {
    **dict.fromkeys(("provider-down", "provider-busy", "bad-answer", "bad-keys"), "down"),
    **dict.fromkeys(("no-way", "code-spent", "expired", "stale-login", "unknown-key", "not-fresh"), "again"),
    **dict.fromkeys(("not-done", "no-card", "another-person", "closed", "slow-down"), ""),
}
_STATUS: Final = {"down": 503, "slow-down": 429, "again": 400, "not-done": 200}


def one_id_of(desk: Desk) -> OneId:
    """The provider; a desk without one has no such page."""
    if desk.one_id is None:
        raise SorryError(404, "not-found")
    return desk.one_id


@door.form("/one-id/start", OPEN)
def start(
    request: Request,
    desk: TheDesk,
    purpose: Annotated[Literal["sign-in", "link"], Form()] = "sign-in",
    kept: Kept = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002
    lang: Annotated[str, Form()] = "ja",
) -> Response:
    """Sets out for the provider; whoever clicks is known again by a cookie of ten minutes."""
    tongue, onward = next_language(lang), resume.own_path(next)
    before = request.cookies.get(cookie_name(desk.secure))
    wish = Wish(
        purpose=purpose, browser=browser_of(request, desk), redirect=base_of(request, desk) + BACK, lang=tongue,
        onward=onward, kept=kept, before=hash_of(before) if before else None,
    )  # fmt: skip
    return set_out(desk, wish)


@door.page(BACK, OPEN)
def back(request: Request, desk: TheDesk) -> Response:
    """Where the provider sends people back to; used up by the first who comes with its cookie."""
    one_id, now = one_id_of(desk), desk.now()
    given = dict(request.query_params)
    browser = request.cookies.get(_cookie(desk), "")
    arrived = arrive(desk.engine, seal_of(desk.home), one_id, given, browser, now, desk.os_user)
    if isinstance(arrived, Refusal):
        return sorry(desk, wished(request) or "ja", arrived)
    return _arrived(request, desk, arrived)


@door.form("/one-id/link", OPEN)
def link(
    request: Request,
    desk: TheDesk,
    ticket: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
    month: Annotated[str, Form()] = "",
    day: Annotated[str, Form()] = "",
    kept: Kept = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002
    lang: Annotated[str, Form()] = "ja",
) -> Response:
    """The first time: a code of the desk says whose record this ID is, and from then on the ID alone opens it."""
    one_id_of(desk)
    tongue, onward = next_language(lang), resume.own_path(next)
    given = {
        "ticket": ticket, "browser": request.cookies.get(_cookie(desk), ""), "code": code, "month": month, "day": day,
    }  # fmt: skip
    who = _proof(desk).prove(given, desk.now())
    wish = Wish(purpose="link", browser=given["browser"], redirect="", lang=tongue, onward=onward, kept=kept)
    if not isinstance(who, Refusal):
        return begin(request, desk, Arrival(wish=wish, ticket=ticket), who, linked=True)
    if who.code in {"wrong", "slow-down"}:
        status = 429 if who.code == "slow-down" else 422
        return _ask_code(desk, wish, ticket, error=who.code, typed={"month": month, "day": day}, status=status)
    return sorry(desk, tongue, who)


@door.form("/one-id/logout", OPEN)
def told_to_end(desk: TheDesk, logout_token: Annotated[str, Form()] = "") -> Response:
    """The provider's own word, server to server, that somebody signed out there: their sessions end at once."""
    one_id, now = one_id_of(desk), desk.now()
    order = one_id.order(logout_token, now)
    if isinstance(order, Refusal):
        _LOG.warning("logout token refused: %s", order.code)
        status = 503 if _WORDS.get(order.code) == "down" else 400
        return JSONResponse({"error": "invalid_request", "error_description": order.code}, status)
    issuer = one_id.client.issuer
    with write(desk.engine) as connection:
        if not repo_one_id_ways.obey_once(connection, issuer, order.jti, order.until, now):
            return JSONResponse({"error": "invalid_request", "error_description": "replayed"}, 400)
        repo_one_id_ways.end_sessions(connection, issuer, now, subject=order.subject, sid=order.sid)
        repo_one_id_ways.note_left(connection, issuer, now + TICKET_LIFE, subject=order.subject, sid=order.sid)
    return PlainTextResponse("")


@door.page("/one-id/card", "self")
def ask_card(desk: TheDesk, session: Signed, next: str = "/") -> Response:  # noqa: A002
    """Says why the card is needed now, and leads there."""
    onward = resume.own_path(next)
    if desk.one_id is None or session.who.is_staff:
        return RedirectResponse(onward, 303)
    return desk.page("account/one_id_card.html", session.lang, session, here="/one-id/card", next=onward)


@door.form("/one-id/card", "self")
def show_card(
    request: Request,
    desk: TheDesk,
    session: Trusted,
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    """Sets out for the provider again, to come back with the card held just now."""
    wish = Wish(
        purpose="card", browser=browser_of(request, desk), redirect=base_of(request, desk) + BACK, lang=session.lang,
        onward=resume.own_path(next), holder=session.by,
        before=hash_of(request.cookies.get(cookie_name(desk.secure), "")),
    )  # fmt: skip
    return set_out(desk, wish)


def set_out(desk: Desk, wish: Wish) -> Response:
    """A page that goes on to the provider: from a form the browser would not follow a redirect to another house."""
    way = depart(desk.engine, seal_of(desk.home), one_id_of(desk), wish, desk.now())
    if isinstance(way, Refusal):
        return sorry(desk, wish.lang, way)
    answer = desk.page("account/one_id_go.html", wish.lang, None, here="/signin", way=way)
    # Lax: on the way back the browser comes from another house, where a strict cookie would stay behind.
    answer.set_cookie(
        _cookie(desk), wish.browser, max_age=_LIFE, path="/", httponly=True, samesite="lax", secure=desk.secure
    )
    return answer


def begin(request: Request, desk: Desk, arrival: Arrival, who: Identity, *, linked: bool = False) -> Response:
    """A new session for whoever the provider vouched for; the one they had before ends."""
    now, wish = desk.now(), arrival.wish
    ticket = ticket_of(seal_of(desk.home), arrival.ticket, wish.browser, now)
    assert ticket is not None  # it has just proved who this is
    before = request.cookies.get(cookie_name(desk.secure))
    instead = hash_of(before) if before else wish.before
    cookie, session = desk.sessions.start(who, wish.lang, now, came=ticket.came, instead=instead)
    with write(desk.engine) as connection:
        note(connection, desk, session, "sign-in", now)
    typed = resume.opened(desk, who.id, wish.kept, now)
    more: dict[str, Any] = {"next": wish.onward, "linked": linked}
    if typed:
        answer = resume.show(desk, session, typed)
    else:
        # The page goes on by itself: only from a page of ours does the browser bring the strict cookie along.
        answer = desk.page("account/one_id_in.html", wish.lang, None, here="/signin", **more)
    life = int((session.ends - now).total_seconds())
    answer.set_cookie(
        cookie_name(desk.secure), cookie, max_age=life, path="/", httponly=True, samesite="strict", secure=desk.secure
    )
    answer.delete_cookie(_cookie(desk), path="/", httponly=True, samesite="lax", secure=desk.secure)
    return answer


def sorry(desk: Desk, lang: Language, refusal: Refusal) -> Response:
    """Why it did not work, in plain words, and the other ways in."""
    _LOG.warning("one id refused: %s", refusal.code)
    word = _WORDS.get(refusal.code, "stopped") or refusal.code
    more = {"word": word, "code": refusal.code}
    return desk.page("account/one_id_sorry.html", lang, None, status=_STATUS.get(word, 403), here="/signin", **more)


def browser_of(request: Request, desk: Desk) -> str:
    """What this browser is known by on its way; a new one where it has none."""
    return request.cookies.get(_cookie(desk)) or secrets.token_urlsafe(32)


def _arrived(request: Request, desk: Desk, arrival: Arrival) -> Response:
    wish, now = arrival.wish, desk.now()
    who = _proof(desk).prove({"ticket": arrival.ticket, "browser": wish.browser}, now)
    if wish.purpose == "card" and (isinstance(who, Refusal) or who.id != wish.holder):
        return sorry(desk, wish.lang, Refusal("another-person", "this is not the ID of whoever is signed in"))
    if not isinstance(who, Refusal):
        return begin(request, desk, arrival, who)
    if who.code != "not-linked":
        return sorry(desk, wish.lang, who)
    ticket = ticket_of(seal_of(desk.home), arrival.ticket, wish.browser, now)
    return _ask_code(desk, wish, arrival.ticket if ticket is not None and ticket.fresh else "")


def _ask_code(
    desk: Desk,
    wish: Wish,
    ticket: str,
    *,
    error: str | None = None,
    typed: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    """The page of an ID that is nobody's yet; without a fresh `ticket` it leads to the provider once more first."""
    more: dict[str, Any] = {
        "ticket": ticket, "next": wish.onward, "kept": wish.kept, "error": error, "given": typed or {},
    }  # fmt: skip
    return desk.page("account/one_id_link.html", wish.lang, None, status=status, here="/signin", **more)


def _proof(desk: Desk) -> OneIdProof:
    return OneIdProof(desk.engine, seal_of(desk.home), desk.os_user)


def _cookie(desk: Desk) -> str:
    return "__Host-phr_way" if desk.secure else "phr_way"
