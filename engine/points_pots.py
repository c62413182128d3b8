"""The pots of all teams that are due, told from the ledgers of their members; each month once."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from engine.points import book, period_of
from engine.points_pot import due, share, told
from engine.store import repo_point_teams, repo_points
from engine.store.database import Engine, read, write
from engine.store.repo_places import ZONE

# Months that are looked back at: an engine that stood still for a while tells what it owes.
_BACK: Final = 3


def tell_all(engine: Engine, now: datetime, rng: Random) -> int:
    """Tells every pot that is due and was not told yet; how many. What is told never changes, whoever leaves."""
    today = now.astimezone(ZoneInfo(ZONE)).date()
    months = [month for month in _months(today) if due(month, book().pot, today)]
    with read(engine) as connection:
        teams = [team.number for team in repo_point_teams.listed(connection, None)]
    return sum(_tell(engine, number, month, now, rng) for number in teams for month in months)


def _tell(engine: Engine, number: int, month: str, now: datetime, rng: Random) -> bool:
    period = period_of("month", date.fromisoformat(f"{month}-01"))
    with write(engine) as connection:
        if any(pot.month == month for pot in repo_point_teams.pots(connection, [number])[number]):
            return False
        members = repo_point_teams.members(connection, number, period.first, period.last)
        ledgers = repo_points.ledgers(connection, members)
        pot = told(book(), month, [share(book(), ledgers[name], month) for name in members], rng)
        return repo_point_teams.tell(connection, number, pot, now)


def _months(today: date) -> list[str]:
    found, first = [], today.replace(day=1)
    for _ in range(_BACK):
        first = (first - timedelta(days=1)).replace(day=1)
        found.append(f"{first:%Y-%m}")
    return found
