"""What somebody looks for in the queue: a search is a part of the address, so that it can be kept, sent and bookmarked.

Pure. A word that says nothing (an unknown state, a date that is none) narrows nothing down and is told as a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, Literal, get_args
from urllib.parse import parse_qsl, urlencode

import msgspec

from engine.review import ORDER, State

Shelf = Literal["open", "held", "later", "done"]
SHELVES: Final[tuple[Shelf, ...]] = get_args(Shelf)
STATES: Final[tuple[str, ...]] = get_args(State)
ASSIGNED: Final = ("me", "team", "nobody")
DUE: Final = ("today", "over")
MOST: Final = 200
_CODES: Final[dict[str, tuple[str, ...]]] = {
    "shelf": SHELVES, "state": STATES, "severity": ORDER, "assigned": ASSIGNED, "due": DUE, "first": ("1",),
}  # fmt: skip


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; an empty field asks for nothing. `since` and `until` are days in the residents' zone."""

    shelf: Shelf = "open"
    q: str = ""
    rule: str = ""
    topic: str = ""
    state: str = ""
    severity: str = ""
    assigned: str = ""
    due: str = ""
    first: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def query(self) -> str:
        """The part of the address behind the question mark: the same search, the same words, in the same order."""
        return urlencode({name: value for name, value in self.words.items() if value and (name, value) != _USUAL})

    @property
    def words(self) -> dict[str, str]:
        """Every field as it is typed."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: str(value) if value else "" for name, value in fields.items()}

    @property
    def narrows(self) -> bool:
        """Whether anything but the shelf is asked for."""
        return any(value for name, value in self.words.items() if name != "shelf")


_USUAL: Final = ("shelf", "open")
# Searches that everybody has, by the key of their name.
BUILT_IN: Final[dict[str, Search]] = {
    "all": Search(), "today": Search(due="today"), "mine": Search(assigned="me"), "over": Search(due="over"),
    "first": Search(first="1"), "held": Search(shelf="held"), "later": Search(shelf="later"),
}  # fmt: skip


def parse(given: Mapping[str, str]) -> tuple[Search, tuple[str, ...]]:
    """The search in the fields of an address, and the names of those that say nothing."""
    kept: dict[str, str | date] = {}
    faults: list[str] = []
    for name in Search.__struct_fields__:
        text = " ".join(given.get(name, "").split())
        if not text:
            continue
        value = _value(name, text)
        if value is None:
            faults.append(name)
        else:
            kept[name] = value
    search = msgspec.convert(kept, Search)
    if search.since and search.until and search.since > search.until:
        return msgspec.structs.replace(search, since=None, until=None), (*faults, "until")
    return search, tuple(faults)


def parse_query(query: str) -> Search:
    """The search in the part of an address behind the question mark; what says nothing is left out."""
    return parse(dict(parse_qsl(query[: 10 * MOST], max_num_fields=50)))[0]


def _value(name: str, text: str) -> str | date | None:
    if name in _CODES:
        return text if text in _CODES[name] else None
    if name in {"since", "until"}:
        try:
            return date.fromisoformat(text)
        except ValueError:
            return None
    return text if len(text) <= MOST and text.isprintable() else None
