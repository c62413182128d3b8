"""The guidance level, its steps and risks, and the metabolic syndrome, against the published tables read once more.

The tables below were written from the publications (programme of 2024, eight societies 2005), not from the rule files.
Whatever is missing, the engine may only answer where every completion of the measurements agrees, and when it does not
answer, measuring what it names must lead to an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.judge import Judgement, judge
from engine.rules import ClassRule, load_catalogue
from engine.signals import Signal, Signals
from engine.stratify import level_if_untreated, risk_count, risks
from engine.vocabulary import DERIVED, VOCABULARY

CLASSES = tuple(rule for rule in load_catalogue() if isinstance(rule, ClassRule))
AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
YES_NO = ("0", "1")
# Every value on both sides of every published number, and one far away.
GRID: dict[str, tuple[str, ...]] = {
    "age": ("17", "18", "39", "60", "64", "74", "75"), "age.fiscal_year": ("39", "40", "60", "64", "65", "75"),
    "sex.male": YES_NO, "waist": ("84.9", "85", "89.9", "90"), "visceral-fat": ("99", "100"),
    "bmi": ("19.9", "20.0", "24.9", "25.0"), "bp.office.systolic": ("129", "130"),
    "bp.office.diastolic": ("84", "85"), "lab.tg": ("100", "149", "150", "174", "175"), "lab.hdl": ("39", "40"),
    "lab.hours-since-meal": ("2", "3.4", "3.5", "9.9", "10"), "lab.fpg": ("99", "100", "109", "110"),
    "lab.hba1c": ("5.5", "5.6", "5.9", "6.0"), "lab.casual-glucose": ("99", "100"), "answer.smoker": YES_NO,
    "answer.pregnant": YES_NO, "med.antihypertensive": YES_NO, "med.lipid-lowering": YES_NO, "med.insulin": YES_NO,
    "med.sulfonylurea": YES_NO, "med.glinide": YES_NO, "med.glucose-lowering": YES_NO,
}  # fmt: skip
# These are used as far as they were measured; a completion does not turn an HbA1c into a fasting glucose.
BY_PRESENCE = ("visceral-fat", "lab.fpg", "lab.hba1c", "lab.casual-glucose")
GLUCOSE_MEDICINES = ("med.insulin", "med.sulfonylurea", "med.glinide", "med.glucose-lowering")
Measured = Mapping[str, Decimal]


# --- the published tables, for somebody of whom everything is known ---------------------------------------------------


def lipids(m: Measured) -> set[bool]:
    """Triglycerides from 150 fasting (10 hours) or 175 casual (3.5 hours), or HDL below 40."""
    if m["lab.hdl"] < 40:
        return {True}
    hours = m["lab.hours-since-meal"]
    if hours < Decimal("3.5"):
        return {True, False}
    return {m["lab.tg"] >= (150 if hours >= 10 else 175)}


def sugar(m: Measured, fasting: str, hba1c: str, casual: str | None) -> set[bool]:
    """The first of fasting glucose, HbA1c and (for the guidance only) casual glucose that was measured."""
    if "lab.fpg" in m:
        return {m["lab.fpg"] >= Decimal(fasting)}
    if "lab.hba1c" in m:
        return {m["lab.hba1c"] >= Decimal(hba1c)}
    if casual and "lab.casual-glucose" in m and m["lab.hours-since-meal"] >= Decimal("3.5"):
        return {m["lab.casual-glucose"] >= Decimal(casual)}
    return {True, False}


def big_waist(m: Measured) -> bool:
    if "visceral-fat" in m:
        return m["visceral-fat"] >= 100
    return m["waist"] >= (85 if m["sex.male"] == 1 else 90)


def pressure(m: Measured) -> bool:
    return m["bp.office.systolic"] >= 130 or m["bp.office.diastolic"] >= 85


def table_step1(m: Measured, *, waist_left_out: bool) -> str:
    if waist_left_out and m["bmi"] < 20:
        return "none"
    if big_waist(m):
        return "1"
    return "2" if m["bmi"] >= 25 else "none"


def table_untreated(m: Measured, step: str, found: int) -> str:
    count = found + int(m["answer.smoker"]) if found else 0
    if step == "none" or count == 0:
        return "info"
    enough = {"1": 2, "2": 3}[step]
    return "active" if count >= enough and m["age.fiscal_year"] < 65 else "motivational"


def table_level(m: Measured, untreated: str) -> str:
    if m["age.fiscal_year"] < 40 or m["age"] >= 75:
        return "out_of_scope_age"
    if m["answer.pregnant"] == 1:
        return "out_of_scope_pregnancy"
    medicines = ("med.antihypertensive", "med.lipid-lowering", *GLUCOSE_MEDICINES)
    return "excluded_medication" if any(m[name] == 1 for name in medicines) else untreated


def table_mets(m: Measured, lipid: bool, glucose: bool) -> str:
    if m["age"] < 18:
        return "unknown"
    treated = any(m[name] == 1 for name in GLUCOSE_MEDICINES)
    items = [
        pressure(m) or m["med.antihypertensive"] == 1, lipid or m["med.lipid-lowering"] == 1, glucose or treated,
    ]  # fmt: skip
    if not big_waist(m) or not any(items):
        return "no"
    return "mets" if sum(items) >= 2 else "pre_mets"


def tables(m: Measured, *, waist_left_out: bool) -> Iterator[dict[str, str]]:
    """All that the tables can say: more than one thing only where blood could not be used or was not drawn."""
    for lipid, glucose in product(lipids(m), sugar(m, "100", "5.6", "100")):
        found = sum((pressure(m), lipid, glucose))
        step = table_step1(m, waist_left_out=waist_left_out)
        untreated = table_untreated(m, step, found)
        yield {
            "guidance.step1": step, "guidance.untreated": untreated, "guidance.level": table_level(m, untreated),
            "risk.bp": "yes" if pressure(m) else "no", "risk.lipid": "yes" if lipid else "no",
            "risk.glucose": "yes" if glucose else "no",
            "risk_count": str(found + int(m["answer.smoker"]) if found else 0),
        }  # fmt: skip
    for lipid, glucose in product(lipids(m), sugar(m, "110", "6.0", None)):
        yield {"mets": table_mets(m, lipid, glucose)}


# --- what every completion says ---------------------------------------------------------------------------------------


def brute_force(known: Measured) -> dict[str, set[str]]:
    """For every class, everything that some completion of what is missing makes of it."""
    missing = [name for name in GRID if name not in known and name not in BY_PRESENCE]
    left_out = "waist" not in known and "visceral-fat" not in known
    said: dict[str, set[str]] = {}
    for values in product(*([Decimal(value) for value in GRID[name]] for name in missing)):
        complete = {**known, **dict(zip(missing, values, strict=True))}
        for answers in tables(complete, waist_left_out=left_out):
            for name, answer in answers.items():
                said.setdefault(name, set()).add(answer)
    return said


def picture(known: Measured) -> Signals:
    return Signals(AS_OF, {name: Signal(value=value, unit=VOCABULARY[name].unit) for name, value in known.items()})


def told(judgement: Judgement) -> dict[str, str | None]:
    count = risk_count(judgement)
    names = (
        "guidance.step1", "guidance.untreated", "guidance.level", "risk.bp", "risk.lipid", "risk.glucose", "mets",
    )  # fmt: skip
    return {name: judgement.gives(name) for name in names} | {"risk_count": None if count is None else str(count)}


@st.composite
def people(draw: st.DrawFn, most: int) -> dict[str, Decimal]:
    """Somebody at the edges of the tables, of whom up to `most` things are not known."""
    everything = {name: Decimal(draw(st.sampled_from(values))) for name, values in GRID.items()}
    # Half of them have no medicine and are of the age for it: elsewhere the level would nearly always be settled.
    if draw(st.booleans()):
        everything |= {name: Decimal(0) for name in GRID if name.startswith("med.") or name == "answer.pregnant"}
        everything |= {"age": Decimal(60), "age.fiscal_year": Decimal(draw(st.sampled_from(["60", "65"])))}
    unknown = draw(st.sets(st.sampled_from(sorted(GRID)), max_size=most))
    # Fasting glucose and the visceral fat area hide the others where they are known: they seldom are.
    unknown |= {name for name in ("lab.fpg", "visceral-fat", "lab.hba1c") if draw(st.integers(0, 2))}
    return {name: value for name, value in everything.items() if name not in unknown}


@given(people(most=4))
@settings(max_examples=400)
def test_an_answer_is_given_exactly_where_every_completion_agrees(known: dict[str, Decimal]) -> None:
    said = brute_force(known)
    for name, answer in told(judge(picture(known), CLASSES)).items():
        assert answer == (next(iter(said[name])) if len(said[name]) == 1 else None), (name, said[name])


@given(people(most=4))
@settings(max_examples=200)
def test_what_is_said_to_be_missing_really_decides(known: dict[str, Decimal]) -> None:
    """Every single thing named has values that lead to different answers; none is a class, none is idle."""
    judgement = judge(picture(known), CLASSES)
    for name in ("guidance.level", "mets", "guidance.step1", "risk.lipid", "risk.glucose", "risk.bp"):
        settled = judgement.settled[name]
        if settled.case is not None:
            assert not settled.missing
            continue
        assert settled.missing
        assert not set(settled.missing) & DERIVED
        assert [missing for missing in settled.missing if not decides(known, name, missing)] == []


def decides(known: Measured, name: str, missing: str) -> bool:
    """Whether the class changes with this measurement, before the others are known or with some completion of them."""
    before = brute_force(known)[name]
    for context in contexts(known, missing):
        after = [frozenset(brute_force(measured(context, missing, value))[name]) for value in GRID[missing]]
        if len(set(after)) > 1 or any(one < before for one in after):
            return True
    return False


def contexts(known: Measured, missing: str) -> Iterator[dict[str, Decimal]]:
    """What may be known when `missing` is measured: nothing more, or everything else, blood drawn again or not."""
    yield dict(known)
    others = {name: GRID[name] for name in GRID if name not in {*known, *BY_PRESENCE, missing}}
    fasting: list[dict[str, str]] = [{}, *({"lab.fpg": value, "lab.hours-since-meal": "10"} for value in ("99", "110"))]
    for values in product(*others.values()):
        for drawn in fasting if "lab.fpg" not in known else fasting[:1]:
            yield {**known, **{k: Decimal(v) for k, v in (dict(zip(others, values, strict=True)) | drawn).items()}}


def measured(known: Measured, name: str, value: str) -> dict[str, Decimal]:
    """`known` and one thing more; triglycerides that are asked for are drawn fasting."""
    return {**known, **({"lab.hours-since-meal": Decimal(10)} if name == "lab.tg" else {}), name: Decimal(value)}


@given(people(most=8), st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_measuring_what_is_missing_ends_in_an_answer(known: dict[str, Decimal], chance: Random) -> None:
    """A nurse who has measured what the engine names, one thing after the other, is told the level in the end."""
    for name in ("guidance.level", "mets"):
        have, steps = dict(known), 0
        while (settled := judge(picture(have), CLASSES).settled[name]).case is None:
            steps += 1
            assert steps <= len(GRID), (name, settled.missing)
            again = settled.missing[0]
            assert again not in have or again == "lab.tg"
            have = measured(have, again, chance.choice(GRID[again]))
        assert brute_force(have)[name] == {settled.gives}


@pytest.mark.parametrize(
    ("treated", "level", "untreated"), [("1", "excluded_medication", "motivational"), ("0", "motivational", None)]
)
def test_a_treated_person_is_also_told_the_level_without_the_medicine(
    treated: str, level: str, untreated: str | None
) -> None:
    """Case S010 of the shared golden cases: 55 years, waist 95, fasting glucose 122, on a medicine for it."""
    judgement = judge(picture(TREATED | {"med.glucose-lowering": Decimal(treated)}), CLASSES)
    assert (judgement.gives("guidance.level"), level_if_untreated(judgement)) == (level, untreated)
    assert risks(judgement) == ("glucose",)
    assert risk_count(judgement) == 1


def test_smoking_counts_only_beside_another_risk() -> None:
    smoking = {"answer.smoker": Decimal(1)}
    assert risk_count(judge(picture(TREATED | smoking), CLASSES)) == 2
    assert risk_count(judge(picture(TREATED | smoking | {"lab.fpg": Decimal(99)}), CLASSES)) == 0


def test_risks_are_not_told_while_one_of_them_is_open() -> None:
    known = {name: value for name, value in TREATED.items() if name != "lab.fpg"}
    judgement = judge(picture(known), CLASSES)
    assert (risks(judgement), risk_count(judgement), level_if_untreated(judgement)) == (None, None, None)


TREATED = {
    "age": Decimal(55), "age.fiscal_year": Decimal(55), "sex.male": Decimal(1), "waist": Decimal(95),
    "bmi": Decimal("26.9"), "bp.office.systolic": Decimal(128), "bp.office.diastolic": Decimal(80),
    "lab.tg": Decimal(100), "lab.hdl": Decimal(55), "lab.hours-since-meal": Decimal(10), "lab.fpg": Decimal(122),
    "answer.smoker": Decimal(0), "answer.pregnant": Decimal(0), "med.antihypertensive": Decimal(0),
    "med.lipid-lowering": Decimal(0), "med.insulin": Decimal(0), "med.sulfonylurea": Decimal(0),
    "med.glinide": Decimal(0), "med.glucose-lowering": Decimal(0),
}  # fmt: skip
