"""What is said of a written case, under the names of the case format: the same judgement as of a resident."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from engine.casework import WrittenCase, picture_of_case, read_case
from engine.judge import EVERYTHING, Judgement, judge
from engine.plans.exercise import exercise_kcal, next_steps
from engine.plans.needs import deficit, eer, loss_goal, permitted
from engine.refusal import Refusal
from engine.rules import Rule
from engine.rules.model import SEVERITIES
from engine.stratify import level_if_untreated, risk_count, risks

NO_STEPS: Final = frozenset({"exercise_increase", "steps_target", EVERYTHING})
_HUNDREDTH: Final = Decimal("0.01")
_WHOLE: Final = 1_000_000


def decode_case(text: str) -> dict[str, Any] | Refusal:
    """The object in a JSON text, its fractions as Decimals; refused as `bad-json` or `bad-case`."""
    try:
        raw = json.loads(text, parse_float=_fraction, parse_constant=_no_constant)
    except (ValueError, RecursionError, ArithmeticError) as error:
        return Refusal("bad-json", f"not JSON: {error}")
    if not isinstance(raw, dict):
        return Refusal("bad-case", "a case is an object")
    # Half of a surrogate pair is valid JSON, but no text: it could not be printed again.
    if "\\ud" in text.lower() and not _is_text(raw):
        return Refusal("bad-json", "not JSON: half a surrogate pair is no character")
    return raw


def _is_text(raw: Any) -> bool:
    try:
        json.dumps(raw, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True


def _fraction(text: str) -> Decimal | int:
    """A number as written; 45.0 is the whole number it is."""
    value = Decimal(text)
    whole = abs(value) < _WHOLE and value == value.to_integral_value()
    return int(value) if whole else value


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no number")


def assess_case(raw: Mapping[str, Any], rules: Sequence[Rule]) -> dict[str, Any] | Refusal:
    """Every output key of the case format, null where unknown, with the questions to ask and what is missing.

    `raw` is decoded JSON with its numbers as Decimals; refused as `bad-case`.
    """
    case = read_case(raw)
    if isinstance(case, Refusal):
        return case
    found = judge(picture_of_case(case), rules)
    return _classes(found) | _referral(found) | _limits(found) | _movement(case, found) | _energy(case, found)


def _classes(found: Judgement) -> dict[str, Any]:
    child = found.gives("bmi.class") == "not_applicable_child"
    target = found.settled["bmi.target"].case
    ends = None if target is None or "low" not in target.parameters else target.parameters
    present = None if child else risks(found)
    frailty = found.gives("frailty")
    metabo = found.gives("mets")
    return {
        "bmi": _number(found.values.get("bmi")),
        "bmi_class": found.gives("bmi.class"),
        "target_bmi": None if ends is None else [_number(ends["low"]), _number(ends["high"])],
        "vs_target": _against_target(found),
        "guidance_level": found.gives("guidance.level") or "indeterminate",
        "step1": None if child else found.gives("guidance.step1"),
        "risks": None if present is None else list(present),
        "risk_count": None if child else risk_count(found),
        "level_if_untreated": level_if_untreated(found),
        "metabo": metabo or "unknown",
        "frailty": None if frailty == "not_applicable" else frailty,
    }


def _against_target(found: Judgement) -> str | None:
    low, high = found.values.get("bmi.above_low"), found.values.get("bmi.above_high")
    if low is None or high is None:
        return None
    return "below" if low < 0 else "above" if high > 0 else "within"


def _referral(found: Judgement) -> dict[str, Any]:
    urgency = found.urgency
    return {
        "urgency": urgency or "none",
        "referral": urgency is not None and SEVERITIES.index(urgency) >= SEVERITIES.index("soon"),
        "red_flags": list(found.red_flags),
    }


def _limits(found: Judgement) -> dict[str, Any]:
    missing = {name for one in found.settled.values() for name in one.missing}
    lacking = {name for outcome in found.indeterminate for name in outcome.missing}
    return {
        "must_not": sorted(found.must_not), "must": sorted(found.must), "ask": list(found.ask),
        "missing": sorted(missing | lacking),
    }  # fmt: skip


def _movement(case: WrittenCase, found: Judgement) -> dict[str, Any]:
    group = found.settled["steps.target"].case
    told = None if group is None else group.parameters.get("target")
    target = None if "steps_target" in found.must_not else told
    mean = found.values.get("steps.mean_7d")
    barred = not NO_STEPS.isdisjoint(found.must_not)
    wish, weight = case.ask.exercise, case.profile.weight_kg
    spent = None if wish is None or weight is None else exercise_kcal(wish.mets, wish.minutes, weight)
    return {
        "steps_target": _number(target),
        "steps_band": None if target is None or mean is None else "below" if mean < target else "meets",
        "next_step_goal": None if barred else _number(next_steps(mean, target)),
        "exercise_kcal_gross": None if spent is None else _number(_rounded(spent.gross)),
        "exercise_kcal_net": None if spent is None else _number(_rounded(spent.net)),
        "exercise_mets_h": None if spent is None else _number(_rounded(spent.mets_h)),
    }


def _energy(case: WrittenCase, found: Judgement) -> dict[str, Any]:
    who, target = case.profile, found.settled["bmi.target"].case
    goal = need = None
    if who.weight_kg is not None:
        low = None if target is None else target.parameters.get("low")
        over = found.gives("waist.over") == "yes"
        goal = permitted(loss_goal(who.weight_kg, found.values.get("bmi"), over, low, who.height_cm), found.must_not)
        if who.age is not None and who.sex is not None:
            need = eer(Decimal(who.age), who.sex, who.weight_kg, who.activity_level or "normal")
    return {
        "loss_goal_kg": _number(goal),
        "deficit_kcal_day_180d": None if goal is None else _number(deficit(goal)),
        "eer_kcal": _number(need),
    }


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(_HUNDREDTH, ROUND_HALF_UP)


def _number(value: Decimal | None) -> int | float | None:
    """A JSON number that reads as the decimal does."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
