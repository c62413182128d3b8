"""What was raised about people who are watched over, what a nurse decided, and whom it was told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, and_, select, update

from engine.store.database import insert_new, upsert
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.tables import RESIDENT
from engine.store.tables_following import WATCH_ALERT, WATCH_TELLING
from engine.watching import Alert, Cause, Sort, Standing

State = Literal["open", "told", "dismissed", "over"]
_BY_WORD: Final = ("closed", "fine", "reached")
# After these the same silence or drop is not raised again: somebody spoke, or it is the new usual.
_FOR_GOOD: Final = (*_BY_WORD, "lasting")
_INSTANTS: Final = ("since", "at", "decided_at", "ended_at")


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why it was raised: what looked unusual, by which devices, and how much less than usual somebody moves.

    `again` counts how often its end turned out to be a mistake.
    """

    cause: Cause
    devices: tuple[str, ...] = ()
    share: float | None = None
    usual: float | None = None
    again: int = 0


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as it stands: `state` is what a nurse decided, `ended_at` when it was over, and `ended` why."""

    seq: int
    resident: str
    municipality: str
    sort: Sort
    since: datetime
    at: datetime
    evidence: Evidence
    state: State
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    ended_at: datetime | None
    ended: str | None
    version: int

    @property
    def standing(self) -> Standing:
        """The same for the judge."""
        said = self.evidence
        return Standing(sort=self.sort, since=self.since, cause=said.cause, devices=said.devices, usual=said.usual)


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """That an alert was told somebody, by whom, and when they read that all is well again."""

    alert: int
    recipient: str
    at: datetime
    by: str
    back_at: datetime | None = None


def add(connection: Connection, alert: Alert, municipality: str, now: datetime) -> bool:
    """Raises an alert in the caller's transaction; whether it is new: of one silence or drop there is one for ever.

    One that ended by itself and holds after all is raised anew: the reading that ended it was somebody else's, the
    stay was written down by mistake, the word that opens it was said again.
    """
    said = Evidence(cause=alert.cause, devices=alert.devices, share=alert.share, usual=alert.usual)
    row = {
        "resident_id": alert.resident, "municipality_code": municipality, "sort": alert.sort,
        "since": to_micros(alert.since), "at": to_micros(now), "evidence": msgspec.json.encode(said).decode(),
        "state": "open", "decided_at": None, "decided_by": None, "reason": None, "ended_at": None, "ended": None,
        "version": 1,
    }  # fmt: skip
    return insert_new(connection, WATCH_ALERT, [row]) == 1 or _anew(connection, row, said)


def _anew(connection: Connection, row: dict[str, Any], said: Evidence) -> bool:
    same = [WATCH_ALERT.c[name] == row[name] for name in ("resident_id", "sort", "since")]
    before = next(iter(_read(connection, and_(*same))), None)
    if before is None or before.ended is None or before.ended in _FOR_GOOD or before.state == "dismissed":
        return False
    # Whoever looked before it ended knows less than whoever ended it.
    if before.ended_at is None or to_micros(before.ended_at) >= row["at"]:
        return False
    counted = msgspec.structs.replace(said, again=before.evidence.again + 1)
    anew = row | {"evidence": msgspec.json.encode(counted).decode(), "version": before.version + 1}
    mine = (WATCH_ALERT.c.seq == before.seq) & (WATCH_ALERT.c.version == before.version)
    return connection.execute(update(WATCH_ALERT).where(mine).values(anew)).rowcount == 1


def get(connection: Connection, seq: int) -> Raised | None:
    """The alert of that number."""
    return next(iter(_read(connection, WATCH_ALERT.c.seq == seq)), None)


def standing(connection: Connection, residents: Collection[str] | None = None) -> dict[str, list[Raised]]:
    """What is not over yet about each of these residents (None: all), oldest first."""
    found: dict[str, list[Raised]] = defaultdict(list)
    for where in _of(residents):
        for one in _read(connection, where & WATCH_ALERT.c.ended_at.is_(None)):
            found[one.resident].append(one)
    return dict(found)


def settled(connection: Connection, residents: Collection[str], since: datetime) -> dict[str, list[Raised]]:
    """The drops of these residents, begun since, that ended by somebody's word and not by themselves."""
    found: dict[str, list[Raised]] = defaultdict(list)
    words = (WATCH_ALERT.c.sort == "activity-drop") & WATCH_ALERT.c.ended.in_(_BY_WORD)
    for where in _of(residents):
        for one in _read(connection, where & words & (WATCH_ALERT.c.since >= to_micros(since))):
            found[one.resident].append(one)
    return dict(found)


def listed(
    connection: Connection, towns: Collection[str] | None, sorts: Iterable[Sort], states: Iterable[State],
    limit: int | None = None,
) -> list[Raised]:  # fmt: skip
    """What stands about who lives in these towns (None: all) and was not ended, oldest first."""
    where = WATCH_ALERT.c.sort.in_(sorted(sorts)) & WATCH_ALERT.c.state.in_(sorted(states))
    where &= WATCH_ALERT.c.ended_at.is_(None)
    if towns is not None:
        # Where they live now: whoever moved is looked after by the nurses there.
        here = select(RESIDENT.c.id).where(RESIDENT.c.municipality_code.in_(sorted(towns)))
        where &= WATCH_ALERT.c.resident_id.in_(here)
    return _read(connection, where, limit)


