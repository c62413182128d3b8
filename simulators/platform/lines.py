"""What a broker writes down, in the lines any stand-in writes: how each entity changed, what came and what went out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from simulators.hospital.journal import Commit, Journal, Received, Version
from simulators.hospital.ledger import Ledger

_SECRETS = {"authorization", "cookie", "proxy-authorization"}


class Change(msgspec.Struct, frozen=True):
    """One entity after request `request`; `kind` is its type, `attributes` None: it was removed."""

    request: int
    tenant: str
    path: str
    id: str
    kind: str
    attributes: dict[str, dict[str, Any]] | None


def commit_of(change: Change, at: datetime) -> Commit:
    """The line of a change: a version of the entity whose number is the request's."""
    body = {"tenant": change.tenant, "path": change.path, "attributes": change.attributes}
    return Commit((Version(change.kind, change.id, change.request, at, body),))


def changes_in(journal: Journal) -> list[Change]:
    """The changes that stood in a journal when it was opened."""
    versions = [version for line in journal.before if isinstance(line, Commit) for version in line.versions]
    return [
        Change(one.number, one.body["tenant"], one.body["path"], one.id, one.kind, one.body["attributes"])
        for one in versions
    ]


class BrokerLedger(Ledger):
    """A ledger that keeps every header but the secret ones: nothing personal may hide in any."""

    def receive(
        self, now: Callable[[], datetime], method: str, target: str, headers: dict[str, str], body: bytes
    ) -> int:
        """Write a request down as it may be kept (`hidden` in `broker`); its number."""
        kept = {name: value for name, value in headers.items() if name not in _SECRETS}
        with self._lock:
            line = Received(len(self.received) + 1, now(), method, target, kept, body.decode("utf-8", "replace"))
            self.received.append(line)
            self._journal.write(line)
        return line.number
