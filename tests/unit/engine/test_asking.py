"""What is asked next, what an answer says, and the questionnaires as data."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest

from engine import asking
from engine.asking import Question
from engine.clinical import Fact, picture_of
from engine.clinical_codes import catalogue
from engine.people import Resident
from engine.questionnaires import Item, questionnaires
from engine.refusal import Refusal
from engine.vocabulary import ANSWERS, QUESTION_ORDER, VOCABULARY
from tests.homes import HANAKO, resident

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WOMAN = resident(HANAKO, "花子", date(1990, 5, 5))
MAN = msgspec.structs.replace(WOMAN, sex="male")
# Diagnoses as statements, and the word that no resident is to read of their values.
_FORBIDDEN = ("あなたは", "です。あなた", "正常", "normal", "you have diabetes.")


def facts_of(item: Item, *choices: str, at: datetime = NOW) -> dict[str, str]:
    found = asking.answer(item, choices, at, resident=HANAKO, actor="suzuki", channel="nurse-phone")
    assert not isinstance(found, Refusal)
    return {fact.code: fact.value for fact in found}


def refused(item: Item, *choices: str) -> str:
    found = asking.answer(item, choices, NOW, resident=HANAKO, actor="suzuki", channel="nurse-phone")
    assert isinstance(found, Refusal)
    return found.code


def item(code: str, name: str = "veto") -> Item:
    found = asking.find(name, code)
    assert found is not None
    return found


def open_for(
    *facts: Fact, person: Resident = WOMAN, wanted: tuple[str, ...] = (), most: int = 3
) -> tuple[Question, ...]:
    return asking.next_questions(picture_of(facts, person, NOW), wanted, facts=facts, as_of=NOW, most=most)


def codes(questions: tuple[Question, ...]) -> list[str]:
    return [question.code for question in questions]


def test_the_two_official_questionnaires_are_whole_and_the_third_covers_every_answer() -> None:
    assert [one.number for one in questionnaires()["standard22"].item] == list(range(1, 23))
    assert [one.number for one in questionnaires()["older75"].item] == list(range(1, 16))
    veto = questionnaires()["veto"].item
    assert [one.code for one in veto] == list(QUESTION_ORDER)
    for one in veto:
        assert one.settles == {name for name, spec in VOCABULARY.items() if spec.question == one.code}


def test_every_item_sets_known_codes_and_can_say_yes_and_no_of_each() -> None:
    for questionnaire in questionnaires().values():
        assert questionnaire.source
        assert questionnaire.edition
        for one in questionnaire.item:
            assert one.settles <= ANSWERS
            assert len({choice.code for choice in one.choices}) == len(one.choices) >= 2
            if questionnaire.name == "veto":
                said = {(code, value) for choice in one.choices for code, value in choice.sets.items()}
                assert {(code, value) for code in one.settles for value in "01"} <= said
            else:
                assert one.code in catalogue()
                assert one.jlac10


def test_the_texts_are_short_plain_and_say_nothing_of_a_diagnosis() -> None:
    for questionnaire in questionnaires().values():
        for one in questionnaire.item:
            japanese = [one.ja, one.why_ja, *(choice.ja for choice in one.choices)]
            english = [one.en, one.why_en, *(choice.en for choice in one.choices)]
            assert all(text and len(line) <= 40 for text in japanese for line in text.split("\n"))
            assert all(text and len(line) <= 90 for text in english for line in text.split("\n"))
            assert not any(word in text for text in japanese + english for word in _FORBIDDEN)


def test_the_most_forbidding_questions_come_first_three_at_a_time() -> None:
    assert codes(open_for()) == ["symptoms", "pregnancy", "breastfeeding"]
    assert codes(open_for(person=MAN)) == ["symptoms", "glucose-medicine", "heart-disease"]
    assert codes(open_for(wanted=("has.ckd", "med.insulin", "smoking"))) == ["glucose-medicine", "kidney", "smoking"]
    assert codes(open_for(wanted=("sleep", "bmi"), most=9)) == ["sleep"], "a number is measured, not asked"


def test_what_was_put_in_this_sitting_is_not_put_again() -> None:
    picture = picture_of([], MAN, NOW)
    assert codes(asking.next_questions(picture, answered={"symptoms", "heart-disease"}))[:2] == [
        "glucose-medicine", "diabetes",
    ]  # fmt: skip


def test_every_question_closes_by_each_of_its_answers_but_not_by_i_do_not_know() -> None:
    for one in questionnaires()["veto"].item:
        for choice in one.choices:
            said = asking.answer(one, [choice.code], NOW, resident=HANAKO, actor="a", channel="page")
            assert not isinstance(said, Refusal)
            still = open_for(*said, wanted=(one.code,))
            assert bool(still) == ("unknown" in choice.sets.values()), (one.code, choice.code)
        unsure = asking.answer(one, ["unknown"], NOW, resident=HANAKO, actor="a", channel="page")
        assert not isinstance(unsure, Refusal)
        assert [question.why for question in open_for(*unsure, wanted=(one.code,))] == ["unknown"]


def test_several_medicines_can_be_named_and_what_is_not_named_is_a_no() -> None:
    medicines = item("glucose-medicine")
    assert facts_of(medicines, "insulin", "other") == {
        "med.insulin": "1", "med.glucose-lowering": "1", "med.sulfonylurea": "0", "med.glinide": "0",
    }  # fmt: skip
    assert facts_of(medicines, "pill-unknown", "sulfonylurea") == {
        "med.insulin": "0", "med.glucose-lowering": "1", "med.sulfonylurea": "1", "med.glinide": "unknown",
    }  # fmt: skip
    assert set(facts_of(medicines, "none").values()) == {"0"}
    assert refused(medicines, "none", "insulin") == "contradiction"


def test_an_answer_that_is_none_of_the_choices_is_refused() -> None:
    assert refused(item("pregnancy"), "perhaps") == "not-a-choice"
    assert refused(item("pregnancy"), "yes", "no") == "several"
    assert refused(item("pregnancy")) == "nothing-chosen"


def test_a_loss_is_meant_not_meant_or_not_noticed() -> None:
    loss = item("unintended-loss")
    assert facts_of(loss, "intended") == {"frailty.loss-2kg": "0", "loss.unintended": "0"}
    assert facts_of(loss, "unintended") == {"frailty.loss-2kg": "1", "loss.unintended": "1"}
    said = asking.answer(loss, ["none"], NOW, resident=HANAKO, actor="a", channel="page")
    assert not isinstance(said, Refusal)
    stored = [msgspec.structs.replace(fact, id=f"f-{fact.code}") for fact in said]
    signal = picture_of(stored, WOMAN, NOW)["loss.unintended"]
    assert signal.value == 0
    assert signal.note == "not-noticed"


def test_an_old_answer_comes_along_to_be_confirmed_with_who_told_it() -> None:
    old = asking.answer(
        item("standard22.01", "standard22"), ["no"], NOW - 200 * DAY, resident=HANAKO, actor="import", channel="import",
        source="checkup",
    )  # fmt: skip
    assert not isinstance(old, Refusal)
    lipids = asking.answer(
        item("standard22.03", "standard22"), ["yes"], NOW - 200 * DAY, resident=HANAKO, actor="import",
        channel="import", source="checkup",
    )  # fmt: skip
    assert not isinstance(lipids, Refusal)
    [question] = open_for(*old, *lipids, wanted=("medicine",))
    assert question.why == "stale"
    assert question.before is not None
    assert (question.before.choices, question.before.source) == (("lipid-lowering",), "checkup")
    again = facts_of(question.item, *question.before.choices)
    assert again == {"med.antihypertensive": "0", "med.lipid-lowering": "1"}


@pytest.mark.parametrize("chosen", [("insulin",), ("other",), ("pill-unknown",), ("insulin", "glinide"), ("none",)])
def test_what_was_chosen_comes_back_as_it_was_chosen(chosen: tuple[str, ...]) -> None:
    said = asking.answer(
        item("glucose-medicine"), chosen, NOW - 200 * DAY, resident=HANAKO, actor="a", channel="page"
    )  # fmt: skip
    assert not isinstance(said, Refusal)
    [question] = open_for(*said, wanted=("glucose-medicine",))
    assert question.before is not None
    assert question.before.choices == chosen


def test_an_answer_by_a_check_up_that_still_holds_is_not_asked_again() -> None:
    said = asking.answer(
        item("2", "standard22"), ["no"], NOW - 20 * DAY, resident=HANAKO, actor="i", channel="import", source="checkup"
    )
    assert not isinstance(said, Refusal)
    assert open_for(*said, wanted=("glucose-medicine",)) == ()


def test_the_official_items_follow_the_form_and_come_again_after_a_year() -> None:
    first = asking.next_items("standard22", [], NOW)
    assert [question.item.number for question in first] == [1, 2, 3]
    said = asking.answer(item("1", "standard22"), ["yes"], NOW - DAY, resident=HANAKO, actor="a", channel="page")
    assert not isinstance(said, Refusal)
    assert [question.item.number for question in asking.next_items("standard22", said, NOW)] == [2, 3, 4]
    [later] = asking.next_items("standard22", said, NOW + 400 * DAY, most=1)
    assert later.before is not None
    assert (later.item.number, later.why, later.before.choices) == (1, "stale", ("yes",))
    assert asking.next_items("older75", [], NOW, answered={f"older75.{n:02}" for n in range(1, 16)}) == ()


@pytest.mark.parametrize(
    ("name", "number", "choice", "said"),
    [
        ("standard22", "2", "no", {"med.glucose-lowering": "0", "med.insulin": "0", "med.sulfonylurea": "0", "med.glinide": "0"}),
        ("standard22", "2", "yes", {"med.glucose-lowering": "1"}),
        ("standard22", "6", "yes", {"has.ckd": "1"}),
        ("standard22", "8", "quit", {"answer.smoker": "0"}),
        ("standard22", "14", "faster", {"habit.fast-eating": "1"}),
        ("standard22", "16", "sometimes", {"habit.snacks": "0"}),
        ("standard22", "20", "no", {"habit.poor-sleep": "1"}),
        ("older75", "6", "yes", {"frailty.loss-2kg": "1"}),
        ("older75", "9", "no", {"frailty.no-exercise": "1"}),
        ("older75", "12", "quit", {"answer.smoker": "0"}),
    ],
)  # fmt: skip
def test_an_official_answer_keeps_itself_and_says_what_it_means(
    name: str, number: str, choice: str, said: dict[str, str]
) -> None:
    one = item(number, name)
    assert facts_of(one, choice) == {one.code: choice, **said}


def test_the_codes_of_the_form_are_the_official_ones_in_order() -> None:
    for name in ("standard22", "older75"):
        for one in questionnaires()[name].item:
            coded = [int(choice.coded) for choice in one.choices if choice.coded]
            assert coded == list(range(1, len(coded) + 1))
    numbers = [int(one.jlac10[2:5]) for one in questionnaires()["older75"].item]
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))
