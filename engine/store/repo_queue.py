"""The queue as pages: read in order by an index, within a person's towns, of residents who agreed that nurses look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from functools import lru_cache
from heapq import merge
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Select, func, select, tuple_, union_all, update

from engine.access import Identity
from engine.decisions import open_to_nurses
from engine.names import search_key
from engine.queue_search import Search, parse_query
from engine.review import Rank, tier
from engine.store.instants import from_micros, to_micros
from engine.store.repo_advice import shelf_of
from engine.store.repo_places import ZONE
from engine.store.tables import ADVICE, ADVICE_EVENT, RESIDENT
from engine.store.tables_desk import RESIDENT_TEAM, STAFF

SIZE: Final = 50
COUNTED: Final = 999
_AHEAD: Final = 10
_LIVE: Final = ("open", "held", "later")
DECIDABLE: Final = frozenset({"open", "claimed", "escalated"})
_INSTANTS: Final = ("created_at", "held_until", "due_at")
_OTHER: Final = ADVICE.alias("other")
_ORDER: Final = (ADVICE.c.tier, ADVICE.c.place, ADVICE.c.id)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What a page of the queue shows of an item, without its evidence; `rank` is JSON with the reasons it was given."""

    id: str
    resident_id: str
    municipality_code: str
    topic: str
    rule_id: str
    state: str
    shelf: str
    version: int
    severity: str
    text_ja: str
    text_en: str
    created_at: datetime
    held_until: datetime | None
    decided_by: str | None
    due_at: datetime
    needs_contact: bool
    assigned_to: str | None
    tier: int
    place: int
    rank: str

    @property
    def cursor(self) -> Cursor:
        """Where it stands."""
        return Cursor(self.tier, self.place, self.id)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it stands there, as codes."""
        return msgspec.json.decode(self.rank, type=Rank).reasons


class Cursor(msgspec.Struct, frozen=True, order=True):
    """A place in the queue."""

    tier: int
    place: int
    id: str


class Leaf(msgspec.Struct, frozen=True):
    """A page of the queue: its lines, and whether there is more on either side."""

    lines: tuple[Line, ...]
    before: bool
    after: bool


_COLUMNS: Final = tuple(ADVICE.c[name] for name in Line.__struct_fields__)


def line(connection: Connection, advice: str) -> Line | None:
    """The line of one item, wherever it lies."""
    row = connection.execute(select(*_COLUMNS).where(ADVICE.c.id == advice)).mappings().first()
    return None if row is None else _line(row)


def leaf(
    connection: Connection,
    who: Identity,
    search: Search,
    now: datetime,
    *,
    after: Cursor | None = None,
    before: Cursor | None = None,
    size: int = SIZE,
) -> Leaf:
    """The page of `search` behind `after`, or the one that ends before `before`; without either, the first."""
    back = before is not None
    found = list(islice(walk(connection, who, search, now, start=before or after, back=back, part=size + 1), size + 1))
    more, lines = len(found) > size, tuple(found[:size])
    if back:
        return Leaf(lines[::-1], more, True)
    return Leaf(lines, after is not None, more)


def walk(
    connection: Connection, who: Identity, search: Search, now: datetime, *, start: Cursor | None, back: bool = False,
    part: int = SIZE + 1,
) -> Iterator[Line]:  # fmt: skip
    """The lines of `search` from `start` on, which is left out, forwards or back, as far as anybody wants to go.

    Whoever did not agree to nurses looking is passed over; what they agreed to, `engine.consent` alone decides. `part`
    is how many are read at a time.
    """
    while True:
        some = _some(connection, who, search, now, start, back=back, part=part)
        agreed = open_to_nurses(connection, [one.resident_id for one in some], now)
        yield from (one for one in some if one.resident_id in agreed)
        if len(some) < part:
            return
        start = some[-1].cursor


def beside(
    connection: Connection, who: Identity, search: Search, now: datetime, start: Cursor | None, before: int, after: int
) -> tuple[list[Line], list[Line]]:
    """Up to so many lines before `start` and behind it, both in the queue's order; without `start` those at its top.

    Consent is asked once for both sides, and side by side only where that leaves one short.
    """
    sides = {True: before if start is not None else 0, False: after}
    read = {
        back: _some(connection, who, search, now, start, back=back, part=size + 1) if size else []
        for back, size in sides.items()
    }
    agreed = open_to_nurses(connection, [one.resident_id for some in read.values() for one in some], now)
    found: dict[bool, list[Line]] = {}
    for back, size in sides.items():
        found[back] = [one for one in read[back] if one.resident_id in agreed][:size]
        if len(found[back]) < size < len(read[back]):
            found[back] = list(islice(walk(connection, who, search, now, start=start, back=back), size))
    return found[True][::-1], found[False]


def _some(
    connection: Connection, who: Identity, search: Search, now: datetime, start: Cursor | None, *, back: bool, part: int
) -> list[Line]:
    """The next lines; each town's are read in order by its own index."""
    query = select(*_COLUMNS).where(*_conditions(search, who.id, now)).limit(part)
    query = query.order_by(*(column.desc() if back else column for column in _ORDER))
    if start is not None:
        here = tuple_(start.tier, start.place, start.id)
        query = query.where(tuple_(*_ORDER) < here if back else tuple_(*_ORDER) > here)
    queries = [query]
    if who.municipalities is not None:
        queries = [query.where(ADVICE.c.municipality_code == town) for town in sorted(who.municipalities)]
    parts = [[_line(row) for row in connection.execute(one).mappings()] for one in queries]
    return list(islice(merge(*parts, key=lambda one: one.cursor, reverse=back), part))


