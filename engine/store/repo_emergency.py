"""Emergency cards: made, found by their secret's hash, revoked; and every look by one, written down for good."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from random import Random
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, case, func, insert, select, update

from engine.contract.ids import new_id
from engine.emergency import OPEN_FOR, Asked, Card, Issued, Look, hash_of
from engine.seen import VISITOR
from engine.store import audit
from engine.store.filing import By
from engine.store.instants import from_micros, to_micros
from engine.store.repo_glass import Glass
from engine.store.tables import AUDIT, RESIDENT
from engine.store.tables_bridge import EMERGENCY_CARD, EMERGENCY_READ

REFUSED: Final = "emergency-refused"
READ: Final = "emergency-read"
# So many entries are looked through for refused tries: the busiest minute of a desk writes fewer.
_NEWEST: Final = 2_000


def issue(connection: Connection, made: Issued, by: By) -> None:
    """Keeps a new card with its audit entry; an earlier one of the same sort and person opens nothing any more."""
    card, now = made.card, made.card.issued_at
    for earlier in of(connection, card.resident):
        if earlier.sort == card.sort and earlier.revoked_at is None:
            _revoke(connection, earlier, now, by)
    row = {
        "id": card.id, "hash": hash_of(made.secret), "resident_id": card.resident, "sort": card.sort,
        "issued_by": by.actor, "issued_at": to_micros(now), "until": to_micros(card.until), "revoked_at": None,
    }  # fmt: skip
    connection.execute(insert(EMERGENCY_CARD), row)
    _record(connection, "export-card", card.resident, [card.id, card.sort], now, by)


def of(connection: Connection, resident: str) -> list[Card]:
    """Every card a person ever had, newest first."""
    query = select(EMERGENCY_CARD).where(EMERGENCY_CARD.c.resident_id == resident)
    query = query.order_by(EMERGENCY_CARD.c.issued_at.desc(), EMERGENCY_CARD.c.id)
    return [_card(row) for row in connection.execute(query).mappings()]


def by_secret(connection: Connection, secret: str) -> Card | None:
    """The card with that secret, good or not."""
    query = select(EMERGENCY_CARD).where(EMERGENCY_CARD.c.hash == hash_of(secret))
    row = connection.execute(query).mappings().first()
    return None if row is None else _card(row)


def revoke(connection: Connection, id: str, resident: str, by: By, now: datetime) -> Card | None:  # noqa: A002
    """Makes one card of this person open nothing any more, at once also where it is open; None when it was none."""
    found = next((one for one in of(connection, resident) if one.id == id and one.revoked_at is None), None)
    return None if found is None else _revoke(connection, found, now, by)


def look(connection: Connection, card: Card, said: Asked, now: datetime, rng: Random, os_user: str) -> Look:
    """Opens the record of a card for an hour, with its audit entry; the actor is the look itself, which is unique."""
    made = Look(
        id=new_id("z", rng), card=card.id, resident=card.resident, name=said.name, place=said.place,
        reason=said.reason, at=now, until=now + OPEN_FOR,
    )  # fmt: skip
    row = msgspec.structs.asdict(made) | {"at": to_micros(now), "until": to_micros(made.until)}
    row |= {"card_id": row.pop("card"), "resident_id": row.pop("resident")}
    connection.execute(insert(EMERGENCY_READ), row)
    _record(connection, READ, card.resident, [made.id, *msgspec.structs.astuple(said)], now, By(made.id, os_user))
    return made


def get(connection: Connection, id: str) -> Look | None:  # noqa: A002
    """One look by its id."""
    row = connection.execute(select(EMERGENCY_READ).where(EMERGENCY_READ.c.id == id)).mappings().first()
    return None if row is None else _look(row)


def looks(connection: Connection, resident: str) -> list[Look]:
    """Every look there ever was by the cards of one person, newest first."""
    query = select(EMERGENCY_READ).where(EMERGENCY_READ.c.resident_id == resident)
    return [_look(row) for row in connection.execute(query.order_by(EMERGENCY_READ.c.at.desc())).mappings()]


def looks_by(connection: Connection, card: str, since: datetime) -> int:
    """How many looks there were by one card since then."""
    mine = (EMERGENCY_READ.c.card_id == card) & (EMERGENCY_READ.c.at >= to_micros(since))
    return int(connection.execute(select(func.count()).select_from(EMERGENCY_READ).where(mine)).scalar_one())


def names_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """What those who looked called themselves, by the ids of their looks; other ids are left out."""
    wanted = sorted({one for one in ids if one.startswith("z-")})
    if not wanted:
        return {}
    query = select(EMERGENCY_READ).where(EMERGENCY_READ.c.id.in_(wanted))
    return {row["id"]: _look(row).who for row in connection.execute(query).mappings()}


def recent(connection: Connection, towns: frozenset[str] | None, since: datetime) -> list[Glass]:
    """The looks at residents of these towns (None: of all) since then, newest first, as the alarm of the desk."""
    query = select(EMERGENCY_READ, RESIDENT.c.municipality_code.label("town")).join(
        RESIDENT, RESIDENT.c.id == EMERGENCY_READ.c.resident_id
    )
    query = query.where(EMERGENCY_READ.c.at >= to_micros(since)).order_by(EMERGENCY_READ.c.at.desc())
    rows = connection.execute(query).mappings()
    return [_glass(_look(row)) for row in rows if towns is None or row["town"] in towns]


def note_refused(connection: Connection, now: datetime, os_user: str) -> None:
    """The audit entry of a try with a secret that opens nothing; whose it was or was not, nobody is told."""
    _record(connection, REFUSED, "emergency", None, now, By(VISITOR, os_user))


def refused_since(connection: Connection, since: datetime) -> int:
    """How many such tries there were since then, as far as the newest audit entries tell."""
    newest = select(AUDIT.c.at, AUDIT.c.action).order_by(AUDIT.c.seq.desc()).limit(_NEWEST).subquery()
    counted = func.sum(case((newest.c.action == REFUSED, 1), else_=0))
    found = connection.execute(select(counted).where(newest.c.at >= to_micros(since))).scalar()
    return int(found or 0)


def _glass(one: Look) -> Glass:
    return Glass(id=one.id, staff=one.who, resident=one.resident, reason=one.reason, at=one.at, until=one.until)


def _revoke(connection: Connection, card: Card, now: datetime, by: By) -> Card:
    mine = EMERGENCY_CARD.c.id == card.id
    connection.execute(update(EMERGENCY_CARD).where(mine).values(revoked_at=to_micros(now)))
    _record(connection, "emergency-card-revoke", card.resident, [card.id], now, by)
    return msgspec.structs.replace(card, revoked_at=now)


def _record(connection: Connection, action: str, subject: str, detail: list[Any] | None, now: datetime, by: By) -> None:
    audit.note(connection, action, subject, by, now, detail or None)


def _card(row: Any) -> Card:
    revoked = row["revoked_at"]
    return Card(
        id=row["id"], resident=row["resident_id"], sort="wallet" if row["sort"] == "wallet" else "sheet",
        issued_by=row["issued_by"], issued_at=from_micros(row["issued_at"]), until=from_micros(row["until"]),
        revoked_at=None if revoked is None else from_micros(revoked),
    )  # fmt: skip


def _look(row: Any) -> Look:
    return Look(
        id=row["id"], card=row["card_id"], resident=row["resident_id"], name=row["name"], place=row["place"],
        reason=row["reason"], at=from_micros(row["at"]), until=from_micros(row["until"]),
    )  # fmt: skip
