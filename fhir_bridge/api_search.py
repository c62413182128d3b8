"""Searches of the read API as FHIR R4 describes them: understood, met by resources, put in order. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from fhir_bridge.api_parameters import MODIFIERS, TABLE, Parameter, values_at
from fhir_bridge.api_spans import Span, answers, asked_of, moment, spans_in
from fhir_bridge.api_words import Query, RefusedError
from fhir_bridge.resources.made import Resource

PAGE: Final = 50
MOST_PAGE: Final = 200
# More than any program of ours asks in one search.
_MOST_PARAMETERS: Final = 40
_MOST_VALUES: Final = 200
_LONGEST: Final = 8_000
POSITION: Final = "_page"
# Words of R4 that ask for something we do not do; to ignore them would answer another question.
_UNDONE: Final = frozenset(
    {"_include", "_revinclude", "_has", "_filter", "_query", "_text", "_content", "_list", "_elements", "_contained",
     "_containedType", "_profile", "_tag", "_security", "_source", "_type"}
)  # fmt: skip
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)

Key = tuple[Any, ...]


class Filter(msgspec.Struct, frozen=True):
    """One condition: any of `values` under `known`, changed by `modifier`; `spans` are the values of a date, read."""

    name: str
    known: Parameter
    modifier: str
    values: tuple[str, ...]
    spans: tuple[tuple[str, Span], ...] = ()

    @property
    def cheap(self) -> bool:
        """Whether it is met or not before anything of the resource but its id and its date is made."""
        return self.known.paths in {("id",), ("meta.lastUpdated",)} or self.known.sort == "owner"

    @property
    def written(self) -> tuple[str, str]:
        """The condition as it stands in an address."""
        return (f"{self.name}:{self.modifier}" if self.modifier else self.name, ",".join(self.values))


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """A search that was understood: `sort` as names with - for falling, `position` where its page begins."""

    type: str
    filters: tuple[Filter, ...] = ()
    sort: tuple[str, ...] = ()
    count: int = PAGE
    only_count: bool = False
    position: str | None = None

    @property
    def written(self) -> tuple[tuple[str, str], ...]:
        """What was understood of it, as it stands in an address; the position is not part of it."""
        found = [one.written for one in self.filters]
        found += [("_sort", ",".join(self.sort))] if self.sort else []
        found += [("_count", str(self.count))] if self.count != PAGE else []
        return (*found, *([("_summary", "count")] if self.only_count else []))


def understood(kind: str, query: Query, *, strict: bool) -> Search:
    """The search in a query; `strict` refuses parameters that are not known, which are left out otherwise.

    Raises RefusedError (400): a value that is none, a modifier or a wish of R4 we do not serve, too much at once.
    """
    if len(query) > _MOST_PARAMETERS or sum(len(name) + len(value) for name, value in query) > _LONGEST:
        raise RefusedError(400, "too-long", f"at most {_MOST_PARAMETERS} parameters of {_LONGEST} characters together")
    asked = [(name, value) for name, value in query if value]
    filters = [one for name, value in asked if (one := _filter(kind, name, value, strict=strict)) is not None]
    if sum(len(one.values) for one in filters) > _MOST_VALUES:
        raise RefusedError(400, "too-costly", f"at most {_MOST_VALUES} values in one search")
    given = dict(asked)
    count = _count(given.get("_count", str(PAGE)))
    summary = given.get("_summary", "false")
    if summary not in {"count", "false"}:
        raise RefusedError(400, "not-supported", "_summary: only count and false are served")
    if given.get("_total", "none") not in {"none", "estimate", "accurate"}:
        raise RefusedError(400, "value", "_total is none, estimate or accurate")
    return Search(
        type=kind, filters=tuple(filters), sort=_sorts(kind, given.get("_sort", "")),
        count=min(count, MOST_PAGE) or PAGE, only_count=summary == "count" or count == 0, position=given.get(POSITION),
    )  # fmt: skip


def narrowing(kind: str, where: Iterable[tuple[str, str]]) -> tuple[Filter, ...]:
    """The conditions a scope adds for resources of that kind."""
    found = (_filter(kind, name, value, strict=True) for name, value in where)
    return tuple(one for one in found if one is not None)


def meets(resource: Resource, filters: Iterable[Filter], owner: str, base: str, now: datetime) -> bool:
    """Whether a resource meets every condition; `owner` is the id of the patient all of them belong to."""
    return all(_meets(resource, one, owner, base, now) for one in filters)


def key_of(resource: Resource, sort: Sequence[str]) -> Key:
    """Where a resource stands in its order: numbers that rise, what has no date last, at the end its own id.

    Without a wish the order is that of the last change, so that what changes while somebody reads comes at the end.
    """
    parts: list[Any] = []
    for name in sort or ("_lastUpdated",):
        plain = name.removeprefix("-")
        spans = list(_spans(resource, plain, TABLE[resource.type][plain]))
        if not spans:
            parts += [1, 0]
            continue
        falling = name != plain
        at = (max(span.start for span in spans) if falling else min(span.start for span in spans)) - _EPOCH
        parts += [0, -(at // _MICRO) if falling else at // _MICRO]
    return (*parts, resource.id)


def _filter(kind: str, name: str, value: str, *, strict: bool) -> Filter | None:
    bare, _, modifier = name.partition(":")
    if bare in {"_count", "_sort", "_summary", "_total", "_format", "_pretty", POSITION}:
        return None
    if bare in _UNDONE:
        raise RefusedError(400, "not-supported", f"{bare} is not served here; ask for each kind of resource by itself")
    known = TABLE[kind].get(bare)
    if known is None:
        if strict:
            raise RefusedError(400, "not-supported", f"{kind} is not searched by {bare[:60]!r}")
        return None
    if modifier not in MODIFIERS[known.sort]:
        raise RefusedError(400, "not-supported", f"{bare} is not served with the modifier {modifier[:60]!r}")
    values = tuple(_parted(value, ","))
    if modifier == "missing" and values not in {("true",), ("false",)}:
        raise RefusedError(400, "value", f"{name} is true or false")
    dated = known.sort == "date" and modifier != "missing"
    return Filter(bare, known, modifier, values, tuple(_dated(bare, one) for one in values) if dated else ())


def _dated(name: str, value: str) -> tuple[str, Span]:
    found = asked_of(value)
    if found is None:
        raise RefusedError(400, "value", f"{name}: {value[:60]!r} is no date or instant of FHIR")
    return found


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise RefusedError(400, "value", "_count is a whole number")
    return int(text[:9])


def _sorts(kind: str, text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        known = TABLE[kind].get(name.removeprefix("-"))
        if known is None or known.sort != "date":
            raise RefusedError(400, "not-supported", f"{kind} is not sorted by {name[:60]!r}")
    return names


def _meets(resource: Resource, one: Filter, owner: str, base: str, now: datetime) -> bool:
    known = one.known
    if known.sort == "owner":
        return any(_is_owner(value, one.modifier, owner, base) for value in one.values)
    if one.modifier == "missing":
        there = known.paths == ("meta.lastUpdated",) or any(True for _ in _values(resource, known))
        return there != (one.values == ("true",))
    if known.sort == "date":
        spans = list(_spans(resource, one.name, known))
        return any(answers(prefix, has, wanted, now) for prefix, wanted in one.spans for has in spans)
    # The id is known before anything else of the resource is made.
    held = [resource.id] if known.paths == ("id",) else list(_values(resource, known))
    return any(_fits(value, one, wanted, base) for value in held for wanted in one.values) != (one.modifier == "not")


def _fits(value: Any, one: Filter, wanted: str, base: str) -> bool:
    if one.known.sort == "string":
        return _begins(str(value), wanted, one.modifier)
    return _refers(value, wanted, base) if one.known.sort == "reference" else _is_token(value, wanted)


def _values(resource: Resource, known: Parameter) -> Iterator[Any]:
    return values_at(resource.head, known.paths)


def _spans(resource: Resource, name: str, known: Parameter) -> Iterator[Span]:
    if name == "_lastUpdated":
        yield moment(resource.last_updated)
        return
    for value in _values(resource, known):
        span = spans_in(value)
        if span is not None:
            yield span


def _is_owner(value: str, modifier: str, owner: str, base: str) -> bool:
    plain = _plain(value).removeprefix(f"{base}/")
    return plain == f"Patient/{owner}" or (plain == owner and modifier in {"", "Patient"})


def _is_token(value: Any, wanted: str) -> bool:
    system, mark, code = (_plain(part) for part in _halves(wanted))
    for has_system, has in _codes(value):
        # A code of FHIR itself has the system of its value set, which its place implies.
        fits = not mark or has_system is None or has_system == system
        if fits and (has == code or (not code and bool(mark))):
            return True
    return False


def _halves(wanted: str) -> tuple[str, str, str]:
    parts = _parted(wanted, "|")
    return ("", "", parts[0]) if len(parts) == 1 else (parts[0], "|", "|".join(parts[1:]))


def _codes(value: Any) -> Iterator[tuple[str | None, str]]:
    """System and code of everything in a token; None as system for a code whose place says it."""
    if isinstance(value, bool):
        yield None, str(value).lower()
    elif isinstance(value, dict):
        for coding in value.get("coding", [value] if {"code", "value"} & value.keys() else []):
            yield coding.get("system", ""), str(coding.get("code", coding.get("value", "")))
    else:
        yield None, str(value)


def _begins(value: str, wanted: str, modifier: str) -> bool:
    if modifier == "exact":
        return value == _plain(wanted)
    has, asked = _folded(value), _folded(_plain(wanted))
    return asked in has if modifier == "contains" else has.startswith(asked)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _refers(value: Any, wanted: str, base: str) -> bool:
    has = value.get("reference", "") if isinstance(value, dict) else ""
    asked = _plain(wanted).removeprefix(f"{base}/")
    return bool(has) and (has == asked or has.partition("/")[2] == asked)


def _parted(text: str, mark: str) -> list[str]:
    """The parts between marks that no backslash stands before; the backslashes stay."""
    parts, escaped = [""], False
    for letter in text:
        if letter == mark and not escaped:
            parts.append("")
            continue
        parts[-1] += letter
        escaped = letter == "\\" and not escaped
    return parts


def _plain(text: str) -> str:
    """A value without its backslashes."""
    found, escaped = "", False
    for letter in text:
        escaped = letter == "\\" and not escaped
        found += "" if escaped else letter
    return found
