"""Laws of following up: nobody open is left out, no evaluation is early, points only by the table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.cases import Case, Change, Detail, Event, Goal, Sort, evaluation_days, months_after, total
from engine.cases_book import GUIDANCE, HABITS, PROGRAMMES, STAGES, book
from engine.cases_calls import Call, call_of, in_order
from engine.cases_points import contact_points, evaluation_points

DAYS = st.dates(date(2024, 1, 1), date(2032, 12, 31))
START = datetime(2026, 4, 1, 0, 0, tzinfo=UTC)
TODAY = date(2026, 11, 21)
NEAR = st.none() | st.dates(TODAY - timedelta(days=200), TODAY + timedelta(days=120))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    return Case(
        id=f"o-{draw(st.text('abcdefg', min_size=13, max_size=13))}", resident=f"r-{draw(st.sampled_from('abcd')) * 13}",
        municipality="062049", programme=draw(st.sampled_from(PROGRAMMES)), basis="nurse", next_on=draw(NEAR),
        interviewed_on=draw(st.none() | st.dates(date(2026, 4, 1), TODAY)), opened_by="t",
        opened_at=START + timedelta(days=draw(st.integers(0, 200))), state=draw(st.sampled_from(["open", "open", "ended"])),
    )  # fmt: skip


@st.composite
def done(draw: st.DrawFn) -> list[Event]:
    ago = sorted(draw(st.lists(st.integers(0, 200), max_size=6)), reverse=True)
    kinds: list[Sort] = ["contact", "plan", "evaluation"]
    sorts = draw(st.lists(st.sampled_from(kinds), min_size=len(ago), max_size=len(ago)))
    now = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    stages = draw(st.lists(st.sampled_from(STAGES), min_size=len(ago), max_size=len(ago)))
    return [
        Event(sort=sort, at=now - timedelta(days=days), by="t", points=draw(st.integers(0, 200)),
              detail=Detail(stage=stage) if sort == "evaluation" else Detail())
        for days, sort, stage in zip(ago, sorts, stages, strict=True)
    ]  # fmt: skip


@given(DAYS, st.integers(1, 24))
def test_an_evaluation_is_never_due_before_its_months_have_passed(day: date, months: int) -> None:
    due = months_after(day, months)
    # The same number of the day, or the first because there is none: never a shorter time, and one day longer at most.
    assert due.day in {day.day, 1}
    whole = (due.year - day.year) * 12 + due.month - day.month
    assert whole == months + (due.day != day.day)
    assert months_after(day + timedelta(days=1), months) >= due


@given(st.lists(st.tuples(cases(), done(), st.none() | st.sampled_from(["death", "moved-out", "left"])), max_size=8))
def test_nobody_who_is_due_is_missing_and_the_order_is_total(
    town: list[tuple[Case, list[Event], str | None]],
) -> None:
    lines = {id(case): call_of(case, events, TODAY, book(), gone) for case, events, gone in town}
    for case, events, gone in town:
        line = lines[id(case)]
        if case.state == "ended":
            assert line is None
            continue
        due = gone is not None or case.next_on is None or case.next_on <= TODAY or owing(case, events)
        if due:
            assert line is not None
            assert line.is_due
            assert (line.ending is not None) == (gone is not None)
        if line is None:
            assert case.next_on is not None
            assert case.next_on > TODAY + timedelta(days=book().policy.soon)
    listed: Sequence[Call] = in_order([line for line in lines.values() if line is not None], book())
    assert [one.days for one in listed] == sorted((one.days for one in listed), reverse=True)
    # Handed in backwards they stand in the same order, where no two are the very same.
    if len({one.case.id for one in listed}) == len(listed):
        assert in_order(list(reversed(listed)), book()) == list(listed)


def owing(case: Case, events: Sequence[Event]) -> bool:
    """Whether an evaluation that has come was not made, nor a later one that would say the same."""
    made = {event.detail.stage for event in events if event.sort == "evaluation"}
    covered = made | ({"three"} if "six" in made else set())
    return any(day <= TODAY and stage not in covered for stage, day in evaluation_days(case, book()).items())


@given(
    st.sampled_from(PROGRAMMES), st.sampled_from(["phone", "visit", "video", "group", "mail", "letter", "other"]),
    st.sampled_from(["reached", "family", "message", "absent", "refused"]), st.none() | st.integers(1, 120),
    st.integers(-5, 60), st.integers(0, 100),
)  # fmt: skip
def test_support_counts_only_with_the_resident_after_the_interview_and_no_day_counts_twice(
    programme: str, how: str, outcome: str, minutes: int | None, days: int, before: int
) -> None:
    base = Case(
        id="o-aaaaaaaaaaaaa", resident="r-aaaaaaaaaaaaa", municipality="062049", programme="other", basis="nurse",
        opened_at=START, opened_by="t", interviewed_on=TODAY,
    )  # fmt: skip
    case = msgspec.convert(msgspec.to_builtins(base) | {"programme": programme}, Case)
    day = TODAY + timedelta(days=days)
    earlier = [Event(sort="contact", at=START, by="t", detail=Detail(on=day), points=before)]
    points, counted = contact_points(book(), case, how, outcome, minutes, day, earlier)
    best = max(row.points for row in book().process)
    assert 0 <= points <= max(0, best - before)
    assert (points > 0) == (counted is not None)
    if points:
        assert (programme, outcome, days > 0) == ("active", "reached", True)
        assert how not in {"letter", "other"}
    assert contact_points(book(), case, how, outcome, minutes, TODAY, []) == (0, None)


LOSS = st.decimals(-5, 8, places=1)


@given(LOSS, LOSS, st.decimals(40, 120, places=1), st.sets(st.sampled_from(HABITS)), st.booleans())
def test_more_loss_never_counts_less_and_a_forbidden_loss_counts_nothing(
    kg: Decimal, cm: Decimal, before: Decimal, habits: set[str], barred: bool
) -> None:
    goal = Goal(kind="habit", habit="eating", words="野菜", loss_barred=barred)
    case = Case(
        id="o-aaaaaaaaaaaaa", resident="r-aaaaaaaaaaaaa", municipality="062049", programme="active", basis="nurse",
        opened_at=START, opened_by="t", goal=goal,
    )  # fmt: skip
    kept = [one for one in HABITS if one in habits]

    def points(more: Decimal) -> int:
        change = Change(
            kg_before=before, kg_now=before - kg - more, cm_before=Decimal(90), cm_now=Decimal(90) - cm - more
        )
        return evaluation_points(book(), case, change, kept)[0]

    of_habits = sum(row.points for row in book().habit if row.id in habits)
    now, later = points(Decimal(0)), points(Decimal("0.5"))
    assert now <= later
    if barred:
        assert later == of_habits
    else:
        assert now - of_habits in {0, *(row.points for row in book().change)}
        assert (now - of_habits == 180) == ((kg >= 2 and cm >= 2) or min(kg, cm) >= before * Decimal("0.024"))
    for programme in ("motivational", "other"):
        other = msgspec.convert(msgspec.to_builtins(case) | {"programme": programme}, Case)
        assert evaluation_points(book(), other, Change(), kept) == (0, None)


@given(done())
def test_points_add_up_and_of_several_evaluations_only_the_newest_counts(events: list[Event]) -> None:
    last = [event.points for event in events if event.sort == "evaluation"][-1:]
    assert total(events) == sum(event.points for event in events if event.sort != "evaluation") + sum(last)
    assert set(PROGRAMMES) > GUIDANCE
