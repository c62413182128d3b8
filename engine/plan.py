"""The concrete numbers of advice: steps, minutes, kg, kcal and grams of rice, computed for this person."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Final

from engine.rules.evaluator import Firing
from engine.signals import Signals

# +10 minutes of walking are about +1,000 steps (the 2023 guide); brisk walking is 4.3 METs, of which 1 is rest.
STEPS_PER_MINUTE: Final = Decimal(100)
BRISK_NET_METS: Final = Decimal("3.3")
KCAL_PER_MET_HOUR_KG: Final = Decimal("1.05")
RICE_KCAL_PER_100G: Final = Decimal(156)
# These numbers promise a loss of weight: they are not even kept while a veto question is open.
DEFICIT: Final = frozenset({"loss_kg", "kcal", "rice_g", "walk_minutes", "months"})


def figures(firing: Firing, signals: Signals) -> dict[str, Decimal | str]:
    """The numbers the texts of this firing need; `-` for one that is unknown."""
    return _PLANS[firing.rule.plan](firing, signals)


def _steps_plan(firing: Firing, signals: Signals) -> dict[str, Decimal | str]:
    """The next goal: what is walked now, to the nearest hundred, plus a step, never beyond the target."""
    week = signals.values["steps.mean_7d"]
    mean = week.value or Decimal(0)
    target = firing.case.parameters["target"]
    goal = min(_round(mean, 100) + firing.case.parameters["step"], target)
    extra = goal - mean
    minutes = _ceil(extra / STEPS_PER_MINUTE, 1)
    return {
        "mean": mean, "target": target, "goal": goal, "extra": extra, "minutes": minutes,
        "days": Decimal(week.count), "low": _or_dash(week.low), "high": _or_dash(week.high),
    }  # fmt: skip


def _weight_plan(firing: Firing, signals: Signals) -> dict[str, Decimal | str]:
    """The range to aim for, and, where the case allows a loss goal, its kg and the daily energy for it."""
    level, bmi = signals.values["weight.level"], signals.values["bmi"]
    weight, p = level.value or Decimal(0), firing.case.parameters
    plan: dict[str, Decimal | str] = {
        "bmi": _or_dash(bmi.value), "weight": _tenth(weight), "days": _or_dash(signals.value("weight.days_28d")),
        "target_low": p["target_low"], "target_high": p["target_high"],
    }  # fmt: skip
    if "loss_percent" not in p or bmi.value is None:
        return plan
    percent = p["severe_percent"] if bmi.value >= p["severe_from"] else p["loss_percent"]
    loss = _tenth(weight * percent / 100)
    kcal = (loss * p["kcal_per_kg"] / p["days"]).quantize(Decimal(1), ROUND_HALF_UP)
    rice = _round(kcal * 100 / RICE_KCAL_PER_100G, 5)
    walk = _ceil(kcal * 60 / (KCAL_PER_MET_HOUR_KG * BRISK_NET_METS * weight), 1)
    months = (p["days"] / 30).quantize(Decimal(1), ROUND_HALF_UP)
    return plan | {"loss_kg": loss, "kcal": kcal, "rice_g": rice, "walk_minutes": walk, "months": months}


def _referral_plan(firing: Firing, signals: Signals) -> dict[str, Decimal | str]:
    """The pressures to show: the highest ones when a single reading decided, else the means."""
    single = any(reason.signal.endswith("_max") for reason in firing.reasons)
    suffix = "max" if single else "mean"
    shown = {name: signals.value(f"bp.home.{name}_{suffix}") for name in ("systolic", "diastolic")}
    plan: dict[str, Decimal | str] = {name: _whole_or_dash(value) for name, value in shown.items()}
    plan["days"] = _or_dash(signals.value("bp.home.days_7d"))
    for name in ("systolic", "diastolic"):
        plan[f"{name}_max"] = _whole_or_dash(signals.value(f"bp.home.{name}_max"))
    return plan


Plan = Callable[[Firing, Signals], dict[str, Decimal | str]]
_PLANS: Final[dict[str, Plan]] = {"steps": _steps_plan, "weight-loss": _weight_plan, "referral": _referral_plan}


def _ceil(value: Decimal, step: int) -> Decimal:
    return (value / step).to_integral_value(ROUND_CEILING) * step


def _round(value: Decimal, step: int) -> Decimal:
    return (value / step).to_integral_value(ROUND_HALF_UP) * step


def _tenth(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.1"), ROUND_HALF_UP)


def _whole_or_dash(value: Decimal | None) -> Decimal | str:
    return "-" if value is None else value.quantize(Decimal(1), ROUND_HALF_UP)


def _or_dash(value: Decimal | None) -> Decimal | str:
    return "-" if value is None else value


def shown(value: Decimal | str) -> str:
    """A number as people read it: thousands separated, no exponent."""
    return value if isinstance(value, str) else f"{value:,f}"
