"""Promises of the intake: cautious in whatever order facts came, total on whatever is written, nobody guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine import asking
from engine.clinical import AUTHORITY, Fact, Source, holds, picture_of, standing, valid_until
from engine.clinical_checkups import facts_of
from engine.clinical_codes import catalogue
from engine.clinical_rules import IMPLIES
from engine.clinical_values import read_value
from engine.imports.checkups import sheet, shipped
from engine.imports.model import FileError
from engine.questionnaires import questionnaires
from engine.refusal import Refusal
from engine.vocabulary import ANSWERS, QUESTION_ORDER
from tests.homes import HANAKO, resident

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
WOMAN = resident(HANAKO, "花子", date(1990, 5, 5))
MAN = msgspec.structs.replace(WOMAN, sex="male")
PEOPLE = st.sampled_from([WOMAN, MAN, msgspec.structs.replace(WOMAN, sex="unknown")])
SOURCES: list[Source] = ["hospital", "nurse", "checkup", "resident"]
ALONE = sorted(ANSWERS - {code for pair in IMPLIES for code in pair} - {"habit.risky-drinking"})


@st.composite
def answers(draw: st.DrawFn, codes: list[str] | None = None) -> list[Fact]:
    """Facts of a few answers over two years, some taken back."""
    chosen = draw(st.lists(st.sampled_from(codes or sorted(ANSWERS)), min_size=1, max_size=3, unique=True))
    found: list[Fact] = []
    for number in range(draw(st.integers(1, 8))):
        days = draw(st.none() | st.integers(1, 900))
        at = NOW - timedelta(days=draw(st.integers(0, 800)), hours=number)
        found.append(
            Fact(
                id=f"f-{number}", resident=HANAKO, code=draw(st.sampled_from(chosen)), at=at, recorded_at=at,
                value=draw(st.sampled_from(["1", "0", "unknown"])), source=draw(st.sampled_from(SOURCES)),
                until=None if days is None else at + timedelta(days=days),
            )
        )  # fmt: skip
    wrong = [fact for fact in found if draw(st.integers(0, 9)) == 0]
    back = [msgspec.structs.replace(fact, id=f"{fact.id}-back", retracts=fact.id, recorded_at=NOW) for fact in wrong]
    return found + back


@given(answers(), PEOPLE, st.integers(0, 1000))
def test_the_order_in_which_facts_are_read_changes_nothing(facts: list[Fact], person: object, seed: int) -> None:
    mixed = list(facts)
    Random(seed).shuffle(mixed)
    assert picture_of(mixed, person, NOW) == picture_of(facts, person, NOW)  # type: ignore[arg-type]


@given(answers(ALONE))
def test_a_yes_that_holds_and_that_nobody_entitled_took_back_is_a_yes(facts: list[Fact]) -> None:
    picture = picture_of(facts, WOMAN, NOW)
    for code, said in standing(facts, NOW).items():
        for yes in (fact for fact in said if fact.value == "1" and holds(fact, NOW)):
            later = [fact for fact in said if fact.at > yes.at]
            if all(AUTHORITY.get(fact.source, 1) < AUTHORITY.get(yes.source, 1) for fact in later):
                assert picture[code].value == 1


@given(answers(ALONE), PEOPLE)
def test_a_no_rests_on_a_no_that_holds_and_on_no_yes_that_is_left(facts: list[Fact], person: object) -> None:
    picture = picture_of(facts, person, NOW)  # type: ignore[arg-type]
    known = {fact.id: fact for said in standing(facts, NOW).values() for fact in said}
    for code in ANSWERS:
        signal = picture[code]
        if signal.value == 0 and signal.note != "not-applicable":
            assert signal.inputs
            assert all(known[name].value == "0" and holds(known[name], NOW) for name in signal.inputs)


@given(answers(), PEOPLE)
def test_what_is_not_settled_yields_its_question_and_what_is_settled_does_not(
    facts: list[Fact], person: object
) -> None:
    picture = picture_of(facts, person, NOW)  # type: ignore[arg-type]
    asked = asking.next_questions(picture, facts=facts, as_of=NOW, most=99)
    open_codes = {code for question in asked for code in question.open}
    assert open_codes == {code for code in ANSWERS if picture[code].value is None}
    order = [QUESTION_ORDER.index(question.code) for question in asked]
    assert all(first < second for first, second in pairwise(order))
    assert asking.next_questions(picture) == tuple(
        msgspec.structs.replace(question, before=None) for question in asked[:3]
    )


@given(answers())
def test_time_alone_never_turns_a_yes_into_a_no_or_settles_anything(facts: list[Fact]) -> None:
    today = picture_of(facts, WOMAN, NOW)
    later = picture_of(facts, WOMAN, NOW + timedelta(days=200))
    for code in ANSWERS:
        if today[code].value == 1:
            assert later[code].value in {Decimal(1), None}
        if today[code].value is None:
            assert later[code].value is None


@given(st.data())
def test_any_choices_are_an_answer_or_a_refusal_and_say_every_code_at_most_once(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(questionnaires())))
    item = data.draw(st.sampled_from(questionnaires()[name].item))
    codes = [*(choice.code for choice in item.choices), "unknown", "x"]
    chosen = data.draw(st.lists(st.sampled_from(codes), max_size=4))
    said = asking.answer(item, chosen, NOW, resident=HANAKO, actor="a", channel="page")
    if isinstance(said, Refusal):
        return
    assert len({fact.code for fact in said}) == len(said)
    yes = {code for choice in item.choices if choice.code in chosen for code, v in choice.sets.items() if v == "1"}
    assert yes <= {fact.code for fact in said if fact.value == "1"}


@given(st.sampled_from(sorted(catalogue())), st.text(max_size=12), st.none() | st.text(max_size=8))
def test_whatever_is_written_is_a_value_that_can_be_or_a_refusal(code: str, text: str, unit: str | None) -> None:
    read = read_value(code, text, unit, NOW.date())
    if not isinstance(read, Refusal):
        spec = catalogue()[code]
        assert spec.sort in {"choice", "answer"} or spec.low <= Decimal(read[0]) <= spec.high


NUMBERS = st.decimals(min_value=-10, max_value=20_000, places=2).map(str)
UNITS = st.sampled_from([None, "mg/dL", "mmol/L", "%", "cm", "m", "mmol/mol", "JDS"])


@given(st.sampled_from(sorted(catalogue())), NUMBERS, UNITS)
def test_every_number_read_is_possible_and_in_the_unit_of_its_code(code: str, text: str, unit: str | None) -> None:
    read = read_value(code, text, unit, NOW.date())
    if not isinstance(read, Refusal) and catalogue()[code].sort == "number":
        assert catalogue()[code].low <= Decimal(read[0]) <= catalogue()[code].high
        assert read[1] == catalogue()[code].unit


COLUMNS = st.sampled_from(
    [name for column in shipped().column for name in column.names] + ["担当", "", "3D046000001906202"]
)
CELLS = st.sampled_from(["", "-", "1", "2", "85", "5.9", "1+", "はい", "126", "x", '"', "９９", "2026-10-03", "\n"])


@given(st.lists(COLUMNS, max_size=5), st.lists(st.lists(CELLS, max_size=7), max_size=4), st.sampled_from(",;\t"))
def test_any_sheet_gives_facts_and_faults_that_together_are_its_cells(
    columns: list[str], cells: list[list[str]], mark: str
) -> None:
    lines = [mark.join(["健診日", *columns]), *(mark.join(["2026-10-03", *row]) for row in cells)]
    try:
        rows = list(sheet(BytesIO("\n".join(lines).encode()), ZoneInfo("Asia/Tokyo")).rows)
    except FileError:
        return
    for row in rows:
        facts, faults = facts_of(row, HANAKO, NOW, actor="desk")
        done = {fact.code for fact in facts} | {fault.item for fault in faults}
        assert row.at is None or {cell.code for cell in row.cells} <= done
        assert all(valid_until(fact) is None or fact.at <= NOW for fact in facts)


@given(st.binary(max_size=200))
def test_a_file_of_any_bytes_is_read_or_refused(content: bytes) -> None:
    try:
        rows = list(sheet(BytesIO("健診日,腹囲\n".encode() + content), ZoneInfo("Asia/Tokyo")).rows)
    except FileError:
        return
    assert all(isinstance(fault.code, str) for row in rows for fault in facts_of(row, HANAKO, NOW, actor="d")[1])
