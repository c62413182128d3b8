"""What a harness asks of the ledger afterwards: was anything shown too early, told that should not be, or done badly?

The names of types and attributes are those of our releases: cells refer to a release, which turns complete last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from simulators.hospital.journal import Received
from simulators.platform.broker import TOKEN, UPDATE
from simulators.platform.lines import Change
from simulators.platform.scopes import PATH, SERVICE

CELL, RELEASE = "PhrAggregateCell", "PhrAggregateRelease"
MOST_ENTITIES, MOST_BYTES = 500, 512 * 1024


class Finding(msgspec.Struct, frozen=True):
    """Something that must not be: what, in which request, at which entity or text."""

    code: str
    request: int
    what: str


class _Release(msgspec.Struct):
    """A release as the changes so far have made it."""

    status: str = ""
    shown: dict[str, Any] = msgspec.field(default_factory=dict)
    cells: dict[tuple[str, str], dict[str, Any]] = msgspec.field(default_factory=dict)


def broken_promises(changes: Iterable[Change]) -> list[Finding]:
    """Every moment at which a reader of complete releases could have seen less, more or other than the whole.

    `complete-early`: complete with another number of cells than its `cellCount`; `changed-after`: a cell or the
    release itself changed while complete; `turned-back`: from complete or withdrawn to an earlier state.
    """
    releases: dict[tuple[str, str], _Release] = defaultdict(_Release)
    refers: dict[tuple[str, str, str], str] = {}
    found: list[Finding] = []
    for line in changes:
        if line.kind == CELL:
            name = (line.tenant, line.path, line.id)
            release = _value(line, "refRelease") if line.attributes is not None else refers.get(name, "")
            refers[name] = release
            found += _cell(releases[line.tenant, release], line)
        elif line.kind == RELEASE:
            found += _release(releases[line.tenant, line.id], line)
    return found


def misuses(received: Iterable[Received]) -> list[Finding]:
    """What the broker takes but a careful client never sends.

    Writes without a tenant or a path of their own, to `/#` or to several paths; batches of more than 500 entities or
    512 KiB; the same entity twice in one batch.
    """
    found: list[Finding] = []
    for line in received:
        if line.method in {"POST", "DELETE"} and not line.target.startswith(TOKEN):
            path = line.headers.get(PATH, "/")
            said = {
                "no-tenant": not line.headers.get(SERVICE), "no-path": path == "/", "path-below": path.endswith("#"),
                "several-paths": "," in path, "over-512-kib": len(line.body.encode()) > MOST_BYTES,
            }  # fmt: skip
            ids = entities_of(line)
            said |= {"over-500": len(ids) > MOST_ENTITIES, "entity-twice": len(set(ids)) < len(ids)}
            found += [Finding(code, line.number, path) for code, wrong in said.items() if wrong]
    return found


def told(received: Iterable[Received], texts: Iterable[str]) -> list[Finding]:
    """Every request that holds one of the texts, however it is escaped, in its address, its headers or its body."""
    wanted = [text for text in texts if text]
    found: list[Finding] = []
    # The same bytes come again after every lost answer.
    known: dict[str, list[str]] = {}
    for line in received:
        if line.body not in known:
            known[line.body] = _holds("\n".join((line.body, *_strings(line))), wanted)
        around = _holds("\n".join((line.target, unquote_plus(line.target), *line.headers.values())), wanted)
        found += [Finding("told", line.number, text) for text in dict.fromkeys((*around, *known[line.body]))]
    return found


def _holds(seen: str, wanted: list[str]) -> list[str]:
    return [text for text in wanted if text in seen]


def entities_of(line: Received) -> list[str]:
    """The ids of the entities a request writes, in its order."""
    if not line.target.startswith(UPDATE):
        return []
    said = _json(line.body)
    entities = said.get("entities") if isinstance(said, dict) else None
    return [str(one.get("id")) for one in entities if isinstance(one, dict)] if isinstance(entities, list) else []


def _cell(release: _Release, line: Change) -> list[Finding]:
    before = release.cells.get((line.path, line.id))
    if line.attributes is None:
        release.cells.pop((line.path, line.id), None)
    else:
        release.cells[line.path, line.id] = line.attributes
    # The same cell sent again, after a lost reply, changes nothing for a reader.
    if release.status == "complete" and line.attributes != before:
        return [Finding("changed-after", line.request, line.id)]
    return []


def _release(release: _Release, line: Change) -> list[Finding]:
    status = _value(line, "releaseStatus")
    rest = {name: one for name, one in (line.attributes or {}).items() if name != "releaseStatus"}
    was, shown = release.status, release.shown
    release.status, release.shown = status, rest
    if was == "withdrawn" and status not in {"withdrawn", ""}:
        return [Finding("turned-back", line.request, line.id)]
    if was == "complete" and status not in {"complete", "withdrawn"}:
        return [Finding("turned-back", line.request, line.id)]
    if was == status == "complete" and rest != shown:
        return [Finding("changed-after", line.request, line.id)]
    if status == "complete" and _value(line, "cellCount") != str(len(release.cells)):
        return [Finding("complete-early", line.request, line.id)]
    return []


def _value(line: Change, name: str) -> str:
    return str((line.attributes or {}).get(name, {}).get("value", ""))


def _strings(line: Received) -> list[str]:
    """Every text in a JSON body, as it is meant."""
    found: list[str] = []
    left = [_json(line.body)]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str):
            found.append(value)
    return found or [unquote_plus(line.body)]


def _json(body: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
