"""Noise that is told beforehand, for the tests of statistics; their city and its releases are `simulators.attack`'s."""

from __future__ import annotations

from collections.abc import Sequence


class Told:
    """Noise that is told beforehand."""

    name = "told, for tests"

    def __init__(self, *noise: int) -> None:
        self._noise = noise

    def add(self, counts: Sequence[int], scale: float) -> list[int]:
        return [count + self._noise[index % len(self._noise)] for index, count in enumerate(counts)]
