"""The rows of a resident's own rights: one ID, who acts for them, what happened in their life, closing an account.

Of an account with the identity provider only the pairwise subject is kept; instants are UTC microseconds.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Index, text

from engine.store.rows import Row, serial, text_, whole

# As it stands in the database: SQLite uses a partial index only for a query that says the same words.
OPEN = "ended_at IS NULL"


class OneId(Row, table=True):
    """That the provider `issuer` knows a resident or family member as `subject` towards our client `client_id`.

    One holder has at most one live subject of a provider and a subject one holder; what ended stays, ended.
    """

    __tablename__: ClassVar[Any] = "one_id"
    __table_args__ = (
        Index("ix_one_id_subject", "issuer", "client_id", "subject", unique=True, sqlite_where=text(OPEN),
              postgresql_where=text(OPEN)),
        Index("ix_one_id_holder", "holder", "issuer", "client_id", unique=True, sqlite_where=text(OPEN),
              postgresql_where=text(OPEN)),
        {"sqlite_autoincrement": True},
    )  # fmt: skip
    seq: int | None = serial()
    issuer: str = text_()
    client_id: str = text_()
    subject: str = text_()
    holder: str = text_()
    how: str = text_()
    by: str = text_()
    at: int = whole()
    ended_at: int | None = whole(optional=True)
    ended_by: str | None = text_(optional=True)
    reason: str | None = text_(optional=True)


class SignInFlow(Row, table=True):
    """A way to the identity provider that somebody is on, by the hash of its state; good once and for minutes.

    `verifier` (PKCE) and `nonce` are sealed; `browser` is the hash of a cookie, so that nobody else can end it.
    """

    __tablename__: ClassVar[Any] = "sign_in_flow"
    hash: str = text_(primary_key=True)
    purpose: str = text_()
    holder: str | None = text_(optional=True)
    nonce: str = text_()
    verifier: str = text_()
    browser: str = text_()
    onward: str = text_()
    at: int = whole()
    until: int = whole(index=True)


class OneIdSession(Row, table=True):
    """Which session of the provider a signed-in browser came from, so that a logout there ends it here."""

    __tablename__: ClassVar[Any] = "one_id_session"
    __table_args__ = (Index(None, "issuer", "subject"), Index(None, "issuer", "sid"))
    hash: str = text_(primary_key=True)
    issuer: str = text_()
    subject: str = text_()
    sid: str | None = text_(optional=True)
    acr: str | None = text_(optional=True)
    at: int = whole()


class LogoutToken(Row, table=True):
    """A logout token that was obeyed (hash of issuer and `jti`), or that somebody signed out at the provider.

    The same token is never obeyed again, and a page left open goes no further.
    """

    __tablename__: ClassVar[Any] = "logout_token"
    hash: str = text_(primary_key=True)
    until: int = whole(index=True)


class Acting(Row, table=True):
    """That `actor` (m-…, r-… or s-…) acts for a resident: on which legal basis, for what, from when until when (`j-…`).

    `scope` is a JSON list; `seen` names the paper that proved it, never its content; `agreed_by` whose yes it rests on.
    """

    __table_args__ = (Index(None, "resident_id", "since"), Index(None, "actor", "since"))
    id: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id")
    actor: str = text_()
    basis: str = text_()
    scope: str = text_()
    seen: str = text_()
    agreed_by: str | None = text_(optional=True)
    since: int = whole()
    until: int | None = whole(optional=True)
    by: str = text_()
    at: int = whole()
    ended_at: int | None = whole(optional=True)
    ended_by: str | None = text_(optional=True)
    reason: str | None = text_(optional=True)
    version: int = whole()


class Protection(Row, table=True):
    """A measure of support (支援措置): since when until when a resident is hidden from household and family (`l-…`)."""

    __table_args__ = (Index(None, "resident_id", "since"),)
    id: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id")
    since: int = whole()
    until: int | None = whole(optional=True)
    seen: str = text_()
    by: str = text_()
    at: int = whole()
    ended_at: int | None = whole(optional=True)
    ended_by: str | None = text_(optional=True)
    version: int = whole()


class LifeEvent(Row, table=True):
    """Something in a resident's life that changes what is done for them (`f-…`).

    `sort` death, moved-out, moved-within, hospital, care-home, pregnancy, left-household or away; `since` and `until`
    are instants, `detail` is JSON (a municipality, a household, what was before). A mistake is taken back, not deleted.
    """

    __tablename__: ClassVar[Any] = "life_event"
    __table_args__ = (Index(None, "resident_id", "since"), Index(None, "sort", "since"))
    id: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id")
    sort: str = text_()
    since: int = whole()
    until: int | None = whole(optional=True)
    detail: str = text_()
    by: str = text_()
    at: int = whole()
    taken_back_at: int | None = whole(optional=True)
    taken_back_by: str | None = text_(optional=True)
    reason: str | None = text_(optional=True)
    version: int = whole()


class ConsentSource(Row, table=True):
    """What a consent that was not said on the page rests on: a signed paper or a FHIR Consent, by its sha256.

    `sort` paper or fhir; `reference` is the number of the form, or the remote id; the paper itself lies in the files.
    """

    __tablename__: ClassVar[Any] = "consent_source"
    __table_args__ = (Index(None, "resident_id"), Index(None, "sort", "reference"))
    seq: int = whole(primary_key=True, sa_column_kwargs={"autoincrement": False})
    resident_id: str = text_(foreign_key="resident.id")
    sort: str = text_()
    reference: str = text_()
    sha256: str = text_()
    by: str = text_()
    at: int = whole()


class Closure(Row, table=True):
    """That an account was asked to be closed and when everything of it was erased; an id and instants only.

    `state` asked, taken-back, erased; `due_at` is when it is erased unless it is taken back.
    """

    resident_id: str = text_(primary_key=True)
    state: str = text_(index=True)
    asked_at: int = whole()
    asked_by: str = text_()
    channel: str = text_()
    due_at: int = whole()
    erased_at: int | None = whole(optional=True)
    scrubbed_at: int | None = whole(optional=True)
    counts: str | None = text_(optional=True)


class ForgetOrder(Row, table=True):
    """That a gateway was told to forget a resident, until it answered; `correlation` is in command and reply."""

    __tablename__: ClassVar[Any] = "forget_order"
    __table_args__ = (Index(None, "state", "due_at"), Index(None, "correlation", unique=True))
    gateway_id: str = text_(primary_key=True)
    resident_id: str = text_(primary_key=True)
    correlation: str = text_()
    state: str = text_()
    due_at: int = whole()
    attempts: int = whole()
    ordered_at: int = whole()
    answered_at: int | None = whole(optional=True)
    answer: str | None = text_(optional=True)


_TABLES = Row.metadata.tables
ONE_ID = _TABLES["one_id"]
SIGN_IN_FLOW = _TABLES["sign_in_flow"]
ONE_ID_SESSION = _TABLES["one_id_session"]
LOGOUT_TOKEN = _TABLES["logout_token"]
ACTING = _TABLES["acting"]
PROTECTION = _TABLES["protection"]
LIFE_EVENT = _TABLES["life_event"]
CONSENT_SOURCE = _TABLES["consent_source"]
CLOSURE = _TABLES["closure"]
FORGET_ORDER = _TABLES["forget_order"]
