"""One-time codes, QR cards and enrolment links: by the hash of their secret, with life, wrong tries and revocation."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, case, func, insert, select, update

from engine.cards import new_secret
from engine.contract.ids import new_id
from engine.onetime import CARD_LIFE, CODE_LIFE, ENROL_LIFE, TRIES, new_code
from engine.store import audit, repo_sessions
from engine.store.filing import By
from engine.store.instants import from_micros, to_micros
from engine.store.tables import AUDIT
from engine.store.tables_desk import SIGN_IN_CODE

Kind = Literal["code", "card", "enrol"]
_LIVES: Final[dict[Kind, timedelta]] = {"code": CODE_LIFE, "card": CARD_LIFE, "enrol": ENROL_LIFE}
_NEWEST: Final = 500
_MOST: Final = 20_000
REFUSED: Final = "sign-in-refused"


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """A code, card or link without its secret; `state` is what it is good for at a moment."""

    id: str
    kind: Kind
    subject: str
    issued_by: str
    issued_at: datetime
    until: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    failed: int

    def state(self, now: datetime) -> Literal["good", "used", "revoked", "spoilt", "over"]:
        """Whether it still signs in, and if not, why."""
        if self.revoked_at is not None:
            return "revoked"
        if self.used_at is not None and self.kind != "card":
            return "used"
        if self.failed >= TRIES:
            return "spoilt"
        return "good" if now < self.until else "over"


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A new one with its secret, which is told now and never again."""

    id: str
    secret: str
    until: datetime


def issue(connection: Connection, subject: str, kind: Kind, now: datetime, by: By, rng: Random) -> Issued:
    """Makes one, with its audit entry; an earlier one of the same kind and person opens nothing any more."""
    earlier = [one for one in of(connection, subject) if one.kind == kind and one.state(now) == "good"]
    for one in earlier:
        _revoke(connection, one, now, by)
    secret = new_code(rng) if kind == "code" else new_secret(rng)
    made = Issued(id=new_id("i", rng), secret=secret, until=now + _LIVES[kind])
    row = {
        "hash": hash_of(kind, secret), "id": made.id, "kind": kind, "subject": subject, "issued_by": by.actor,
        "issued_at": to_micros(now), "until": to_micros(made.until), "failed": 0,
    }  # fmt: skip
    connection.execute(insert(SIGN_IN_CODE), row)
    _record(connection, f"{kind}-issue", subject, made.id, now, by)
    return made


def of(connection: Connection, subject: str) -> list[Code]:
    """Every one a person ever had, newest first."""
    query = select(SIGN_IN_CODE).where(SIGN_IN_CODE.c.subject == subject)
    return [_code(row) for row in connection.execute(query.order_by(SIGN_IN_CODE.c.issued_at.desc())).mappings()]


def by_secret(connection: Connection, kind: Kind, secret: str, *, lock: bool = False) -> Code | None:
    """The one with that secret, good or not; `lock` makes others wait until the transaction ends."""
    query = select(SIGN_IN_CODE).where(SIGN_IN_CODE.c.hash == hash_of(kind, secret))
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else _code(row)


def use(connection: Connection, code: Code, now: datetime) -> None:
    """Notes that it signed somebody in; wrong tries before that are forgiven."""
    mine = SIGN_IN_CODE.c.id == code.id
    connection.execute(update(SIGN_IN_CODE).where(mine).values(used_at=to_micros(now), failed=0))


def miss(connection: Connection, code: Code) -> None:
    """Notes a wrong try."""
    mine = SIGN_IN_CODE.c.id == code.id
    connection.execute(update(SIGN_IN_CODE).where(mine).values(failed=SIGN_IN_CODE.c.failed + 1))


def revoke(connection: Connection, id: str, subject: str, now: datetime, by: By) -> Code | None:  # noqa: A002
    """Makes one of this person's open nothing any more; a card's person is signed out everywhere.

    None when they have no such one, or it is revoked already.
    """
    found = next((one for one in of(connection, subject) if one.id == id and one.revoked_at is None), None)
    if found is not None:
        _revoke(connection, found, now, by)
        if found.kind == "card":
            repo_sessions.end_of(connection, subject, now)
    return found


def refused_since(connection: Connection, since: datetime) -> int:
    """How many tries to sign in were refused since then, as far as the newest 20,000 audit entries tell.

    Counted in the store, so that starting the program anew forgives nothing.
    """
    refused = 0
    for depth in (_NEWEST, _MOST):
        newest = select(AUDIT.c.at, AUDIT.c.action).order_by(AUDIT.c.seq.desc()).limit(depth).subquery()
        late = newest.c.at >= to_micros(since)
        counted = select(func.count(), func.sum(case((newest.c.action == REFUSED, 1), else_=0))).where(late)
        seen, found = connection.execute(counted).one()
        refused = int(found or 0)
        # A busy desk writes more than that in a minute: whoever makes it busy must not hide what came before.
        if seen < depth:
            break
    return refused


def note_refused(connection: Connection, subject: str, now: datetime, os_user: str) -> None:
    """The audit entry of a refused try: at whose account or code, as far as there is one."""
    entry = audit.Entry(at=to_micros(now), actor="visitor", os_user=os_user, action=REFUSED, subject=subject)
    audit.append(connection, entry)


def hash_of(kind: Kind, secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(f"minato {kind}\0{secret}".encode("utf-8", "replace")).hexdigest()


def _revoke(connection: Connection, code: Code, now: datetime, by: By) -> None:
    connection.execute(update(SIGN_IN_CODE).where(SIGN_IN_CODE.c.id == code.id).values(revoked_at=to_micros(now)))
    _record(connection, f"{code.kind}-revoke", code.subject, code.id, now, by)


def _record(connection: Connection, action: str, subject: str, id: str, now: datetime, by: By) -> None:  # noqa: A002
    audit.note(connection, f"sign-in-{action}", subject, by, now, [id])


def _code(row: Any) -> Code:
    used, revoked = row["used_at"], row["revoked_at"]
    return Code(
        id=row["id"], kind=row["kind"], subject=row["subject"], issued_by=row["issued_by"],
        issued_at=from_micros(row["issued_at"]), until=from_micros(row["until"]),
        used_at=None if used is None else from_micros(used),
        revoked_at=None if revoked is None else from_micros(revoked), failed=row["failed"],
    )  # fmt: skip
