"""Noise told beforehand and a release drawn, for the tests of statistics; their city is `simulators.attack`'s."""

from __future__ import annotations

from collections.abc import Sequence

from engine.refusal import Refusal
from fhir_bridge.aggregate_join import Row
from fhir_bridge.privacy_release import Prepared, prepare
from fhir_bridge.privacy_units import Period
from simulators.attack.world import FIRST, SeededLaplace, day_after, ledger, tally_of


class Told:
    """Noise that is told beforehand."""

    name = "told, for tests"

    def __init__(self, *noise: int) -> None:
        self._noise = noise

    def add(self, counts: Sequence[int], scale: float) -> list[int]:
        return [count + self._noise[index % len(self._noise)] for index, count in enumerate(counts)]


def drawn_of(rows: Sequence[Row], period: Period = FIRST, seed: int = 1) -> Prepared:
    found = prepare(ledger(), tally_of(rows, period), SeededLaplace(seed), day_after(period))
    assert not isinstance(found, Refusal), found
    return found
