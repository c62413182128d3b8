"""How the service does, for the towns that pay for it: counts of residents, hidden where they are small. Pure.

A town's own report is a slice of the one report: figures are hidden once for the whole region, so that reports laid
side by side tell no more than one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Any, Final

import msgspec

from engine.kpi_hiding import Figure, Key, Shown, Sum, hidden
from engine.locale import Language

# The whole region, as SDMX writes "all".
ALL: Final = "_T"
_APRIL: Final = 4
_TENTH: Final = Decimal("0.1")
_TOWN: Final = 3
# What the loss of a figure costs the report: a total is dearer than its parts, this year dearer than those before.
_COSTS: Final = {"items": 1, "yes": 2, "of": 3, "advised": 4, "active": 5, "past": 6, "now": 12}


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many residents shall be registered at the end of each fiscal year, from the first one on."""

    source: str
    first_year: int
    registrants: tuple[int, ...]


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of: a body mass index from `bmi_from` on, by the last weight of `days`; a yes; a reading between two days."""

    bmi_from: Decimal | None = None
    days: int | None = None
    answer: str | None = None
    read_from_day: int | None = None
    read_to_day: int | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share: of the people of a sex and of ages (years, both ends in), those of whom the measure holds."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+$")]
    ja: str
    en: str
    ages: tuple[int, int]
    measure: Measure
    better: str
    source: str
    sex: str | None = None
    needs: str | None = None

    def label(self, lang: Language) -> str:
        """What it is called."""
        return self.ja if lang == "ja" else self.en

    def is_of(self, sex: str | None, age: int) -> bool:
        """Whether somebody of that sex and age can be counted."""
        return self.sex in {None, sex} and self.ages[0] <= age <= self.ages[1]


class Definitions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The plan and the outcomes, with their sources."""

    plan: Plan
    outcome: tuple[Outcome, ...]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted of a resident; prints nothing of itself.

    `registered` says for each of the report's fiscal years whether they were at its end (the last: now); `outcomes`
    holds, by id, those they are counted in.
    """

    town: str
    registered: tuple[bool, ...]
    active: bool
    advised: bool
    outcomes: Mapping[str, bool]

    def __repr__(self) -> str:
        return "Person(withheld)"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed: the years begun, the towns, and every figure as it may be shown, by its key."""

    as_of: datetime
    years: tuple[int, ...]
    towns: tuple[str, ...]
    plan: Plan
    outcomes: tuple[Outcome, ...]
    figures: Mapping[Key, Shown]

    def shown(self, *key: str) -> Shown:
        """One figure as it may be shown."""
        return self.figures[key]

    def now(self, town: str) -> Shown:
        """The residents registered now."""
        return self.shown("registered", str(self.years[-1]), town)

    def share(self, town: str) -> Decimal | None:
        """The town's part of all who are registered, in percent with one decimal: 利用者割合."""
        return percent(self.now(town), self.now(ALL))

    def target(self, year: int) -> int | None:
        """What the plan says of a year."""
        at = year - self.plan.first_year
        return self.plan.registrants[at] if 0 <= at < len(self.plan.registrants) else None


@cache
def definitions() -> Definitions:
    """The plan and the outcomes of `kpi.toml`."""
    return msgspec.toml.decode(files("engine").joinpath("kpi.toml").read_text(encoding="utf-8"), type=Definitions)


def fiscal_year(day: date) -> int:
    """The fiscal year a day lies in: from April."""
    return day.year - (day.month < _APRIL)


def years_until(plan: Plan, today: date) -> tuple[int, ...]:
    """The fiscal years of the plan that have begun; the present one alone before and after the plan's."""
    now = fiscal_year(today)
    begun = tuple(year for year in range(plan.first_year, plan.first_year + len(plan.registrants)) if year <= now)
    return begun if begun and begun[-1] == now else (*begun, now)


def percent(part: Shown | None, whole: Shown | None) -> Decimal | None:
    """A share in percent with one decimal, None where either number is hidden or there is nobody."""
    if not isinstance(part, int) or not isinstance(whole, int) or not whole:
        return None
    return (Decimal(100 * part) / whole).quantize(_TENTH, ROUND_HALF_UP)


def report(
    people: Iterable[Person], delivered: Mapping[str, int], towns: Sequence[str], years: Sequence[int], plan: Plan,
    as_of: datetime, outcomes: Sequence[Outcome] = (),
) -> Report:  # fmt: skip
    """The report about these people; `delivered` counts pieces of advice by town in the present fiscal year.

    Raises `kpi_hiding.UnprotectedError` where small figures cannot be protected: then there is no report.
    """
    figures, sums = counted(people, delivered, towns, years, [one.id for one in outcomes])
    return Report(
        as_of=as_of, years=tuple(years), towns=tuple(towns), plan=plan, outcomes=tuple(outcomes),
        figures=hidden(figures, sums),
    )  # fmt: skip


