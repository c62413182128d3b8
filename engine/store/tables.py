"""The rows of the engine's memory, the same on SQLite and PostgreSQL.

Instants are BIGINT microseconds since 1970 in UTC, decimals are TEXT so that 62.30 stays 62.30, JSON is TEXT.
Statements use the Core tables at the end of this file (`READING`, `MEASUREMENT` …); rows never leave `engine.store`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Index, Integer, Table, UniqueConstraint, false, text
from sqlmodel import Field

from engine.store.rows import BY_CODE_POINT, Row, serial, text_, whole

# As it stands in the database: SQLite uses a partial index only for a query that says the same words.
WAITING = "ix_reading_waiting"
WAITS = "outcome = 'unassigned' OR certainty = 'assumed'"


class Municipality(Row, table=True):
    """A tenant: a municipality by its 6-digit local-government code, with its IANA zone."""

    code: str = text_(primary_key=True)
    name: str = text_()
    zone: str = text_()


class Household(Row, table=True):
    """A home; everything its gateways hear belongs to it."""

    id: str = text_(primary_key=True)
    municipality_code: str = text_(foreign_key="municipality.code")
    zone: str = text_()
    created_at: int = whole()


class Gateway(Row, table=True):
    """A home's ears, enrolled to exactly one household."""

    id: str = text_(primary_key=True)
    household_id: str = text_(foreign_key="household.id", index=True)
    label: str = text_()
    created_at: int = whole()


class Resident(Row, table=True):
    """A person, names byte for byte as registered; `search_key` is for comparison, `kana_key` for order only."""

    __table_args__ = (Index(None, "municipality_code", "kana_key", "id"), Index(None, "search_key", "id"))
    id: str = text_(primary_key=True)
    household_id: str | None = text_(optional=True, foreign_key="household.id", index=True)
    municipality_code: str = text_(foreign_key="municipality.code", index=True)
    family_name: str = text_()
    given_name: str = text_()
    family_kana: str = text_()
    given_kana: str = text_()
    alias: str | None = text_(optional=True)
    birth_date: str = text_()
    sex: str = text_()
    height_cm: str | None = text_(optional=True)
    height_on: str | None = text_(optional=True)
    address: str | None = text_(optional=True)
    phone: str | None = text_(optional=True)
    insured_number: str | None = text_(optional=True)
    language: str = text_()
    channel: str = text_()
    emergency_contact: str | None = text_(optional=True)
    status: str = text_()
    search_key: str = text_()
    kana_key: str = Field(sa_type=BY_CODE_POINT, sa_column_kwargs={"server_default": "-"})
    created_at: int = whole()
    version: int = whole()


class Device(Row, table=True):
    """A device of a household, with the identity it reported."""

    id: str = text_(primary_key=True)
    household_id: str = text_(foreign_key="household.id", index=True)
    profile: str = text_()
    maker: str | None = text_(optional=True)
    model: str | None = text_(optional=True)
    serial: str | None = text_(optional=True)
    firmware: str | None = text_(optional=True)
    battery: int | None = Field(default=None, sa_type=Integer)
    experimental: bool = Field()
    first_seen: int = whole()
    last_seen: int = whole()


class Binding(Row, table=True):
    """Whose user slot this is; slot -1 is the whole device. `since` is 0 unless it was somebody else's before."""

    device_id: str = text_(primary_key=True, foreign_key="device.id")
    slot: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    resident_id: str = text_(foreign_key="resident.id", index=True)
    since: int = whole()


