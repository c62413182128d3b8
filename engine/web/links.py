"""One-time links that sign the operator of this machine in, kept as hashes in files."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, get_args

from engine.access import Identity
from engine.access import Role as Access
from engine.contract.ids import Role, is_id
from engine.names import keep
from engine.refusal import Refusal
from engine.review import ENGINE

LINK_LIFE: Final = timedelta(minutes=15)
# Who enters by the link of this machine's operator works as a nurse of every town and keeps the accounts.
LOCAL_ROLES: Final[frozenset[Access]] = frozenset({"nurse", "helpdesk", "admin", "auditor", "watcher"})
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


class LinkProof:
    """A link of this machine's operator (`token`) and the `name` that will sign what is decided."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def prove(self, given: Mapping[str, str], now: datetime) -> Identity | Refusal:
        """Who enters: a nurse of every town who also keeps the accounts; refused `link-spent` or `name`."""
        token, by = given.get("token", ""), name_of(given.get("name", ""))
        if not self._links.good(token, now):
            return Refusal("link-spent", "this link is used up or too old")
        if isinstance(by, Refusal):
            return Refusal("name", by.message, "name")
        if not self._links.take(token, now):
            return Refusal("link-spent", "this link is used up or too old")
        return Identity(id=by, name=by, roles=LOCAL_ROLES, municipalities=None)


def _alive(path: Path, now: datetime) -> bool:
    try:
        return now < datetime.fromisoformat(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return False


def name_of(text: str) -> str | Refusal:
    """The name a person signs with, blanks around it removed; refused when empty, odd, the engine's or like an id."""
    kept = keep(text.strip())
    if not isinstance(kept, Refusal) and (any(is_id(kept, role) for role in get_args(Role)) or ":" in kept):
        return Refusal("reserved", "a name is not an id")
    if not isinstance(kept, Refusal) and kept.casefold() == ENGINE:
        return Refusal("reserved", "this name belongs to the program")
    return kept


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
