"""Rules nobody would sign, drawn at random: every shape of case, over few signals, so that they meet each other."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from random import Random
from typing import Any, Final

from engine.rules.model import (
    AdviceCase,
    AdviceRule,
    ClassCase,
    ClassRule,
    Condition,
    Count,
    FlagCase,
    FlagRule,
    Rule,
    Source,
    VetoCase,
    VetoRule,
)

NUMBERS: Final = ("age", "lab.tg", "lab.hdl", "lab.ldl")
ANSWERS: Final = (
    "has.ckd", "has.dialysis", "has.cvd", "has.heart-failure", "med.insulin", "med.sulfonylurea", "answer.pregnant",
)  # fmt: skip
CLASSES: Final = ("risk.lipid", "mets.lipid", "mets")
_SOURCE: Final = (Source(title="none", edition="none", section="none", checked="none"),)


def invented(rng: Random) -> tuple[Rule, ...]:
    """Three classes, the later resting on the earlier, two referrals, two vetoes and two proposals."""
    classes = [_class(rng, at) for at in range(len(CLASSES))]
    many: dict[str, Any] = {"topic": "lipids", "text_version": 1, "review": "each", "cooldown_days": 1}
    flags = [
        FlagRule(
            **_header(f"flag-{at}"), **many, nurse_note="n", unasked=rng.choice(("yes", "ask")),
            case=tuple(
                FlagCase(**_case(rng, f"c{n}", NUMBERS + ANSWERS), severity="soon", flags=(f"f{n}",), message="m")
                for n in range(rng.randint(1, 3))
            ),
        )
        for at in range(2)
    ]  # fmt: skip
    vetoes = [
        VetoRule(**_header(f"veto-{at}"), case=tuple(
            VetoCase(
                **_case(rng, f"c{n}", NUMBERS + ANSWERS + CLASSES), tier="contraindication", must_not=("weight_loss",),
                unasked=rng.choice(((), (), rng.sample(ANSWERS, 2))),  # type: ignore[arg-type]
            )
            for n in range(rng.randint(1, 3))
        ))
        for at in range(2)
    ]  # fmt: skip
    advice = [
        AdviceRule(
            **_header(f"advice-{at}"), **many, nurse_note="n", tier="habit", plan="p", barred_by=("weight_loss",),
            case=tuple(
                AdviceCase(**_case(rng, f"c{n}", NUMBERS + ANSWERS + CLASSES), message="m", message_open="o")
                for n in range(rng.randint(1, 2))
            ),
        )
        for at in range(2)
    ]  # fmt: skip
    return (*classes, *flags, *vetoes, *advice)


def _class(rng: Random, at: int) -> ClassRule:
    looked = NUMBERS + ANSWERS + CLASSES[:at]
    cases = [
        ClassCase(**_case(rng, f"c{n}", looked), gives=f"g{n}", number=Decimal(rng.randint(0, 1)))
        for n in range(rng.randint(1, 3))
    ]
    unsure = {"either": (Decimal(0), Decimal(1)), "needs": ("lab.tg",)} if rng.random() < 0.3 else {}
    last = ClassCase(name="otherwise", boundary="none", gives="last", number=Decimal(0), **unsure)  # type: ignore[arg-type]
    return ClassRule(**_header(f"class-{at}"), defines=CLASSES[at], case=(*cases, last))


def _header(name: str) -> dict[str, Any]:
    return {"id": name, "version": 1, "valid_from": date(2026, 1, 1), "source": _SOURCE}


def _case(rng: Random, name: str, looked: tuple[str, ...]) -> dict[str, Any]:
    def some(most: int) -> tuple[Condition, ...]:
        return tuple(_condition(rng, rng.choice(looked)) for _ in range(rng.randint(0, most)))

    count = None
    if rng.random() < 0.4:
        groups = tuple(group for _ in range(2) if (group := some(3)))
        count = Count(at_least=rng.randint(1, 2), of=groups) if groups else None
    return {"name": name, "boundary": "none", "all": some(2), "any": some(4), "none": some(1), "count": count}


def _condition(rng: Random, signal: str) -> Condition:
    if rng.random() < 0.05:
        return Condition(signal, rng.choice(("known", "missing")))
    if signal in NUMBERS:
        return Condition(signal, rng.choice(("<", "<=", ">", ">=")), Decimal(rng.choice((40, 60))))
    return Condition(signal, "==", Decimal(int(rng.random() < 0.85)))
