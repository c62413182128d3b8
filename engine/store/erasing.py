"""Erasing a resident: the one transaction in which every row of the person goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec
from sqlalchemy import Connection, delete, func, or_, select, update

from engine.names import search_key
from engine.sealing import Seal
from engine.store import repo_interests
from engine.store.erasing_tables import ERASED, WHOLE, Scope, blank
from engine.store.tables import BINDING, CONSENT, GATEWAY, OUTBOX, READING, REFUSAL, RESIDENT
from engine.store.tables_bridge import PUSH
from engine.store.tables_desk import FAMILY_MEMBER, SAVED_VIEW
from engine.store.tables_rights import ACTING
from engine.store.tables_spots import VISIT
from engine.store.tallies import note_people_changed


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased: rows by table, how many sent resources each network still holds, and which slots were theirs.

    `emptied` are the gateways, among all that may know them, of the home in which nobody else is registered.
    """

    resident: str
    tables: Mapping[str, int]
    sent: Mapping[str, int]
    slots: tuple[tuple[str, int], ...]
    gateways: tuple[str, ...]
    emptied: tuple[str, ...] = ()


def scope_of(connection: Connection, resident: str, seal: Seal) -> Scope:
    """Whose rows would go with this resident, as the store stands now."""
    home = connection.execute(select(RESIDENT.c.household_id).where(RESIDENT.c.id == resident)).scalar()
    others = (
        select(func.count()).select_from(RESIDENT).where(RESIDENT.c.household_id == home, RESIDENT.c.id != resident)
    )
    alone = home is not None and connection.execute(others).scalar_one() == 0
    bound = select(BINDING.c.device_id, BINDING.c.slot).where(BINDING.c.resident_id == resident)
    return Scope(
        resident=resident, family=_only_theirs(connection, resident), home=home, alone=alone,
        pseudonym=repo_interests.pseudonym(seal, resident),
        slots=tuple(sorted((row.device_id, row.slot) for row in connection.execute(bound))),
    )  # fmt: skip


def gateways_of(connection: Connection, resident: str) -> tuple[str, ...]:
    """Every gateway that may know the person: of the home, those that heard or met them, and mirrors they may be on."""
    home = select(RESIDENT.c.household_id).where(RESIDENT.c.id == resident).scalar_subquery()
    heard = select(READING.c.gateway_id).where(READING.c.resident_id == resident)
    met = select(VISIT.c.gateway_id).where(VISIT.c.resident_id == resident)
    shown = connection.execute(select(OUTBOX.c.key).where(blank(resident))).scalars()
    mirrors = [key.partition("/")[0] for key in shown]
    where = or_(
        GATEWAY.c.household_id == home, GATEWAY.c.id.in_(heard), GATEWAY.c.id.in_(met), GATEWAY.c.id.in_(mirrors)
    )
    return tuple(connection.execute(select(GATEWAY.c.id).where(where).order_by(GATEWAY.c.id)).scalars())


