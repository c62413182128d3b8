"""Before and after a bath or a class: begun and ended by the resident, and what was measured around it side by side."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from engine.before_after import FELT, SORTS, Paired, Session, Sort, book, rated
from engine.before_after_sheet import page
from engine.before_after_store import Report, begin, feel, finish, report
from engine.before_after_words import draw, line, told
from engine.locale import Language, has_text, text
from engine.names import keep
from engine.people import Resident
from engine.picture import zone_of
from engine.refusal import Refusal
from engine.report_file import pdf
from engine.store import repo_before_after
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.web.context import Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.export import attached
from engine.web.me.mine import MOST_FIELDS, day_words, last, me_of, time_words
from engine.web.me.sheet import Sheet, TheSheet
from engine.web.me.trends import SVG

door = Door()
PAGE: Final = "/me/sessions"
_NEWEST: Final = 20
_PICTURED: Final = 10
_PLACE: Final = 40
# So long after it a page that says "rest" is read by somebody who has just measured.
_FRESH: Final = timedelta(hours=3)


@door.page(PAGE, "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """What lasts or may begin, what was compared so far, and what several times say together."""
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        note(connection, desk, session, "before-after-view", desk.now(), subject=person.id)
        return _page(connection, sheet, person, desk.now())


@door.page(f"{PAGE}/picture.svg", "mine.see")
def picture(desk: TheDesk, session: Signed) -> Response:
    """The upper pressure before and after the last sessions."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        found = [one for one in report(connection, person, now).sessions if one.of("systolic")][-_PICTURED:]
        zone = zone_of(connection, person)
        note(connection, desk, session, "before-after-view", now, subject=person.id, detail=["picture"])
    begun = [one.session.started_at.astimezone(zone) for one in found]
    days = [f"{at.month}/{at.day}" for at in begun]
    title = text(session.lang, "resident", "me.session.picture")
    return Response(draw(found, days, "systolic", title), media_type=SVG)


