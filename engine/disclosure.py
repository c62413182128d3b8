"""When a resident sees what is recorded of them: at once, after some days, or after a doctor's word. Pure.

The policy is data (`disclosure.toml`), and a municipality may say otherwise for itself. What is not shown yet is
announced without its name or value, so that nobody learns of a finding from a list of what is hidden.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final, Literal, get_args

import msgspec

from engine.clinical import Fact, Source
from engine.clinical_values import day_of
from engine.refusal import Refusal

Mode = Literal["at-once", "after-days", "after-release"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
# Longer than this is no waiting time but a refusal, which only a doctor's word can give.
MOST_DAYS: Final = 90


class Term(msgspec.Struct, frozen=True):
    """When a class of data is shown; `days` counts only for after-days."""

    mode: Mode
    days: int = 0


class DataClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Facts of these sources whose code begins with one of `codes` (none: any), and the term that is the default."""

    name: str
    sources: tuple[Source, ...]
    codes: tuple[str, ...]
    mode: Mode
    days: int = 0


class Shown(msgspec.Struct, frozen=True):
    """The resident may see it."""


class Later(msgspec.Struct, frozen=True):
    """The resident may see it from the beginning of `day` on."""

    day: date


class AfterRelease(msgspec.Struct, frozen=True):
    """The resident may see it once a doctor or nurse has released it."""


Sight = Shown | Later | AfterRelease
Policy = Mapping[str, Term]


@cache
def classes() -> tuple[DataClass, ...]:
    """Every class of data, the more special before the more general."""
    raw = tomllib.loads(files("engine").joinpath("disclosure.toml").read_text(encoding="utf-8"))
    return tuple(msgspec.convert(raw["class"], list[DataClass]))


def defaults() -> dict[str, Term]:
    """The term of every class where a municipality said nothing."""
    return {one.name: Term(one.mode, one.days) for one in classes()}


def policy_of(said: Mapping[str, Term]) -> Policy:
    """The defaults with what a municipality said; names of classes that there are not count for nothing."""
    return {name: said.get(name, term) for name, term in defaults().items()}


def term(name: str, mode: str, days: int = 0) -> Term | Refusal:
    """A term for the class `name`, refused as unknown-class, unknown-mode or bad-days (0 to 90, and only to wait)."""
    if name not in defaults():
        return Refusal("unknown-class", f"classes are {', '.join(defaults())}", "data_class")
    found = next((one for one in MODES if one == mode), None)
    if found is None:
        return Refusal("unknown-mode", f"modes are {', '.join(MODES)}", "mode")
    if not 0 <= days <= MOST_DAYS or (days > 0) != (found == "after-days"):
        return Refusal("bad-days", f"after-days takes 1 to {MOST_DAYS} days, the others none", "days")
    return Term(found, days)


def class_of(fact: Fact) -> str | None:
    """The name of the class `fact` belongs to; None where no class fits, which is shown only when released."""
    for one in classes():
        if fact.source in one.sources and (not one.codes or fact.code.startswith(one.codes)):
            return one.name
    return None


def visible(fact: Fact, policy: Policy, releases: Mapping[str, datetime], now: datetime) -> Sight:
    """Whether the resident may see `fact` at `now`, or from when; `releases` are instants by the id of the fact.

    What was seen once stays seen: as time goes by, a Shown never becomes anything else under the same policy.
    """
    released = releases.get(fact.id)
    if released is not None and released <= now:
        return Shown()
    name = class_of(fact)
    held = policy.get(name) if name is not None else None
    if held is None or held.mode == "after-release":
        return AfterRelease()
    if held.mode == "at-once":
        return Shown()
    day = day_of(fact.recorded_at) + timedelta(days=held.days)
    return Shown() if day_of(now) >= day else Later(day)


class Sighted(msgspec.Struct, frozen=True, kw_only=True):
    """Facts as their resident may see them: those shown, how many come on which day, how many wait for a word."""

    shown: tuple[Fact, ...] = ()
    later: Mapping[date, int] = {}
    waiting: int = 0


def sighted(facts: Iterable[Fact], policy: Policy, releases: Mapping[str, datetime], now: datetime) -> Sighted:
    """The rows of one resident parted by `visible`; a row that takes another back follows what it takes back."""
    rows = list(facts)
    gone = {row.retracts for row in rows if row.retracts is not None}
    sights = {row.id: visible(row, policy, releases, now) for row in rows if row.retracts is None}
    shown = tuple(row for row in rows if isinstance(sights.get(row.retracts or row.id), Shown))
    later: dict[date, int] = {}
    live = [sights[row.id] for row in rows if row.retracts is None and row.id not in gone]
    for sight in live:
        if isinstance(sight, Later):
            later[sight.day] = later.get(sight.day, 0) + 1
    waiting = sum(isinstance(sight, AfterRelease) for sight in live)
    return Sighted(shown=shown, later=dict(sorted(later.items())), waiting=waiting)
