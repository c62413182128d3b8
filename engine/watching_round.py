"""One look at everybody who is watched over: what is over ends, what is unusual is raised, and a nurse decides.

Who may be looked at is asked anew: a yes to somebody who watches, a yes to nurses, and no measure that hides them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from engine.decisions import open_to_nurses
from engine.store import (
    audit,
    repo_life,
    repo_watch,
    repo_watch_alerts,
    repo_watch_ears,
    repo_watch_facts,
    tallies,
)
from engine.store.database import Connection, Engine, StoreError, read, write
from engine.store.repo_watch_alerts import Raised
from engine.watching import Alert, End, Facts, counted_days, ended, judge
from engine.watching_drop import change_of, town_changes
from engine.watching_rules import rules
from engine.watching_telling import over

_PART: Final = 200
_DAY: Final = timedelta(days=1)


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """How many people were looked at, alerts raised, and alerts that were over."""

    people: int = 0
    raised: int = 0
    over: int = 0


def look(engine: Engine, now: datetime, *, moved: bool = True) -> Looked:
    """Looks at everybody once; `moved` also at their steps, which change once a day.

    What our own code fails on is counted (`watching`, `failed`) and keeps nobody else from being looked at.
    """
    with read(engine) as connection:
        names = sorted(watched(connection, now))
        homes = {lived.household for lived in repo_life.situations(connection, names).values() if lived.household}
    with write(engine) as connection:
        repo_watch_ears.look(connection, homes, now)
    known = _known(engine, names, now)
    known = _walked(engine, known, now) if moved else known
    done = [_one(engine, facts, now, moved=moved) for facts in known]
    lapsed = _lapsed(engine, frozenset(names), now)
    return Looked(people=len(known), raised=sum(one for one, _ in done), over=lapsed + sum(two for _, two in done))


def watched(connection: Connection, now: datetime, residents: Collection[str] | None = None) -> frozenset[str]:
    """Those of these residents (None: all) who are watched over now, and whom nurses may look at."""
    held = repo_watch.overseers(connection, now, residents)
    return open_to_nurses(connection, held, now)


def _known(engine: Engine, names: list[str], now: datetime) -> list[Facts]:
    found: list[Facts] = []
    for start in range(0, len(names), _PART):
        with read(engine) as connection:
            part = repo_watch_facts.facts_of(connection, names[start : start + _PART], now)
            standing = repo_watch_alerts.standing(connection, names[start : start + _PART])
            settled = repo_watch_alerts.settled(connection, names[start : start + _PART], now - rules().drop.lasting)
        for facts in part:
            held = tuple(one.standing for one in standing.get(facts.resident, ()))
            known = tuple(one.standing for one in settled.get(facts.resident, ()))
            found.append(msgspec.structs.replace(facts, standing=held, settled=known))
    return found


def _walked(engine: Engine, known: Iterable[Facts], now: datetime) -> list[Facts]:
    """The same with their steps, and what their town walked in the same days."""
    found: list[Facts] = []
    towns: dict[str, list[Mapping[date, float]]] = defaultdict(list)
    for facts in known:
        with read(engine) as connection:
            days = repo_watch_facts.steps(connection, facts.resident, facts.zone, now)
        found.append(filled := msgspec.structs.replace(facts, steps=days))
        towns[facts.situation.municipality].append(_changes(filled, now))
    middle = {town: town_changes(changes) for town, changes in towns.items()}
    return [msgspec.structs.replace(facts, town=middle[facts.situation.municipality]) for facts in found]


def _changes(facts: Facts, now: datetime) -> dict[date, float]:
    """This person's change on the days that a fall is looked for."""
    days, today = counted_days(facts, now), now.astimezone(facts.zone).date()
    lately = (today - back * _DAY for back in range(1, rules().drop.window + rules().drop.stale_days + 1))
    return {day: change.share for day in lately if day in days and (change := change_of(days, day)) is not None}


def _one(engine: Engine, facts: Facts, now: datetime, *, moved: bool) -> tuple[int, int]:
    """How many alerts about one person were raised and were over; in one transaction, if anything is to be written."""
    try:
        ends = {one: why for one in facts.standing if (why := ended(facts, one, now)) and _asked(one.sort, moved)}
        stays = tuple(one for one in facts.standing if one not in ends)
        alerts = judge(msgspec.structs.replace(facts, standing=stays), now)
        held = {(one.sort, one.since) for one in facts.standing}
        fresh = [one for one in alerts if (one.sort, one.since) not in held]
        if not ends and not fresh:
            return 0, 0
        with write(engine) as connection:
            return _write(connection, facts, {(one.sort, one.since): why for one, why in ends.items()}, fresh, now)
    except StoreError:
        raise
    except Exception:  # noqa: BLE001 - one person's odd history must not keep a town from being looked at
        with write(engine) as connection:
            tallies.add(connection, {("watching", "failed"): 1})
        return 0, 0


def _asked(sort: str, moved: bool) -> bool:
    """Whether the end of such an alert can be told at this look: without steps nobody walks again."""
    return moved or sort != "activity-drop"


def _write(
    connection: Connection, facts: Facts, ends: Mapping[tuple[str, datetime], End], fresh: list[Alert], now: datetime
) -> tuple[int, int]:
    audit.take_turn(connection)
    again = any(one.sort == "person-silent" for one in fresh)
    standing = repo_watch_alerts.standing(connection, [facts.resident]).get(facts.resident, [])
    done = sum(
        over(connection, one, why, now, again=again)
        for one in standing
        if (why := ends.get((one.sort, one.since))) is not None
    )
    if facts.resident not in watched(connection, now, [facts.resident]):
        return 0, done
    town = facts.situation.municipality
    raised = sum(repo_watch_alerts.add(connection, one, town, now) for one in fresh)
    return raised, done + _told_apart(connection, standing, fresh, now)


def _told_apart(connection: Connection, standing: list[Raised], fresh: list[Alert], now: datetime) -> int:
    """Ends what could not be told apart until it could."""
    devices = {name for one in fresh if one.sort == "person-silent" for name in one.devices}
    unclear = [one for one in standing if one.evidence.cause == "one-device" and devices >= set(one.evidence.devices)]
    return sum(over(connection, one, "told-apart", now) for one in unclear)


def _lapsed(engine: Engine, names: frozenset[str], now: datetime) -> int:
    """Ends what stands about people whom nobody may look at any more; nobody is told anything."""
    with read(engine) as connection:
        left = {name for name in repo_watch_alerts.standing(connection) if name not in names}
    if not left:
        return 0
    with write(engine) as connection:
        audit.take_turn(connection)
        left -= watched(connection, now, left)
        standing = repo_watch_alerts.standing(connection, left)
        return sum(over(connection, one, "not-watched", now) for found in standing.values() for one in found)
