"""Many names in parts that a statement can take. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

_T = TypeVar("_T")
# Below the number of parameters either database takes in one statement, with room for others beside them.
_MOST: Final = 500


def parts_of(names: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """The names in their order, at most 500 at a time."""
    return (names[start : start + _MOST] for start in range(0, len(names), _MOST))
