"""When a resident sees what is recorded of them: at once, after some days, or after a doctor's word. Pure.

The policy is data (`disclosure.toml`), and a municipality may say otherwise for itself. What is not shown yet is
announced without its name or value, so that nobody learns of a finding from a list of what is hidden.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from engine.care_entries import Entry, current
from engine.clinical import Fact, Source
from engine.clinical_values import day_of
from engine.refusal import Refusal

Mode = Literal["at-once", "after-days", "after-release"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
# Longer than this is no waiting time but a refusal, which only a doctor's word can give.
MOST_DAYS: Final = 90
# What other houses write of medicines, conditions and allergies, and their reports and documents.
_DOCUMENT: Final = "document"
_JAPAN: Final = ZoneInfo("Asia/Tokyo")


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
    name = class_of(fact)
    return _sight(None if name is None else policy.get(name), fact.recorded_at, releases.get(fact.id), now)


def shown_since(fact: Fact, policy: Policy, releases: Mapping[str, datetime]) -> datetime | None:
    """From which instant on the resident may see `fact`; None where that waits for a word."""
    name = class_of(fact)
    return _since(None if name is None else policy.get(name), fact.recorded_at, releases.get(fact.id))


def _sight(held: Term | None, recorded: datetime, released: datetime | None, now: datetime) -> Sight:
    if released is not None and released <= now:
        return Shown()
    if held is None or held.mode == "after-release":
        return AfterRelease()
    if held.mode == "at-once":
        return Shown()
    day = day_of(recorded) + timedelta(days=held.days)
    return Shown() if day_of(now) >= day else Later(day)


def _since(held: Term | None, recorded: datetime, released: datetime | None) -> datetime | None:
    """When it could be seen first: recorded, and released or at the end of its term, whatever came sooner."""
    told = [] if released is None else [released]
    if held is not None and held.mode == "at-once":
        told.append(recorded)
    elif held is not None and held.mode == "after-days":
        told.append(datetime.combine(day_of(recorded) + timedelta(days=held.days), time(), _JAPAN))
    return max(min(told), recorded) if told else None


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


def class_of_entry(entry: Entry) -> str:
    """The name of the class `entry` belongs to, by its source; what nobody thought of is a document."""
    return next((one.name for one in classes() if entry.source in one.sources), _DOCUMENT)


class SightedEntries(msgspec.Struct, frozen=True, kw_only=True):
    """What other houses told as its resident may see it: the things shown, newest first, and what is still to come.

    `since` is from when each shown edition could be seen, by its id. `gone` was seen and then told to be an error: it
    says nothing any more but that.
    """

    shown: tuple[Entry, ...] = ()
    later: Mapping[date, int] = {}
    waiting: int = 0
    since: Mapping[str, datetime] = {}
    gone: tuple[Entry, ...] = ()


def sighted_entries(
    entries: Iterable[Entry], policy: Policy, releases: Mapping[str, datetime], now: datetime
) -> SightedEntries:  # fmt: skip
    """The things of one resident parted by what may be seen of them at `now`; `releases` are by the id of an edition.

    A word for one edition holds for every other of that thing that says the same: who was told of a medicine learns at
    once that it ended, or that the dose is another. A new name, and of other things than medicines new words of the
    house (a finding, a reaction), wait for a new word, and until then the last one seen stays.
    """
    shown: list[Entry] = []
    gone: list[Entry] = []
    later: dict[date, int] = {}
    waiting, since = 0, dict[str, datetime]()
    for editions in _things(entries, now):
        words = _words(editions, releases)
        told = [one for one in editions if one.status != "wrong"]
        seen = [one for one in told if isinstance(_entry_sight(one, policy, words, now), Shown)]
        if editions[-1].status == "wrong":
            gone += [_emptied(editions[-1], seen[-1])] if seen else []
            continue
        shown += seen[-1:]
        since |= {one.id: _entry_since(one, policy, words) for one in seen[-1:]}
        sight = _entry_sight(editions[-1], policy, words, now)
        later |= {sight.day: later.get(sight.day, 0) + 1} if isinstance(sight, Later) else {}
        waiting += isinstance(sight, AfterRelease)
    return SightedEntries(
        shown=tuple(current(shown, now)), later=dict(sorted(later.items())), waiting=waiting, since=since,
        gone=tuple(gone),
    )  # fmt: skip


def sight_of(
    entry: Entry, editions: Iterable[Entry], policy: Policy, releases: Mapping[str, datetime], now: datetime
) -> Sight:  # fmt: skip
    """Whether the resident may see this edition at `now`; `editions` are all that is known of them."""
    mine = [one for one in editions if (one.origin, one.remote) == (entry.origin, entry.remote)]
    return _entry_sight(entry, policy, _words(mine, releases), now)


def _things(entries: Iterable[Entry], now: datetime) -> list[list[Entry]]:
    """The editions of each thing that were known at `now`, oldest first."""
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in sorted(entries, key=lambda one: (one.recorded_at, one.id)):
        if entry.recorded_at <= now:
            found.setdefault((entry.origin, entry.remote), []).append(entry)
    return list(found.values())


def _words(editions: Iterable[Entry], releases: Mapping[str, datetime]) -> dict[str, datetime]:
    """When a word was first given for each edition, or for another of the same name and codes."""
    by_name: dict[object, datetime] = {}
    rows = list(editions)
    for one in rows:
        at = releases.get(one.id)
        if at is not None:
            by_name[_said(one)] = min(at, by_name.get(_said(one), at))
    return {one.id: by_name[_said(one)] for one in rows if _said(one) in by_name}


def _said(entry: Entry) -> tuple[object, ...]:
    """What a word was given for: how much of a medicine is taken is no finding, everything else in detail is one."""
    return entry.name, entry.codes, "" if entry.sort == "medication" else entry.detail


def _emptied(wrong: Entry, seen: Entry) -> Entry:
    """The edition that takes a thing back under the words that were seen: what came between never was."""
    return msgspec.structs.replace(wrong, name=seen.name, codes=seen.codes, detail="", at=seen.at, until=seen.until)


def _entry_sight(entry: Entry, policy: Policy, words: Mapping[str, datetime], now: datetime) -> Sight:
    return _sight(policy.get(class_of_entry(entry)), entry.recorded_at, words.get(entry.id), now)


def _entry_since(entry: Entry, policy: Policy, words: Mapping[str, datetime]) -> datetime:
    return _since(policy.get(class_of_entry(entry)), entry.recorded_at, words.get(entry.id)) or entry.recorded_at
