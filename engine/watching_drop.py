"""Whether somebody moves so much less than usual: 7 days against their own 28 before, in season and town. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from statistics import fmean, median

import msgspec

from engine.seasons import factor, weekday_baseline
from engine.watching_rules import Drop, Rules, rules

_TRIM_FROM = 5


class Change(msgspec.Struct, frozen=True):
    """The share of the usual that was walked in the 7 days up to a day; `usual` steps a day, without its season."""

    share: float
    usual: float


def change_of(steps: Mapping[date, int], day: date, numbers: Rules | None = None) -> Change | None:
    """The change of the 7 days that end with `day`; None where too few days are valid to tell."""
    rule = (numbers or rules()).drop
    window = _window(steps, day, rule)
    if window is None:
        return None
    first = day - timedelta(days=rule.window - 1)
    base = weekday_baseline({one: float(count) for one, count in steps.items() if one < first}, first)
    known = [value for value in base.steps if value is not None]
    if not known or fmean(known) < rule.usual_least:
        return None
    shares = [steps[one] / usual for one in window if (usual := base.steps[one.weekday()])]
    return Change(_middle(shares), fmean(known) / factor(first)) if shares else None


def against(steps: Mapping[date, int], day: date, usual: float, numbers: Rules | None = None) -> float | None:
    """The share of `usual` (steps a day without its season) in the 7 days that end with `day`."""
    window = _window(steps, day, (numbers or rules()).drop)
    if window is None:
        return None
    return _middle([steps[one] / (usual * factor(one)) for one in window])


def falls(
    steps: Mapping[date, int], town: Mapping[date, float], today: date, numbers: Rules | None = None
) -> tuple[date, Change] | None:
    """Since which day the change is below half of the usual, on each of the last 3 valid days; None: it is not.

    `town` is the middle change of the town by day; only its falls count, never that all others walk more. While all of
    it stays at home nobody's fall begins.
    """
    rule = (numbers or rules()).drop
    last = lately(steps, today, rule)
    found: list[tuple[date, Change]] = []
    for day in reversed(last):
        change = change_of(steps, day, numbers)
        if town.get(day, 1.0) < rule.storm or change is None or change.share / _storm(town, day) >= rule.below:
            return None
        found.append((day, change))
    return found[-1] if len(found) == rule.days else None


def recovered(
    steps: Mapping[date, int], town: Mapping[date, float], today: date, usual: float, numbers: Rules | None = None
) -> bool:
    """Whether somebody who moved less walks again what they did before, or nearly."""
    last = lately(steps, today, (numbers or rules()).drop)
    return bool(last) and walks_again(steps, town, last[-1], usual, numbers)


def walks_again(
    steps: Mapping[date, int], town: Mapping[date, float], day: date, usual: float, numbers: Rules | None = None
) -> bool:
    """The same on one day, for the week that ends with it."""
    share = against(steps, day, usual, numbers)
    return share is not None and share / _storm(town, day) >= (numbers or rules()).drop.recovered


def town_changes(people: Iterable[Mapping[date, float]], numbers: Rules | None = None) -> dict[date, float]:
    """The middle change of a town by day, on the days on which enough people are known."""
    rule = (numbers or rules()).drop
    days: dict[date, list[float]] = defaultdict(list)
    for shares in people:
        for day, share in shares.items():
            days[day].append(share)
    return {day: median(found) for day, found in sorted(days.items()) if len(found) >= rule.town_people}


def lately(steps: Mapping[date, int], today: date, rule: Drop) -> Sequence[date]:
    """The last 3 valid days before `today`, oldest first; none where the last is old."""
    known = sorted(day for day in steps if day < today)[-rule.days :]
    fresh = bool(known) and today - known[-1] <= timedelta(days=rule.stale_days)
    return known if fresh and known[-1] - known[0] < timedelta(days=rule.window) else []


def _window(steps: Mapping[date, int], day: date, rule: Drop) -> list[date] | None:
    """The valid days of the 7 that end with `day`, which is one of them."""
    found = [one for back in range(rule.window) if (one := day - timedelta(days=back)) in steps]
    return found if day in steps and len(found) >= rule.needed else None


def _middle(values: Sequence[float]) -> float:
    """The mean without the highest and the lowest, so that one odd day decides nothing."""
    return fmean(sorted(values)[1:-1]) if len(values) >= _TRIM_FROM else median(values)


def _storm(town: Mapping[date, float], day: date) -> float:
    share = town.get(day, 1.0)
    return min(1.0, share) if share > 0 else 1.0
