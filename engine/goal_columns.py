"""Columns that rest on the class of the target BMI, exact as `engine.judge.after_classes` has them for one person."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from engine.patterns import Column
from engine.plans.needs import bmi_after, first_goal
from engine.plans.tables import energy


def end_columns(columns: Mapping[str, Column], low: Column, high: Column) -> dict[str, Column]:
    """How far each BMI, and the BMI after a first goal, is from the ends `low` and `high` of its target range."""
    bmi = columns["bmi"]
    found = {"bmi.above_low": np.round(bmi - low, 1), "bmi.above_high": np.round(bmi - high, 1)}
    if "weight.level" in columns and "height" in columns:
        after = bmi_after_goal(columns["weight.level"], bmi, columns["height"])
        found["bmi.goal_above_low"] = np.round(after - low, 1)
    return found


def bmi_after_goal(weight: Column, bmi: Column, height: Column) -> Column:
    """`bmi_after` the first goal of everybody whose numbers are there; exact, as for one person.

    In whole numbers where weights and heights have at most two decimals, as they are measured; else in decimals.
    """
    after = np.full(len(bmi), np.nan)
    whole = np.isfinite(weight) & np.isfinite(bmi) & np.isfinite(height) & (np.nan_to_num(height) > 0)
    kg, cm = (np.rint(np.where(whole, column, 1.0) * 100) for column in (weight, height))
    plain = whole & (kg / 100 == weight) & (cm / 100 == height)
    goal = np.full(len(bmi), float(energy().waist.kg * 10))
    for row in sorted(energy().share, key=lambda row: row.bmi_from):
        goal = np.where(bmi >= float(row.bmi_from), (kg * float(row.percent) + 500) // 1000, goal)
    left = kg - 10 * goal
    square = cm * cm
    after[plain] = (np.sign(left) * ((2e7 * np.abs(left) + square) // (2 * square)) / 10)[plain]
    for at in np.flatnonzero(whole & ~plain):
        heavy, index, tall = (Decimal(repr(float(column[at]))) for column in (weight, bmi, height))
        after[at] = float(bmi_after(heavy, first_goal(heavy, index), tall))
    return after
