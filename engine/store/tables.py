"""The rows of the engine's memory, the same on SQLite and PostgreSQL.

Instants are BIGINT microseconds since 1970 in UTC, decimals are TEXT so that 62.30 stays 62.30, JSON is TEXT.
Statements use the Core tables at the end of this file (`READING`, `MEASUREMENT` …); rows never leave `engine.store`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, Integer, MetaData, Table, Text, UniqueConstraint, false, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# As it stands in the database: SQLite uses a partial index only for a query that says the same words.
WAITING = "ix_reading_waiting"
WAITS = "outcome = 'unassigned' OR certainty = 'assumed'"
# SQLite numbers rows by itself only for a column declared INTEGER; PostgreSQL's INTEGER would end at 2**31.
_SERIAL = BigInteger().with_variant(Integer, "sqlite")


class Row(SQLModel, registry=registry(metadata=MetaData(naming_convention=NAMES))):
    """What every table shares: one metadata with named constraints."""


def _serial() -> Any:
    return Field(default=None, primary_key=True, sa_type=_SERIAL, sa_column_kwargs={"autoincrement": True})


def _whole(*, optional: bool = False, **more: Any) -> Any:
    if optional:
        more["default"] = None
    return Field(sa_type=BigInteger, nullable=optional, **more)


def _text(*, optional: bool = False, **more: Any) -> Any:
    if optional:
        more["default"] = None
    return Field(sa_type=Text, nullable=optional, **more)


class Municipality(Row, table=True):
    """A tenant: a municipality by its 6-digit local-government code, with its IANA zone."""

    code: str = _text(primary_key=True)
    name: str = _text()
    zone: str = _text()


class Household(Row, table=True):
    """A home; everything its gateways hear belongs to it."""

    id: str = _text(primary_key=True)
    municipality_code: str = _text(foreign_key="municipality.code")
    zone: str = _text()
    created_at: int = _whole()


class Gateway(Row, table=True):
    """A home's ears, enrolled to exactly one household."""

    id: str = _text(primary_key=True)
    household_id: str = _text(foreign_key="household.id", index=True)
    label: str = _text()
    created_at: int = _whole()


class Resident(Row, table=True):
    """A person, names byte for byte as registered; `search_key` is for comparison only."""

    id: str = _text(primary_key=True)
    household_id: str | None = _text(optional=True, foreign_key="household.id", index=True)
    municipality_code: str = _text(foreign_key="municipality.code", index=True)
    family_name: str = _text()
    given_name: str = _text()
    family_kana: str = _text()
    given_kana: str = _text()
    alias: str | None = _text(optional=True)
    birth_date: str = _text()
    sex: str = _text()
    height_cm: str | None = _text(optional=True)
    height_on: str | None = _text(optional=True)
    address: str | None = _text(optional=True)
    phone: str | None = _text(optional=True)
    insured_number: str | None = _text(optional=True)
    language: str = _text()
    channel: str = _text()
    emergency_contact: str | None = _text(optional=True)
    status: str = _text()
    search_key: str = _text()
    created_at: int = _whole()
    version: int = _whole()


class Device(Row, table=True):
    """A device of a household, with the identity it reported."""

    id: str = _text(primary_key=True)
    household_id: str = _text(foreign_key="household.id", index=True)
    profile: str = _text()
    maker: str | None = _text(optional=True)
    model: str | None = _text(optional=True)
    serial: str | None = _text(optional=True)
    firmware: str | None = _text(optional=True)
    battery: int | None = Field(default=None, sa_type=Integer)
    experimental: bool = Field()
    first_seen: int = _whole()
    last_seen: int = _whole()


class Binding(Row, table=True):
    """Whose user slot this is; slot -1 is the whole device. `since` is 0 unless it was somebody else's before."""

    device_id: str = _text(primary_key=True, foreign_key="device.id")
    slot: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    resident_id: str = _text(foreign_key="resident.id", index=True)
    since: int = _whole()


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
    id: str = _text(primary_key=True)
    household_id: str = _text()
    gateway_id: str = _text()
    device_id: str = _text()
    resident_id: str | None = _text(optional=True)
    certainty: str | None = _text(optional=True)
    outcome: str = _text()
    profile: str = _text()
    firmware: str | None = _text(optional=True)
    source: str = _text()
    provenance: str = _text()
    user_slot: int | None = Field(default=None, sa_type=Integer)
    sequence: int | None = _whole(optional=True)
    quality: float | None = Field(default=None)
    measured_at: int = _whole()
    time_quality: str = _text()
    period_start: int | None = _whole(optional=True)
    received_at: int = _whole()
    stored_at: int = _whole()
    digest: str = _text()
    experimental: bool = Field()
    # The owner's share where the numbers decided whose this is; NULL where a slot or a person said it.
    posterior: float | None = Field(default=None)


