"""The pages: sign-in, the queue, one item, and the forms that decide about it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from engine.contract.ids import is_id
from engine.decisions import carry_out, nameless, open_to_nurses, queue, reason_of
from engine.locale import LANGUAGES, Language
from engine.picture import zone_of
from engine.refusal import Refusal as Unreadable
from engine.review import LIVE, Command, Item, Rank, Refusal, Verb
from engine.store import audit, repo_advice, repo_residents
from engine.store.database import Connection, write
from engine.store.instants import to_micros
from engine.store.repo_places import ZONE
from engine.web.desk import COOKIE, HERE, Desk, Signed, SorryError, TheDesk, Trusted, wished
from engine.web.signin import SESSION_LIFE, Session, name_of
from engine.web.view import REVIEWED, Filled, detail, legal, row, when

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
PAGE: Final = 100
# Refusals the form can answer for itself; the others need another look at the item.
_FIXABLE: Final = frozenset({"questions-open", "needs-reason", "too-long", "control-character"})
_CSS: Final = (HERE / "static" / "desk.css").read_bytes()


@router.get("/desk.css")
def stylesheet() -> Response:
    """The one stylesheet."""
    return Response(_CSS, media_type="text/css")


@router.get("/signin")
def offer(request: Request, desk: TheDesk, token: str = "") -> Response:
    """The page behind a link: only its button uses the link up, so a preview of it does no harm."""
    lang = wished(request) or "ja"
    if not desk.links.good(token, desk.now()):
        raise SorryError(403, "link-spent")
    return _form(desk, token, lang)


@router.post("/signin")
def enter(
    desk: TheDesk, token: Annotated[str, Form()], name: Annotated[str, Form()] = "", lang: Annotated[str, Form()] = "ja"
) -> Response:
    """Use the link up and start a session in the name given; the audit says so."""
    tongue: Language = next((one for one in LANGUAGES if one == lang), "ja")
    now, by = desk.now(), name_of(name)
    if not desk.links.good(token, now):
        raise SorryError(403, "link-spent")
    if isinstance(by, Unreadable):
        return _form(desk, token, tongue, name=name, error="name", status=422)
    if not desk.links.take(token, now):
        raise SorryError(403, "link-spent")
    cookie, session = desk.sessions.start(by, tongue, now)
    _note(desk, session, "sign-in", now)
    answer = RedirectResponse("/", 303)
    life = int(SESSION_LIFE.total_seconds())
    answer.set_cookie(COOKIE, cookie, max_age=life, path="/", httponly=True, samesite="strict")
    return answer


@router.post("/signout")
def leave(request: Request, desk: TheDesk, session: Trusted) -> Response:
    """End the session."""
    _note(desk, session, "sign-out", desk.now())
    desk.sessions.end(request.cookies.get(COOKIE))
    answer = desk.page("signout.html", session.lang, None, here="/")
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


@router.get("/")
def waiting(desk: TheDesk, session: Signed) -> Response:
    """The queue in its order, what is held or sleeps apart; whoever did not agree to nurses looking is left out."""
    now = desk.now()
    with write(desk.engine) as connection:
        found = queue(connection, now, home=desk.home)
        agreed = open_to_nurses(connection, [item.resident_id for _, item in found], now)
        placed = [pair for pair in found if pair[1].resident_id in agreed]
        _audit(connection, desk, session, "queue-view", now, detail=[item.id for _, item in placed])
        open_ = [pair for pair in placed if pair[1].state in REVIEWED]
        sections = {
            "open": open_,
            "held": [pair for pair in placed if pair[1].state == "approved"],
            "later": [pair for pair in placed if pair[1].state in LIVE - REVIEWED - {"approved"}],
        }
        shown = {key: _rows(connection, session, pairs[:PAGE], now) for key, pairs in sections.items()}
        again = [(home, when(session.lang, at, ZoneInfo(ZONE))) for home, at in nameless(connection, now)]
    counts = {key: len(pairs) for key, pairs in sections.items()}
    more: dict[str, Any] = {"sections": shown, "counts": counts, "nameless": again, "barred": len(found) - len(placed)}
    return desk.page("queue.html", session.lang, session, **more)


@router.get("/advice/{advice}")
def look(advice: str, desk: TheDesk, session: Signed) -> Response:
    """One item with its reasons, its history, and what may be done about it."""
    return _show(desk, session, advice, Filled())


@router.post("/advice/{advice}/approve")
def approve(
    advice: str,
    desk: TheDesk,
    session: Trusted,
    version: Annotated[int, Form()],
    asked: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Sign for it; every open question must have been put."""
    return _decide(desk, session, advice, "approve", version, Filled(asked=frozenset(asked or ())))