def of_resident(connection: Connection, resident: str, limit: int = 50) -> list[Raised]:
    """Everything ever raised about one resident, oldest first, the newest `limit` of it."""
    query = select(WATCH_ALERT).where(WATCH_ALERT.c.resident_id == resident)
    rows = connection.execute(query.order_by(WATCH_ALERT.c.at.desc(), WATCH_ALERT.c.seq.desc()).limit(limit))
    return [_raised(row) for row in reversed(rows.mappings().all())]


def change(
    connection: Connection, before: Raised, state: State, by: str, reason: str | None, now: datetime
) -> bool:  # fmt: skip
    """Writes what was decided where the alert is still as it was read; whether it was."""
    told = {"state": state, "decided_at": to_micros(now), "decided_by": by, "reason": reason}
    return _swap(connection, before, told)


def end(connection: Connection, before: Raised, why: str, now: datetime) -> bool:
    """That it is over: what was dismissed stays so, all else is `over`; whether it is still as it was read."""
    state = before.state if before.state == "dismissed" else "over"
    return _swap(connection, before, {"state": state, "ended_at": to_micros(now), "ended": why})


def tell(connection: Connection, alert: int, recipient: str, by: str, now: datetime) -> None:
    """Keeps that it was told, in the place of what was told before the alert was raised anew."""
    row = {"alert": alert, "recipient": recipient, "at": to_micros(now), "by": by, "back_at": None}
    upsert(connection, WATCH_TELLING, [row])


def tell_back(connection: Connection, alert: int, recipient: str, now: datetime) -> bool:
    """Keeps that they were told all is well; False where they were told that before."""
    mine = (WATCH_TELLING.c.alert == alert) & (WATCH_TELLING.c.recipient == recipient)
    query = update(WATCH_TELLING).where(mine, WATCH_TELLING.c.back_at.is_(None)).values(back_at=to_micros(now))
    return connection.execute(query).rowcount == 1


def tellings(connection: Connection, alerts: Iterable[int]) -> dict[int, list[Telling]]:
    """Whom each of these alerts was told, in order."""
    found: dict[int, list[Telling]] = defaultdict(list)
    names = sorted(set(alerts))
    for some in parts_of(names):
        query = select(WATCH_TELLING).where(WATCH_TELLING.c.alert.in_(some))
        for row in connection.execute(query.order_by(WATCH_TELLING.c.at, WATCH_TELLING.c.recipient)).mappings():
            found[row["alert"]].append(_telling(row))
    return dict(found)


def told_to(
    connection: Connection, recipient: str, since: datetime, limit: int = 50
) -> list[tuple[Telling, Raised]]:  # fmt: skip
    """What somebody was told since, with the alerts, newest first; whether they may still read it is not asked here."""
    query = select(WATCH_TELLING).where(WATCH_TELLING.c.recipient == recipient, WATCH_TELLING.c.at >= to_micros(since))
    rows = connection.execute(query.order_by(WATCH_TELLING.c.at.desc(), WATCH_TELLING.c.alert).limit(limit)).mappings()
    told = [_telling(row) for row in rows]
    alerts = {one.seq: one for one in _read(connection, WATCH_ALERT.c.seq.in_([one.alert for one in told]))}
    return [(one, alerts[one.alert]) for one in told if one.alert in alerts]


def _swap(connection: Connection, before: Raised, values: dict[str, Any]) -> bool:
    mine = (WATCH_ALERT.c.seq == before.seq) & (WATCH_ALERT.c.version == before.version)
    mine &= WATCH_ALERT.c.ended_at.is_(None)
    query = update(WATCH_ALERT).where(mine).values(values | {"version": before.version + 1})
    return connection.execute(query).rowcount == 1


def _of(residents: Collection[str] | None) -> Iterable[Any]:
    if residents is None:
        return [WATCH_ALERT.c.seq.is_not(None)]
    names = sorted(set(residents))
    return [WATCH_ALERT.c.resident_id.in_(some) for some in parts_of(names)]


def _read(connection: Connection, where: Any, limit: int | None = None) -> list[Raised]:
    query = select(WATCH_ALERT).where(where).order_by(WATCH_ALERT.c.at, WATCH_ALERT.c.seq)
    rows = connection.execute(query if limit is None else query.limit(limit)).mappings()
    return [_raised(row) for row in rows]


def _raised(row: Any) -> Raised:
    fields = {name: row[name] for name in ("seq", "sort", "state", "decided_by", "reason", "ended", "version")}
    fields |= {name: None if row[name] is None else from_micros(row[name]) for name in _INSTANTS}
    said = msgspec.json.decode(row["evidence"], type=Evidence)
    return Raised(resident=row["resident_id"], municipality=row["municipality_code"], evidence=said, **fields)


def _telling(row: Any) -> Telling:
    back = None if row["back_at"] is None else from_micros(row["back_at"])
    return Telling(
        alert=row["alert"], recipient=row["recipient"], at=from_micros(row["at"]), by=row["by"], back_at=back
    )  # fmt: skip