def counted(
    people: Iterable[Person], delivered: Mapping[str, int], towns: Sequence[str], years: Sequence[int],
    outcomes: Sequence[str],
) -> tuple[dict[Key, Figure], list[Sum]]:  # fmt: skip
    """Every figure, those that are only implied by others without a cost, and how they add up."""
    places = (*towns, ALL)
    counts = _counts(people, [str(year) for year in years], outcomes)
    counts.update({("items", town): delivered.get(town, 0) for town in towns})
    figures: dict[Key, Figure] = {}
    sums: list[Sum] = []
    now = str(years[-1])
    kinds = [("registered", str(year)) for year in years] + [(name,) for name in ("active", "advised", "items")]
    kinds += [(name, one) for one in outcomes for name in ("of", "yes")]
    for kind in kinds:
        _place(figures, sums, kind, counts, towns, _cost(kind, now))
    for place in places:
        whole = ("registered", now, place)
        for name in ("active", "advised"):
            _rest(figures, sums, whole, (name, place), ("not", name, place))
        for one in outcomes:
            _rest(figures, sums, whole, ("of", one, place), ("not", "of", one, place))
            _rest(figures, sums, ("of", one, place), ("yes", one, place), ("not", "yes", one, place))
        for year, next_year in pairwise(years):
            _change(figures, sums, (str(year), str(next_year)), place, counts, towns)
    return figures, sums


def _counts(people: Iterable[Person], years: Sequence[str], outcomes: Sequence[str]) -> Counter[Key]:
    found: Counter[Key] = Counter()
    for one in people:
        stays = list(zip(years, one.registered, strict=True))
        found.update(("registered", year, one.town) for year, held in stays if held)
        for (year, before), (next_year, after) in pairwise(stays):
            if before != after:
                found["joined" if after else "left", year, next_year, one.town] += 1
        if not one.registered[-1]:
            continue
        found["active", one.town] += one.active
        found["advised", one.town] += one.advised
        for name in outcomes:
            if name in one.outcomes:
                found["of", name, one.town] += 1
                found["yes", name, one.town] += one.outcomes[name]
    return found


def _cost(kind: Key, now: str) -> int:
    if kind[0] == "registered":
        return _COSTS["now" if kind[1] == now else "past"]
    return _COSTS[kind[0]]


def _place(
    figures: dict[Key, Figure], sums: list[Sum], kind: Key, counts: Mapping[Key, int], towns: Sequence[str], cost: int
) -> None:
    """A figure for each town and for all of them together."""
    parts: dict[Key, int] = {}
    for town in towns:
        key = (*kind, town)
        parts[key] = counts.get(key, 0)
        figures[key] = Figure(parts[key], cost)
    figures[*kind, ALL] = Figure(sum(parts.values()), cost + _TOWN)
    sums.append({(*kind, ALL): -1} | dict.fromkeys(parts, 1))


def _rest(figures: dict[Key, Figure], sums: list[Sum], whole: Key, part: Key, rest: Key) -> None:
    """Those of a whole who are not in its part: nobody prints them, everybody can subtract."""
    figures[rest] = Figure(figures[whole].value - figures[part].value)
    sums.append({whole: -1, part: 1, rest: 1})


def _change(
    figures: dict[Key, Figure], sums: list[Sum], years: tuple[str, str], place: str, counts: Mapping[Key, int],
    towns: Sequence[str],
) -> None:  # fmt: skip
    """Who came and who went between two years: a difference of two years tells of them."""
    moved: dict[Key, int] = {}
    for name in ("joined", "left"):
        key = (name, *years, place)
        value = sum(counts.get((name, *years, town), 0) for town in (towns if place == ALL else (place,)))
        figures[key] = Figure(value)
        moved[key] = 1 if name == "left" else -1
    before, after = (("registered", year, place) for year in years)
    sums.append({after: 1, before: -1} | moved)


def slice_of(whole: Report, town: str) -> dict[str, Any]:
    """What a report says of one town, or of the region for `ALL`, as plain values for JSON."""
    outcomes = [
        {
            "id": one.id, "of": whole.shown("of", one.id, town), "yes": whole.shown("yes", one.id, town),
            "percent": percent(whole.shown("yes", one.id, town), whole.shown("of", one.id, town)), "source": one.source,
        }
        for one in whole.outcomes
    ]  # fmt: skip
    years = [{"year": year, "registrants": whole.shown("registered", str(year), town)} for year in whole.years]
    return {
        "registrants": whole.now(town), "share": whole.share(town), "active": whole.shown("active", town),
        "advised": whole.shown("advised", town), "advice_delivered": whole.shown("items", town), "years": years,
        "outcomes": outcomes,
    }  # fmt: skip
