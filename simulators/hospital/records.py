"""The versions of resources a hospital holds, found by id, identifier and patient; writes are whole or not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import RLock
from typing import Any

from simulators.hospital.journal import Commit, Journal, Version
from simulators.hospital.parameters import values_at
from simulators.hospital.references import references_in
from simulators.hospital.words import Resource


class Records:
    """All versions, rebuilt from the journal; one lock makes every read see only what is committed."""

    def __init__(self, journal: Journal, now: Callable[[], datetime]) -> None:
        self.lock = RLock()
        self._journal, self._now = journal, now
        self._kept: dict[str, dict[str, list[Version]]] = defaultdict(dict)
        self._named: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._of: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._open: list[Version] | None = None
        self._given = 0
        for line in journal.before:
            if isinstance(line, Commit):
                for version in line.versions:
                    self._apply(version)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is put inside becomes true at the end, at once; an exception takes all of it back."""
        with self.lock:
            if self._open is not None:
                yield
                return
            self._open = []
            try:
                yield
                if self._open:
                    self._journal.write(Commit(tuple(self._open)))
            except BaseException:
                for version in reversed(self._open):
                    self._take_back(version)
                raise
            finally:
                self._open = None

    def put(self, kind: str, id_: str, body: Resource) -> Version:
        """Store the next version of a resource with its meta filled in."""
        with self.together():
            number = len(self._kept[kind].get(id_, ())) + 1
            at = self._now()
            at = at.replace(microsecond=at.microsecond // 1000 * 1000)
            said = body.get("meta")
            meta = dict(said) if isinstance(said, dict) else {}
            meta |= {"versionId": str(number), "lastUpdated": at.isoformat(timespec="milliseconds")}
            version = Version(kind, id_, number, at, {**body, "id": id_, "meta": meta})
            self._apply(version)
            assert self._open is not None
            self._open.append(version)
            return version

    def fresh_id(self, kind: str) -> str:
        """An id of the server's own making that nothing has."""
        with self.lock:
            while True:
                self._given += 1
                if (made := f"n{self._given}") not in self._kept[kind]:
                    return made

    def current(self, kind: str, id_: str) -> Version | None:
        """The newest version of a resource."""
        with self.lock:
            found = self._kept[kind].get(id_)
            return found[-1] if found else None

    def versions(self, kind: str, id_: str) -> tuple[Version, ...]:
        """All versions of a resource, oldest first."""
        with self.lock:
            return tuple(self._kept[kind].get(id_, ()))

    def all(self, kind: str) -> list[Version]:
        """The newest version of every resource of `kind`."""
        with self.lock:
            return [found[-1] for found in self._kept[kind].values()]

    def named(self, kind: str, value: str) -> list[Version]:
        """Those with an identifier of this value, of whatever system."""
        return self._among(kind, self._named, (kind, value))

    def of(self, kind: str, patient: str) -> list[Version]:
        """Those that mention this patient."""
        return self._among(kind, self._of, (kind, patient))

    def _among(self, kind: str, index: dict[tuple[str, str], set[str]], key: tuple[str, str]) -> list[Version]:
        with self.lock:
            return [self._kept[kind][id_][-1] for id_ in sorted(index.get(key, ()))]

    def _apply(self, version: Version) -> None:
        kept = self._kept[version.kind].setdefault(version.id, [])
        if kept:
            self._mark(kept[-1], known=False)
        kept.append(version)
        self._mark(version, known=True)

    def _take_back(self, version: Version) -> None:
        kept = self._kept[version.kind][version.id]
        self._mark(kept.pop(), known=False)
        if kept:
            self._mark(kept[-1], known=True)
        else:
            del self._kept[version.kind][version.id]

    def _mark(self, version: Version, *, known: bool) -> None:
        for value in values_at(version.body, ("identifier.value",)):
            _change(self._named[version.kind, str(value)], version.id, known=known)
        for kind, id_ in references_in(version.body):
            if kind == "Patient":
                _change(self._of[version.kind, id_], version.id, known=known)


def _change(ids: set[str], id_: str, *, known: bool) -> None:
    if known:
        ids.add(id_)
    else:
        ids.discard(id_)


def identifiers(body: Resource) -> list[tuple[Any, Any]]:
    """System and value of each business identifier."""
    return [(one.get("system"), one.get("value")) for one in values_at(body, ("identifier",)) if isinstance(one, dict)]
