"""The goal a resident chose: read from what was typed, and held against what must not be said to them. Pure."""

from __future__ import annotations

import unicodedata
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from engine.cases import GOALS, Goal
from engine.cases_book import HABITS, Book
from engine.judge import Judgement
from engine.plan import aims_of
from engine.plans.compose import VETOES
from engine.plans.model import Kind
from engine.plans.needs import DEFICIT_VETOES, slow_enough
from engine.plans.tables import energy
from engine.refusal import Refusal
from engine.wording import wording_faults

LONGEST: Final = 60
_TENTH: Final = Decimal((0, (1,), -1))
_WHOLE: Final = Decimal(1)
_EVERYTHING: Final = frozenset({"everything"})
# Of the wording rules those about what harms whoever does it; the rest of their own words is theirs.
_HARMFUL: Final = ("forbidden", "drug", "dose")
_LOSSES: Final = frozenset({"weight", "waist"})
_LEAST_STEPS: Final = 500
_MOST_DAYS: Final = 366


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """A goal as it was typed."""

    kind: str = ""
    amount: str = ""
    habit: str = ""
    words: str = ""
    until: date | None = None


def read_goal(typed: Typed, today: date, book: Book) -> Goal | Refusal:
    """The goal somebody typed; refused as unknown-kind, unknown-habit, bad-amount, too-much, harmful-words, bad-until.

    Too long words are `too-long`, words on several lines or none where they are needed `no-words`.
    """
    kind = next((one for one in GOALS if one == typed.kind), None)
    if kind is None:
        return Refusal("unknown-kind", f"a goal is one of {', '.join(GOALS)}", "kind")
    habit = next((one for one in HABITS if one == typed.habit), None)
    if kind == "habit" and habit is None:
        return Refusal("unknown-habit", f"a habit is one of {', '.join(HABITS)}", "habit")
    amount = None if kind == "habit" else _amount(kind, typed.amount, book)
    words = _words(typed.words, needed=kind == "habit")
    end = _until(typed.until, today)
    for refused in (amount, words, end):
        if isinstance(refused, Refusal):
            return refused
    assert not isinstance(amount, Refusal)
    assert not isinstance(words, Refusal)
    return Goal(
        kind=kind, amount=amount, habit=habit if kind == "habit" else None, words=words, until=typed.until,
        chosen_on=today,
    )  # fmt: skip


def allow(goal: Goal, found: Judgement) -> Goal | Refusal:
    """The goal where nothing forbids it, with whether a loss is barred; the must-nots hold also while unanswered.

    Refused as `vetoed` (the message names what forbids it and what to ask), `not-measured`, `below-target` where it
    would lead below the range that is aimed at (R-CI-1), `too-fast` beyond 1 % of the weight a week.
    """
    vetoed = _vetoes(goal).intersection(found.must_not)
    if vetoed:
        return Refusal("vetoed", _why(vetoed, found), "kind")
    if goal.kind in _LOSSES and (refused := _too_much(goal, found)) is not None:
        return refused
    return msgspec.structs.replace(goal, loss_barred=bars_loss(found))


def bars_loss(found: Judgement) -> bool:
    """Whether a loss of weight is surely forbidden: nobody is denied what they reached for a question nobody asked."""
    return any(bar.sure and bar.code in DEFICIT_VETOES for bar in found.bars)


def is_vetoed(goal: Goal, found: Judgement) -> bool:
    """Whether a goal that was chosen once must not be aimed at any more, also while that is not answered."""
    return not _vetoes(goal).isdisjoint(found.must_not)


def _vetoes(goal: Goal) -> frozenset[str]:
    if goal.kind in _LOSSES:
        return DEFICIT_VETOES
    kind: Kind | None = "steps" if goal.kind == "steps" else "exercise" if goal.habit == "exercise" else None
    return VETOES[kind] if kind else _EVERYTHING


def _why(vetoed: frozenset[str], found: Judgement) -> str:
    bars = [bar for bar in found.bars if bar.code in vetoed]
    sure = sorted({f"{bar.code} ({bar.rule})" for bar in bars if bar.sure})
    ask = sorted({question for bar in bars if not bar.sure for question in bar.ask})
    told = f"must not be aimed at: {', '.join(sure or sorted(vetoed))}"
    return told if not ask or sure else f"{told}; ask first: {', '.join(ask)}"


def _too_much(goal: Goal, found: Judgement) -> Refusal | None:
    """Why a loss is too much: a cm of waist stands for a kg, as the programme takes it."""
    weight, height, low = found.values.get("weight.level"), found.values.get("height"), aims_of(found).low
    if weight is None or height is None or low is None or weight <= 0 or height <= 0:
        return Refusal("not-measured", "weight and height are not known, so nobody can say whether it is safe", "kind")
    loss = goal.amount or Decimal(0)
    if (weight - loss) * 10_000 < low * height * height:
        return Refusal("below-target", f"this would lead below a BMI of {low}", "amount")
    days = energy().deficit.days
    if goal.until is not None and goal.chosen_on is not None:
        days = min(days, (goal.until - goal.chosen_on).days)
    return None if slow_enough(loss, weight, days) else Refusal("too-fast", "more than 1 % a week", "amount")


def _amount(kind: str, text: str, book: Book) -> Decimal | Refusal:
    plain = unicodedata.normalize("NFKC", text).strip().replace(",", "")
    try:
        amount = Decimal(plain)
    except InvalidOperation:
        amount = Decimal(-1)
    step = _WHOLE if kind == "steps" else _TENTH
    policy = book.policy
    most = {"weight": policy.largest_kg, "waist": policy.largest_cm}.get(kind, Decimal(policy.largest_steps))
    # Held against its bound first: no remainder of 1e40 can be reckoned.
    if amount.is_finite() and amount > most:
        return Refusal("too-much", f"at most {most}", "amount")
    if not amount.is_finite() or amount <= 0 or amount % step:
        return Refusal("bad-amount", f"{text!r} is no number of this goal", "amount")
    if kind == "steps" and amount < _LEAST_STEPS:
        return Refusal("too-much", f"at least {_LEAST_STEPS}", "amount")
    return amount


def _words(text: str, *, needed: bool) -> str | Refusal:
    words = " ".join(unicodedata.normalize("NFC", text).split())
    if len(words) > LONGEST:
        return Refusal("too-long", f"at most {LONGEST} characters", "words")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"} for character in words):
        return Refusal("control-character", "there is a character in it that cannot be shown", "words")
    if not words and needed:
        return Refusal("no-words", "say what they chose to do", "words")
    faults = [fault for lang in ("ja", "en") for fault in wording_faults(lang, words)] if words else []
    if any(fault.startswith(_HARMFUL) for fault in faults):
        return Refusal("harmful-words", "no skipped meals, no pain, nothing about medicines or doses", "words")
    return words


def _until(until: date | None, today: date) -> Refusal | None:
    if until is not None and not today < until <= today + timedelta(days=_MOST_DAYS):
        return Refusal("bad-until", "a goal ends in the year that comes", "until")
    return None
