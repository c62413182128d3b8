"""A seeded city for the benchmarks: what 100,000 people measured in a year and told, in arrays; no cohort simulator.

Gaps, wrong readings and questions nobody asked are as common as in homes; how bodies change is only roughly right.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.series.model import PRIOR, Model
from engine.series.stored import WIDTHS
from engine.signals_many import City
from engine.vocabulary import ANSWERS

Floats = NDArray[np.float64]
# float32, which the engine takes as it takes float64.
Readings = NDArray[Any]
PEOPLE: Final = 100_000
DAYS: Final = 365
TODAY: Final = date(2026, 11, 22)
_BLOCK: Final = 4096
# Mean, spread and share of the people of whom it is known: check-ups of a town, in the units of engine.vocabulary.
_LABS: Final = {
    "lab.fpg": (100, 18, 0.5, 0), "lab.hba1c": (5.8, 0.6, 0.5, 1), "lab.tg": (120, 60, 0.5, 0), "lab.hdl": (58, 14, 0.5, 0),
    "lab.ldl": (120, 30, 0.5, 0), "lab.non-hdl": (145, 33, 0.3, 0), "lab.egfr": (70, 16, 0.4, 0), "lab.ast": (24, 9, 0.5, 0),
    "lab.alt": (22, 12, 0.5, 0), "lab.ggt": (32, 25, 0.5, 0), "lab.hb": (13.6, 1.5, 0.4, 1), "lab.urine-protein": (0.2, 0.7, 0.4, 0),
    "lab.urine-blood": (0.2, 0.7, 0.3, 0), "lab.hours-since-meal": (11, 2, 0.5, 0), "waist": (84, 10, 0.5, 1),
    "bp.office.systolic": (130, 18, 0.5, 0), "bp.office.diastolic": (78, 11, 0.5, 0), "grip": (28, 8, 0.1, 0),
    "gait": (1.1, 0.25, 0.1, 1), "visceral-fat": (95, 35, 0.1, 0),
}  # fmt: skip
_YES: Final = 0.06
_ASKED: Final = 0.6


def city(people: int = PEOPLE, days: int = DAYS, seed: int = 4) -> tuple[City, dict[str, Floats]]:
    """What was measured, as float32 of one `today`, and the facts and answers told, NaN where nobody asked."""
    rng = np.random.default_rng(seed)
    born = np.datetime64(TODAY, "D") - rng.integers(16 * 365, 95 * 365, people).astype("timedelta64[D]")
    male = (rng.random(people) < 0.48).astype(np.float64)
    height = np.round(rng.normal(154 + 12 * male, 6), 1)
    steps = _grid(rng, people, days, rng.gamma(4, 1400, people), 1800, kept=0.8, who=0.7)
    pressure = {
        f"{kind}_{name}": _grid(rng, people, days, rng.normal(usual, spread, people), 7, kept=0.6, who=0.4)
        for kind, usual, spread in (("systolic", 128, 14), ("diastolic", 76, 9))
        for name in ("morning", "evening")
    }
    tops = {f"{kind}_top": np.fmax(*_pair(pressure, kind)) for kind in ("systolic", "diastolic")}
    rest = _grid(rng, people, days, rng.normal(68, 8, people), 4, kept=0.7, who=0.4)
    measured = City(
        today=TODAY, born=born, male=male, height_cm=height, weights=weights(people, days, height), steps=steps,
        worn=np.isfinite(steps), rest=rest, rest_top=rest + np.float32(8), rest_low=rest - np.float32(6), **pressure, **tops,
    )  # fmt: skip
    return measured, _told(rng, people)


def parameters(people: int = PEOPLE, seed: int = 5) -> Model:
    """Parameters as the refit pass stores them: one set a person, strayed from the prior's likeliest ones."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(PRIOR.odds.shape[0], people, p=PRIOR.odds[:, 0] / PRIOR.odds.sum())
    arrays = {name: getattr(PRIOR, name)[chosen].T.copy() for name in PRIOR.__slots__ if name != "widths"}
    for name in ("walk", "noise", "wobble", "scale"):
        arrays[name] *= np.exp(rng.normal(0, 0.4, people))
    return Model(**arrays | {"odds": np.ones((1, people))}, widths=WIDTHS)


def _grid(
    rng: np.random.Generator, people: int, days: int, usual: Floats, spread: float, *, kept: float, who: float
) -> Readings:
    """Whole numbers around `usual`, on a share of the days, of a share of the people."""
    found = np.full((people, days), np.nan, dtype=np.float32)
    for start in range(0, people, _BLOCK):
        part = slice(start, min(start + _BLOCK, people))
        shape = (part.stop - part.start, days)
        read = rng.standard_normal(shape, dtype=np.float32) * np.float32(spread) + usual[part, None].astype(np.float32)
        seen = (rng.random(shape, dtype=np.float32) < kept) & (rng.random((shape[0], 1)) < who)
        found[part] = np.where(seen, np.rint(np.maximum(read, np.float32(1))), np.nan)
    return found


def weights(people: int, days: int, height: Floats | None = None, seed: int = 6) -> Readings:
    """A walk around a body mass index (kg, cm), with noise, other people's readings, and days without any."""
    rng = np.random.default_rng(seed)
    tall = np.full(people, 158.0) if height is None else height
    found = np.full((people, days), np.nan, dtype=np.float32)
    start_kg = np.maximum(rng.normal(23.5, 3.8, people), 15) * (tall / 100) ** 2
    often = rng.choice([0.95, 0.7, 0.4, 0.15], people)
    for start in range(0, people, _BLOCK):
        part = slice(start, min(start + _BLOCK, people))
        shape = (part.stop - part.start, days)
        drift = rng.normal(0, 0.004, (shape[0], 1)) + rng.standard_normal(shape, dtype=np.float32) * 0.12
        noise = rng.standard_normal(shape, dtype=np.float32) * 0.3
        wrong = np.where(rng.random(shape, dtype=np.float32) < 0.01, rng.choice([-12.0, 9.0, 15.0], shape), 0.0)
        read = start_kg[part, None] + np.cumsum(drift, axis=1) + noise + wrong
        seen = rng.random(shape, dtype=np.float32) < often[part, None]
        found[part] = np.where(seen, np.round(np.maximum(read, 20), 1), np.nan)
    return found


def pressures(people: int, days: int, seed: int = 7) -> Readings:
    """Systolic pressure of everybody on six days of ten, whole mmHg."""
    rng = np.random.default_rng(seed)
    return _grid(rng, people, days, rng.normal(128, 14, people), 7, kept=0.6, who=1.0)


def _pair(pressure: dict[str, Readings], kind: str) -> tuple[Readings, Readings]:
    return pressure[f"{kind}_morning"], pressure[f"{kind}_evening"]


def _told(rng: np.random.Generator, people: int) -> dict[str, Floats]:
    """Check-ups of some, answers of most, the weather of the town."""
    found = {
        name: np.where(rng.random(people) < known, np.maximum(np.round(rng.normal(mean, spread, people), digits), 0), np.nan)
        for name, (mean, spread, known, digits) in _LABS.items()
    }  # fmt: skip
    for name in sorted(ANSWERS):
        found[name] = np.where(rng.random(people) < _ASKED, (rng.random(people) < _YES).astype(np.float64), np.nan)
    return found | {name: np.zeros(people) for name in ("env.snow", "env.hot-season")}
