"""Who of the residents is which patient of a network: changed by compare-and-swap, every step audited."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select, update

from engine.care_links import ENDS, STATES, Found, Link, State
from engine.refusal import Refusal
from engine.store import audit
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.repo_facts import By
from engine.store.repo_owing import owe_residents
from engine.store.tables import RESIDENT
from engine.store.tables_bridge import CARE_LINK, PULL_CURSOR

__all__ = [
    "ENDS", "STATES", "Found", "Link", "get", "holder", "linked", "listed", "of", "of_resident", "put", "waiting",
]  # fmt: skip


class _Said(msgspec.Struct, frozen=True):
    found: tuple[Found, ...] = ()
    note: str = ""


_SAID: Final = msgspec.json.Decoder(_Said)


def get(connection: Connection, resident: str, network: str) -> Link | None:
    """The link of one resident in one network."""
    return of(connection, [resident], network).get(resident)


def of(connection: Connection, residents: Collection[str], network: str) -> dict[str, Link]:
    """The links of these residents in a network, by resident, whatever their state."""
    names = sorted(set(residents))
    found: list[Link] = []
    for some in parts_of(names):
        part = CARE_LINK.c.resident_id.in_(some)
        found += _read(connection, part & (CARE_LINK.c.network == network))
    return {link.resident: link for link in found}


def linked(connection: Connection, network: str) -> list[Link]:
    """Everybody who stands in a network, by resident id."""
    return listed(connection, network, states=("linked",))


def waiting(connection: Connection, network: str) -> list[Link]:
    """Those whose number was named and not found or looked for yet."""
    return listed(connection, network, states=("proposed",))


def listed(
    connection: Connection, network: str | None = None, *, states: Iterable[State] = STATES,
    towns: Collection[str] | None = None, limit: int | None = None,
) -> list[Link]:  # fmt: skip
    """The links in these states, of one network or of all; those that changed last come first.

    `towns` keeps residents of these municipalities, `limit` the first of them.
    """
    where: Any = CARE_LINK.c.state.in_(sorted(states))
    if network is not None:
        where &= CARE_LINK.c.network == network
    query = select(CARE_LINK).where(where).order_by(CARE_LINK.c.at.desc(), CARE_LINK.c.resident_id)
    if towns is not None:
        query = query.join(RESIDENT, RESIDENT.c.id == CARE_LINK.c.resident_id)
        query = query.where(RESIDENT.c.municipality_code.in_(sorted(towns)))
    if limit is not None:
        query = query.limit(limit)
    return [_link(row) for row in connection.execute(query).mappings()]


def of_resident(connection: Connection, resident: str) -> list[Link]:
    """The links of one resident, by network."""
    query = select(CARE_LINK).where(CARE_LINK.c.resident_id == resident).order_by(CARE_LINK.c.network)
    return [_link(row) for row in connection.execute(query).mappings()]


def holder(connection: Connection, network: str, remote_id: str) -> str | None:
    """The resident who is linked to that patient."""
    query = select(CARE_LINK.c.resident_id).where(
        CARE_LINK.c.network == network, CARE_LINK.c.remote_id == remote_id, CARE_LINK.c.state == "linked"
    )
    return connection.execute(query).scalar()


def put(connection: Connection, link: Link, action: str, by: By, now: datetime) -> Link | Refusal:
    """Stores `link`, whose version is the one that was read (1 for a first), as the next; audited as `link-<action>`.

    Whoever stands in the network, or stood there, is owed a look of the bridge; who is linked anew is read from the
    beginning. Refused as conflict (somebody else was first) or taken (the patient is another resident's).
    """
    audit.take_turn(connection)
    if link.state == "linked" and link.remote_id is not None:
        owner = holder(connection, link.network, link.remote_id)
        if owner not in {None, link.resident}:
            return Refusal("taken", "another resident is linked to this patient", "patient")
    before = get(connection, link.resident, link.network)
    if before is not None and before.version != link.version:
        return Refusal("conflict", "somebody else changed this link just now; look again")
    stored = link if before is None else msgspec.structs.replace(link, version=before.version + 1)
    if before is None:
        connection.execute(insert(CARE_LINK), _row(stored))
    else:
        connection.execute(update(CARE_LINK).where(_key(link)).values(_row(stored)))
    entry = audit.Entry(
        at=to_micros(now), actor=by.actor, os_user=by.os_user, action=f"link-{action}", subject=link.resident,
        # A hash of a patient number could be found back by trying them all.
        detail_hash=audit.detail_hash([link.network, stored.state, stored.reason, stored.version]),
    )  # fmt: skip
    audit.append(connection, entry)
    was = None if before is None or before.state != "linked" else before.remote_id
    if stored.state == "linked" and stored.remote_id != was:
        gone = (PULL_CURSOR.c.network == link.network) & (PULL_CURSOR.c.resident_id == link.resident)
        connection.execute(PULL_CURSOR.delete().where(gone))
    owe_residents(connection, [link.resident], now)
    return stored


def _key(link: Link) -> Any:
    return (CARE_LINK.c.resident_id == link.resident) & (CARE_LINK.c.network == link.network)


def _read(connection: Connection, where: Any) -> list[Link]:
    rows = connection.execute(select(CARE_LINK).where(where).order_by(CARE_LINK.c.resident_id)).mappings()
    return [_link(row) for row in rows]


def _row(link: Link) -> dict[str, Any]:
    said = msgspec.json.encode(_Said(link.found, link.note)).decode()
    return {
        "resident_id": link.resident, "network": link.network, "system": link.system, "value": link.value,
        "remote_id": link.remote_id, "state": link.state, "reason": link.reason, "found": said, "by": link.by,
        "at": to_micros(link.at), "version": link.version,
    }  # fmt: skip


def _link(row: Any) -> Link:
    said = _Said() if row["found"] is None else _SAID.decode(row["found"])
    return Link(
        resident=row["resident_id"], network=row["network"], system=row["system"], value=row["value"],
        remote_id=row["remote_id"], state=row["state"], reason=row["reason"], found=said.found, note=said.note,
        by=row["by"], at=from_micros(row["at"]), version=row["version"],
    )  # fmt: skip
