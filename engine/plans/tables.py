"""The tables the plans are computed from: each row names where it is published; read once from the package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Protocol, TypeVar

import msgspec

from engine.plans.shapes import Energy, Foods, Meals, Movement, Table
from engine.rules.model import Source

T = TypeVar("T", bound=Table)


class _Aged(Protocol):
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...


A = TypeVar("A", bound=_Aged)


def at_age(rows: Iterable[A], age: Decimal) -> A | None:
    """The first row for this age in whole years; None outside the table."""
    return next((row for row in rows if row.first <= int(age) <= row.last), None)


@cache
def energy() -> Energy:
    """What a body needs, and what a first loss goal is."""
    return _read("energy", Energy)


@cache
def movement() -> Movement:
    """Activities with their METs, amounts a week, the ladder of steps."""
    return _read("movement", Movement)


@cache
def foods() -> Foods:
    """Foods per 100 g and what is swapped for what."""
    return _read("foods", Foods)


@cache
def meals() -> Meals:
    """Servings, limits and amounts a day."""
    return _read("meals", Meals)


def sources() -> Mapping[str, Source]:
    """Every source of every table as `table.key`."""
    tables: dict[str, Table] = {"energy": energy(), "movement": movement(), "foods": foods(), "meals": meals()}
    return {f"{name}.{key}": found for name, table in tables.items() for key, found in table.source.items()}


def _read(name: str, shape: type[T]) -> T:
    raw = files("engine.plans").joinpath("data", f"{name}.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(raw, type=shape)
