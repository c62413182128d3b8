"""How much waits for each person and team, and how much was decided on each of the last fourteen days."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any, Final

import msgspec
from babel.dates import format_date
from fastapi import Response

from engine.locale import Language
from engine.store import repo_staff, repo_teams, repo_workload
from engine.store.database import write
from engine.store.repo_workload import Load
from engine.web.context import Signed, TheDesk, note
from engine.web.desk.fact_rows import ZONE
from engine.web.door import Door

door = Door()
DAYS: Final = 14
_SHORT: Final = {"ja": "M/d(E)", "en": "EEE d"}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One person or team: what waits, in minutes and items, and decisions by day, oldest first."""

    name: str
    load: Load
    days: tuple[int, ...] = ()

    @property
    def minutes(self) -> int:
        """The estimate in whole minutes."""
        return round(self.load.minutes)


@door.page("/workload", "workload")
def workload(desk: TheDesk, session: Signed) -> Response:
    """Numbers only; no resident is named, and nobody's health."""
    now, towns = desk.now(), session.who.municipalities
    with write(desk.engine) as connection:
        waits = repo_workload.waiting(connection, towns, now)
        done = repo_workload.decided(connection, towns, now, DAYS)
        teams = repo_teams.listed(connection, towns)
        names = repo_staff.names_of(connection, [*done, *(name for name in waits.staff if name)])
        note(connection, desk, session, "workload-view", now)
    today = now.astimezone(ZONE).date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    people = sorted({*done, *(name for name in waits.staff if name)}, key=lambda name: (names.get(name, name), name))
    context: dict[str, Any] = {
        "people": [_row(names.get(name, name), waits.staff.get(name, Load()), done.get(name), days) for name in people],
        "teams": [Row(name=team.name, load=waits.team.get(team.id, Load())) for team in teams],
        "unkept": Row(name="", load=waits.team.get(None, Load())), "whole": Row(name="", load=waits.whole),
        "days": [(day, _short(session.lang, day)) for day in days],
        "sums": [sum(counts[day] for counts in done.values()) for day in days],
    }  # fmt: skip
    return desk.page("caseload/workload.html", session.lang, session, here="/workload", **context)


def _row(name: str, load: Load, counts: Counter[date] | None, days: list[date]) -> Row:
    return Row(name=name, load=load, days=tuple((counts or Counter())[day] for day in days))


def _short(lang: Language, day: date) -> str:
    return format_date(day, _SHORT[lang], locale=lang)