@router.post("/advice/{advice}/reject")
def reject(
    advice: str,
    desk: TheDesk,
    session: Trusted,
    version: Annotated[int, Form()],
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Turn it down with a reason."""
    return _decide(desk, session, advice, "reject", version, Filled(reason=reason))


@router.post("/advice/{advice}/undo")
def undo(advice: str, desk: TheDesk, session: Trusted, version: Annotated[int, Form()]) -> Response:
    """Take a decision back while it is held."""
    return _decide(desk, session, advice, "undo", version, Filled())


def _decide(desk: Desk, session: Session, advice: str, verb: Verb, version: int, form: Filled) -> Response:
    now, reason = desk.now(), reason_of(form.reason)
    with write(desk.engine) as connection:
        item = _item(connection, advice, now)
        after: Item | Refusal | Unreadable = reason if isinstance(reason, Unreadable) else item
        if isinstance(reason, str):
            asked = tuple(question for question in item.ask if question in form.asked)
            wish = Command(verb=verb, by=session.by, version=version, asked=asked, reason=reason or None)
            after = carry_out(connection, item, wish, now, os_user=desk.os_user)
    if isinstance(after, Item):
        return RedirectResponse(f"/advice/{after.id}", 303)
    if after.code in _FIXABLE:
        return _show(desk, session, advice, Filled(asked=form.asked, reason=form.reason, refused=after.code))
    raise SorryError(409, after.code, back=f"/advice/{item.id}")


def _show(desk: Desk, session: Session, advice: str, form: Filled) -> Response:
    now = desk.now()
    with write(desk.engine) as connection:
        item = _item(connection, advice, now)
        # The consent text promises that who looked, and when, is kept.
        _audit(
            connection, desk, session, "advice-view", now, subject=item.id, detail=[item.version, item.snapshot_hash]
        )
        person = repo_residents.get(connection, item.resident_id)
        events = repo_advice.events(connection, item.id)
        zone = zone_of(connection, person) if person else ZoneInfo(ZONE)
    context: dict[str, Any] = detail(session.lang, item, person, events, now, zone)
    context |= {"legal": legal(item, session.by, now), "form": form, "error": form.refused}
    status = 422 if form.refused else 200
    return desk.page("item.html", session.lang, session, status=status, here=f"/advice/{item.id}", **context)


def _item(connection: Connection, advice: str, now: datetime) -> Item:
    found = repo_advice.get(connection, advice) if is_id(advice, "a") else None
    if found is None:
        raise SorryError(404, "not-found")
    if not open_to_nurses(connection, [found.resident_id], now):
        raise SorryError(403, "no-consent")
    return found


def _rows(connection: Connection, session: Session, pairs: list[tuple[Rank, Item]], now: datetime) -> list[Any]:
    wanted = [item.resident_id for _, item in pairs]
    people = {person.id: person for person in repo_residents.get_many(connection, wanted)}
    return [row(session.lang, place, item, people.get(item.resident_id), now) for place, item in pairs]


def _form(
    desk: Desk, token: str, lang: Language, *, name: str = "", error: str | None = None, status: int = 200
) -> Response:
    more = {"token": token, "name": name, "error": error, "query": urlencode({"token": token})}
    return desk.page("signin.html", lang, None, status=status, here="/signin", **more)


def _note(desk: Desk, session: Session, action: str, now: datetime) -> None:
    with write(desk.engine) as connection:
        _audit(connection, desk, session, action, now)


def _audit(
    connection: Connection,
    desk: Desk,
    session: Session,
    action: str,
    now: datetime,
    *,
    subject: str | None = None,
    detail: list[Any] | None = None,
) -> None:
    entry = audit.Entry(
        at=to_micros(now), actor=session.by, os_user=desk.os_user, action=action,
        subject=subject or f"session-{session.id}", detail_hash=audit.detail_hash(detail) if detail else "",
    )  # fmt: skip
    audit.append(connection, entry)
