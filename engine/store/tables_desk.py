"""The rows of the desk and the resident's page: accounts, sessions, what people say, what is owed to them.

Secrets are kept as hashes, or sealed with a key outside the database; instants are UTC microseconds.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from engine.store.tables import Row, _serial, _text, _whole


class Team(Row, table=True):
    """Nurses of one municipality who share residents; ids are `t-…`."""

    id: str = _text(primary_key=True)
    municipality_code: str = _text(foreign_key="municipality.code")
    name: str = _text()
    created_at: int = _whole()


class Staff(Row, table=True):
    """Somebody who works here; `roles` and `municipalities` are JSON lists, `totp_secret` is sealed."""

    id: str = _text(primary_key=True)
    login: str = _text(unique=True)
    name: str = _text()
    roles: str = _text()
    municipalities: str = _text()
    team_id: str | None = _text(optional=True, foreign_key="team.id")
    password_hash: str | None = _text(optional=True)
    totp_secret: str | None = _text(optional=True)
    totp_step: int = _whole()
    failed: int = _whole()
    locked_until: int | None = _whole(optional=True)
    active: bool = Field()
    single_keys: bool = Field()
    language: str = _text()
    created_at: int = _whole()
    version: int = _whole()


class FamilyMember(Row, table=True):
    """Somebody residents may let look; whose record they see is said by the consents that name them (`m-…`)."""

    __tablename__: ClassVar[Any] = "family_member"
    id: str = _text(primary_key=True)
    name: str = _text()
    relation: str = _text()
    language: str = _text()
    created_at: int = _whole()
    ended_at: int | None = _whole(optional=True)


class WebSession(Row, table=True):
    """A signed-in browser by the hash of its cookie; `identity` is JSON, `locked` after idling."""

    __tablename__: ClassVar[Any] = "web_session"
    hash: str = _text(primary_key=True)
    subject: str = _text(index=True)
    identity: str = _text()
    csrf: str = _text()
    language: str = _text()
    started: int = _whole()
    seen: int = _whole()
    ends: int = _whole()
    locked: bool = Field()


class SignInCode(Row, table=True):
    """A one-time code or a QR card that signs a resident or family in, by the hash of its secret."""

    __tablename__: ClassVar[Any] = "sign_in_code"
    hash: str = _text(primary_key=True)
    id: str = _text(unique=True)
    kind: str = _text()
    subject: str = _text(index=True)
    issued_by: str = _text()
    issued_at: int = _whole()
    until: int = _whole()
    used_at: int | None = _whole(optional=True)
    revoked_at: int | None = _whole(optional=True)
    failed: int = _whole()


class BreakGlass(Row, table=True):
    """A look into a record without the usual right to it: who, why, until when; shown to the resident."""

    __tablename__: ClassVar[Any] = "break_glass"
    __table_args__ = (Index(None, "resident_id", "at"),)
    id: str = _text(primary_key=True)
    staff_id: str = _text(index=True)
    resident_id: str = _text(foreign_key="resident.id")
    reason: str = _text()
    at: int = _whole()
    until: int = _whole()


class ResidentTeam(Row, table=True):
    """Who looks after a resident: a team, and perhaps one of its people."""

    __tablename__: ClassVar[Any] = "resident_team"
    resident_id: str = _text(primary_key=True, foreign_key="resident.id")
    team_id: str | None = _text(optional=True, foreign_key="team.id", index=True)
    staff_id: str | None = _text(optional=True, index=True)
    at: int = _whole()
    by: str = _text()


class StaffNote(Row, table=True):
    """What staff wrote down about a resident, perhaps beside an item; `kind` note or watch (of who watches over)."""

    __tablename__: ClassVar[Any] = "staff_note"
    __table_args__ = (Index(None, "resident_id", "at"), Index(None, "advice_id"))
    id: str = _text(primary_key=True)
    resident_id: str = _text(foreign_key="resident.id")
    advice_id: str | None = _text(optional=True)
    kind: str = _text()
    author: str = _text()
    at: int = _whole()
    text: str = _text()


class Contact(Row, table=True):
    """A nurse reached (or did not reach) a resident: how, what came of it, about which item."""

    __table_args__ = (Index(None, "resident_id", "at"), Index(None, "advice_id"))
    id: str = _text(primary_key=True)
    resident_id: str = _text(foreign_key="resident.id")
    advice_id: str | None = _text(optional=True)
    by: str = _text()
    at: int = _whole()
    how: str = _text()
    outcome: str = _text()
    text: str = _text()


class Request(Row, table=True):
    """What a resident asked for: call me, a question, or this is wrong; `desk` health or devices, with a due date."""

    __table_args__ = (Index(None, "desk", "state", "due_at"), Index(None, "resident_id", "created_at"))
    id: str = _text(primary_key=True)
    resident_id: str = _text(foreign_key="resident.id")
    municipality_code: str = _text()
    kind: str = _text()
    about: str | None = _text(optional=True)
    text: str = _text()
    desk: str = _text()
    due_at: int = _whole()
    state: str = _text()
    created_at: int = _whole()
    closed_at: int | None = _whole(optional=True)
    closed_by: str | None = _text(optional=True)
    answer: str | None = _text(optional=True)
    version: int = _whole()


class StandingApproval(Row, table=True):
    """A named person's signature on rule version x text version x population, at most 90 days (包括承認)."""

    __tablename__: ClassVar[Any] = "standing_approval"
    __table_args__ = (Index(None, "state", "rule_id"),)
    id: str = _text(primary_key=True)
    municipality_code: str = _text(foreign_key="municipality.code")
    rule_id: str = _text()
    rule_version: int = _whole()
    text_version: int = _whole()
    population: str = _text()
    signed_by: str = _text()
    signed_at: int = _whole()
    until: int = _whole()
    daily_cap: int = _whole()
    sample_percent: int = _whole()
    state: str = _text()
    ended_at: int | None = _whole(optional=True)
    ended_by: str | None = _text(optional=True)
    reason: str | None = _text(optional=True)
    version: int = _whole()


