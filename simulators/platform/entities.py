"""The entities a broker holds, by tenant, service path, id and type; every change of one entity is one written line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from threading import RLock
from typing import Any, NamedTuple

import msgspec

from simulators.hospital.journal import Journal
from simulators.platform.attributes import Attributes
from simulators.platform.lines import Change, changes_in, commit_of
from simulators.platform.scopes import covers


class Key(NamedTuple):
    """What names an entity."""

    tenant: str
    path: str
    id: str
    type: str


class Kept(msgspec.Struct, frozen=True):
    """An entity as it is now."""

    key: Key
    attributes: Attributes


class Entities:
    """All entities in the order of their creation, rebuilt from the journal.

    As in a real broker a batch is no transaction: a kill between two entities leaves the first one changed.
    """

    def __init__(self, journal: Journal, now: Callable[[], datetime]) -> None:
        self.lock = RLock()
        self._journal, self._now = journal, now
        self.changes: list[Change] = []
        self._kept: dict[Key, Attributes] = {}
        self._named: dict[tuple[str, str], dict[Key, None]] = defaultdict(dict)
        for line in changes_in(journal):
            self._apply(line)

    def change(self, request: int, key: Key, attributes: Attributes | None) -> None:
        """Make an entity so, or remove it (None)."""
        line = Change(request, key.tenant, key.path, key.id, key.type, attributes)
        with self.lock:
            self._apply(line)
            self._journal.write(commit_of(line, self._now()))

    def get(self, key: Key) -> Attributes | None:
        """The attributes of an entity."""
        return self._kept.get(key)

    def named(self, tenant: str, id_: str, *, kind: str, paths: tuple[str, ...]) -> list[Key]:
        """The entities of this id at these paths, of `kind` where it is not ""."""
        with self.lock:
            found = self._named.get((tenant, id_), {})
            return [key for key in found if (not kind or key.type == kind) and covers(paths, key.path)]

    def all(self, tenant: str, paths: tuple[str, ...] = ("/#",)) -> list[Kept]:
        """The entities at these paths, oldest first."""
        with self.lock:
            here = [(key, attributes) for key, attributes in self._kept.items() if key.tenant == tenant]
        return [Kept(key, attributes) for key, attributes in here if covers(paths, key.path)]

    def everywhere(self) -> list[Key]:
        """The names of all entities of all tenants."""
        with self.lock:
            return list(self._kept)

    def everything(self) -> list[Kept]:
        """The entities of all tenants, oldest first."""
        with self.lock:
            return [Kept(key, attributes) for key, attributes in self._kept.items()]

    def _apply(self, line: Change) -> None:
        key = Key(line.tenant, line.path, line.id, line.kind)
        self.changes.append(line)
        if line.attributes is None:
            self._kept.pop(key, None)
            self._named[line.tenant, line.id].pop(key, None)
        else:
            self._kept[key] = line.attributes
            self._named[line.tenant, line.id][key] = None


def merged(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """An attribute after an update: its metadata stays where the update names none of that name."""
    return after | {"metadata": before["metadata"] | after["metadata"]}
