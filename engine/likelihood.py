"""How well one number fits one person: a level that drifts and jitters in ways learnt from the person's own numbers.

Each person carries a bank of damped local-linear Kalman filters, one for each way a body may move (steady or restless,
drifting slowly or fast), weighted by how well each has foretold so far (multiple-model estimation, Magill 1965). The
predictive density is their mixture, with a heavy tail for coats and meals; it widens in every gap. Time is in days,
values in the unit of the kind.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec


class Manner(msgspec.Struct, frozen=True):
    """One way a body may move: scatter of a reading, and the walk of the level per square root of a day."""

    scatter: float
    walk: float
    share: float


class Gauge(msgspec.Struct, frozen=True):
    """What is believed of one kind before anybody is known.

    `slope` is the usual drift per day and fades within `slope_days`; `odd_share` of the readings scatter by `odd` more.
    `middle` and `width` describe anybody at all; `grain` and `coarse` say when two states are as good as the same.
    """

    manners: tuple[Manner, ...]
    slope: float
    odd: float
    middle: float
    width: float
    grain: float
    coarse: float
    slope_days: float = 14.0
    odd_share: float = 0.03
    memory: float = 0.98


# Home weighings: morning scatter 0.15 to 0.8 kg, walks of 1 kg within a fortnight and within a month, a diet's slope.
WEIGHT: Final = Gauge(
    manners=(
        Manner(0.15, 0.15, 1), Manner(0.15, 0.3, 1), Manner(0.4, 0.15, 2), Manner(0.4, 0.3, 2), Manner(0.8, 0.25, 2),
    ),
    slope=0.06, odd=2.0, middle=62.0, width=16.0, grain=0.15, coarse=0.1,
)  # fmt: skip
# Our assumption, wide on purpose: damp feet and drinking move the bioimpedance of one body by tens of ohms.
IMPEDANCE: Final = Gauge(
    manners=(Manner(8, 4, 1), Manner(20, 4, 2), Manner(20, 10, 2), Manner(40, 10, 1)),
    slope=0.5, odd=80.0, middle=520.0, width=90.0, grain=10.0, coarse=10.0,
)  # fmt: skip
# A gross miss (a coat, a box in the hands, somebody else) may not pull the level after it.
_LARGEST: Final = 3.0
# No manner is ever given up: a person who was steady for a year may stop being so.
_LEAST: Final = 1e-4
_ROOT: Final = math.sqrt(2 * math.pi)


class Filter(msgspec.Struct, frozen=True, gc=False):
    """One manner's belief: level, slope per day, their covariance, and the manner's share."""

    level: float
    slope: float
    p_ll: float
    p_ls: float
    p_ss: float
    share: float


class Track(msgspec.Struct, frozen=True):
    """What is known of one person in one kind at `day`; `level` and `scatter` are the bank's means."""

    day: float
    filters: tuple[Filter, ...]
    level: float
    scatter: float


class Forecast(msgspec.Struct, frozen=True):
    """A track carried forward to `day`, with each filter's variance of the next reading."""

    day: float
    filters: tuple[Filter, ...]
    variances: tuple[float, ...]


def anybody(gauge: Gauge, value: float) -> float:
    """The density of `value` for a person of whom nothing is known."""
    return _normal(value - gauge.middle, gauge.width**2)


def enrol(gauge: Gauge, day: float, value: float) -> Track:
    """The track of a person of whom one number is known."""
    total = sum(manner.share for manner in gauge.manners)
    slope2 = gauge.slope**2
    return _track(
        gauge, day, [Filter(value, 0.0, m.scatter**2, 0.0, slope2, m.share / total) for m in gauge.manners]
    )  # fmt: skip


def forecast(gauge: Gauge, track: Track, day: float) -> Forecast:
    """What to expect at `day`; a day before the last one widens like a gap of the same length."""
    gap = abs(day - track.day)
    kept = math.exp(-gap / gauge.slope_days)
    reach, fresh = gauge.slope_days * (1 - kept), gauge.slope**2 * (1 - kept * kept)
    moved = tuple(
        Filter(
            f.level + reach * f.slope, kept * f.slope,
            f.p_ll + 2 * reach * f.p_ls + reach * reach * f.p_ss + m.walk**2 * gap,
            kept * (f.p_ls + reach * f.p_ss), kept * kept * f.p_ss + fresh, f.share,
        )
        for f, m in zip(track.filters, gauge.manners, strict=True)
    )  # fmt: skip
    return Forecast(day, moved, tuple(f.p_ll + m.scatter**2 for f, m in zip(moved, gauge.manners, strict=True)))


def density(gauge: Gauge, expected: Forecast, value: float) -> float:
    """How likely `value` is to be this person's next reading, per unit of the kind; 0 only where floats end."""
    return sum(_parts(gauge, expected, value))


def learn(gauge: Gauge, expected: Forecast, value: float) -> Track:
    """The track after `value` was this person's."""
    parts = [max(part, 1e-300) for part in _parts(gauge, expected, value)]
    total = sum(parts)
    # Shares fade towards each other, so that what was learnt long ago weighs less than what is new.
    shares = [max((part / total) ** gauge.memory, _LEAST) for part in parts]
    whole = sum(shares)
    updated = [
        _update(f, variance, value, share / whole)
        for f, variance, share in zip(expected.filters, expected.variances, shares, strict=True)
    ]
    return _track(gauge, expected.day, updated)


def _parts(gauge: Gauge, expected: Forecast, value: float) -> list[float]:
    odd2 = gauge.odd**2
    return [
        f.share * ((1 - gauge.odd_share) * _normal(value - f.level, variance)
                   + gauge.odd_share * _normal(value - f.level, variance + odd2))
        for f, variance in zip(expected.filters, expected.variances, strict=True)
    ]  # fmt: skip


def _update(f: Filter, variance: float, value: float, share: float) -> Filter:
    most = _LARGEST * math.sqrt(variance)
    miss = max(-most, min(most, value - f.level))
    gain_l, gain_s = f.p_ll / variance, f.p_ls / variance
    return Filter(
        f.level + gain_l * miss, f.slope + gain_s * miss,
        f.p_ll * (1 - gain_l), f.p_ls * (1 - gain_l), f.p_ss - gain_s * f.p_ls, share,
    )  # fmt: skip


def _track(gauge: Gauge, day: float, filters: list[Filter]) -> Track:
    level = sum(f.share * f.level for f in filters)
    spread = sum(f.share * math.log(m.scatter) for f, m in zip(filters, gauge.manners, strict=True))
    return Track(day, tuple(filters), level, math.exp(spread))


def _normal(miss: float, variance: float) -> float:
    return math.exp(-0.5 * miss * miss / variance) / (_ROOT * math.sqrt(variance))
