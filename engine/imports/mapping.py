"""How a CSV file says what it says: a TOML mapping, shipped beside this module or written by its user."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping as Map
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec

from engine.contract.kinds import KINDS
from engine.imports.model import FileError
from engine.imports.numbers import number, value_of


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column with values of one kind: the names it goes by, and its unit (or the column that names it).

    Kind steps-day is the total of a day, steps-interval a part of it; parts are added up to the day.
    `zero` absent: the program writes 0 where it measured nothing. `factor` multiplies what stands there.
    """

    names: tuple[str, ...]
    kind: str
    unit: str = ""
    unit_names: tuple[str, ...] = ()
    zero: str = "value"
    factor: str = "1"


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The columns of the moment: `names` for the date or both, `time_names` where the time stands apart."""

    names: tuple[str, ...]
    formats: tuple[str, ...]
    time_names: tuple[str, ...] = ()
    zone_names: tuple[str, ...] = ()
    zone: str = ""
    day_time: Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "12:00"


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One program's CSV: `source` says where its columns are documented, `title` what people call it.

    `person_names`: a column whose values tell the family's members apart. `by_name`: its columns are called so plainly
    that it is never guessed from them, only used when asked for.
    """

    name: str
    title: str
    source: str
    when: When
    value: tuple[Column, ...]
    encodings: tuple[str, ...] = ("utf-8", "cp932")
    delimiters: str = ",;\t"
    comma: bool = False
    origin_names: tuple[str, ...] = ()
    person_names: tuple[str, ...] = ()
    by_name: bool = False


def plain(name: str) -> str:
    """A column name without what does not count: width, case, spaces and quotes."""
    return "".join(unicodedata.normalize("NFKC", name).strip().strip("\"'#").lower().split())


def parse(text: str, name: str = "") -> Mapping:
    """The mapping in a TOML text; raises FileError bad-mapping with what is wrong."""
    try:
        found = msgspec.convert(tomllib.loads(text) | ({"name": name} if name else {}), Mapping)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise FileError("bad-mapping", f"the mapping cannot be used: {error}") from error
    faults = [*_faults(found)]
    if faults:
        raise FileError("bad-mapping", f"the mapping cannot be used: {'; '.join(faults)}")
    return found


@cache
def shipped() -> Map[str, Mapping]:
    """The mappings that come with the program, by name."""
    folder = files("engine.imports").joinpath("mappings")
    found = {entry.name.removesuffix(".toml"): entry for entry in folder.iterdir() if entry.name.endswith(".toml")}
    return {name: parse(found[name].read_text(encoding="utf-8"), name) for name in sorted(found)}


def fitting(cells: list[str]) -> Mapping | None:
    """The shipped mapping that knows most of these column names, None when none knows its moment and a value."""
    header = {plain(cell) for cell in cells}
    scores = [(score(mapping, header), mapping) for mapping in shipped().values() if not mapping.by_name]
    best = max(scores, key=lambda found: found[0], default=(0, None))
    return best[1] if best[0] else None


def score(mapping: Mapping, header: set[str]) -> int:
    """How many of the columns are there; 0 without the moment (and its time) or without any value."""
    when = mapping.when
    groups = [when.names, when.time_names] if when.time_names else [when.names]
    if not all(any(plain(name) in header for name in names) for names in groups):
        return 0
    values = sum(any(plain(name) in header for name in column.names) for column in mapping.value)
    more = sum(plain(name) in header for name in (*mapping.origin_names, *when.zone_names, *when.time_names))
    return values and values + more + 1


def _faults(mapping: Mapping) -> list[str]:
    faults = [] if mapping.value else ["there is no value column"]
    for column in mapping.value:
        kind = KINDS.get(column.kind)
        if kind is None or not kind.observed:
            faults.append(f"unknown kind {column.kind!r}")
        elif column.unit and not _convertible(column.kind, column.unit):
            faults.append(f"{column.kind} cannot be in {column.unit!r}")
        elif not column.unit and not column.unit_names:
            faults.append(f"{column.kind} needs a unit")
        if column.zero not in {"value", "absent"} or number(column.factor) is None:
            faults.append(f"{column.kind}: zero is value or absent, factor a number")
    return faults


def _convertible(kind: str, unit: str) -> bool:
    return value_of(kind, Decimal(1), unit) is not None
