"""Facts become the picture the rules see: units, staleness, contradictions, whom a question cannot concern."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from engine.clinical import Fact, picture_of, record, standing, valid_until
from engine.clinical_codes import catalogue
from engine.clinical_rules import doubt_denied_loss
from engine.contract.kinds import KINDS
from engine.people import Resident
from engine.refusal import Refusal
from engine.signals import Point, Signal
from engine.vocabulary import ANSWERS, VOCABULARY
from tests.homes import HANAKO, resident

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
# 75 years old at NOW.
WOMAN = resident(HANAKO, "花子", date(1951, 5, 5))
YOUNG = resident(HANAKO, "花子", date(1990, 5, 5), height=None)
MAN = msgspec.structs.replace(YOUNG, sex="male")


def fact(code: str, value: str, ago: float = 1, *, id: str = "", **more: object) -> Fact:  # noqa: A002 - its field
    at = NOW - ago * DAY
    spec = catalogue()[code]
    base = Fact(
        id=id or f"f-{code}-{value}-{ago}", resident=HANAKO, code=code, value=value, unit=spec.unit or None, at=at,
        recorded_at=at, actor="suzuki", channel="paper",
    )  # fmt: skip
    return msgspec.structs.replace(base, **more)


def seen(*facts: Fact, person: Resident = YOUNG, as_of: datetime = NOW) -> dict[str, Signal]:
    return picture_of(facts, person, as_of)


def told(signal: Signal) -> tuple[Decimal | None, str | None]:
    return signal.value, signal.note


def test_every_answer_of_the_vocabulary_can_be_recorded_and_every_number_has_its_unit() -> None:
    codes = catalogue()
    assert set(codes) >= ANSWERS
    assert all(codes[name].sort == "answer" for name in ANSWERS)
    fed = [code for code in codes.values() if code.signal and code.sort != "answer"]
    assert {code.code for code in fed} >= {name for name in VOCABULARY if name.startswith(("lab.", "bp.office."))}
    assert all(code.unit == VOCABULARY[code.code].unit and code.low < code.high and code.days > 0 for code in fed)
    assert all(code.ja and code.en for code in codes.values())
    assert {"waist", "body-height"} <= set(KINDS), "the readings that tell the same as a fact"


def test_a_fact_of_the_future_or_that_ends_before_it_begins_is_refused() -> None:
    draft = fact("lab.fpg", "", ago=-1, recorded_at=NOW)
    later = record(draft, "100")
    assert isinstance(later, Refusal)
    assert later.code == "future"
    ended = record(fact("lab.fpg", "", until=NOW - 2 * DAY), "100")
    assert isinstance(ended, Refusal)
    assert ended.code == "until-past"


def test_what_was_written_is_kept_beside_what_was_understood() -> None:
    read = record(fact("lab.fpg", ""), "5.6", "mmol/L")
    assert isinstance(read, Fact)
    assert (read.value, read.unit, read.raw) == ("101", "mg/dL", "5.6 mmol/L")
    same = record(fact("lab.fpg", ""), "126")
    assert isinstance(same, Fact)
    assert same.raw is None


def test_nothing_known_is_said_as_not_asked_and_not_measured_for_every_name() -> None:
    picture = seen()
    assert told(picture["has.ckd"]) == (None, "not-asked")
    assert told(picture["lab.fpg"]) == (None, "not-measured")
    assert set(picture) >= ANSWERS


def test_a_newer_number_wins_whoever_recorded_it() -> None:
    old, new = fact("lab.fpg", "130", 400, source="hospital"), fact("lab.fpg", "99", 3, source="checkup")
    assert seen(new, old)["lab.fpg"].value == 99
    assert seen(new, old)["lab.fpg"].inputs == (new.id,)


@pytest.mark.parametrize(
    ("code", "low", "high", "counts"), [("lab.fpg", "99", "130", 130), ("lab.egfr", "44", "61", 44)]
)
def test_of_two_numbers_of_one_moment_the_worse_counts_and_both_are_shown(
    code: str, low: str, high: str, counts: int
) -> None:
    signal = seen(fact(code, low, id="f-1"), fact(code, high, id="f-2"))[code]
    assert told(signal) == (Decimal(counts), "contradiction")
    assert (signal.low, signal.high, set(signal.inputs)) == (Decimal(low), Decimal(high), {"f-1", "f-2"})


@pytest.mark.parametrize(
    ("code", "value", "days"),
    [
        ("lab.hba1c", "6.1", 548), ("answer.pregnant", "0", 30), ("symptom.red-flag", "0", 7), ("symptom.red-flag", "1", 7),
        ("med.insulin", "0", 180), ("has.ckd", "0", 365), ("grip", "27", 365), ("answer.breastfeeding", "1", 90),
    ],
)  # fmt: skip
def test_a_fact_holds_until_its_last_instant_and_not_longer(code: str, value: str, days: int) -> None:
    said = fact(code, value, 0)
    end = said.at + days * DAY
    assert valid_until(said) == end
    tick = timedelta(microseconds=1)
    assert seen(said, as_of=end - tick)[code].value == Decimal(value)
    assert told(seen(said, as_of=end)[code]) == (None, "stale")
    assert seen(said, as_of=end)[code].inputs == (said.id,)


def test_what_does_not_heal_holds_for_ever_but_not_that_it_is_not_there() -> None:
    assert seen(fact("has.ckd", "1", 4000))["has.ckd"].value == 1
    assert told(seen(fact("has.ckd", "0", 400))["has.ckd"]) == (None, "stale")


def test_an_end_that_was_said_shortens_a_no_and_lengthens_a_yes() -> None:
    no = fact("answer.pregnant", "0", 1, until=NOW + 300 * DAY)
    assert valid_until(no) == no.at + 30 * DAY, "nobody can say today that she will not be pregnant in summer"
    yes = fact("answer.pregnant", "1", 60, until=NOW + 100 * DAY)
    assert seen(yes)["answer.pregnant"].value == 1
    short = fact("has.ckd", "0", 10, until=NOW - DAY)
    assert told(seen(short)["has.ckd"]) == (None, "stale")


def test_what_a_hospital_recorded_is_not_talked_away_and_both_are_shown() -> None:
    hospital = fact("has.heart-failure", "1", 900, source="hospital")
    denied = fact("has.heart-failure", "0", 2, source="resident")
    signal = seen(denied, hospital)["has.heart-failure"]
    assert told(signal) == (Decimal(1), "contradiction")
    assert set(signal.inputs) == {hospital.id, denied.id}
    cleared = fact("has.heart-failure", "0", 1, source="hospital")
    assert seen(denied, hospital, cleared)["has.heart-failure"].value == 0


def test_a_resident_may_correct_what_they_said_themselves_and_add_to_what_a_hospital_says() -> None:
    yes, no = fact("med.insulin", "1", 20), fact("med.insulin", "0", 2)
    assert seen(yes, no)["med.insulin"].value == 0
    recorded = fact("has.diabetes", "0", 20, source="hospital")
    new = fact("has.diabetes", "1", 2)
    assert told(seen(recorded, new)["has.diabetes"]) == (Decimal(1), "contradiction")


def test_i_do_not_know_is_not_a_no() -> None:
    no, unsure = fact("has.ckd", "0", 20), fact("has.ckd", "unknown", 2)
    assert told(seen(no, unsure)["has.ckd"]) == (None, "unknown")


def test_a_fact_taken_back_counts_no_more_and_neither_does_the_future() -> None:
    wrong = fact("lab.fpg", "300", 5)
    back = fact("lab.fpg", "300", 5, id="f-back", retracts=wrong.id, recorded_at=NOW - DAY)
    before = fact("lab.fpg", "99", 50)
    assert seen(before, wrong)["lab.fpg"].value == 300
    assert seen(before, wrong, back)["lab.fpg"].value == 99
    assert seen(before, wrong, back, as_of=NOW - 2 * DAY)["lab.fpg"].value == 300, "as it was known then"
    assert seen(before, fact("lab.fpg", "99", -5))["lab.fpg"].inputs == (before.id,)
    assert standing([wrong, back], NOW) == {}


@pytest.mark.parametrize(
    ("person", "code", "expected"),
    [
        (MAN, "answer.pregnant", (Decimal(0), "not-applicable")),
        (WOMAN, "answer.pregnant", (Decimal(0), "not-applicable")),
        (YOUNG, "answer.pregnant", (None, "not-asked")),
        (msgspec.structs.replace(YOUNG, sex="unknown"), "answer.pregnant", (None, "not-asked")),
        (msgspec.structs.replace(YOUNG, sex="other"), "answer.breastfeeding", (None, "not-asked")),
        (msgspec.structs.replace(YOUNG, birth_date=date(1976, 11, 21)), "answer.breastfeeding", (Decimal(0), "not-applicable")),
        (msgspec.structs.replace(YOUNG, birth_date=date(1976, 11, 22)), "answer.breastfeeding", (None, "not-asked")),
        (msgspec.structs.replace(YOUNG, birth_date=date(1970, 11, 22)), "answer.pregnant", (None, "not-asked")),
        (msgspec.structs.replace(YOUNG, birth_date=date(1970, 11, 21)), "answer.pregnant", (Decimal(0), "not-applicable")),
        (msgspec.structs.replace(YOUNG, birth_date=date(2014, 11, 21)), "answer.pregnant", (None, "not-asked")),
        (msgspec.structs.replace(YOUNG, birth_date=date(2014, 11, 22)), "answer.pregnant", (Decimal(0), "not-applicable")),
        (MAN, "has.ckd", (None, "not-asked")),
    ],
)  # fmt: skip
def test_only_what_cannot_apply_needs_no_asking(
    person: Resident, code: str, expected: tuple[Decimal | None, str | None]
) -> None:
    assert told(seen(person=person)[code]) == expected


def test_a_recorded_pregnancy_counts_whatever_age_and_sex_are_registered() -> None:
    assert seen(fact("answer.pregnant", "1"), person=WOMAN)["answer.pregnant"].value == 1
    assert seen(fact("answer.pregnant", "1"), person=MAN)["answer.pregnant"].value == 1


def test_insulin_is_a_glucose_medicine_and_no_glucose_medicine_is_no_insulin() -> None:
    picture = seen(fact("med.insulin", "1"), fact("med.glucose-lowering", "0"))
    assert told(picture["med.glucose-lowering"]) == (Decimal(1), "contradiction")
    none = seen(fact("med.glucose-lowering", "0"))
    assert [told(none[name]) for name in ("med.insulin", "med.sulfonylurea", "med.glinide")] == [
        (Decimal(0), "implied")
    ] * 3
    some = seen(fact("med.glucose-lowering", "1"))
    assert told(some["med.insulin"]) == (None, "not-asked")
    assert seen(fact("has.dialysis", "1"))["has.ckd"].value == 1


def test_hours_since_a_meal_belong_to_the_blood_of_that_day() -> None:
    casual = fact("lab.tg", "180", 300), fact("lab.hours-since-meal", "4", 300)
    assert seen(*casual)["lab.hours-since-meal"].value == 4
    fasting = fact("lab.tg", "180", 3)
    assert told(seen(*casual, fasting)["lab.hours-since-meal"]) == (None, "other-day")
    with_fasting_glucose = fact("lab.fpg", "99", 3)
    signal = seen(*casual, fasting, with_fasting_glucose)["lab.hours-since-meal"]
    assert (told(signal), signal.inputs) == ((Decimal(10), "implied"), (with_fasting_glucose.id,))
    assert told(seen(*casual, fasting, fact("lab.fpg", "99", 9))["lab.hours-since-meal"]) == (None, "other-day")


@pytest.mark.parametrize(
    ("often", "much", "person", "risky"),
    [
        ("daily", "2-3", MAN, 1), ("daily", "1-2", MAN, 0), ("daily", "1-2", YOUNG, 1), ("daily", "under-1", YOUNG, 0),
        ("3-4-a-week", "2-3", MAN, 0), ("3-4-a-week", "3-5", MAN, 1), ("1-3-a-month", "5-more", YOUNG, 1),
        ("rarely", "5-more", MAN, 0), ("never", None, MAN, 0), ("daily", None, MAN, None),
        ("daily", "1-2", msgspec.structs.replace(MAN, sex="unknown"), 1),
    ],
)  # fmt: skip
def test_risky_drinking_is_how_often_and_how_much(
    often: str, much: str | None, person: Resident, risky: int | None
) -> None:
    facts = [fact("standard22.18", often)] + ([fact("standard22.19", much)] if much else [])
    assert seen(*facts, person=person)["habit.risky-drinking"].value == risky


def test_drinking_that_was_denied_and_told_by_amounts_counts_as_told() -> None:
    facts = fact("habit.risky-drinking", "0"), fact("standard22.18", "daily"), fact("standard22.19", "5-more")
    assert told(seen(*facts)["habit.risky-drinking"]) == (Decimal(1), "contradiction")


def test_the_newest_waist_counts_whether_measured_at_home_or_at_the_check_up() -> None:
    def at_home(ago: float, **more: object) -> Point:
        base = Point(at=NOW - ago * DAY, value=Decimal("88.0"), unit="cm", reading_id="x", device_id="manual")
        return msgspec.structs.replace(base, **more)

    checkup = fact("waist", "84", 100)
    assert picture_of([checkup], YOUNG, NOW, {"waist": [at_home(5)]})["waist"].value == 88
    assert picture_of([checkup], YOUNG, NOW, {"waist": [at_home(200)]})["waist"].value == 84
    unsure = at_home(5, certainty="assumed")
    assert picture_of([checkup], YOUNG, NOW, {"waist": [unsure]})["waist"].value == 84
    assert told(picture_of([], YOUNG, NOW, {"waist": [at_home(600)]})["waist"]) == (None, "stale")


def test_the_height_is_the_newest_of_record_and_facts() -> None:
    registered = msgspec.structs.replace(WOMAN, height_on=date(2026, 1, 1))
    assert seen(person=WOMAN)["height"].value == Decimal("152.5")
    assert seen(fact("height", "150.1", 5), person=registered)["height"].value == Decimal("150.1")
    assert seen(fact("height", "154.0", 2000), person=registered)["height"].value == Decimal("152.5")
    assert told(seen()["height"]) == (None, "not-measured")


@pytest.mark.parametrize(
    ("raw", "change", "percent", "open_again"),
    [
        ("none", "-2.0", None, True), ("none", "-1.9", "4.9", False), ("none", "-1.9", "5.0", True),
        ("none", None, None, False), ("intended", "-6.0", "8.0", False),
    ],
)  # fmt: skip
def test_a_loss_on_the_scale_that_nobody_noticed_is_asked_about_again(
    raw: str, change: str | None, percent: str | None, open_again: bool
) -> None:
    picture = seen(fact("loss.unintended", "0", raw=raw), fact("frailty.loss-2kg", "0", raw=raw))
    for name, told_by in (("weight.change_180d", change), ("weight.loss_percent_180d", percent)):
        picture[name] = Signal(value=None if told_by is None else Decimal(told_by), unit="")
    doubt_denied_loss(picture)
    assert (picture["loss.unintended"].value is None) == open_again
    assert (picture["frailty.loss-2kg"].value is None) == open_again
