"""The ears of the homes of those watched over: each gateway as it was at the last look."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from engine.store import repo_loans
from engine.store.database import upsert
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.tables import GATEWAY, GATEWAY_STATE
from engine.store.tables_following import WATCH_EAR
from engine.watching_ears import Ear, Gateway, gateway_of, listen

_INSTANTS: Final = ("told", "started", "grown", "since", "trouble_since")


def look(connection: Connection, homes: Collection[str], now: datetime) -> int:
    """Looks at every gateway of these households that ever told its state, and keeps what was seen; how many."""
    query = select(GATEWAY_STATE).join(GATEWAY, GATEWAY.c.id == GATEWAY_STATE.c.gateway_id)
    seen = 0
    for part in parts_of(sorted(set(homes))):
        rows = connection.execute(query.where(GATEWAY.c.household_id.in_(part))).mappings().all()
        known = _ears(connection, [row["gateway_id"] for row in rows])
        ears = [
            listen(
                row["gateway_id"], known.get(row["gateway_id"]), from_micros(row["at"]), row["state"],
                msgspec.json.decode(row["health"]), now,
            )
            for row in rows
        ]  # fmt: skip
        changed = [_row(ear) for ear in ears if known.get(ear.gateway) != ear]
        if changed:
            upsert(connection, WATCH_EAR, changed)
        seen += len(rows)
    return seen


def gateways(connection: Connection, homes: Collection[str], now: datetime) -> dict[str, tuple[Gateway, ...]]:
    """The gateways of each of these households; one that was never looked at, or never spoke, does not listen.

    One that was lent and given back is the household's no more.
    """
    found: dict[str, list[Gateway]] = defaultdict(list)
    query = select(GATEWAY.c.id, GATEWAY.c.household_id).order_by(GATEWAY.c.id)
    for part in parts_of(sorted(set(homes))):
        rows = connection.execute(query.where(GATEWAY.c.household_id.in_(part))).all()
        known = _ears(connection, [row.id for row in rows])
        left = repo_loans.leaving(connection, [row.id for row in rows])
        for row in (one for one in rows if one.id not in left):
            ear = known.get(row.id)
            found[row.household_id].append(Gateway(id=row.id) if ear is None else gateway_of(ear, now))
    return {home: tuple(one) for home, one in found.items()}


def _ears(connection: Connection, names: list[str]) -> dict[str, Ear]:
    rows = connection.execute(select(WATCH_EAR).where(WATCH_EAR.c.gateway_id.in_(names))).mappings()
    return {row["gateway_id"]: _ear(row) for row in rows}


def _ear(row: Any) -> Ear:
    told = {name: None if row[name] is None else from_micros(row[name]) for name in _INSTANTS}
    return Ear(
        gateway=row["gateway_id"], adverts=row["adverts"], trouble=row["trouble"], away=bool(row["away"]), **told
    )  # fmt: skip


def _row(ear: Ear) -> dict[str, Any]:
    row = msgspec.structs.asdict(ear)
    row["gateway_id"] = row.pop("gateway")
    return row | {name: None if row[name] is None else to_micros(row[name]) for name in _INSTANTS}