# The tables of the hot path carry no foreign keys: a reading may arrive before the note that introduces its device,
# and a measurement is written in the transaction of its reading.
class Reading(Row, table=True):
    """One accepted or unassigned measurement; its values are in `measurement`."""

    __table_args__ = (
        Index(None, "resident_id", "measured_at"),
        Index(None, "device_id", "measured_at"),
        Index(None, "household_id", "received_at"),
        # What waits for a word is a handful among millions.
        Index(WAITING, "household_id", "measured_at", sqlite_where=text(WAITS), postgresql_where=text(WAITS)),
    )
    id: str = text_(primary_key=True)
    household_id: str = text_()
    gateway_id: str = text_()
    device_id: str = text_()
    resident_id: str | None = text_(optional=True)
    certainty: str | None = text_(optional=True)
    outcome: str = text_()
    profile: str = text_()
    firmware: str | None = text_(optional=True)
    source: str = text_()
    provenance: str = text_()
    user_slot: int | None = Field(default=None, sa_type=Integer)
    sequence: int | None = whole(optional=True)
    quality: float | None = Field(default=None)
    measured_at: int = whole()
    time_quality: str = text_()
    period_start: int | None = whole(optional=True)
    received_at: int = whole()
    stored_at: int = whole()
    digest: str = text_()
    experimental: bool = Field()
    # The owner's share where the numbers decided whose this is; NULL where a slot or a person said it.
    posterior: float | None = Field(default=None)


class Measurement(Row, table=True):
    """One kind of a reading: in the kind's unit, and as the device said it."""

    __table_args__ = (
        Index(None, "resident_id", "kind", "measured_at"),
        Index(None, "device_id", "kind", "measured_at"),
    )
    reading_id: str = text_(primary_key=True)
    kind: str = text_(primary_key=True)
    resident_id: str | None = text_(optional=True)
    household_id: str = text_()
    device_id: str = text_()
    measured_at: int = whole()
    value: str = text_()
    unit: str = text_()
    device_value: str = text_()
    device_unit: str = text_()


class Refusal(Row, table=True):
    """A reading that was not taken, why, and (unless consent forbids) what it said."""

    __table_args__ = (UniqueConstraint("reading_id", "code", "digest"),)
    seq: int | None = serial()
    reading_id: str = text_()
    gateway_id: str = text_()
    code: str = text_()
    content: str | None = text_(optional=True)
    digest: str = text_()
    at: int = whole()


class Alias(Row, table=True):
    """A duplicate that came under another id than the reading it repeats."""

    reading_id: str = text_(primary_key=True)
    of: str = text_()
    at: int = whole()


class BadMessage(Row, table=True):
    """A message none of whose readings could be named, counted by the hash of its bytes."""

    __tablename__: ClassVar[Any] = "bad_message"
    sha256: str = text_(primary_key=True)
    gateway_id: str = text_()
    code: str = text_()
    size: int = whole()
    count: int = whole()
    at: int = whole()


class Outbox(Row, table=True):
    """What a committed transaction still owes to another part, once per topic and key."""

    # A number used again could make a late `done` forget somebody else's debt.
    __table_args__ = (UniqueConstraint("topic", "key"), {"sqlite_autoincrement": True})
    seq: int | None = serial()
    topic: str = text_()
    key: str = text_()
    at: int = whole()


class Tally(Row, table=True):
    """How often each outcome happened, with its reason code ('' where there is none)."""

    outcome: str = text_(primary_key=True)
    code: str = text_(primary_key=True)
    count: int = whole()


class Consent(Row, table=True):
    """One thing a resident said about one purpose; never changed, only followed by another."""

    __table_args__ = (Index(None, "resident_id", "seq"),)
    seq: int | None = serial()
    resident_id: str = text_(foreign_key="resident.id")
    purpose: str = text_()
    recipient: str | None = text_(optional=True)
    kind: str | None = text_(optional=True)
    granted: bool = Field()
    at: int = whole()
    until: int | None = whole(optional=True)
    actor: str = text_()
    channel: str = text_()
    text_hash: str = text_()


