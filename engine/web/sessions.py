"""Signed-in browsers: a cookie is 256 random bits, the store keeps its hash, who it is and until when."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from engine.access import Identity
from engine.locale import Language
from engine.situation import signs_in
from engine.store import repo_life, repo_one_id_ways, repo_sessions
from engine.store.database import Connection, Engine, read, write
from engine.store.repo_one_id_ways import Came
from engine.store.repo_sessions import Kept

STAFF_LIFE: Final = timedelta(hours=8)
STAFF_IDLE: Final = timedelta(minutes=15)
RESIDENT_LIFE: Final = timedelta(days=90)
# How exactly `seen` is kept: a write for every click would make reading as dear as deciding.
_SEEN_STEP: Final = timedelta(seconds=60)
_TOKEN_BYTES: Final = 32


def cookie_name(secure: bool) -> str:
    """What the cookie is called; over HTTPS the browser itself refuses one set by another host or without TLS."""
    return "__Host-phr_desk" if secure else "phr_desk"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in person: `who` they are, `csrf` stands in every form, `id` names the session in the audit.

    A `locked` session knows who it is but opens nothing until its person proves themselves again.
    """

    id: str
    who: Identity
    csrf: str
    lang: Language
    started: datetime
    seen: datetime
    ends: datetime
    locked: bool = False

    @property
    def by(self) -> str:
        """What signs this person's decisions."""
        return self.who.id

    def accepts(self, csrf: str) -> bool:
        """Whether a form that carries `csrf` was made by this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "replace"))


class Sessions:
    """The sessions of one store, shared by every process that serves it; in a `city` none that a link began."""

    def __init__(self, engine: Engine, *, city: bool = False) -> None:
        self._engine = engine
        self._city = city

    def start(
        self, who: Identity, lang: Language, now: datetime, *, came: Came | None = None, instead: str | None = None
    ) -> tuple[str, Session]:
        """A new session and the cookie that carries it; those that ended long ago are forgotten.

        `came` is where it came from when the city's ID began it; the session of the hash `instead` ends.
        """
        cookie, csrf = secrets.token_urlsafe(_TOKEN_BYTES), secrets.token_urlsafe(_TOKEN_BYTES)
        life = STAFF_LIFE if who.is_staff else RESIDENT_LIFE
        kept = Kept(
            hash=hash_of(cookie), who=who, csrf=csrf, language=lang, started=now, seen=now, ends=now + life,
            locked=False,
        )  # fmt: skip
        with write(self._engine) as connection:
            if instead is not None:
                repo_sessions.end(connection, instead, now)
            if came is not None:
                repo_one_id_ways.note_session(connection, kept.hash, came)
            repo_one_id_ways.forget_sessions(connection, now)
            repo_sessions.forget_ended(connection, now)
            repo_sessions.add(connection, kept)
        return cookie, _session(kept)

    def find(
        self, cookie: str | None, now: datetime, lang: Language | None = None, *, touch: bool = True
    ) -> Session | None:
        """The living session of `cookie`, seen `now`, henceforth in `lang` if given; staff who idled find it locked.

        With `touch` False it is looked up and not used: what a page fetches by itself keeps nobody signed in.
        """
        if not cookie:
            return None
        with read(self._engine) as connection:
            kept = repo_sessions.get(connection, hash_of(cookie))
            if kept is None or now >= kept.ends or not _is_here(connection, kept.who, now):
                return None
        # Sessions outlive the program: one that a link began before this became a city's works for every town.
        if self._city and kept.who.municipalities is None:
            return None
        idle = kept.who.is_staff and now - kept.seen >= STAFF_IDLE
        changes: dict[str, Any] = {}
        if lang is not None and lang != kept.language:
            changes["language"] = lang
        if idle and not kept.locked:
            changes["locked"] = True
        if touch and not idle and not kept.locked and (changes or now - kept.seen >= _SEEN_STEP):
            changes["seen"] = now
        if changes:
            kept = msgspec.structs.replace(kept, **changes)
            with write(self._engine) as connection:
                repo_sessions.change(connection, kept.hash, changes)
        return _session(kept)

    def maker_of(self, csrf: str, now: datetime) -> Session | None:
        """The session that made a form with that mark, also when it has ended within the last day."""
        if not csrf:
            return None
        with read(self._engine) as connection:
            kept = repo_sessions.by_csrf(connection, csrf)
        return None if kept is None or now >= kept.ends + repo_sessions.REMEMBERED else _session(kept)

    def unlock(self, cookie: str, now: datetime) -> None:
        """Opens an idle session again: its person has proved themselves."""
        with write(self._engine) as connection:
            repo_sessions.change(connection, hash_of(cookie), {"locked": False, "seen": now})

    def end(self, cookie: str | None, now: datetime) -> None:
        """Ends the session of `cookie`."""
        with write(self._engine) as connection:
            repo_sessions.end(connection, hash_of(cookie or ""), now)


def hash_of(secret: str) -> str:
    """What is kept of a cookie or a code."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _is_here(connection: Connection, who: Identity, now: datetime) -> bool:
    """Whether a resident may still look: who died is signed out by that, who moved away a year later."""
    return "resident" not in who.roles or signs_in(repo_life.situation(connection, who.id), now)


def _session(kept: Kept) -> Session:
    return Session(
        id=kept.hash[:16], who=kept.who, csrf=kept.csrf, lang=kept.language, started=kept.started, seen=kept.seen,
        ends=kept.ends, locked=kept.locked,
    )  # fmt: skip
