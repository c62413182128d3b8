"""The rows of the desk and the resident's page: accounts, sessions, what people say, what is owed to them.

Secrets are kept as hashes, or sealed with a key outside the database; instants are UTC microseconds.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from engine.store.rows import Row, serial, text_, whole


class Team(Row, table=True):
    """Nurses of one municipality who share residents; ids are `t-…`."""

    id: str = text_(primary_key=True)
    municipality_code: str = text_(foreign_key="municipality.code")
    name: str = text_()
    created_at: int = whole()


class Staff(Row, table=True):
    """Somebody who works here; `roles` and `municipalities` are JSON lists, `totp_secret` is sealed."""

    id: str = text_(primary_key=True)
    login: str = text_(unique=True)
    name: str = text_()
    roles: str = text_()
    municipalities: str = text_()
    team_id: str | None = text_(optional=True, foreign_key="team.id")
    password_hash: str | None = text_(optional=True)
    totp_secret: str | None = text_(optional=True)
    totp_step: int = whole()
    failed: int = whole()
    locked_until: int | None = whole(optional=True)
    active: bool = Field()
    single_keys: bool = Field()
    language: str = text_()
    created_at: int = whole()
    version: int = whole()


class FamilyMember(Row, table=True):
    """Somebody residents may let look; whose record they see is said by the consents that name them (`m-…`)."""

    __tablename__: ClassVar[Any] = "family_member"
    id: str = text_(primary_key=True)
    name: str = text_()
    relation: str = text_()
    language: str = text_()
    created_at: int = whole()
    ended_at: int | None = whole(optional=True)


class WebSession(Row, table=True):
    """A signed-in browser by the hash of its cookie; `identity` is JSON, `locked` after idling."""

    __tablename__: ClassVar[Any] = "web_session"
    hash: str = text_(primary_key=True)
    subject: str = text_(index=True)
    identity: str = text_()
    # A form whose session has ended is known again by it.
    csrf: str = text_(index=True)
    language: str = text_()
    started: int = whole()
    seen: int = whole()
    ends: int = whole()
    locked: bool = Field()


class SignInCode(Row, table=True):
    """A one-time code or a QR card that signs a resident or family in, by the hash of its secret."""

    __tablename__: ClassVar[Any] = "sign_in_code"
    hash: str = text_(primary_key=True)
    id: str = text_(unique=True)
    kind: str = text_()
    subject: str = text_(index=True)
    issued_by: str = text_()
    issued_at: int = whole()
    until: int = whole()
    used_at: int | None = whole(optional=True)
    revoked_at: int | None = whole(optional=True)
    failed: int = whole()


class BreakGlass(Row, table=True):
    """A look into a record without the usual right to it: who, why, until when; shown to the resident."""

    __tablename__: ClassVar[Any] = "break_glass"
    __table_args__ = (Index(None, "resident_id", "at"),)
    id: str = text_(primary_key=True)
    staff_id: str = text_(index=True)
    resident_id: str = text_(foreign_key="resident.id")
    reason: str = text_()
    at: int = whole()
    until: int = whole()


class ResidentTeam(Row, table=True):
    """Who looks after a resident: a team, and perhaps one of its people."""

    __tablename__: ClassVar[Any] = "resident_team"
    resident_id: str = text_(primary_key=True, foreign_key="resident.id")
    team_id: str | None = text_(optional=True, foreign_key="team.id", index=True)
    staff_id: str | None = text_(optional=True, index=True)
    at: int = whole()
    by: str = text_()


class StaffNote(Row, table=True):
    """What staff wrote down about a resident, perhaps beside an item; `kind` note or watch (of who watches over)."""

    __tablename__: ClassVar[Any] = "staff_note"
    __table_args__ = (Index(None, "resident_id", "at"), Index(None, "advice_id"))
    id: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id")
    advice_id: str | None = text_(optional=True)
    kind: str = text_()
    author: str = text_()
    at: int = whole()
    text: str = text_()


class Contact(Row, table=True):
    """A nurse reached (or did not reach) a resident: how, what came of it, about which item."""

    __table_args__ = (Index(None, "resident_id", "at"), Index(None, "advice_id"))
    id: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id")
    advice_id: str | None = text_(optional=True)
    by: str = text_()
    at: int = whole()
    how: str = text_()
    outcome: str = text_()
    text: str = text_()


class Request(Row, table=True):
    """What a resident asked for: call me, a question, or this is wrong; `desk` health or devices, with a due date."""

    __table_args__ = (Index(None, "desk", "state", "due_at"), Index(None, "resident_id", "created_at"))
    id: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id")
    municipality_code: str = text_()
    kind: str = text_()
    about: str | None = text_(optional=True)
    text: str = text_()
    desk: str = text_()
    due_at: int = whole()
    state: str = text_()
    created_at: int = whole()
    closed_at: int | None = whole(optional=True)
    closed_by: str | None = text_(optional=True)
    answer: str | None = text_(optional=True)
    version: int = whole()


class StandingApproval(Row, table=True):
    """A named person's signature on rule version x text version x population, at most 90 days (包括承認)."""

    __tablename__: ClassVar[Any] = "standing_approval"
    __table_args__ = (Index(None, "state", "rule_id"),)
    id: str = text_(primary_key=True)
    municipality_code: str = text_(foreign_key="municipality.code")
    rule_id: str = text_()
    rule_version: int = whole()
    text_version: int = whole()
    # The sha256 of the signed words in both languages: what was signed is these words, not a number.
    digest: str = text_()
    population: str = text_()
    signed_by: str = text_()
    signed_at: int = whole()
    until: int = whole()
    daily_cap: int = whole()
    sample_percent: int = whole()
    state: str = text_()
    ended_at: int | None = whole(optional=True)
    ended_by: str | None = text_(optional=True)
    reason: str | None = text_(optional=True)
    version: int = whole()


