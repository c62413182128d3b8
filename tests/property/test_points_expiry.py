"""Points end by their fiscal year, the oldest are handed in first, and it does not matter who looked when."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engine.points import EXPIRED, REDEEMED, Entry, balance, book
from engine.points_expiry import ending_soon, expire, until_of
from engine.points_statement import redeem, statement
from engine.refusal import Refusal

FIRST, LAST = date(2026, 4, 1), date(2031, 6, 1)
DAYS = st.integers(0, (LAST - FIRST).days).map(lambda ago: FIRST + timedelta(days=ago))
# What is done on a day: points given, points handed in, a look at night; in the order of the days.
LIVES = st.lists(st.tuples(DAYS, st.sampled_from((-300, -100, 40, 130, 300)), st.booleans()), max_size=24).map(sorted)


def gift(number: int, day: date, points: int, turn: int = 0) -> Entry:
    sign = -1 if turn % 2 else 1
    return Entry(rule="measured", version=1, sort="measuring", about=f"{number}", turn=turn, on=day,
                 points=sign * points)  # fmt: skip


def lived(life: list[tuple[date, int, bool]], *, looks: bool) -> tuple[list[Entry], list[tuple[date, int]]]:
    """The ledger of a life, with what was really handed in."""
    ledger: list[Entry] = []
    used = []
    for number, (day, points, look) in enumerate(life):
        if points > 0:
            ledger.append(gift(number, day, points))
        else:
            made = redeem(book(), ledger, -points, day, Random(number))
            if not isinstance(made, Refusal):
                ledger.append(made)
                used.append((day, -points))
        if looks and look:
            ledger += expire(book(), ledger, day)
    return [*ledger, *expire(book(), ledger, LAST)], used


def by_hand(life: list[tuple[date, int, bool]]) -> tuple[int, list[tuple[date, int]]]:
    """A purse with a compartment for each fiscal year."""
    purse: dict[date, int] = {}
    used = []
    for day, points, _ in [*life, (LAST, 0, False)]:
        for until in [one for one in purse if one < day]:
            del purse[until]
        if points > 0:
            until = until_of(book().expiry, day)
            purse[until] = purse.get(until, 0) + points
        elif points and sum(purse.values()) >= -points:
            used.append((day, -points))
            left = -points
            for until in sorted(purse):
                taken = min(left, purse[until])
                purse[until], left = purse[until] - taken, left - taken
    return sum(purse.values()), used


@given(LIVES)
def test_a_ledger_holds_what_a_purse_with_a_compartment_a_year_would_hold(life: list[tuple[date, int, bool]]) -> None:
    ledger, used = lived(life, looks=True)
    assert (balance(ledger), used) == by_hand(life)


@given(LIVES)
def test_whether_anybody_looked_on_the_way_makes_no_difference(life: list[tuple[date, int, bool]]) -> None:
    often, once = lived(life, looks=True), lived(life, looks=False)
    assert often[1] == once[1]
    assert balance(often[0]) == balance(once[0]) >= 0
    assert statement(book(), often[0], LAST) == statement(book(), once[0], LAST)
    assert expire(book(), often[0], LAST) == ()


@given(LIVES, st.data())
def test_points_taken_back_after_they_ended_are_not_taken_twice(
    life: list[tuple[date, int, bool]], data: st.DataObject
) -> None:  # fmt: skip
    ledger, _ = lived([one for one in life if one[1] > 0], looks=True)
    gifts = [one for one in ledger if one.sort == "measuring"]
    wrong = data.draw(st.lists(st.sampled_from(gifts), unique=True)) if gifts else []
    after = [*ledger, *(gift(int(one.about), one.on, one.points, turn=1) for one in wrong)]
    after += expire(book(), after, LAST)
    never = [one for one in gifts if one not in wrong]
    assert balance(after) == balance([*never, *expire(book(), never, LAST)])
    places = [(one.about, one.turn) for one in after if one.sort == EXPIRED]
    assert len(set(places)) == len(places), "each entry has a place of its own in the ledger"


@given(LIVES, DAYS)
def test_nobodys_points_end_without_having_been_told_for_weeks(life: list[tuple[date, int, bool]], day: date) -> None:
    ledger = [gift(number, on, points) for number, (on, points, _) in enumerate(life) if points > 0 and on <= day]
    ledger += expire(book(), ledger, day)
    left = balance(ledger)
    told = ending_soon(book(), ledger, day)
    for later in range(1, book().expiry.tell_days + 1):
        lost = left - balance([*ledger, *expire(book(), ledger, day + timedelta(days=later))])
        assert lost == (told.points if told is not None and day + timedelta(days=later) > told.until else 0)


def test_points_of_last_year_end_with_this_one_and_not_a_day_before() -> None:
    ledger = [gift(1, date(2026, 4, 1), 130), gift(2, date(2027, 3, 31), 20), gift(3, date(2027, 4, 1), 300)]
    ledger.append(Entry(rule=REDEEMED, version=1, sort=REDEEMED, about="x", turn=0, on=date(2027, 5, 1), points=-100))
    end = date(2028, 3, 31)
    assert ending_soon(book(), ledger, end - timedelta(days=61)) is None
    told = ending_soon(book(), ledger, end - timedelta(days=60))
    assert told is not None
    assert (told.points, told.until) == (50, end)
    assert ending_soon(book(), ledger, end) == told
    assert expire(book(), ledger, end) == ()
    [ended] = expire(book(), ledger, end + timedelta(days=1))
    assert (ended.points, ended.about, ended.on) == (-50, "FY2026", date(2028, 4, 1))
    found = statement(book(), ledger, end + timedelta(days=1))
    assert (found.balance, found.ended) == (300, ((2026, 50),))
