"""Weight trend of one person: a robust level and forecast, and a slope that is spoken only when it is sure.

The level comes from a damped local-linear Kalman filter whose observation noise grows for gross errors (another
person on the scale, a box in the hands); the slope is Theil-Sen over 28 days with its 90 % interval.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from statistics import NormalDist, median
from typing import Final

import msgspec

DAY: Final = timedelta(days=1)
SLOPE_DAYS: Final = 28
CONFIDENCE: Final = 0.90
_Z: Final = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
# A claim needs more than an interval that happens to miss 0: six days of data that span ten.
CLAIM_DAYS: Final = 6
CLAIM_SPAN: Final = 10.0
_WIDEST: Final = 0.5


class Noise(msgspec.Struct, frozen=True):
    """How a body weight moves: variances per day in kg², observation variance in kg², slope kept per day.

    Defaults are close to the detrended scatter of daily home weighings (SD about 0.4 kg).
    """

    level: float = 0.04
    slope: float = 0.00002
    observation: float = 0.18
    kept: float = 0.95
    slope_start: float = 0.002
    error_share: float = 0.03
    error_sd: float = 8.0


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of a series at `as_of`: kg, kg per week; None where there is too little.

    `low`..`high` is the 90 % interval of `slope_per_week`; `claimed` is False whenever it covers 0. `days` counts
    days with a reading in the last 28, `age_days` is the age of the newest one.
    """

    level: float | None = None
    level_sd: float | None = None
    drift_per_day: float = 0.0
    kept: float = 0.95
    slope_per_week: float | None = None
    low: float | None = None
    high: float | None = None
    claimed: bool = False
    days: int = 0
    age_days: float | None = None

    def forecast(self, days: float) -> float | None:
        """The level expected `days` after `as_of`, in kg; None without a level."""
        if self.level is None:
            return None
        return self.level + self.drift_per_day * _reach(self.kept, days)


class _Belief(msgspec.Struct, frozen=True):
    """Mean and covariance of level (kg) and slope (kg per day)."""

    level: float
    slope: float
    p_ll: float
    p_ls: float
    p_ss: float


def weight_trend(points: Iterable[tuple[datetime, float]], as_of: datetime, noise: Noise | None = None) -> Trend:
    """The trend of `points` (instant, kg) as known at `as_of`; order, duplicates, gaps and later points do not matter.

    Days are cut in the zone of `as_of`. Total: no points give an empty trend, one gives a level and no slope.
    """
    model = noise or Noise()
    known = sorted({(at, value) for at, value in points if at <= as_of and math.isfinite(value)})
    if not known:
        return Trend()
    days = [((at - as_of) / DAY, value) for at, value in known]
    belief = _ahead(_follow(days, model), -days[-1][0], model)
    recent = _by_day([(at, value) for at, value in known if as_of - at < SLOPE_DAYS * DAY], as_of)
    slope, low, high = _theil_sen(recent)
    return Trend(
        level=belief.level, level_sd=math.sqrt(belief.p_ll), drift_per_day=belief.slope, kept=model.kept,
        slope_per_week=slope, low=low, high=high, claimed=_claimed(recent, low, high),
        days=len(recent), age_days=-days[-1][0],
    )  # fmt: skip


def _claimed(recent: Sequence[tuple[float, float]], low: float | None, high: float | None) -> bool:
    if low is None or high is None or len(recent) < CLAIM_DAYS or recent[-1][0] - recent[0][0] < CLAIM_SPAN:
        return False
    return low > 0 or high < 0


def _by_day(known: Sequence[tuple[datetime, float]], as_of: datetime) -> list[tuple[float, float]]:
    """One point per civil day: the median of that day's readings, so that a second try weighs nothing extra."""
    days: dict[int, list[float]] = {}
    for at, value in known:
        days.setdefault(at.astimezone(as_of.tzinfo).date().toordinal(), []).append(value)
    return [(float(day), median(values)) for day, values in sorted(days.items())]