def erase_rows(connection: Connection, scope: Scope) -> Erased:
    """Deletes every row of the person in the caller's transaction; SQLite overwrites what it deletes.

    What it leaves in the log and in free pages of the file goes by `erasing_scrub.scrub`.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    gateways = gateways_of(connection, scope.resident)
    sent = _sent(connection, scope.resident)
    gone: Counter[str] = Counter()
    gone["saved_view"] = _drop_searches(connection, scope)
    gone["refusal"] = _drop_content(connection, scope)
    emptied: tuple[str, ...] = ()
    if scope.emptied is not None:
        here = select(GATEWAY.c.id).where(GATEWAY.c.household_id == scope.emptied).order_by(GATEWAY.c.id)
        emptied = tuple(connection.execute(here).scalars())
        labelled = update(GATEWAY).where(GATEWAY.c.household_id == scope.emptied, GATEWAY.c.label != "")
        gone["gateway"] = connection.execute(labelled.values(label="")).rowcount
    for table, where in ERASED.items():
        gone[table.name] += connection.execute(delete(table).where(where(scope))).rowcount
    note_people_changed(connection)
    return Erased(
        resident=scope.resident, tables={f"{name}": count for name, count in sorted(gone.items()) if count}, sent=sent,
        slots=scope.slots, gateways=gateways, emptied=emptied,
    )  # fmt: skip


def sweep(connection: Connection, resident: str) -> frozenset[str]:
    """Deletes what came in beside the erasing, of somebody who is erased already; from which tables.

    Another engine may have judged a batch of readings a moment before it could know.
    """
    scope = Scope(resident=resident, family=(), home=None, alone=False, pseudonym="", slots=())
    return frozenset(erase_rows(connection, scope).tables)


def _only_theirs(connection: Connection, resident: str) -> tuple[str, ...]:
    """The family members whom this resident named and nobody else did."""
    named = select(CONSENT.c.recipient.label("id")).where(CONSENT.c.resident_id == resident)
    acted = select(ACTING.c.actor.label("id")).where(ACTING.c.resident_id == resident)
    elsewhere = select(CONSENT.c.recipient).where(CONSENT.c.resident_id != resident, CONSENT.c.recipient.is_not(None))
    for_others = select(ACTING.c.actor).where(ACTING.c.resident_id != resident)
    where = or_(FAMILY_MEMBER.c.id.in_(named), FAMILY_MEMBER.c.id.in_(acted))
    where &= FAMILY_MEMBER.c.id.not_in(elsewhere) & FAMILY_MEMBER.c.id.not_in(for_others)
    return tuple(connection.execute(select(FAMILY_MEMBER.c.id).where(where).order_by(FAMILY_MEMBER.c.id)).scalars())


def _sent(connection: Connection, resident: str) -> dict[str, int]:
    query = select(PUSH.c.network, func.count().label("count")).where(PUSH.c.resident_id == resident)
    query = query.where(PUSH.c.sent_at.is_not(None)).group_by(PUSH.c.network)
    return {row.network: int(row.count) for row in connection.execute(query.order_by(PUSH.c.network))}  # type: ignore[call-overload]


def _drop_searches(connection: Connection, scope: Scope) -> int:
    """Removes saved searches that find this person and nobody else: their words are a name."""
    keys = {row.id: row.search_key for row in connection.execute(select(RESIDENT.c.id, RESIDENT.c.search_key))}
    gone = 0
    for row in connection.execute(select(SAVED_VIEW.c.staff_id, SAVED_VIEW.c.name, SAVED_VIEW.c.query)).all():
        words = [row.name, *(value for _, value in parse_qsl(row.query))]
        if any(_finds_only(word, keys, scope.resident) for word in words):
            mine = (SAVED_VIEW.c.staff_id == row.staff_id) & (SAVED_VIEW.c.name == row.name)
            gone += connection.execute(delete(SAVED_VIEW).where(mine)).rowcount
    return gone


def _finds_only(word: str, keys: Mapping[str, str], resident: str) -> bool:
    if resident in word:
        return True
    key = search_key(word)
    return bool(key) and [name for name, known in keys.items() if key in known] == [resident]


def _drop_content(connection: Connection, scope: Scope) -> int:
    """Removes refused readings of their slots; of one that nobody can read only the hash stays.

    In a home that others live in a refused reading is theirs by device and slot alone.
    """
    if scope.home is None or scope.alone:
        return 0
    at_home = select(GATEWAY.c.id).where(GATEWAY.c.household_id == scope.home)
    query = select(REFUSAL.c.seq, REFUSAL.c.content).where(REFUSAL.c.gateway_id.in_(at_home))
    gone = 0
    for row in connection.execute(query.where(REFUSAL.c.content.is_not(None))).all():
        place = _place_of(row.content)
        if place is None:
            gone += connection.execute(update(REFUSAL).where(REFUSAL.c.seq == row.seq).values(content=None)).rowcount
        elif place in scope.slots or (place[0], WHOLE) in scope.slots:
            gone += connection.execute(delete(REFUSAL).where(REFUSAL.c.seq == row.seq)).rowcount
    return gone


def _place_of(content: str) -> tuple[str, int] | None:
    """Device and slot of a refused reading, None where it cannot be read."""
    try:
        said = msgspec.json.decode(content)
    except (msgspec.MsgspecError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("device"), str):
        return None
    slot = said.get("user_slot")
    return said["device"], slot if isinstance(slot, int) else WHOLE