class StandingUse(Row, table=True):
    """An item a standing approval covered: approved by it, or sampled into the queue."""

    __tablename__: ClassVar[Any] = "standing_use"
    __table_args__ = (Index(None, "approval_id", "at"),)
    advice_id: str = text_(primary_key=True)
    approval_id: str = text_(foreign_key="standing_approval.id")
    at: int = whole()
    sampled: bool = Field()


class UrgentText(Row, table=True):
    """A physician's signature on the text of an urgent rule, which a confirmed re-measurement may send by itself."""

    __tablename__: ClassVar[Any] = "urgent_text"
    id: str = text_(primary_key=True)
    municipality_code: str = text_(foreign_key="municipality.code")
    rule_id: str = text_()
    rule_version: int = whole()
    text_version: int = whole()
    digest: str = text_()
    signed_by: str = text_()
    signed_at: int = whole()
    ended_at: int | None = whole(optional=True)
    ended_by: str | None = text_(optional=True)


class SavedView(Row, table=True):
    """A search somebody gave a name; `query` is the part of the address after the question mark."""

    __tablename__: ClassVar[Any] = "saved_view"
    staff_id: str = text_(primary_key=True)
    name: str = text_(primary_key=True)
    query: str = text_()
    at: int = whole()


class AdviceSeen(Row, table=True):
    """Who opened which version of an item when; staff and residents alike, the last time only."""

    __tablename__: ClassVar[Any] = "advice_seen"
    advice_id: str = text_(primary_key=True)
    by: str = text_(primary_key=True)
    version: int = whole()
    at: int = whole()


class AdviceResponse(Row, table=True):
    """What the resident said of delivered advice: useful or not-for-me; the last word holds."""

    __tablename__: ClassVar[Any] = "advice_response"
    advice_id: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id", index=True)
    said: str = text_()
    at: int = whole()


class Disclosure(Row, table=True):
    """When a municipality shows a class of data to the resident: at-once, after-days or after-release."""

    municipality_code: str = text_(primary_key=True, foreign_key="municipality.code")
    data_class: str = text_(primary_key=True)
    mode: str = text_()
    days: int = whole()
    by: str = text_()
    at: int = whole()


class FactRelease(Row, table=True):
    """A doctor's or nurse's word that a resident may see a fact now."""

    __tablename__: ClassVar[Any] = "fact_release"
    fact_id: str = text_(primary_key=True)
    by: str = text_()
    at: int = whole()


class Address(Row, table=True):
    """Where a person can be told that there is a message: `channel` mail, line, push; `address` is sealed."""

    __table_args__ = (UniqueConstraint("channel", "digest"), Index(None, "owner", "channel"))
    id: str = text_(primary_key=True)
    owner: str = text_()
    channel: str = text_()
    address: str = text_()
    digest: str = text_()
    verified_at: int | None = whole(optional=True)
    created_at: int = whole()
    failed_at: int | None = whole(optional=True)


class Notice(Row, table=True):
    """That somebody should be told that there is something to see: never what. Once per person, kind and matter."""

    __table_args__ = (
        UniqueConstraint("recipient", "kind", "about"),
        Index(None, "state", "due_at"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    recipient: str = text_()
    kind: str = text_()
    about: str = text_()
    channel: str = text_()
    urgent: bool = Field()
    state: str = text_()
    due_at: int = whole()
    attempts: int = whole()
    sent_at: int | None = whole(optional=True)
    error: str | None = text_(optional=True)
    created_at: int = whole()


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
