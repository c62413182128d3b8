"""Made-up releases of any number of cells, to try the way to a platform: nobody's data, and seen to be nobody's."""

from __future__ import annotations

from itertools import islice, product
from random import Random

from engine.municipalities import REGION
from fhir_bridge.platform_trial import Trial, TrialTable
from fhir_bridge.privacy_release import Cell
from fhir_bridge.privacy_units import Period, Unit

UNIT = Unit(code="region-062049", municipalities=tuple(REGION), population=137_000)
_MOST_AGES, _MOST_BMIS = 50, 40


def trial(period: str, cells: int, seed: int = 1, unit: Unit = UNIT) -> Trial:
    """So many cells of made-up numbers, a third of them suppressed; the same seed makes the same release."""
    rng = Random(f"{period} {seed}")
    half = Period(int(period[:4]), int(period[-1]))
    bands = product(
        (f"{age:02d}" for age in range(_MOST_AGES)),
        (f"B{bmi:02d}" for bmi in range(_MOST_BMIS)),
        ("walking", "cooking"),
    )
    made = tuple(_cell(rng, at) for at in islice(bands, cells))
    table = TrialTable(id="TEST-1", axes=("age", "bmi", "interest"), cells=made)
    return Trial(unit=unit, period=period, start=half.start, end=half.end, tables=(table,))


def _cell(rng: Random, at: tuple[str, ...]) -> Cell:
    suppressed = rng.random() < 1 / 3
    return Cell(at, None, "suppressed") if suppressed else Cell(at, rng.randrange(4, 200) * 5, "published")
