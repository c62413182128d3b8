"""The rows of what is exchanged with other houses: links, what was sent, what came, and who may read by program."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from sqlalchemy import Index, Integer, UniqueConstraint, text
from sqlmodel import Field

from engine.store.rows import Row, serial, text_, whole

# As it stands in the database: two residents are never linked to one patient.
LINKED: Final = "state = 'linked'"


class CareLink(Row, table=True):
    """A resident's patient number in a network; `state` proposed, held, linked, refused or ended.

    `found` is JSON of what the network says of the patient (kana, birth date, sex), for the one who decides a doubt.
    """

    __tablename__: ClassVar[Any] = "care_link"
    __table_args__ = (
        Index(
            "ix_care_link_patient", "network", "remote_id", unique=True, sqlite_where=text(LINKED),
            postgresql_where=text(LINKED),
        ),
        Index(None, "network", "state"),
    )  # fmt: skip
    resident_id: str = text_(primary_key=True, foreign_key="resident.id")
    network: str = text_(primary_key=True)
    system: str = text_()
    value: str = text_()
    remote_id: str | None = text_(optional=True)
    state: str = text_()
    reason: str | None = text_(optional=True)
    found: str | None = text_(optional=True)
    by: str = text_()
    at: int = whole()
    version: int = whole()


class CareEntry(Row, table=True):
    """A medicine, condition, allergy, report or document as it was told, never changed, only followed by another.

    `remote` names it at its `origin` (a network, or the form of a file), `version` its edition there; `codes` is JSON.
    """

    __tablename__: ClassVar[Any] = "care_entry"
    __table_args__ = (
        UniqueConstraint("resident_id", "origin", "remote", "version"),
        Index(None, "resident_id", "sort"),
    )
    id: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id")
    sort: str = text_()
    name: str = text_()
    codes: str = text_()
    status: str = text_()
    detail: str = text_()
    at: int | None = whole(optional=True)
    until: int | None = whole(optional=True)
    source: str = text_()
    actor: str = text_()
    origin: str = text_()
    remote: str = text_()
    version: str = text_()
    recorded_at: int = whole()


class FactOrigin(Row, table=True):
    """Which edition of which resource or document a fact was made of."""

    __tablename__: ClassVar[Any] = "fact_origin"
    __table_args__ = (Index(None, "origin", "remote"),)
    fact_id: str = text_(primary_key=True)
    origin: str = text_()
    remote: str = text_()
    version: str = text_()


class Pulled(Row, table=True):
    """A resource as a network sent it, byte for byte; `state` is why it makes nothing here, NULL where it was used."""

    __table_args__ = (Index(None, "resident_id", "type"),)
    network: str = text_(primary_key=True)
    type: str = text_(primary_key=True)
    remote_id: str = text_(primary_key=True)
    version: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id")
    last_updated: int | None = whole(optional=True)
    raw: str = text_()
    state: str | None = text_(optional=True)
    received_at: int = whole()


class PullCursor(Row, table=True):
    """How far one kind of resource of one resident was read, and what stopped the last try."""

    __tablename__: ClassVar[Any] = "pull_cursor"
    network: str = text_(primary_key=True)
    resident_id: str = text_(primary_key=True, foreign_key="resident.id")
    type: str = text_(primary_key=True)
    reached: int | None = whole(optional=True)
    at: int = whole()
    error: str | None = text_(optional=True)


class UnknownCode(Row, table=True):
    """A code from outside that we make no fact of, counted by resource; the resources themselves are in `pulled`."""

    __tablename__: ClassVar[Any] = "unknown_code"
    origin: str = text_(primary_key=True)
    system: str = text_(primary_key=True)
    code: str = text_(primary_key=True)
    reason: str = text_(primary_key=True)
    display: str = text_()
    count: int = whole()
    first_at: int = whole()
    last_at: int = whole()


class Push(Row, table=True):
    """One resource owed to a network: what it shall say there, and what became of it.

    `identifier` is its own for ever; a value moved to another person gets a new one of the next `turn`. `patient` is
    the network's, `wants` the status it shall have, `says` the one the network confirmed last with `digest` of the
    body; `state` pending, sent, confirmed, dead or withdrawn. `device_id` is '' where no device of ours measured.
    """

    __table_args__ = (
        UniqueConstraint("network", "type", "identifier"),
        Index(None, "network", "state", "due_at"),
        Index(None, "network", "resident_id", "state"),
        Index(None, "reading_id"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    network: str = text_()
    type: str = text_()
    identifier: str = text_()
    turn: int = Field(sa_type=Integer)
    resident_id: str = text_()
    patient: str = text_()
    reading_id: str = text_()
    device_id: str = text_()
    kind: str = text_()
    measured_at: int = whole()
    wants: str = text_()
    says: str | None = text_(optional=True)
    state: str = text_()
    due_at: int = whole()
    attempts: int = Field(sa_type=Integer)
    remote_id: str | None = text_(optional=True)
    version: str | None = text_(optional=True)
    digest: str | None = text_(optional=True)
    code: str | None = text_(optional=True)
    outcome: str | None = text_(optional=True)
    created_at: int = whole()
    updated_at: int = whole()
    sent_at: int | None = whole(optional=True)
    confirmed_at: int | None = whole(optional=True)


class NetworkState(Row, table=True):
    """What the bridge knows of a network between two runs, as JSON: abilities, breaker, last sync."""

    __tablename__: ClassVar[Any] = "network_state"
    network: str = text_(primary_key=True)
    said: str = text_()
    at: int = whole()


class ApiGrant(Row, table=True):
    """A program's right to read one resident's data, by the hash of its token; `scopes` in words of SMART."""

    __tablename__: ClassVar[Any] = "api_grant"
    id: str = text_(primary_key=True)
    hash: str = text_(unique=True)
    resident_id: str = text_(foreign_key="resident.id", index=True)
    name: str = text_()
    scopes: str = text_()
    issued_by: str = text_()
    issued_at: int = whole()
    until: int = whole()
    used_at: int | None = whole(optional=True)
    revoked_at: int | None = whole(optional=True)


class EmergencyCard(Row, table=True):
    """A printed card or sheet whose QR leads to the emergency page, by the hash of its secret; it expires."""

    __tablename__: ClassVar[Any] = "emergency_card"
    id: str = text_(primary_key=True)
    hash: str = text_(unique=True)
    resident_id: str = text_(foreign_key="resident.id", index=True)
    sort: str = text_()
    issued_by: str = text_()
    issued_at: int = whole()
    until: int = whole()
    revoked_at: int | None = whole(optional=True)


class EmergencyRead(Row, table=True):
    """Somebody opened the emergency page by a card: who they said they are, why, and until when it stays open."""

    __tablename__: ClassVar[Any] = "emergency_read"
    __table_args__ = (Index(None, "resident_id", "at"),)
    id: str = text_(primary_key=True)
    card_id: str = text_()
    resident_id: str = text_(foreign_key="resident.id")
    name: str = text_()
    place: str = text_()
    reason: str = text_()
    at: int = whole()
    until: int = whole()


_TABLES = Row.metadata.tables
CARE_LINK = _TABLES["care_link"]
CARE_ENTRY = _TABLES["care_entry"]
FACT_ORIGIN = _TABLES["fact_origin"]
PULLED = _TABLES["pulled"]
PULL_CURSOR = _TABLES["pull_cursor"]
UNKNOWN_CODE = _TABLES["unknown_code"]
PUSH = _TABLES["push"]
NETWORK_STATE = _TABLES["network_state"]
API_GRANT = _TABLES["api_grant"]
EMERGENCY_CARD = _TABLES["emergency_card"]
EMERGENCY_READ = _TABLES["emergency_read"]
