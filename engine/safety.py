"""Vetoes and referral: what may be said to this person at all; it always wins over rules.

Order of conflict: emergency > referral > contraindication > medication > frailty > weight > habit. A veto question
that was never answered counts as open: advice that depends on it names it in `ask` and is written without the push.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from engine.people import Resident
from engine.rules.evaluator import Firing
from engine.signals import Signals

Facts = Mapping[str, bool]
TIERS: Final = ("emergency", "referral", "contraindication", "medication", "frailty", "weight", "habit")
ADULT: Final = Decimal(18)
LOSS_FROM_BMI: Final = Decimal("25.0")
# mm[Hg] from which one reading of a surely known person is urgent, and one of nobody has to be measured again.
RED_FLAGS: Final = {"systolic": Decimal(180), "diastolic": Decimal(110)}
NO_EXERCISE: Final = tuple((f"bp.home.{kind}_max", cut) for kind, cut in RED_FLAGS.items())
# Question -> the tier of its veto; the order is the order in which they are asked.
QUESTIONS: Final[dict[str, dict[str, str]]] = {
    "exercise-increase": {
        "symptoms": "contraindication",
        "heart-disease": "contraindication",
        "pregnancy": "contraindication",
        "doctor-limit": "medication",
        "glucose-medicine": "medication",
        "joint-pain": "frailty",
    },
    "weight-loss": {
        "pregnancy": "contraindication",
        "breastfeeding": "contraindication",
        "unintended-loss": "contraindication",
        "glucose-medicine": "medication",
        "eating-disorder": "contraindication",
        "cancer": "contraindication",
        "kidney": "contraindication",
        "doctor-limit": "medication",
    },
    "referral": {},
}
_ONLY_IF_POSSIBLE: Final = frozenset({"pregnancy", "breastfeeding"})
_FORBIDDEN: Final[dict[str, tuple[str, ...]]] = {
    "ja": (
        r"あなたは.{0,12}(病|症)",
        r"(高血圧|糖尿病|肥満|肥満症|メタボ|心不全|腎臓病)(症)?(です|でしょう|の疑い)",
        r"(薬|くすり|インスリン).{0,8}(やめ|止め|中止|減ら|へら|増や|ふや|飲ん|のん|のみ|変え|かえ)",
        r"診断|正常|異常|病気です|治り|\d\s*mg",
    ),
    "en": (
        r"\byou (have|may have) (hypertension|diabetes|obesity|heart failure|a disease)",
        r"\byou are (obese|diabetic|hypertensive)",
        r"\b(stop|change|reduce|increase|skip|take)\b.{0,20}\b(medicine|medication|drug|insulin|pill)",
        r"\bdiagnos|\bnormal\b|\babnormal\b|\bcure|\d\s*mg\b",
    ),
}
LONGEST_SENTENCE: Final = {"ja": 40, "en": 90}


class Verdict(msgspec.Struct, frozen=True):
    """Whether a firing may become advice; `reasons` are `tier:code`, `ask` the open veto questions, first one first."""

    firing: Firing
    allowed: bool
    reasons: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()


def vet(candidates: Sequence[Firing], person: Resident, signals: Signals, facts: Facts) -> tuple[Verdict, ...]:
    """A verdict on every candidate, the highest tier first; `facts` maps a question to its answer (True: yes)."""
    verdicts = [_judge(firing, candidates, person, signals, facts) for firing in candidates]
    return tuple(sorted(verdicts, key=lambda v: (TIERS.index(_tier(v.firing)), v.firing.rule.id)))


def questions(action: str, signals: Signals, facts: Facts) -> tuple[str, ...]:
    """The veto questions for `action` nobody has answered yet, in the order to ask them."""
    possible = signals.value("pregnancy.possible") != 0
    asked = (q for q in QUESTIONS[action] if q not in facts and (possible or q not in _ONLY_IF_POSSIBLE))
    return tuple(asked)


def _judge(firing: Firing, candidates: Sequence[Firing], person: Resident, signals: Signals, facts: Facts) -> Verdict:
    action = firing.rule.action
    reasons = _barred(action, firing, candidates, signals)
    reasons += [f"{QUESTIONS[action][q]}:{q}" for q in QUESTIONS[action] if facts.get(q)]
    if person.status != "active":
        reasons.insert(0, f"contraindication:{person.status}")
    if reasons:
        return Verdict(firing, allowed=False, reasons=tuple(reasons))
    return Verdict(firing, allowed=True, ask=questions(action, signals, facts))


def _barred(action: str, firing: Firing, candidates: Sequence[Firing], signals: Signals) -> list[str]:
    """Vetoes that follow from the measurements alone."""
    found: list[str] = []
    age = signals.value("age")
    if (age is None or age < ADULT) and firing.case.severity != "urgent":
        found.append("contraindication:not-adult")
    if action == "exercise-increase":
        urgent = any(other.rule.action == "referral" and other.case.severity == "urgent" for other in candidates)
        high = any((value := signals.values[name].value) is not None and value >= cut for name, cut in NO_EXERCISE)
        if urgent or high:
            found.append("referral:blood-pressure-urgent")
    if action == "weight-loss":
        bmi = signals.value("bmi")
        if bmi is None or bmi < LOSS_FROM_BMI:
            found.append("weight:bmi-below-25")
    return found


def _tier(firing: Firing) -> str:
    if firing.rule.action == "referral":
        return "emergency" if firing.case.severity == "urgent" else "referral"
    return "weight" if firing.rule.action == "weight-loss" else "habit"


def wording_faults(language: str, text: str) -> tuple[str, ...]:
    """What is wrong with a resident's text: sentences too long, two on a line, or a forbidden word; empty when fine."""
    found = [f"forbidden: {hit[0]}" for rule in _FORBIDDEN[language] if (hit := re.search(rule, text, re.IGNORECASE))]
    for line in text.split("\n"):
        if len(line) > LONGEST_SENTENCE[language]:
            found.append(f"too long ({len(line)}): {line}")
        if not line.strip():
            found.append("an empty line")
        if len(re.findall(r"。|(?<=[a-z)])\.(?=\s|$)", line)) > 1:
            found.append(f"two sentences: {line}")
    return tuple(found)
