"""A whole town judged in one call: what was measured, what was told and the stored parameters in, the judgement out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.judge_many import Columns, Town, judge_many
from engine.patterns import Column
from engine.rules.model import Rule
from engine.series.model import PRIOR, Model
from engine.signals_columns import bmi_column
from engine.signals_many import City, signals_many
from engine.vocabulary import DERIVED, VOCABULARY

__all__ = ["judge_town", "picture_many"]


def judge_town(city: City, told: Columns, rules: Sequence[Rule], model: Model = PRIOR, workers: int = 1) -> Town:
    """What `rules` say of everybody in `city`; `told` are columns of facts, answers and weather, NaN where unknown.

    `model` holds the weight filter's parameters, stored per person or shared. Raises ValueError as `picture_many` does.
    """
    return judge_many(picture_many(city, told, model, workers), rules)


def picture_many(city: City, told: Columns, model: Model = PRIOR, workers: int = 1) -> dict[str, Column]:
    """Every signal of everybody, one column each, as `engine.picture` puts them together for one person.

    Raises ValueError for a name the vocabulary lacks or rules derive, and for a column that is not float64 of one
    number per person (a threshold such as 5.6 is another number in float32).
    """
    people = len(city.born)
    _refuse(told, people)
    measured = signals_many(city, model, workers=workers)
    found = {**measured, **{name: _known(column, measured.get(name)) for name, column in told.items()}}
    # The height of a check-up may be newer than the one in the register.
    return found | {"bmi": bmi_column(found["weight.level"], found["height"])}


def _known(told: Column, measured: Column | None) -> Column:
    """What was told; what was measured stands where nothing was told of the same."""
    return told if measured is None else np.where(np.isnan(told), measured, told)


def _refuse(told: Mapping[str, Column], people: int) -> None:
    for name, column in told.items():
        if name not in VOCABULARY or name in DERIVED:
            raise ValueError(f"{name} is not a signal that can be told")
        if column.dtype != np.float64 or column.shape != (people,):
            raise ValueError(f"{name} must be {people} float64, not {column.shape} {column.dtype}")