@door.form(f"{PAGE}/sheet", "mine.see")
def paper(desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """All of it on paper; where this machine makes no PDF, as a page that any browser prints."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        zone = zone_of(connection, person)
        day = now.astimezone(zone).date()
        found = report(connection, person, now)
        note(connection, desk, session, "before-after-view", now, subject=person.id, detail=["sheet"])
    made = page(person, found, day_words(session.lang, day), zone, session.lang, furigana=sheet.look.furigana)
    drawn = pdf(made)
    name = f"minato-before-after-{day.isoformat()}"
    if isinstance(drawn, Refusal):
        return attached(made.encode(), "text/html; charset=utf-8", f"{name}.html")
    return attached(drawn, "application/pdf", f"{name}.pdf")


@door.form(PAGE, "mine.say")
async def start(request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """Begins one, with how I feel before it."""
    sent, now, by = await request.form(max_fields=MOST_FIELDS), desk.now(), By(session.by, desk.os_user)
    sort = next((one for one in SORTS if one == last(sent, "sort")), None)
    place = keep(last(sent, "place")[:_PLACE]) if last(sent, "place") else ""
    felt = _chosen(sent)
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        if sort is None or isinstance(place, Refusal):
            return _page(connection, sheet, person, now, Refusal("no-sort", "choose what you will do"))
        if isinstance(felt, Refusal):
            return _page(connection, sheet, person, now, felt, sort)
        made = begin(connection, person, sort, place, now, by, now)
        if isinstance(made, Refusal):
            return _page(connection, sheet, person, now, made, sort)
        for kind, value in felt.items():
            done = feel(connection, person, made, kind, before=value, by=by, now=now)
            made = made if isinstance(done, Refusal) else done
    return RedirectResponse(PAGE, 303)


@door.form(f"{PAGE}/end", "mine.say")
def end(desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """Ends the one that lasts."""
    now, by = desk.now(), By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        lasting = report(connection, person, now).lasting
        done: Session | Refusal = Refusal("already-ended", "nothing lasts")
        if lasting is not None:
            done = finish(connection, person, lasting, now, by, now)
        if isinstance(done, Refusal):
            return _page(connection, sheet, person, now, done)
    return RedirectResponse(f"{PAGE}#s-{done.number}", 303)


@door.form(f"{PAGE}/felt", "mine.say")
async def say(request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """How I feel after it."""
    sent, now, by = await request.form(max_fields=MOST_FIELDS), desk.now(), By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        done: Session | Refusal = _mine(connection, person, sent)
        felt = _chosen(sent)
        if isinstance(felt, Refusal):
            return _page(connection, sheet, person, now, felt)
        for kind, value in felt.items():
            if isinstance(done, Session):
                done = feel(connection, person, done, kind, after=value, by=by, now=now)
        if isinstance(done, Refusal):
            return _page(connection, sheet, person, now, done)
    return RedirectResponse(f"{PAGE}#s-{done.number}", 303)


@door.form(f"{PAGE}/back", "mine.say")
async def back(request: Request, desk: TheDesk, session: Trusted) -> Response:
    """One that never was."""
    sent, now, by = await request.form(max_fields=MOST_FIELDS), desk.now(), By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        if not repo_before_after.take_back(connection, _mine(connection, person, sent), by, now):
            raise SorryError(409, "conflict", back=PAGE)
    return RedirectResponse(PAGE, 303)


def _mine(connection: Connection, person: Resident, sent: Any) -> Session:
    """The session a form names, if it is this person's."""
    number = last(sent, "number")
    found = next((one for one in repo_before_after.of(connection, person.id) if str(one.number) == number), None)
    if found is None:
        raise SorryError(404, "not-found", back=PAGE)
    return found


def _chosen(sent: Any) -> dict[str, int] | Refusal:
    """What was chosen of how somebody feels, by kind; what was not chosen is left out."""
    found: dict[str, int] = {}
    for kind in FELT:
        chosen = last(sent, kind)
        if not chosen:
            continue
        number = int(chosen[:4]) if chosen.isascii() and chosen.isdigit() else -1
        value = rated(book(), kind, number)
        if isinstance(value, Refusal):
            return value
        found[kind] = value
    return found


def _page(
    connection: Connection, sheet: Sheet, person: Resident, now: datetime, refused: Refusal | None = None,
    sort: Sort = "bath",
) -> HTMLResponse:  # fmt: skip
    lang, rules, found = sheet.session.lang, book(), report(connection, person, now)
    rows = [_row(connection, person, found, one, now) | _said(one, lang) for one in reversed(found.sessions[-_NEWEST:])]
    return sheet.page(
        "me/sessions.html", here=PAGE, status=422 if refused else 200, wrong=_wrong(refused, lang), sorts=SORTS,
        sort=sort, felt=FELT, scale=range(rules.felt.least, rules.felt.most + 1), words=[one.key for one in rules.bath],
        lasting=found.lasting, rows=rows, scores=_scores(found, lang),
        day=lambda on: day_words(lang, on),
        since=time_words(lang, found.lasting.started_at, connection, person) if found.lasting else "",
        pictured=sum(one.of("systolic") is not None for one in found.sessions) > 1,
    )  # fmt: skip


def _scores(found: Report, lang: Language) -> list[tuple[Sort, list[Any]]]:
    known = [(sort, [told(book(), one, lang) for one in found.scores if one.sort == sort]) for sort in SORTS]
    return [(sort, lines) for sort, lines in known if lines]


def _row(
    connection: Connection, person: Resident, found: Report, one: Paired, now: datetime
) -> dict[str, Any]:  # fmt: skip
    session = one.session
    assert session.ended_at is not None  # only what is over is compared
    return {
        "number": session.number, "sort": session.sort, "place": session.place,
        "on": session.started_at.astimezone(zone_of(connection, person)).date(),
        "low": session.number in found.low, "fresh": now - session.ended_at < _FRESH,
        "asked": session.asked is not None, "again": not all(each.sure for each in one.differences),
        "felt": any(rating.after is not None for rating in session.felt.values()),
    }  # fmt: skip


def _said(one: Paired, lang: Language) -> dict[str, Any]:
    return {"lines": [line(each, lang) for each in one.differences]}


def _wrong(refused: Refusal | None, lang: Language) -> str:
    if refused is None:
        return ""
    return refused.code if has_text(lang, "resident", f"me.session.wrong.{refused.code}") else "other"