class Measurement(Row, table=True):
    """One kind of a reading: in the kind's unit, and as the device said it."""

    __table_args__ = (
        Index(None, "resident_id", "kind", "measured_at"),
        Index(None, "device_id", "kind", "measured_at"),
    )
    reading_id: str = _text(primary_key=True)
    kind: str = _text(primary_key=True)
    resident_id: str | None = _text(optional=True)
    household_id: str = _text()
    device_id: str = _text()
    measured_at: int = _whole()
    value: str = _text()
    unit: str = _text()
    device_value: str = _text()
    device_unit: str = _text()


class Refusal(Row, table=True):
    """A reading that was not taken, why, and (unless consent forbids) what it said."""

    __table_args__ = (UniqueConstraint("reading_id", "code", "digest"),)
    seq: int | None = _serial()
    reading_id: str = _text()
    gateway_id: str = _text()
    code: str = _text()
    content: str | None = _text(optional=True)
    digest: str = _text()
    at: int = _whole()


class Alias(Row, table=True):
    """A duplicate that came under another id than the reading it repeats."""

    reading_id: str = _text(primary_key=True)
    of: str = _text()
    at: int = _whole()


class BadMessage(Row, table=True):
    """A message none of whose readings could be named, counted by the hash of its bytes."""

    __tablename__: ClassVar[Any] = "bad_message"
    sha256: str = _text(primary_key=True)
    gateway_id: str = _text()
    code: str = _text()
    size: int = _whole()
    count: int = _whole()
    at: int = _whole()


class Outbox(Row, table=True):
    """What a committed transaction still owes to another part, once per topic and key."""

    # A number used again could make a late `done` forget somebody else's debt.
    __table_args__ = (UniqueConstraint("topic", "key"), {"sqlite_autoincrement": True})
    seq: int | None = _serial()
    topic: str = _text()
    key: str = _text()
    at: int = _whole()


class Tally(Row, table=True):
    """How often each outcome happened, with its reason code ('' where there is none)."""

    outcome: str = _text(primary_key=True)
    code: str = _text(primary_key=True)
    count: int = _whole()


class Consent(Row, table=True):
    """One thing a resident said about one purpose; never changed, only followed by another."""

    __table_args__ = (Index(None, "resident_id", "seq"),)
    seq: int | None = _serial()
    resident_id: str = _text(foreign_key="resident.id")
    purpose: str = _text()
    recipient: str | None = _text(optional=True)
    kind: str | None = _text(optional=True)
    granted: bool = Field()
    at: int = _whole()
    until: int | None = _whole(optional=True)
    actor: str = _text()
    channel: str = _text()
    text_hash: str = _text()


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
        Index(None, "rule_id", "rule_version", "state"),
    )
    id: str = _text(primary_key=True)
    resident_id: str = _text(foreign_key="resident.id")
    topic: str = _text()
    rule_id: str = _text()
    rule_version: int = _whole()
    text_version: int = _whole()
    state: str = _text()
    version: int = _whole()
    severity: str = _text()
    rank: str = _text()
    text_ja: str = _text()
    text_en: str = _text()
    evidence: str = _text()
    snapshot_hash: str = _text()
    created_at: int = _whole()
    updated_at: int = _whole()
    held_until: int | None = _whole(optional=True)
    decided_by: str | None = _text(optional=True)
    reason: str | None = _text(optional=True)
    supersedes: str | None = _text(optional=True)
    municipality_code: str = _text(sa_column_kwargs={"server_default": "-"})
    shelf: str = _text(sa_column_kwargs={"server_default": "done"})
    tier: int = _whole(sa_column_kwargs={"server_default": "0"})
    place: int = _whole(sa_column_kwargs={"server_default": "0"})
    due_at: int = _whole(sa_column_kwargs={"server_default": "0"})
    # An urgent item stays on the open shelf, whatever was decided, until somebody noted that they reached the person.
    needs_contact: bool = Field(sa_column_kwargs={"server_default": false()})
    assigned_to: str | None = _text(optional=True)


class AdviceEvent(Row, table=True):
    """One step of a piece of advice through its states."""

    __tablename__: ClassVar[Any] = "advice_event"
    __table_args__ = (Index(None, "advice_id", "seq"),)
    seq: int | None = _serial()
    advice_id: str = _text(foreign_key="advice.id")
    at: int = _whole()
    actor: str = _text()
    os_user: str = _text()
    command: str = _text()
    from_state: str | None = _text(optional=True)
    to_state: str = _text()
    version: int = _whole()
    reason: str | None = _text(optional=True)
    batch: str | None = _text(optional=True)


class Audit(Row, table=True):
    """One link of the hash chain: ids and hashes only."""

    # Two writers that read the same last link must not both extend it: the chain would fork.
    __table_args__ = (UniqueConstraint("prev"), Index(None, "subject", "seq"), {"sqlite_autoincrement": True})
    seq: int | None = _serial()
    at: int = _whole()
    actor: str = _text()
    os_user: str = _text()
    action: str = _text()
    subject: str = _text()
    detail_hash: str = _text()
    prev: str = _text()
    hash: str = _text()


class GatewayState(Row, table=True):
    """The last state and health a gateway told."""

    __tablename__: ClassVar[Any] = "gateway_state"
    gateway_id: str = _text(primary_key=True)
    state: str = _text()
    health: str = _text()
    at: int = _whole()


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
