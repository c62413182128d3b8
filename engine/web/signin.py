"""Who may see the desk: one-time links kept as hashes in files, and sessions kept as hashes in memory."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec

from engine.locale import Language
from engine.names import keep
from engine.refusal import Refusal
from engine.review import ENGINE

LINK_LIFE: Final = timedelta(minutes=15)
SESSION_LIFE: Final = timedelta(hours=8)
IDLE: Final = timedelta(minutes=30)
_TOKEN_BYTES: Final = 32


class Links:
    """One-time sign-in links of the desks that share `folder`: one file per link, named by the hash of its token.

    Taking a link is removing its file, so of two takers exactly one wins, in one process or in several.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def issue(self, now: datetime) -> str:
        """A new token, good once until `now` + 15 minutes; outdated ones are cleared away."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in self._folder.iterdir():
            if not _alive(path, now):
                path.unlink(missing_ok=True)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        handle = os.open(self._path(token), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write((now + LINK_LIFE).astimezone(UTC).isoformat())
        return token

    def good(self, token: str, now: datetime) -> bool:
        """Whether `take` would succeed; nothing is used up."""
        return _alive(self._path(token), now)

    def take(self, token: str, now: datetime) -> bool:
        """Use the link up; False when it was never issued, is used already or too old."""
        path = self._path(token)
        alive = _alive(path, now)
        try:
            path.unlink()
        except OSError:
            return False
        return alive

    def _path(self, token: str) -> Path:
        return self._folder / _hash(token)


def _alive(path: Path, now: datetime) -> bool:
    try:
        return now < datetime.fromisoformat(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return False


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in person: `by` signs decisions, `csrf` stands in every form, `id` names the session in the audit."""

    id: str
    by: str
    csrf: str
    lang: Language
    started: datetime
    seen: datetime

    def accepts(self, csrf: str) -> bool:
        """Whether a form that carries `csrf` was made by this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "replace"))


class Sessions:
    """The sessions of this process by the hash of their cookie; a restart ends them all."""

    def __init__(self) -> None:
        self._known: dict[str, Session] = {}
        self._lock = Lock()

    def start(self, by: str, lang: Language, now: datetime) -> tuple[str, Session]:
        """A new session and the cookie that carries it; those that have ended are forgotten."""
        cookie = secrets.token_urlsafe(_TOKEN_BYTES)
        name = _hash(cookie)
        csrf = secrets.token_urlsafe(_TOKEN_BYTES)
        made = Session(id=name[:16], by=by, csrf=csrf, lang=lang, started=now, seen=now)
        with self._lock:
            self._known = {key: old for key, old in self._known.items() if _lives(old, now)} | {name: made}
        return cookie, made

    def find(self, cookie: str | None, now: datetime, lang: Language | None = None) -> Session | None:
        """The living session of `cookie`, seen `now`, from now on in `lang` if given."""
        if not cookie:
            return None
        with self._lock:
            found = self._known.get(_hash(cookie))
            if found is None or not _lives(found, now):
                self._known.pop(_hash(cookie), None)
                return None
            seen = msgspec.structs.replace(found, seen=now, lang=lang or found.lang)
            self._known[_hash(cookie)] = seen
            return seen

    def end(self, cookie: str | None) -> None:
        """Forget the session of `cookie`."""
        with self._lock:
            self._known.pop(_hash(cookie or ""), None)


def _lives(session: Session, now: datetime) -> bool:
    return now < session.started + SESSION_LIFE and now < session.seen + IDLE


def name_of(text: str) -> str | Refusal:
    """The name a person signs with, blanks around it removed; refused when empty, odd or the engine's own."""
    kept = keep(text.strip())
    if not isinstance(kept, Refusal) and kept.casefold() == ENGINE:
        return Refusal("reserved", "this name belongs to the program")
    return kept


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
