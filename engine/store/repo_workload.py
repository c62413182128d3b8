"""How much waits for whom and how much was decided, as numbers: nobody's resident is named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, case, func, select

from engine.ranking import MINUTES, QUESTION_MINUTES
from engine.store.instants import from_micros, to_micros
from engine.store.tables import ADVICE, ADVICE_EVENT
from engine.store.tables_desk import RESIDENT_TEAM

DECIDING: Final = ("approve", "reject", "escalate", "snooze")
_DAY: Final = 86_400_000_000
# Every municipality served lies in one zone without summer time.
_JAPAN: Final = 9 * 3_600_000_000


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for somebody: open items, overdue ones, and the minutes they will take by the queue's own estimate."""

    open: int = 0
    overdue: int = 0
    minutes: float = 0.0


class Waiting(msgspec.Struct, frozen=True):
    """What waits, by the staff id and by the team id it is for; None is for nobody in particular."""

    staff: dict[str | None, Load]
    team: dict[str | None, Load]
    whole: Load


def waiting(connection: Connection, towns: Collection[str] | None, now: datetime) -> Waiting:
    """What is open in these towns (None: all), counted where it stands: an item's own person before the resident's."""
    whose = func.coalesce(ADVICE.c.assigned_to, RESIDENT_TEAM.c.staff_id)
    late = func.sum(case((ADVICE.c.due_at < to_micros(now), 1), else_=0))
    query = select(
        whose.label("staff"), RESIDENT_TEAM.c.team_id.label("team"), ADVICE.c.rule_id, ADVICE.c.rule_version,
        func.count().label("open"), late.label("late"),
    ).join(RESIDENT_TEAM, RESIDENT_TEAM.c.resident_id == ADVICE.c.resident_id, isouter=True)  # fmt: skip
    query = query.where(ADVICE.c.shelf == "open", *_in(towns))
    query = query.group_by(whose, RESIDENT_TEAM.c.team_id, ADVICE.c.rule_id, ADVICE.c.rule_version)
    rows = list(connection.execute(query))
    each = _minutes(connection, towns)
    staff: dict[str | None, Load] = defaultdict(Load)
    team: dict[str | None, Load] = defaultdict(Load)
    whole = Load()
    for row in rows:
        part = Load(open=row.open, overdue=row.late, minutes=row.open * each[row.rule_id, row.rule_version])
        staff[row.staff] = _sum(staff[row.staff], part)
        team[row.team] = _sum(team[row.team], part)
        whole = _sum(whole, part)
    return Waiting(dict(staff), dict(team), whole)


def decided(
    connection: Connection, towns: Collection[str] | None, now: datetime, days: int = 14
) -> dict[str, Counter[date]]:
    """How many decisions each person took on each of the last `days` days in Japan."""
    today = (to_micros(now) + _JAPAN) // _DAY
    first = (today - days + 1) * _DAY - _JAPAN
    day = (ADVICE_EVENT.c.at + _JAPAN) // _DAY
    query = select(ADVICE_EVENT.c.actor, day.label("day"), func.count().label("n"))
    query = query.join(ADVICE, ADVICE.c.id == ADVICE_EVENT.c.advice_id).where(*_in(towns))
    query = query.where(ADVICE_EVENT.c.command.in_(DECIDING), ADVICE_EVENT.c.at >= first)
    found: dict[str, Counter[date]] = defaultdict(Counter)
    for row in connection.execute(query.group_by(ADVICE_EVENT.c.actor, day)):
        found[row.actor][(from_micros(0) + timedelta(days=int(row.day))).date()] += row.n
    return dict(found)


def _minutes(connection: Connection, towns: Collection[str] | None) -> dict[tuple[str, int], float]:
    """A nurse's minutes for an item of each rule, by the newest of them that waits: rules ask the same of everybody."""
    newest = select(func.max(ADVICE.c.id)).where(ADVICE.c.shelf == "open", *_in(towns))
    newest = newest.group_by(ADVICE.c.rule_id, ADVICE.c.rule_version)
    query = select(ADVICE.c.rule_id, ADVICE.c.rule_version, ADVICE.c.evidence).where(ADVICE.c.id.in_(newest))
    return {(row.rule_id, row.rule_version): _of(row.evidence) for row in connection.execute(query)}


def _of(evidence: str) -> float:
    """As `engine.ranking.minutes` has it, from the stored evidence alone."""
    found = msgspec.json.decode(evidence)
    review = found.get("rule", {}).get("review", "each")
    return MINUTES.get(review, max(MINUTES.values())) + QUESTION_MINUTES * len(found.get("ask", ()))


def _sum(one: Load, other: Load) -> Load:
    return Load(
        open=one.open + other.open, overdue=one.overdue + other.overdue, minutes=one.minutes + other.minutes
    )  # fmt: skip


def _in(towns: Collection[str] | None) -> list[Any]:
    return [] if towns is None else [ADVICE.c.municipality_code.in_(sorted(towns))]
