"""Staff prove themselves by a password and a code of their authenticator; five wrong tries lock for 15 minutes."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from engine.access import Identity
from engine.identity import SLOW_DOWN, WRONG, flooded
from engine.onetime import TRIES, used_step
from engine.passwords import fits, hash_of, is_outdated
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store import repo_codes, repo_staff
from engine.store.database import Connection, Engine, read, write
from engine.store.repo_staff import Keys, Member

LOCK: Final = timedelta(minutes=15)


class StaffProof:
    """Password and second factor against the accounts of one store."""

    def __init__(self, engine: Engine, seal: Seal, os_user: str) -> None:
        self._engine = engine
        self._seal = seal
        self._os_user = os_user

    def prove(self, given: Mapping[str, str], now: datetime) -> Identity | Refusal:
        """Who signs in with `login`, `password` and `totp`; a code is good once."""
        with read(self._engine) as connection:
            if flooded(connection, now):
                return SLOW_DOWN
            member = repo_staff.by_login(connection, login_of(given.get("login", "")))
        return self._prove(member, given.get("password", ""), given.get("totp", ""), now)

    def unlock(self, id: str, password: str, now: datetime) -> Identity | Refusal:  # noqa: A002
        """Whether whoever sits before a locked screen knows the password of the one who left it."""
        with read(self._engine) as connection:
            if flooded(connection, now):
                return SLOW_DOWN
            member = repo_staff.get(connection, id)
        return self._prove(member, password, None, now)

    def _prove(self, member: Member | None, password: str, totp: str | None, now: datetime) -> Identity | Refusal:
        """Hashing comes first and outside the transaction: it is slow on purpose, also for who does not exist."""
        with read(self._engine) as connection:
            keys = None if member is None else repo_staff.keys_of(connection, member.id)
        known = keys is not None and member is not None and member.active
        right = fits(keys.password_hash if known and keys is not None else None, password)
        fresh = hash_of(password) if right and keys and keys.password_hash and is_outdated(keys.password_hash) else None
        with write(self._engine) as connection:
            if member is None or not known:
                repo_codes.note_refused(connection, "unknown", now, self._os_user)
                return WRONG
            before = repo_staff.keys_of(connection, member.id, lock=True)
            # The hash that was checked must be the one that holds: somebody may have set another meanwhile.
            right = right and before is not None and keys is not None and before.password_hash == keys.password_hash
            return self._settle(connection, member, before or Keys(), right=right, totp=totp, fresh=fresh, now=now)

    def _settle(
        self,
        connection: Connection,
        member: Member,
        keys: Keys,
        *,
        right: bool,
        totp: str | None,
        fresh: str | None,
        now: datetime,
    ) -> Identity | Refusal:
        """Counts the try; a locked account stays locked whatever is typed."""
        if keys.locked_until is not None and now < keys.locked_until:
            repo_codes.note_refused(connection, member.id, now, self._os_user)
            return WRONG
        step: int | None = keys.totp_step
        if totp is not None:
            secret = self._seal.open(keys.totp_secret, about_totp(member.id)) if keys.totp_secret else None
            step = used_step(secret, totp, keys.totp_step, now) if secret else None
        if right and step is not None:
            changes: dict[str, Any] = {"failed": 0, "locked_until": None, "totp_step": step}
            changes |= {"password_hash": fresh} if fresh else {}
            repo_staff.keep_keys(connection, member.id, msgspec.structs.replace(keys, **changes))
            return member.identity
        failed = keys.failed + 1
        until = now + LOCK if failed >= TRIES else None
        keys = msgspec.structs.replace(keys, failed=0 if until else failed, locked_until=until)
        repo_staff.keep_keys(connection, member.id, keys)
        repo_codes.note_refused(connection, member.id, now, self._os_user)
        return WRONG


def login_of(text: str) -> str:
    """A login as it is kept, whatever width and case was typed."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def about_totp(id: str) -> str:  # noqa: A002
    """What the sealed secret of a second factor is bound to."""
    return f"totp {id}"
