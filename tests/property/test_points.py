"""Promises of the ledger of points, for any deeds, stays and vetoes of any person."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engine.points import Deed, Entry, Life, Span, balance, book, read_book, settle
from engine.points_statement import Statement, statement

TODAY = date(2026, 11, 21)
SPAN = Span(since=date(2026, 9, 1), today=TODAY)
BARS = frozenset({"exercise_increase"})
DAYS = st.dates(date(2026, 8, 20), date(2026, 11, 25))
SORTS = st.sampled_from(("measuring", "moving", "learning", "check-up"))
DEEDS = st.builds(lambda sort, day, steps: Deed(sort, day, steps if sort == "moving" else 0), SORTS, DAYS,
                  st.sampled_from((0, 5999, 6000, 12000)))  # fmt: skip


@st.composite
def lives(draw: st.DrawFn) -> list[Deed]:
    """A quarter of somebody's deeds: habits with gaps, and a few odd ones."""
    found = draw(st.lists(DEEDS, max_size=8))
    for sort in ("measuring", "moving", "learning"):
        every, start = draw(st.integers(1, 9)), draw(st.integers(0, 80))
        days = [SPAN.since + timedelta(days=n) for n in range(start, 81, every)]
        found += [Deed(sort, day, draw(st.sampled_from((5000, 7000))) if sort == "moving" else 0) for day in days]
    return found


PAUSES = st.builds(
    lambda first, days: frozenset(first + timedelta(days=n) for n in range(days)), DAYS, st.integers(0, 40)
)
VETOES = st.frozensets(DAYS, max_size=40).map(lambda days: dict.fromkeys(days, BARS))


def ledger(deeds: list[Deed], life: Life = Life(), entries: tuple[Entry, ...] = ()) -> tuple[Entry, ...]:  # noqa: B008
    return (*entries, *settle(book().rule, deeds, life, entries, SPAN))


def told(entries: tuple[Entry, ...]) -> Statement:
    return statement(book(), entries, TODAY)


@given(lives(), PAUSES, VETOES, st.randoms(use_true_random=False))
def test_asked_again_and_in_any_order_nothing_is_given_twice(
    deeds: list[Deed], paused: frozenset[date], barred: dict[date, frozenset[str]], rng: Random
) -> None:
    life = Life(paused=paused, barred=barred)
    once = ledger(deeds, life)
    shuffled = rng.sample(deeds, len(deeds))
    assert settle(book().rule, shuffled + deeds, life, once, SPAN) == ()
    assert sorted(map(repr, ledger(shuffled, life))) == sorted(map(repr, once))


@given(lives(), PAUSES, VETOES, st.data())
def test_readings_that_come_late_and_in_parts_end_in_the_same_balance_as_all_at_once(
    deeds: list[Deed], paused: frozenset[date], barred: dict[date, frozenset[str]], data: st.DataObject
) -> None:
    life = Life(paused=paused, barred=barred)
    entries: tuple[Entry, ...] = ()
    for share in data.draw(st.lists(st.sets(st.integers(0, max(len(deeds) - 1, 0))), max_size=3)):
        # What was somebody else's for a while is taken back and comes again.
        entries = ledger([deed for place, deed in enumerate(deeds) if place in share], life, entries)
    entries = ledger(deeds, life, entries)
    assert balance(entries) == balance(ledger(deeds, life))
    assert told(entries).sorts == told(ledger(deeds, life)).sorts


@given(lives(), PAUSES)
def test_whoever_loses_every_deed_loses_every_point_and_nothing_more(
    deeds: list[Deed], paused: frozenset[date]
) -> None:  # fmt: skip
    entries = ledger(deeds, Life(paused=paused))
    emptied = ledger([], Life(paused=paused), entries)
    assert balance(emptied) == 0
    assert told(emptied).lines == ()
    keys = [(entry.rule, entry.about, entry.turn) for entry in emptied]
    assert len(keys) == len(set(keys)), "no row stands for another"
    assert emptied[: len(entries)] == entries, "the ledger only grows"


@given(lives(), PAUSES, VETOES)
def test_a_vetoed_person_reads_what_one_who_did_not_move_on_these_days_reads(
    deeds: list[Deed], paused: frozenset[date], barred: dict[date, frozenset[str]]
) -> None:
    vetoed = told(ledger(deeds, Life(paused=paused, barred=barred)))
    still = [deed for deed in deeds if not (deed.sort == "moving" and deed.day in barred)]
    assert vetoed == told(ledger(still, Life(paused=paused)))


@given(lives(), PAUSES, VETOES)
def test_a_vetoed_and_an_unvetoed_statement_differ_in_moving_alone(
    deeds: list[Deed], paused: frozenset[date], barred: dict[date, frozenset[str]]
) -> None:
    moving = {rule.id for rule in book().rule if rule.sort == "moving"}
    one, other = told(ledger(deeds, Life(paused=paused, barred=barred))), told(ledger(deeds, Life(paused=paused)))
    assert [line for line in one.lines if line.rule not in moving] == [
        line for line in other.lines if line.rule not in moving
    ]
    first, second = dict(one.sorts), dict(other.sorts)
    assert first.pop("moving") <= second.pop("moving")
    assert first == second
    assert other.balance - one.balance == dict(other.sorts)["moving"] - dict(one.sorts)["moving"]


@given(lives(), PAUSES, VETOES)
def test_a_stay_or_a_veto_that_is_learnt_of_later_takes_nothing_back(
    deeds: list[Deed], paused: frozenset[date], barred: dict[date, frozenset[str]]
) -> None:
    before = ledger(deeds)
    assert balance(ledger(deeds, Life(paused=paused, barred=barred), before)) >= balance(before)


@given(st.integers(1, 28), st.integers(0, 30), st.integers(0, 30))
def test_a_stay_in_hospital_costs_no_regular_month(needs: int, measured: int, away: int) -> None:
    """Whoever measures as often as before on the days at home has the month as before."""
    first = date(2026, 9, 1)
    text = (
        'voucher = 1\n[expiry]\nfirst = 2026\nyears = 1\ntell_days = 60\n[pot]\nsorts = []\nfewest = 5\nnoise = 1\nround = 1\nafter_days = 1\n[[rule]]\nid = "month"\n'
        f'version = 1\nsort = "measuring"\nevery = "month"\npoints = 1\nneeds = {needs}\nja = "a"\nen = "a"\n'
        'reason = "a test of it"'
    )
    rules = read_book(text).rule
    paused = frozenset(first + timedelta(days=n) for n in range(away))
    rest = [first + timedelta(days=n) for n in range(away, 30)]
    deeds = [Deed("measuring", day) for day in rest[:measured]]
    made = settle(rules, deeds, Life(paused=paused), (), SPAN)
    enough = min(measured, len(rest)) * 30 >= needs * (30 - away) and deeds
    assert bool(made) == bool(enough)