class StandingUse(Row, table=True):
    """An item a standing approval covered: approved by it, or sampled into the queue."""

    __tablename__: ClassVar[Any] = "standing_use"
    __table_args__ = (Index(None, "approval_id", "at"),)
    advice_id: str = _text(primary_key=True)
    approval_id: str = _text(foreign_key="standing_approval.id")
    at: int = _whole()
    sampled: bool = Field()


class UrgentText(Row, table=True):
    """A physician's signature on the text of an urgent rule, which a confirmed re-measurement may send by itself."""

    __tablename__: ClassVar[Any] = "urgent_text"
    id: str = _text(primary_key=True)
    municipality_code: str = _text(foreign_key="municipality.code")
    rule_id: str = _text()
    rule_version: int = _whole()
    text_version: int = _whole()
    signed_by: str = _text()
    signed_at: int = _whole()
    ended_at: int | None = _whole(optional=True)
    ended_by: str | None = _text(optional=True)


class SavedView(Row, table=True):
    """A search somebody gave a name; `query` is the part of the address after the question mark."""

    __tablename__: ClassVar[Any] = "saved_view"
    staff_id: str = _text(primary_key=True)
    name: str = _text(primary_key=True)
    query: str = _text()
    at: int = _whole()


class AdviceSeen(Row, table=True):
    """Who opened which version of an item when; staff and residents alike, the last time only."""

    __tablename__: ClassVar[Any] = "advice_seen"
    advice_id: str = _text(primary_key=True)
    by: str = _text(primary_key=True)
    version: int = _whole()
    at: int = _whole()


class AdviceResponse(Row, table=True):
    """What the resident said of delivered advice: useful or not-for-me; the last word holds."""

    __tablename__: ClassVar[Any] = "advice_response"
    advice_id: str = _text(primary_key=True)
    resident_id: str = _text(foreign_key="resident.id", index=True)
    said: str = _text()
    at: int = _whole()


class Disclosure(Row, table=True):
    """When a municipality shows a class of data to the resident: at-once, after-days or after-release."""

    municipality_code: str = _text(primary_key=True, foreign_key="municipality.code")
    data_class: str = _text(primary_key=True)
    mode: str = _text()
    days: int = _whole()
    by: str = _text()
    at: int = _whole()


class FactRelease(Row, table=True):
    """A doctor's or nurse's word that a resident may see a fact now."""

    __tablename__: ClassVar[Any] = "fact_release"
    fact_id: str = _text(primary_key=True)
    by: str = _text()
    at: int = _whole()


class Address(Row, table=True):
    """Where a person can be told that there is a message: `channel` mail, line, push; `address` is sealed."""

    __table_args__ = (UniqueConstraint("channel", "digest"), Index(None, "owner", "channel"))
    id: str = _text(primary_key=True)
    owner: str = _text()
    channel: str = _text()
    address: str = _text()
    digest: str = _text()
    verified_at: int | None = _whole(optional=True)
    created_at: int = _whole()
    failed_at: int | None = _whole(optional=True)


class Notice(Row, table=True):
    """That somebody should be told that there is something to see: never what. Once per person, kind and matter."""

    __table_args__ = (
        UniqueConstraint("recipient", "kind", "about"),
        Index(None, "state", "due_at"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = _serial()
    recipient: str = _text()
    kind: str = _text()
    about: str = _text()
    channel: str = _text()
    urgent: bool = Field()
    state: str = _text()
    due_at: int = _whole()
    attempts: int = _whole()
    sent_at: int | None = _whole(optional=True)
    error: str | None = _text(optional=True)
    created_at: int = _whole()


_TABLES = Row.metadata.tables
TEAM = _TABLES["team"]
STAFF = _TABLES["staff"]
FAMILY_MEMBER = _TABLES["family_member"]
WEB_SESSION = _TABLES["web_session"]
SIGN_IN_CODE = _TABLES["sign_in_code"]
BREAK_GLASS = _TABLES["break_glass"]
RESIDENT_TEAM = _TABLES["resident_team"]
STAFF_NOTE = _TABLES["staff_note"]
CONTACT = _TABLES["contact"]
REQUEST = _TABLES["request"]
STANDING_APPROVAL = _TABLES["standing_approval"]
STANDING_USE = _TABLES["standing_use"]
URGENT_TEXT = _TABLES["urgent_text"]
SAVED_VIEW = _TABLES["saved_view"]
ADVICE_SEEN = _TABLES["advice_seen"]
ADVICE_RESPONSE = _TABLES["advice_response"]
DISCLOSURE = _TABLES["disclosure"]
FACT_RELEASE = _TABLES["fact_release"]
ADDRESS = _TABLES["address"]
NOTICE = _TABLES["notice"]
