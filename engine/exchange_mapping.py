"""How a supplier of the city's 健康管理システム writes its files, as data: columns, encoding, days, codes, how it ends.

A mapping is a TOML file. Those that ship are our own examples; no supplier's format is claimed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping as Table
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from engine.people import Sex
from engine.refusal import Refusal

Encoding = Literal["cp932", "utf-8", "utf-8-sig", "utf-16", "shift_jis_2004", "euc_jis_2004"]
Days = Literal["iso", "slash", "compact", "era", "era-letter"]
State = Literal["lives", "moved-out", "dead"]
End = Literal["trailer", "rename"]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
FIELDS: Final = ("number", "name", "kana", "birth", "sex", "state", "on", "address", "insured", "to", "shielded")
_NEEDED: Final = frozenset(FIELDS[:6])
OUT_FIELDS: Final = ("line", "change", "about", "number", "day", "sort", "what", "came")
_STAMP: Final = "{stamp}"
_WIDTH: Final = 14
_ID: Final = re.compile(r"[a-z][a-z0-9-]{1,40}")


class Ending(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a whole file is told from half of one: a last row that counts (`mark`, rows), or the name it gets when done.

    `guard` is put before a cell that a spreadsheet would take for a formula, and taken off again; "" for none.
    """

    end: End
    mark: str = "END"
    guard: str = ""


class Residents(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The city's list of residents: its name with the day in it, its columns by our words, and what its codes mean.

    `whole` lists name everybody, others only what changed. `reject` says what one bad row costs: itself or the file.
    """

    name: str
    ending: Ending
    columns: dict[str, str]
    sex: dict[str, Sex]
    state: dict[str, State]
    whole: bool = True
    reject: Literal["row", "file"] = "row"
    days: Days = "iso"
    no_day: tuple[str, ...] = ()
    kana: Literal["full", "half"] = "full"
    space: str = "　"
    shielded: tuple[str, ...] = ()


class Out(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Our file for the city: its name with a running number, its columns by our words, and its codes for them."""

    name: str
    ending: Ending
    columns: dict[str, str]
    codes: dict[str, str] = {}
    days: Days = "iso"
    keep_days: Annotated[int, msgspec.Meta(ge=1, le=3700)] = 400
    appointments: tuple[str, ...] = ("check-up",)


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One supplier's way of writing."""

    id: str
    title: Title
    source: str
    residents: Residents
    out: Out
    encoding: Encoding = "utf-8"
    newline: Literal["crlf", "lf"] = "crlf"
    delimiter: Literal[",", "\t", ";"] = ","


def parse(text: str) -> Mapping | Refusal:
    """The mapping in a TOML text; refused as `bad-mapping` with what is wrong."""
    try:
        found = msgspec.convert(tomllib.loads(text), Mapping)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        return Refusal("bad-mapping", f"the mapping cannot be used: {error}")
    wrong = _wrong(found)
    return Refusal("bad-mapping", f"the mapping cannot be used: {wrong}") if wrong else found


def load(name: str) -> Mapping | Refusal:
    """The shipped mapping of that id, or the one in a file of that path; refused `unknown-mapping`, `bad-mapping`."""
    if name in shipped():
        return shipped()[name]
    try:
        return parse(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(shipped())
        return Refusal("unknown-mapping", f"no mapping {name!r} ({type(error).__name__}); shipped are {known}")


@cache
def shipped() -> Table[str, Mapping]:
    """The mappings that come with the program, by id; raises ValueError where one of them is spoilt."""
    found: dict[str, Mapping] = {}
    places = files("engine").joinpath("exchanges").iterdir()
    for place in sorted(places, key=lambda one: one.name):
        if place.name.endswith(".toml"):
            read = parse(place.read_text(encoding="utf-8"))
            if isinstance(read, Refusal):
                raise ValueError(f"{place.name}: {read.message}")
            found[read.id] = read
    return found


def stamp_of(pattern: str, name: str, today: date) -> int | Refusal:
    """When a list was made, from the digits in its name (day, then any running number), comparable as a number.

    Refused as `wrong-name`, or as `future` where it would make every later list look old.
    """
    before, after = (re.escape(part) for part in pattern.split(_STAMP))
    found = re.fullmatch(rf"{before}([0-9]{{8,{_WIDTH}}}){after}", name)
    day = None if found is None else _day(found[1][:8])
    if found is None or day is None:
        return Refusal("wrong-name", f"this mapping's lists are called {pattern}, with the day as 20261121")
    if (day - today).days > 1:
        return Refusal("future", f"{day} has not come yet")
    return int(found[1].ljust(_WIDTH, "0"))


def day_of(stamp: int) -> date:
    """The day of a stamp."""
    text = str(stamp)
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _day(digits: str) -> date | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def _wrong(found: Mapping) -> str:
    """What a mapping says that cannot be; "" where nothing does."""
    into, out = found.residents, found.out
    missing = sorted(_NEEDED - into.columns.keys())
    unknown = sorted((into.columns.keys() - set(FIELDS)) | (out.columns.keys() - set(OUT_FIELDS)))
    unsaid = sorted(set(OUT_FIELDS) - out.columns.keys())
    titles = [list(into.columns.values()), list(out.columns.values())]
    faults = {
        "its id": _ID.fullmatch(found.id) is None,
        f"no column for {', '.join(missing)}": bool(missing),
        f"no column for {', '.join(unsaid)} of what goes out": bool(unsaid),
        f"no such column: {', '.join(unknown)}": bool(unknown),
        "two columns have one title": any(len(set(one)) != len(one) for one in titles),
        "residents.name must hold {stamp} once": into.name.count(_STAMP) != 1 or "/" in into.name,
        "out.name must hold {number} once": out.name.count("{number}") != 1 or "/" in out.name,
        "the name of a list begins with a dot": into.name.startswith(".") or out.name.startswith("."),
        "state needs codes for lives, moved-out and dead": set(into.state.values()) != {"lives", "moved-out", "dead"},
        "sex needs codes": not {"male", "female"} <= set(into.sex.values()),
        "space must be one space": into.space not in {" ", "　"},
        "two of our words have one code": len(set(out.codes.values())) != len(out.codes),
        "a title or code does not exist in its encoding": not _encodable(found),
        "a guard is one character": any(len(one.guard) > 1 for one in (into.ending, out.ending)),
        "a trailer needs its mark": any(one.end == "trailer" and not one.mark for one in (into.ending, out.ending)),
    }
    return next((words for words, holds in faults.items() if holds), "")


def _encodable(found: Mapping) -> bool:
    into, out = found.residents, found.out
    words = (*into.columns.values(), *out.columns.values(), *out.codes.values(), into.ending.mark, out.ending.mark)
    try:
        "".join(words).encode(found.encoding)
    except UnicodeEncodeError:
        return False
    return True