def _conditions(search: Search, by: str, now: datetime) -> list[Any]:
    """What the lines of `search` have in common.

    What no index has in the queue's order is asked as a set of ids, so that the queue's own index, which knows the
    ids, passes over all others without reading their rows.
    """
    same = {"rule_id": search.rule, "topic": search.topic, "state": search.state}
    found: list[Any] = [ADVICE.c.shelf == search.shelf]
    found += [ADVICE.c[name] == value for name, value in same.items() if value]
    if search.severity:
        found += [ADVICE.c.severity == search.severity, ADVICE.c.tier == tier(search.severity)]
    if search.q:
        key = search_key(search.q)
        named = select(RESIDENT.c.id).where(RESIDENT.c.search_key.contains(key, autoescape=True))
        found.append(ADVICE.c.resident_id.in_(named))
    if search.assigned:
        found.append(_assigned(search.assigned, by))
    if search.due:
        end = now if search.due == "over" else _midnight(now.astimezone(ZoneInfo(ZONE)).date(), 1)
        late = select(_OTHER.c.id).where(_OTHER.c.shelf == search.shelf, _OTHER.c.due_at < to_micros(end))
        found.append(ADVICE.c.id.in_(late))
    if search.first:
        found.append(ADVICE.c.rank.contains('"first-advice"', autoescape=True))
    if search.since:
        found.append(ADVICE.c.created_at >= to_micros(_midnight(search.since, 0)))
    if search.until:
        found.append(ADVICE.c.created_at < to_micros(_midnight(search.until, 1)))
    return found


def _assigned(whose: str, by: str) -> Any:
    """Items somebody was given, works on, or whose resident is theirs to look after."""
    if whose == "nobody":
        return ADVICE.c.assigned_to.is_(None) & (ADVICE.c.state != "claimed")
    theirs = RESIDENT_TEAM.c.staff_id == by
    if whose == "team":
        theirs = RESIDENT_TEAM.c.team_id == select(STAFF.c.team_id).where(STAFF.c.id == by).scalar_subquery()
    looked_after = select(_OTHER.c.id).join(RESIDENT_TEAM, RESIDENT_TEAM.c.resident_id == _OTHER.c.resident_id)
    sets = [looked_after.where(theirs)]
    if whose == "me":
        sets.append(select(_OTHER.c.id).where(_OTHER.c.assigned_to == by))
        sets.append(select(_OTHER.c.id).where(_OTHER.c.state == "claimed", _OTHER.c.decided_by == by))
    return ADVICE.c.id.in_(union_all(*sets))


