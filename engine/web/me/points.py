"""My points: what they were given for, vouchers for the city's counter, and the teams I collect with.

Only the resident has this page: neither family nor nurses see anybody's points, so that nobody can ask why there are
fewer. It is the same for everybody but for the numbers.
"""

from __future__ import annotations

from datetime import date, datetime
from random import SystemRandom
from typing import Annotated, Any, Final

from babel.dates import format_date
from fastapi import Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from engine.locale import Language
from engine.people import Resident
from engine.picture import zone_of
from engine.points import book
from engine.points_expiry import until_of
from engine.points_statement import Line, redeem, statement
from engine.refusal import Refusal
from engine.store import audit, repo_point_teams, repo_points
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.web.context import Signed, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.mine import day_words, me_of
from engine.web.me.sheet import Sheet, TheSheet

door = Door()
PAGE: Final = "/me/points"
# Months of a pot that are shown, and vouchers of how many multiples are offered.
_POTS: Final = 6
_OFFERS: Final = 5
# Far more than there are teams, and a number that a column holds.
_LARGEST: Final = 10**12
_MONTH: Final = {"ja": "y年M月", "en": "MMMM y"}
_TOLD: Final = ("not-enough", "odd-points")


@door.page(PAGE, "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """The statement, how points are given, vouchers and teams."""
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        values = _values(connection, person, session.lang, desk.now())
        note(connection, desk, session, "points-view", desk.now(), subject=person.id)
    return sheet.page("me/points.html", here=PAGE, refused=None, **values)


@door.form(f"{PAGE}/voucher", "mine.say")
def voucher(desk: TheDesk, session: Trusted, sheet: TheSheet, points: Annotated[int, Form()] = 0) -> Response:
    """Hands points in for a voucher; the city learns its code and its points, never whose it is."""
    now = desk.now()
    with write(desk.engine) as connection:
        # Of two presses at once the second sees what is left.
        audit.take_turn(connection)
        person = me_of(connection, session)
        today = now.astimezone(zone_of(connection, person)).date()
        made = redeem(book(), repo_points.of(connection, person.id), points, today, SystemRandom())
        if isinstance(made, Refusal):
            return _again(connection, sheet, person, made, now)
        repo_points.hand_in(connection, person.id, made, By(session.by, desk.os_user), now)
    return RedirectResponse(f"{PAGE}#vouchers", 303)


@door.form(f"{PAGE}/join", "mine.say")
def join(desk: TheDesk, session: Trusted, sheet: TheSheet, group: Annotated[int, Form(le=_LARGEST)] = 0) -> Response:
    """From now on my points go into this team's pot, too, in whole months."""
    now = desk.now()
    with write(desk.engine) as connection:
        audit.take_turn(connection)
        person = me_of(connection, session)
        today = now.astimezone(zone_of(connection, person)).date()
        done = repo_point_teams.join(connection, person, group, today, By(session.by, desk.os_user), now)
        if isinstance(done, Refusal):
            return _again(connection, sheet, person, done, now)
    return RedirectResponse(f"{PAGE}#teams", 303)


@door.form(f"{PAGE}/leave", "mine.say")
def leave(desk: TheDesk, session: Trusted, sheet: TheSheet, group: Annotated[int, Form(le=_LARGEST)] = 0) -> Response:
    """Not any more."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        today = now.astimezone(zone_of(connection, person)).date()
        done = repo_point_teams.leave(connection, person.id, group, today, By(session.by, desk.os_user), now)
        if isinstance(done, Refusal):
            return _again(connection, sheet, person, done, now)
    return RedirectResponse(f"{PAGE}#teams", 303)


def _again(
    connection: Connection, sheet: Sheet, person: Resident, refused: Refusal, now: datetime
) -> HTMLResponse:  # fmt: skip
    key = refused.code if refused.code in _TOLD else "other"
    values = _values(connection, person, sheet.session.lang, now)
    return sheet.page("me/points.html", here=PAGE, status=422, refused=key, **values)


def _values(connection: Connection, person: Resident, lang: Language, now: datetime) -> dict[str, Any]:
    rules, today = book(), now.astimezone(zone_of(connection, person)).date()
    found, until = statement(rules, repo_points.of(connection, person.id), today), until_of(rules.expiry, today)
    labels = {rule.id: rule.label(lang) for rule in rules.rule}
    months: dict[str, list[Line]] = {}
    for line in found.lines:
        months.setdefault(line.month, []).append(line)
    teams = repo_point_teams.of_resident(connection, person.id)
    pots = repo_point_teams.pots(connection, [team.number for team in teams])
    most = found.balance // rules.voucher
    return {
        "found": found, "labels": labels, "rules": rules.rule, "voucher": rules.voucher, "teams": teams,
        "months": [(_month(lang, month), lines) for month, lines in months.items()],
        "offers": [rules.voucher * n for n in range(1, min(most, _OFFERS) + 1)],
        "pots": {team.number: [(_month(lang, pot.month), pot.points) for pot in pots[team.number][:_POTS]]
                 for team in teams},
        "open": repo_point_teams.open_to(connection, person), "day": lambda at: day_words(lang, at), "until": until,
    }  # fmt: skip


def _month(lang: Language, month: str) -> str:
    return format_date(date.fromisoformat(f"{month}-01"), _MONTH[lang], locale=lang)
