"""Following up by example: boundaries of the point table, ends of months, goals that must not be, endings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final

import pytest

from engine.cases import Case, Change, Detail, Event, Goal, Reason, may_end, may_evaluate, months_after, planned, tries
from engine.cases_book import book, read_book
from engine.cases_calls import call_of
from engine.cases_goal import Typed, allow, read_goal
from engine.cases_measure import median_of
from engine.cases_points import bonus_points, contact_points, evaluation_points
from engine.cases_words import change, goal
from engine.judge import Judgement, judge
from engine.refusal import Refusal
from engine.rules import in_force, load_catalogue
from engine.signals import Point, Signal, Signals
from engine.vocabulary import ANSWERS

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
BASE = Case(
    id="o-aaaaaaaaaaaaa", resident="r-aaaaaaaaaaaaa", municipality="062049", programme="active", basis="checkup",
    opened_at=datetime(2026, 6, 1, tzinfo=UTC), opened_by="t", interviewed_on=date(2026, 6, 10),
    goal=Goal(kind="habit", habit="eating", words="野菜を先に食べる"),
)  # fmt: skip


def case(**changes: Any) -> Case:
    fields = {name: getattr(BASE, name) for name in Case.__struct_fields__}
    return Case(**(fields | changes))


def event(sort: Any, ago: int, points: int = 0, **detail: Any) -> Event:
    return Event(sort=sort, at=NOW - timedelta(days=ago), by="t", detail=Detail(**detail), points=points)


def judged(**values: str) -> Judgement:
    """What the real rules say of a person of whom these signals are known and the rest was not asked."""
    picture = Signals(NOW, {name: Signal(value=Decimal(value), unit="1", count=1) for name, value in values.items()})
    return judge(picture, in_force(load_catalogue(), TODAY))


# A heavy man of 50 who answered every question with no.
HEAVY: Final = dict.fromkeys(ANSWERS, "0") | {
    "age": "50", "age.fiscal_year": "50", "sex.male": "1", "height": "170", "weight.level": "90.0", "bmi": "31.1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("first", "months", "due"),
    [
        (date(2026, 8, 31), 6, date(2027, 3, 1)), (date(2026, 11, 30), 3, date(2027, 3, 1)),
        (date(2027, 11, 29), 3, date(2028, 2, 29)), (date(2026, 5, 31), 6, date(2026, 12, 1)),
        (date(2026, 10, 15), 3, date(2027, 1, 15)), (date(2026, 12, 31), 3, date(2027, 3, 31)),
    ],
)  # fmt: skip
def test_months_end_where_the_calendar_ends_them(first: date, months: int, due: date) -> None:
    assert months_after(first, months) == due


def test_an_evaluation_a_day_too_early_is_refused_and_on_its_day_it_is_not() -> None:
    assert getattr(may_evaluate(case(), "three", date(2026, 9, 9), book()), "code", None) == "too-early"
    assert may_evaluate(case(), "three", date(2026, 9, 10), book()) is None
    assert getattr(may_evaluate(case(), "six", date(2026, 12, 9), book()), "code", None) == "too-early"
    assert getattr(may_evaluate(case(goal=None), "three", TODAY, book()), "code", None) == "no-goal"
    assert getattr(may_evaluate(case(interviewed_on=None), "three", TODAY, book()), "code", None) == "no-interview"
    assert getattr(may_evaluate(case(programme="other"), "three", TODAY, book()), "code", None) == "not-evaluated"


@pytest.mark.parametrize(
    ("before", "kg", "cm", "points"),
    [
        ("80.0", "2.0", "2.0", 180), ("79.0", "1.9", "2.0", 180), ("80.0", "1.9", "2.0", 20), ("84.0", "1.9", "3.0", 20), ("60.0", "1.5", "1.5", 180),
        ("60.0", "1.5", "1.4", 20), ("62.5", "1.5", "1.5", 180), ("62.6", "1.5", "1.5", 20), ("90.0", "1.0", "1.0", 20),
        ("90.0", "0.9", "5.0", 0), ("90.0", "5.0", "0.9", 0), ("90.0", "-1.0", "-1.0", 0),
    ],
)  # fmt: skip
def test_the_change_that_counts_is_exact_on_its_boundaries(before: str, kg: str, cm: str, points: int) -> None:
    moved = Change(
        kg_before=Decimal(before), kg_now=Decimal(before) - Decimal(kg), cm_before=Decimal("95.0"),
        cm_now=Decimal("95.0") - Decimal(cm),
    )  # fmt: skip
    assert evaluation_points(book(), case(), moved, [])[0] == points


def test_without_a_waist_or_under_a_veto_no_loss_counts_but_habits_do() -> None:
    moved = Change(kg_before=Decimal(90), kg_now=Decimal(80), cm_before=Decimal(100), cm_now=Decimal(90))
    assert evaluation_points(book(), case(), Change(kg_before=Decimal(90), kg_now=Decimal(80)), ["smoking"])[0] == 30
    barred = case(goal=Goal(kind="steps", amount=Decimal(6000), loss_barred=True))
    assert evaluation_points(book(), barred, moved, ["eating", "exercise"]) == (40, None)
    assert evaluation_points(book(), case(), moved, ["eating", "eating"]) == (200, "main")


def test_minutes_decide_what_a_contact_counts_and_a_second_one_of_the_day_counts_what_it_has_more() -> None:
    def points(how: str, minutes: int | None, *before: Event) -> int:
        return contact_points(book(), case(), how, "reached", minutes, TODAY, before)[0]

    assert [points("phone", minutes) for minutes in (None, 4, 5, 60)] == [0, 0, 30, 30]
    assert [points("visit", minutes) for minutes in (9, 10)] == [0, 70]
    assert [points("group", minutes) for minutes in (39, 40)] == [0, 70]
    assert points("mail", None) == 30
    assert points("letter", 60) == 0
    assert points("visit", 20, event("contact", 0, 30)) == 40
    assert points("phone", 20, event("contact", 0, 70)) == 0
    assert points("phone", 20, event("contact", 1, 70)) == 30


def test_an_interview_counts_by_the_days_since_the_check_up() -> None:
    day = date(2026, 6, 10)
    assert [bonus_points(book(), case(), day - timedelta(days=ago), day)[0] for ago in (0, 1, 7, 8, -1)] == [
        20,
        10,
        10,
        0,
        0,
    ]
    assert bonus_points(book(), case(), None, day) == (0, None)
    assert bonus_points(book(), case(programme="motivational"), day, day) == (0, None)


def test_every_number_says_its_source_and_what_was_not_found_there_is_named() -> None:
    unverified = book().unverified
    assert {"process.group", "habit.smoking", "change.part", "process.phone.minutes"} <= set(unverified)
    assert not {"process.individual", "process.phone", "change.main", "stage.three"} & set(unverified)
    text = files("engine").joinpath("cases.toml").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="habit"):
        read_book(text.replace('id = "rest"', 'id = "other"'))
    with pytest.raises(ValueError, match="counts as one thing"):
        read_book(text.replace('hows = ["phone"]', 'hows = ["visit"]'))


def test_a_loss_is_refused_for_whom_it_is_forbidden_and_while_it_was_not_asked() -> None:
    chosen = read_goal(Typed(kind="weight", amount="2"), TODAY, book())
    assert isinstance(chosen, Goal)
    free = allow(chosen, judged(**HEAVY))
    open_ = allow(chosen, judged(**{name: value for name, value in HEAVY.items() if name != "has.cancer-active"}))
    old = allow(chosen, judged(**(HEAVY | {"age": "80", "age.fiscal_year": "80"})))
    slim = allow(chosen, judged(**(HEAVY | {"weight.level": "60.0", "bmi": "20.8"})))
    assert {one.code for one in (open_, old, slim) if isinstance(one, Refusal)} == {"vetoed"}
    assert isinstance(open_, Refusal)
    assert "cancer" in open_.message
    assert isinstance(free, Goal), free
    assert not free.loss_barred


def test_a_habit_stays_open_to_whom_a_loss_is_forbidden_and_says_so() -> None:
    chosen = read_goal(Typed(kind="habit", habit="eating", words="朝ごはんを食べる"), TODAY, book())
    assert isinstance(chosen, Goal)
    allowed = allow(chosen, judged(**(HEAVY | {"age": "80", "age.fiscal_year": "80"})))
    assert isinstance(allowed, Goal)
    assert allowed.loss_barred


def test_a_loss_below_the_range_that_is_aimed_at_or_too_fast_is_refused() -> None:
    big = read_goal(Typed(kind="weight", amount="11"), TODAY, book())
    less = read_goal(Typed(kind="waist", amount="10"), TODAY, book())
    fast = read_goal(Typed(kind="weight", amount="4", until=TODAY + timedelta(days=28)), TODAY, book())
    slow = read_goal(Typed(kind="weight", amount="4", until=TODAY + timedelta(days=35)), TODAY, book())
    assert isinstance(big, Goal)
    assert isinstance(less, Goal)
    assert isinstance(fast, Goal)
    assert isinstance(slow, Goal)
    # At 66 the range begins at 21.5: 62 kg would be 21.45, which only rounding lifts to it.
    light = judged(**(HEAVY | {"age": "66", "age.fiscal_year": "66", "weight.level": "73.0", "bmi": "25.3"}))
    assert getattr(allow(big, light), "code", None) == "below-target"
    assert isinstance(allow(less, light), Goal)
    assert getattr(allow(fast, judged(**HEAVY)), "code", None) == "too-fast"
    assert isinstance(allow(slow, judged(**HEAVY)), Goal)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (Typed(kind="bmi"), "unknown-kind"), (Typed(kind="habit", words="x"), "unknown-habit"),
        (Typed(kind="habit", habit="rest"), "no-words"), (Typed(kind="weight", amount="2.55"), "bad-amount"),
        (Typed(kind="weight", amount="-2"), "bad-amount"), (Typed(kind="weight", amount="NaN"), "bad-amount"),
        (Typed(kind="weight", amount="15.1"), "too-much"), (Typed(kind="steps", amount="499"), "too-much"),
        (Typed(kind="steps", amount="12001"), "too-much"), (Typed(kind="habit", habit="eating", words="あ" * 61), "too-long"),
        (Typed(kind="habit", habit="eating", words="朝ごはんを抜きましょう"), "harmful-words"),
        (Typed(kind="habit", habit="eating", words="x\u200bx"), "control-character"),
        (Typed(kind="steps", amount="6000", until=TODAY), "bad-until"),
        (Typed(kind="steps", amount="6000", until=TODAY + timedelta(days=367)), "bad-until"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_goal_is_refused_with_its_reason(typed: Typed, code: str) -> None:
    found = read_goal(typed, TODAY, book())
    assert isinstance(found, Refusal)
    assert found.code == code


def test_full_width_digits_are_digits() -> None:
    found = read_goal(Typed(kind="steps", amount="６，０００"), TODAY, book())
    assert isinstance(found, Goal)
    assert found.amount == 6000
    assert goal("ja", found) == "1日6,000歩"


def ending(reason: Reason, events: list[Event], text: str = "", **changes: Any) -> str | None:
    refused = may_end(case(**changes), reason, events, text, book())
    return None if refused is None else refused.code


def test_a_case_ends_as_completed_only_with_its_evaluation_and_its_points() -> None:
    done = event("evaluation", 1, 20, stage="three")
    assert ending("completed", []) == "no-evaluation"
    assert ending("completed", [done]) == "points-missing"
    assert (
        ending("completed", [event("contact", 9, 70), event("contact", 5, 70), event("contact", 3, 20), done]) is None
    )
    assert (
        ending("completed", [event("contact", 9, 70), event("contact", 5, 70), event("contact", 3, 19), done])
        == "points-missing"
    )
    assert ending("completed", [done], programme="motivational") is None
    assert ending("completed", [], programme="other") is None
    assert ending("other", [], " ") == "no-words"
    assert ending("medicine", []) is None


def test_unreachable_needs_tries_on_different_days_since_somebody_was_spoken_to() -> None:
    def tried(*ago: int) -> list[Event]:
        return [event("contact", days, how="phone", outcome="absent") for days in ago]

    assert tries(tried(9, 9, 9)) == 1
    assert ending("unreachable", tried(9, 8)) == "too-few-tries"
    assert ending("unreachable", tried(9, 8, 7)) is None
    spoken = event("contact", 8, how="phone", outcome="family")
    assert ending("unreachable", [*tried(11, 10, 9), spoken, *tried(7, 6)]) == "too-few-tries"
    # Who came to an appointment was spoken to; who did not was not tried.
    assert tries([*tried(11, 10, 9), event("attended", 8, how="visit"), *tried(7, 6)]) == 2
    assert tries([*tried(11, 10), event("no-show", 8, how="visit"), *tried(7)]) == 3
    # The letter of the month is no try, and an unanswered one wipes none away.
    letters = [event("contact", days, how="letter", outcome="message") for days in (3, 2, 1)]
    assert tries([*tried(9, 8), *letters]) == 2


def test_the_next_day_lies_ahead_and_not_so_far_that_somebody_is_forgotten() -> None:
    assert planned(TODAY, TODAY, book()) is None
    assert getattr(planned(TODAY - timedelta(days=1), TODAY, book()), "code", None) == "past"
    assert planned(TODAY + timedelta(days=100), TODAY, book()) is None
    assert getattr(planned(TODAY + timedelta(days=101), TODAY, book()), "code", None) == "too-far"


def test_a_case_that_nobody_planned_is_due_since_somebody_did_something() -> None:
    fresh = case(interviewed_on=None)
    line = call_of(fresh, [event("contact", 12)], TODAY, book())
    assert line is not None
    assert (line.why, line.days) == (("unplanned",), 12)
    # Who is handed from one desk to the next waits no less long for it.
    assert call_of(fresh, [event("contact", 12), event("handed", 1)], TODAY, book()) == line
    # A day that was planned and taken away again does not put off anybody.
    away = event("plan", 12, next_on=TODAY + timedelta(days=90))
    again = call_of(fresh, [away], TODAY, book())
    assert again is not None
    assert again.days == 12


def test_who_died_is_listed_to_be_ended_and_never_to_be_called() -> None:
    line = call_of(case(next_on=TODAY - timedelta(days=40)), [], TODAY, book(), "death")
    assert line is not None
    assert (line.why, line.ending) == (("life",), "died")


def test_the_second_evaluation_says_what_the_first_would_have_said() -> None:
    early = case(interviewed_on=date(2026, 4, 10), next_on=TODAY + timedelta(days=50))
    line = call_of(early, [], TODAY, book())
    assert line is not None
    assert line.why == ("three", "six")
    assert call_of(early, [event("evaluation", 3, stage="six")], TODAY, book()) is None


def point(ago: float, kg: str, certainty: Any = "sure") -> Point:
    return Point(
        at=NOW - timedelta(days=ago), value=Decimal(kg), unit="kg", since=None, reading_id=f"r{ago}", device_id="d",
        time_quality="device", provenance="bonded", certainty=certainty, experimental=False, preliminary=False,
    )  # fmt: skip


def test_a_weight_is_the_median_of_days_and_never_somebody_elses() -> None:
    mine = [point(1, "70.0"), point(1.1, "70.2"), point(3, "70.4"), point(5, "120.0"), point(6, "71.0")]
    first = TODAY - timedelta(days=13)
    assert median_of(mine, first, TODAY, 3) == (Decimal("70.7"), 4)
    assert median_of(mine[:3], first, TODAY, 3) is None
    doubtful = [*mine[:3], point(4, "50.0", "assumed")]
    assert median_of(doubtful, first, TODAY, 3) is None


def test_a_loss_is_written_with_a_minus_and_nothing_where_nothing_is_known() -> None:
    told = Change(kg_before=Decimal("80.0"), kg_now=Decimal("78.5"), cm_before=Decimal("90.0"), cm_now=Decimal("91.0"))
    assert change("en", told) == "weight −1.5 kg, waist +1.0 cm"
    assert change("en", Change()) == "weight –, waist –"