class Advice(Row, table=True):
    """A piece of advice in the queue, with the frozen evidence it was drafted from.

    `shelf`, `tier`, `place` and `due_at` are where it stands in the queue, so that a page of it is read by an index:
    shelf open, held, later or done; tier 0 for the most serious; smaller places come first.
    """

    __table_args__ = (
        Index(None, "resident_id", "topic"),
        Index(None, "state", "updated_at"),
        Index(None, "shelf", "municipality_code", "tier", "place", "id"),
        Index(None, "shelf", "tier", "place", "id"),
        Index(None, "shelf", "municipality_code", "due_at", "id"),
        Index(None, "assigned_to"),
        Index(None, "rule_id", "rule_version", "state"),
    )
    id: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id")
    topic: str = text_()
    rule_id: str = text_()
    rule_version: int = whole()
    text_version: int = whole()
    state: str = text_()
    version: int = whole()
    severity: str = text_()
    rank: str = text_()
    text_ja: str = text_()
    text_en: str = text_()
    evidence: str = text_()
    snapshot_hash: str = text_()
    created_at: int = whole()
    updated_at: int = whole()
    held_until: int | None = whole(optional=True)
    decided_by: str | None = text_(optional=True)
    reason: str | None = text_(optional=True)
    supersedes: str | None = text_(optional=True)
    municipality_code: str = text_(sa_column_kwargs={"server_default": "-"})
    shelf: str = text_(sa_column_kwargs={"server_default": "done"})
    tier: int = whole(sa_column_kwargs={"server_default": "0"})
    place: int = whole(sa_column_kwargs={"server_default": "0"})
    due_at: int = whole(sa_column_kwargs={"server_default": "0"})
    # An urgent item stays on the open shelf, whatever was decided, until somebody noted that they reached the person.
    needs_contact: bool = Field(sa_column_kwargs={"server_default": false()})
    assigned_to: str | None = text_(optional=True)
    escalated_by: str | None = text_(optional=True)


class AdviceEvent(Row, table=True):
    """One step of a piece of advice through its states."""

    __tablename__: ClassVar[Any] = "advice_event"
    __table_args__ = (Index(None, "advice_id", "seq"), Index(None, "at"))
    seq: int | None = serial()
    advice_id: str = text_(foreign_key="advice.id")
    at: int = whole()
    actor: str = text_()
    os_user: str = text_()
    command: str = text_()
    from_state: str | None = text_(optional=True)
    to_state: str = text_()
    version: int = whole()
    reason: str | None = text_(optional=True)
    batch: str | None = text_(optional=True)
    # The words as they were before an edit.
    text_ja: str | None = text_(optional=True)
    text_en: str | None = text_(optional=True)


class Audit(Row, table=True):
    """One link of the hash chain: ids and hashes only."""

    # Two writers that read the same last link must not both extend it: the chain would fork.
    __table_args__ = (UniqueConstraint("prev"), Index(None, "subject", "seq"), {"sqlite_autoincrement": True})
    seq: int | None = serial()
    at: int = whole()
    actor: str = text_()
    os_user: str = text_()
    action: str = text_()
    subject: str = text_()
    detail_hash: str = text_()
    prev: str = text_()
    hash: str = text_()


class GatewayState(Row, table=True):
    """The last state and health a gateway told."""

    __tablename__: ClassVar[Any] = "gateway_state"
    gateway_id: str = text_(primary_key=True)
    state: str = text_()
    health: str = text_()
    at: int = whole()


def _table(name: str) -> Table:
    return Row.metadata.tables[name]


MUNICIPALITY = _table("municipality")
HOUSEHOLD = _table("household")
GATEWAY = _table("gateway")
RESIDENT = _table("resident")
DEVICE = _table("device")
BINDING = _table("binding")
READING = _table("reading")
MEASUREMENT = _table("measurement")
REFUSAL = _table("refusal")
ALIAS = _table("alias")
BAD_MESSAGE = _table("bad_message")
OUTBOX = _table("outbox")
TALLY = _table("tally")
CONSENT = _table("consent")
ADVICE = _table("advice")
ADVICE_EVENT = _table("advice_event")
AUDIT = _table("audit")
GATEWAY_STATE = _table("gateway_state")