def _midnight(day: Any, later: int) -> datetime:
    return datetime.combine(day + timedelta(days=later), time(), ZoneInfo(ZONE))


def counts(connection: Connection, who: Identity) -> dict[str, int]:
    """How many items lie on each shelf of this person's towns, consent not asked; never more than COUNTED + 1."""
    row = connection.execute(_counting(who.municipalities)).one()
    return dict(zip(_LIVE, row, strict=True))


@lru_cache(maxsize=64)
def _counting(towns: frozenset[str] | None) -> Select[Any]:
    """Counted by the index, and only so far: nobody works through more, and a page must not wait for a number."""

    def number(shelf: str) -> Any:
        some = select(ADVICE.c.id).where(ADVICE.c.shelf == shelf).limit(COUNTED + 1)
        if towns is not None:
            some = some.where(ADVICE.c.municipality_code.in_(sorted(towns)))
        return select(func.count()).select_from(some.subquery()).scalar_subquery()

    return select(*(number(shelf) for shelf in _LIVE))


def next_after(connection: Connection, who: Identity, advice: str, now: datetime, within: str = "") -> str | None:
    """The id of the next item to decide behind `advice` in the search `within` (a query), from the top at its end.

    What only waits for somebody to be reached, what a colleague works on, and what a physician was asked about, unless
    this is one, is passed over.
    """
    search, here = parse_query(within), line(connection, advice)
    states = DECIDABLE if who.may("advice.decide-escalated") else DECIDABLE - {"escalated"}
    for start in (None,) if here is None else (here.cursor, None):
        for one in walk(connection, who, search, now, start=start, part=_AHEAD):
            busy = one.held_until is not None and one.held_until > now and one.decided_by != who.id
            if one.id != advice and one.state in states and not busy:
                return one.id
    return None


def contacted(connection: Connection, advice: str, now: datetime) -> bool:
    """Notes that the resident of an urgent item was reached: it lies where its state says; whether it had waited."""
    del now
    state = connection.execute(select(ADVICE.c.state).where(ADVICE.c.id == advice)).scalar_one_or_none()
    waited = (ADVICE.c.id == advice) & ADVICE.c.needs_contact
    if state is None:
        return False
    changed = update(ADVICE).where(waited).values(needs_contact=False, shelf=shelf_of(state))
    return connection.execute(changed).rowcount == 1


def assign(connection: Connection, advice: str, staff: str | None) -> None:
    """Gives an item to a colleague, or to nobody; who may is for the caller to say."""
    connection.execute(update(ADVICE).where(ADVICE.c.id == advice).values(assigned_to=staff))


def told_before(connection: Connection, rule: str, residents: Iterable[str]) -> frozenset[str]:
    """Those of these residents to whom advice of that rule was delivered before."""
    query = select(ADVICE.c.resident_id).where(
        ADVICE.c.rule_id == rule, ADVICE.c.state == "delivered", ADVICE.c.resident_id.in_(sorted(set(residents)))
    )
    return frozenset(connection.execute(query).scalars())


def done_in(connection: Connection, batch: str, by: str, advice: Iterable[str]) -> dict[str, int]:
    """The version of each of these items as `by` left it in that batch; those the batch did not change are missing."""
    event = ADVICE_EVENT.c
    query = select(event.advice_id, func.max(event.version)).where(
        event.advice_id.in_(sorted(set(advice))), event.batch == batch, event.actor == by
    )
    return {str(name): int(version) for name, version in connection.execute(query.group_by(event.advice_id))}


def _line(row: Any) -> Line:
    fields = dict(row)
    fields |= {name: None if fields[name] is None else from_micros(fields[name]) for name in _INSTANTS}
    return Line(**fields)