def _theil_sen(recent: Sequence[tuple[float, float]]) -> tuple[float | None, float | None, float | None]:
    """Slope per week with its interval after Sen 1968; no interval below three days."""
    slopes = sorted(7 * (b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(recent, 2))
    if not slopes:
        return None, None, None
    if len(recent) == 2:  # noqa: PLR2004 - two days have a slope but no scatter
        return slopes[0], None, None
    count, ties = len(recent), Counter(value for _, value in recent).values()
    variance = (_sen_term(count) - sum(_sen_term(tie) for tie in ties)) / 18
    reach = _Z * math.sqrt(max(variance, 0.0))
    low = max(round((len(slopes) - reach) / 2) - 1, 0)
    high = min(round((len(slopes) + reach) / 2), len(slopes) - 1)
    return median(slopes), slopes[low], slopes[high]


def _sen_term(count: int) -> int:
    return count * (count - 1) * (2 * count + 5)


def _follow(days: Sequence[tuple[float, float]], model: Noise) -> _Belief:
    """The filter through all readings; a run of agreeing "errors" is a real change and is believed from then on."""
    start = days[0][0]
    belief = _fresh(_first_level(days), model)
    strange: list[tuple[float, float]] = []
    at = start
    for day, value in days:
        belief = _ahead(belief, day - at, model)
        at = day
        trust = _trust(value - belief.level, belief.p_ll, model)
        belief = _update(belief, value, model.observation / max(trust, 1e-9))
        strange = [*strange, (day, value)] if trust < 0.5 else []  # noqa: PLR2004 - more likely wrong than right
        if _agree(strange):
            belief = _fresh(median(y for _, y in strange), model)
            strange = []
    return belief


def _fresh(level: float, model: Noise) -> _Belief:
    return _Belief(level, 0.0, 2 * model.observation, 0.0, model.slope_start)


def _first_level(days: Sequence[tuple[float, float]]) -> float:
    """Where to start: the median of the first week, since the very first reading may be the wrong one."""
    first = [value for day, value in days if day - days[0][0] <= 7.0][:5]  # noqa: PLR2004 - a week, five readings
    return median(first)


def _agree(strange: Sequence[tuple[float, float]]) -> bool:
    """Whether refused readings on at least four days lie within 2 kg of each other."""
    if len({math.floor(day) for day, _ in strange}) < 4:  # noqa: PLR2004 - a visitor may stay three days
        return False
    values = [value for _, value in strange]
    return max(values) - min(values) <= 2.0  # noqa: PLR2004 - kg, wider than a body's own scatter


def _trust(innovation: float, variance: float, model: Noise) -> float:
    """The probability that a reading is this person's, from its distance to the forecast."""
    # A long gap makes a wide forecast, but no licence to believe 5 kg at once: four agreeing days do that.
    clean = min(variance, _WIDEST) + model.observation
    wrong = clean + model.error_sd**2
    density = math.exp(-min(innovation**2 / (2 * clean), 700.0)) / math.sqrt(clean)
    error = math.exp(-min(innovation**2 / (2 * wrong), 700.0)) / math.sqrt(wrong)
    mine = (1 - model.error_share) * density
    total = mine + model.error_share * error
    return mine / total if total > 0 else 0.0


def _update(belief: _Belief, value: float, noise: float) -> _Belief:
    total = belief.p_ll + noise
    gain_level, gain_slope = belief.p_ll / total, belief.p_ls / total
    gap = value - belief.level
    return _Belief(
        belief.level + gain_level * gap,
        belief.slope + gain_slope * gap,
        (1 - gain_level) * belief.p_ll,
        (1 - gain_level) * belief.p_ls,
        max(belief.p_ss - gain_slope * belief.p_ls, 1e-12),
    )


def _reach(kept: float, days: float) -> float:
    """How many days' worth of the present slope are walked in `days` when the slope fades."""
    return days if kept == 1 else (1 - kept**days) / (1 - kept)


def _ahead(belief: _Belief, days: float, model: Noise) -> _Belief:
    """The belief `days` later: the slope fades, both variances grow."""
    if days <= 0:
        return belief
    fade, reach = model.kept**days, _reach(model.kept, days)
    return _Belief(
        belief.level + reach * belief.slope,
        fade * belief.slope,
        belief.p_ll + 2 * reach * belief.p_ls + reach**2 * belief.p_ss + model.level * days,
        fade * (belief.p_ls + reach * belief.p_ss),
        fade**2 * belief.p_ss + model.slope * days,
    )
