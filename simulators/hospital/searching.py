"""Search as R4 describes it: tokens, references, dates with prefixes, names; sorted, by value, without a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from simulators.hospital.abilities import Abilities
from simulators.hospital.instants import compare, span_in, span_of, split_prefix
from simulators.hospital.journal import Version
from simulators.hospital.outcomes import RefusedError
from simulators.hospital.parameters import Parameter, parameter, values_at
from simulators.hospital.records import Records
from simulators.hospital.references import local
from simulators.hospital.words import Query, Resource

_CONTROL = {"_sort", "_count", "_summary", "_total", "_format"}
_LATEST = datetime.max.replace(tzinfo=UTC)


class Filter(msgspec.Struct, frozen=True):
    """One condition: any of `values` at the places of `known`."""

    name: str
    known: Parameter
    modifier: str
    values: tuple[str, ...]


class Search(msgspec.Struct, frozen=True):
    """A search that was understood: conditions, sort keys (`-` first for descending), page length, count only."""

    kind: str
    filters: tuple[Filter, ...]
    sort: tuple[str, ...]
    count: int
    only_count: bool


def understand(kind: str, query: Query, abilities: Abilities, *, lenient: bool = False) -> Search:
    """The search in a query; raises RefusedError (400) at what the server does not know unless `lenient`."""
    filters = [_filter(kind, name, value, lenient=lenient) for name, value in query if name not in _CONTROL and value]
    given = dict(query)
    count = given.get("_count", str(abilities.page))
    if not count.isascii() or not count.isdigit():
        raise RefusedError(400, f"_count is not a number: {count!r}")
    sort = tuple(name for name in given.get("_sort", "").split(",") if name)
    for name in sort:
        if parameter(kind, name.removeprefix("-")) is None:
            raise RefusedError(400, f"cannot sort {kind} by {name!r}")
    only_count = given.get("_summary") == "count" or count == "0"
    return Search(
        kind, tuple(one for one in filters if one), sort, min(int(count), abilities.most_page), only_count
    )  # fmt: skip


def _filter(kind: str, name: str, value: str, *, lenient: bool) -> Filter | None:
    bare, _, modifier = name.partition(":")
    known = parameter(kind, bare)
    if known is None or modifier not in {"", "not", "Patient"}:
        if lenient:
            return None
        raise RefusedError(400, f"search parameter {name!r} of {kind} is not known")
    return Filter(bare, known, modifier, tuple(_split(value, ",")))


def find(search: Search, records: Records, base: str, zone: int) -> list[Version]:
    """The resources that meet a search, sorted."""
    tests = [_test(one, base, zone) for one in search.filters]
    found = [version for version in _candidates(search, records, base) if all(test(version.body) for test in tests)]
    for name in reversed(search.sort):
        key = name.removeprefix("-")
        known = parameter(search.kind, key)
        assert known is not None
        found.sort(key=_sort_key(known, zone), reverse=name.startswith("-"))
    return found


def _candidates(search: Search, records: Records, base: str) -> list[Version]:
    for one in search.filters:
        if one.modifier == "not" or len(one.values) != 1:
            continue
        if one.name == "_id":
            version = records.current(search.kind, one.values[0])
            return [version] if version else []
        value = _plain(_split(one.values[0], "|")[-1])
        if one.name == "identifier" and value:
            return records.named(search.kind, value)
        if one.name == "patient" and search.kind != "AuditEvent":
            return records.of(search.kind, patient_named(one.values[0], base))
    return records.all(search.kind)


def patient_named(value: str, base: str) -> str:
    """The id in a value of `patient=` or `subject=`."""
    found = local(value.removeprefix(f"{base}/"))
    return found[1] if found else value


def _test(one: Filter, base: str, zone: int) -> Callable[[Resource], bool]:
    if one.known.sort == "date":
        asked = [split_prefix(value) for value in one.values]
        wanted = [(prefix, span_of(rest, zone)) for prefix, rest in asked]

        def dated(body: Resource) -> bool:
            spans = [span for value in values_at(body, one.known.paths) if (span := span_in(value, zone))]
            return any(compare(prefix, span, other) for prefix, other in wanted for span in spans)

        return dated
    matches = {"token": _is_token, "string": _is_string, "reference": _refers(one.modifier, base)}[one.known.sort]

    def meets(body: Resource) -> bool:
        values = list(values_at(body, one.known.paths))
        hit = any(matches(value, wanted) for wanted in one.values for value in values)
        return hit != (one.modifier == "not")

    return meets


def _is_token(value: Any, wanted: str) -> bool:
    *systems, code = [_plain(part) for part in _split(wanted, "|")]
    pairs = _pairs(value)
    if not systems:
        return any(has == code for _, has in pairs)
    return any((has_system or "") == systems[0] and code in {"", has} for has_system, has in pairs)


def _pairs(value: Any) -> list[tuple[str | None, str]]:
    if isinstance(value, bool):
        return [(None, str(value).lower())]
    if not isinstance(value, dict):
        return [(None, str(value))]
    if "coding" in value or "text" in value:
        return [pair for coding in value.get("coding", []) for pair in _pairs(coding)]
    return [(value.get("system"), str(value.get("code", value.get("value", ""))))]


def _is_string(value: Any, wanted: str) -> bool:
    return str(value).casefold().startswith(_plain(wanted).casefold())


def _refers(modifier: str, base: str) -> Callable[[Any, str], bool]:
    def refers(value: Any, wanted: str) -> bool:
        text = value.get("reference", "") if isinstance(value, dict) else ""
        has, asked = local(text), local(wanted.removeprefix(f"{base}/"))
        if has is None:
            return bool(text) and text == wanted
        if asked is not None:
            return has == asked
        return has[1] == wanted and modifier in {"", has[0]}

    return refers


def _sort_key(known: Parameter, zone: int) -> Callable[[Version], tuple[Any, ...]]:
    def key(version: Version) -> tuple[Any, ...]:
        first = next(iter(values_at(version.body, known.paths)), None)
        if known.sort == "date":
            span = span_in(first, zone)
            return (span.low if span else _LATEST,)
        return (str(_pairs(first)[0][1]) if first is not None and _pairs(first) else "",)

    return key


def _split(text: str, mark: str) -> list[str]:
    """Parts between unescaped marks, escapes kept for later."""
    parts, start, skip = [], 0, False
    for index, letter in enumerate(text):
        if skip:
            skip = False
        elif letter == "\\":
            skip = True
        elif letter == mark:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def _plain(text: str) -> str:
    return text.replace("\\,", ",").replace("\\|", "|").replace("\\$", "$").replace("\\\\", "\\")
