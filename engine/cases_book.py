"""What following up is made of: programmes, what counts how many points, and our own rules; data, read once. Pure."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal, get_args

import msgspec

Programme = Literal["motivational", "active", "other"]
Habit = Literal["eating", "exercise", "smoking", "rest", "other"]
Stage = Literal["three", "six"]
PROGRAMMES: Final[tuple[Programme, ...]] = get_args(Programme)
HABITS: Final[tuple[Habit, ...]] = get_args(Habit)
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
# The specific health guidance: nobody takes part in both at once.
GUIDANCE: Final[frozenset[Programme]] = frozenset({"motivational", "active"})
Points = Annotated[int, msgspec.Meta(ge=0, le=500)]
Whole = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z-]{1,31}$")]
Told = Annotated[str, msgspec.Meta(min_length=3)]


class Counted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number of the programme with its source, and whether it was found there."""

    source: Told
    verified: bool


class ProgrammeRule(Counted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many points complete a programme, whether it is evaluated, and who is called first (0)."""

    id: Programme
    needs: Points
    evaluated: bool
    priority: Whole


class Process(Counted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one support in between counts, by which ways of contact and from how many minutes on."""

    id: Name
    hows: tuple[str, ...]
    points: Points
    minutes: Whole
    minutes_source: Told
    minutes_verified: bool


class Bonus(Counted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a first interview within so many days of the check-up counts."""

    id: Name
    days: Whole
    points: Points


class ChangeRule(Counted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which loss of weight and waist counts; `share` of the first weight, in kg and in cm, is the other way."""

    id: Name
    kg: Decimal
    cm: Decimal
    share: Decimal | None = None
    points: Points


class HabitRule(Counted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a habit that changed and stayed so counts."""

    id: Habit
    points: Points


class StageRule(Counted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many months after the first interview an evaluation is due."""

    id: Stage
    months: Annotated[int, msgspec.Meta(ge=1, le=24)]


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Our own rules of following up (see cases.toml)."""

    once_a_day: bool
    tries: Annotated[int, msgspec.Meta(ge=1)]
    farthest: Annotated[int, msgspec.Meta(ge=1)]
    soon: Whole
    window: Annotated[int, msgspec.Meta(ge=1)]
    waist_window: Annotated[int, msgspec.Meta(ge=1)]
    weight_days: Annotated[int, msgspec.Meta(ge=2)]
    waist_days: Annotated[int, msgspec.Meta(ge=2)]
    largest_kg: Decimal
    largest_cm: Decimal
    largest_steps: Annotated[int, msgspec.Meta(ge=1000)]


class Book(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that following up counts by."""

    edition: Told
    programme: tuple[ProgrammeRule, ...]
    process: tuple[Process, ...]
    bonus: tuple[Bonus, ...]
    change: tuple[ChangeRule, ...]
    habit: tuple[HabitRule, ...]
    stage: tuple[StageRule, ...]
    policy: Policy

    def rule(self, programme: Programme) -> ProgrammeRule:
        """The rule of one programme."""
        return next(one for one in self.programme if one.id == programme)

    def months(self, stage: Stage) -> int:
        """Months from the first interview to an evaluation."""
        return next(one.months for one in self.stage if one.id == stage)

    @property
    def unverified(self) -> tuple[str, ...]:
        """The names of the numbers that nobody found in their source yet."""
        rows: tuple[tuple[Counted, str], ...] = tuple(
            (one, f"{sort}.{one.id}")
            for sort, part in (
                ("programme", self.programme), ("process", self.process), ("bonus", self.bonus),
                ("change", self.change), ("habit", self.habit), ("stage", self.stage),
            )
            for one in part
        )  # fmt: skip
        minutes = tuple(f"process.{one.id}.minutes" for one in self.process if not one.minutes_verified)
        return tuple(name for one, name in rows if not one.verified) + minutes


def read_book(text: str) -> Book:
    """The rules written in `text`; raises msgspec.ValidationError, or ValueError for what is missing or there twice."""
    found = msgspec.toml.decode(text, type=Book)
    for what, ids, wanted in (
        ("programme", [one.id for one in found.programme], PROGRAMMES),
        ("habit", [one.id for one in found.habit], HABITS),
        ("stage", [one.id for one in found.stage], STAGES),
    ):
        if sorted(ids) != sorted(wanted):
            raise ValueError(f"cases.toml: each {what} stands once: {', '.join(wanted)}")
    hows = [how for one in found.process for how in one.hows]
    if len(set(hows)) < len(hows):
        raise ValueError("cases.toml: a way of contact counts as one thing")
    return found


@cache
def book() -> Book:
    """The rules in force."""
    return read_book(files("engine").joinpath("cases.toml").read_text(encoding="utf-8"))
