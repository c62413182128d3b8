"""The mechanism of the statistics: its numbers, tables, units, periods and ledger."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.municipalities import REGION
from engine.refusal import Refusal
from fhir_bridge.privacy import STANDARD, Mechanism, mechanism_for, shown, weakness
from fhir_bridge.privacy_ledger import CAP, MOST_A_RELEASE, Charge, Ledger, charged
from fhir_bridge.privacy_release import planned
from fhir_bridge.privacy_tables import AGE_3, BMI_4, ROTATION, Codes, checked, is_known, tables, turn
from fhir_bridge.privacy_units import Partition, Period, Unit, partition
from simulators.attack.world import FIRST, UNIT, ledger, plan_for
from simulators.city.rows import CODES

TOKYO = ZoneInfo("Asia/Tokyo")
TOWNS = tuple(Unit(code=code, municipalities=(code,), population=people) for code, people in
              zip(REGION, (97_000, 7_000, 20_000, 12_500), strict=True))  # fmt: skip


def _code(found: object) -> str:
    assert isinstance(found, Refusal), found
    return found.code


def test_the_standard_mechanism_has_the_four_numbers_its_name_says_and_the_stated_price() -> None:
    assert STANDARD.name == "k10-n2-t20-r5"
    assert weakness(STANDARD) is None
    assert (STANDARD.epsilon(1), STANDARD.epsilon(3)) == (Fraction(1, 2), Fraction(3, 2))
    assert STANDARD.delta(1) == pytest.approx(0.0042, abs=0.00005)


@pytest.mark.parametrize(
    ("weaker", "code"),
    [
        ({"least": 9}, "weak-count"), ({"scale": 1}, "weak-noise"), ({"threshold": 15}, "weak-threshold"),
        ({"rounding": 1}, "weak-rounding"), ({"minimum": 299}, "weak-minimum"), ({"full_from": 4_999}, "weak-full"),
        ({"threshold": 21}, "uneven-threshold"), ({"least": 20}, "weak-gate"), ({"scale": 4}, "weak-gate"),
    ],
)  # fmt: skip
def test_no_number_may_be_weaker_than_the_standard(weaker: dict[str, int], code: str) -> None:
    assert _code(weakness(msgspec.structs.replace(STANDARD, **weaker))) == code


def test_a_unit_under_25000_people_needs_20_true_people_and_keeps_the_same_small_gate() -> None:
    small = mechanism_for(24_999)
    assert isinstance(small, Mechanism)
    assert small.name == "k20-n2-t30-r5"
    # 20 true people with a threshold of 20 would show the twentieth person six times in ten.
    assert small.delta(1) == STANDARD.delta(1)
    assert msgspec.structs.replace(STANDARD, least=20).delta(1) > 0.6
    assert mechanism_for(25_000) == STANDARD
    assert _code(mechanism_for(1_999)) == "unit-too-small"


def test_what_is_shown_is_the_nearest_multiple_and_never_below_the_threshold() -> None:
    values = {noisy: shown(noisy, STANDARD) for noisy in (-3, 19, 20, 22, 23, 27, 28)}
    assert values == {-3: None, 19: None, 20: 20, 22: 20, 23: 25, 27: 25, 28: 30}
    assert shown(None, STANDARD) is None


def test_the_tables_are_the_four_fixed_grids() -> None:
    made = {table.id: table for table in tables(("T1", "T2", "T3", "T4"), CODES, 1_000, STANDARD)}
    assert {name: (len(table.cells), table.bound) for name, table in made.items()} == {
        "T1": (28, 1), "T2": (60, 3), "T3": (24, 1), "T4": (21, 2),
    }  # fmt: skip
    assert [name for name, table in made.items() if "sex" in table.axes] == ["T3"]
    assert set(made["T4"].cells) == set(combinations(CODES.services, 2))
    assert all(is_known(table) for table in made.values())


def test_the_number_of_people_alone_chooses_how_fine_interests_are_told() -> None:
    coarse, full = (plan_for(people).tables[1] for people in (19_999, 20_000))
    assert (coarse.grid, len(coarse.cells)) == ("3x2", 60)
    assert (full.grid, len(full.cells)) == ("7x4", 280)


def test_bands_begin_where_they_say() -> None:
    assert [BMI_4.code(Decimal(text)) for text in ("18.4", "18.5", "24.9", "25.0", "29.9", "30.0")] == [
        "U18.5", "18.5-24.9", "18.5-24.9", "25-29.9", "25-29.9", "30UP",
    ]  # fmt: skip
    assert [AGE_3.code(Decimal(age)) for age in (19, 20, 39, 40, 64, 65)] == [
        None, "20-39", "20-39", "40-64", "40-64", "65UP",
    ]  # fmt: skip


def test_tables_take_turns_by_the_calendar_and_no_turn_costs_more_than_half_the_cap() -> None:
    periods = [FIRST]
    for _ in range(5):
        periods.append(periods[-1].next)
    assert [turn(FIRST, period) for period in periods] == [*ROTATION, *ROTATION]
    assert {plan_for(1_000, period).epsilon for period in periods} == {MOST_A_RELEASE}


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        (Codes(interests=tuple(f"i{number}" for number in range(11))), "too-many-codes"),
        (Codes(services=("bus", "bus")), "bad-codes"),
        (Codes(interests=("足湯",)), "bad-codes"),
        (Codes(interests=("a b",)), "bad-codes"),
    ],
)
def test_public_lists_are_short_and_written_plainly(codes: Codes, code: str) -> None:
    assert _code(checked(codes)) == code
    assert _code(planned(ledger(), UNIT, FIRST, 1_000, codes)) == code


def test_a_period_is_half_a_fiscal_year_and_ends_at_midnight_in_japan() -> None:
    second = Period.read("2026H2")
    assert second == Period(2026, 2)
    assert (Period(2026, 1).start, Period(2026, 1).end) == (date(2026, 4, 1), date(2026, 9, 30))
    assert (Period(2026, 2).start, Period(2026, 2).end) == (date(2026, 10, 1), date(2027, 3, 31))
    assert Period(2026, 2).cutoff(TOKYO).isoformat() == "2027-04-01T00:00:00+09:00"
    assert [_code(Period.read(text)) for text in ("2026", "2026H3", "1999H1", "２０２６H1")] == ["bad-period"] * 4


def test_every_municipality_belongs_to_one_unit_and_the_units_are_never_changed() -> None:
    both = (*TOWNS, Unit(code="all", municipalities=tuple(REGION), population=136_500))
    assert _code(partition(both)) == "shared-municipality"
    assert _code(partition(())) == "no-units"
    assert _code(partition((msgspec.structs.replace(TOWNS[0], code="a b"),))) == "bad-unit"
    assert _code(partition((msgspec.structs.replace(TOWNS[0], municipalities=("131016",)),))) == "foreign-municipality"
    towns = partition(TOWNS)
    assert isinstance(towns, Partition)
    assert [towns.unit_of(code) for code in REGION] == list(TOWNS)
    assert towns.unit_of("131016") is None
    assert _code(planned(Ledger(towns, FIRST), UNIT, FIRST, 1_000, CODES)) == "foreign-unit"


def _charge(period: Period, day: date, epsilon: Fraction = MOST_A_RELEASE, unit: str = UNIT) -> Charge:
    return Charge(unit, period, ("T1",), epsilon, day)


def _after(*charges: Charge) -> Ledger:
    found = ledger()
    for charge in charges:
        more = charged(found, charge)
        assert isinstance(more, Ledger), more
        found = more
    return found


def test_the_ledger_refuses_what_would_spend_twice_or_out_of_order() -> None:
    once = _after(_charge(FIRST.next, date(2027, 4, 10)))
    refused = {
        "already-drawn": _charge(FIRST.next, date(2027, 4, 11)),
        "period-order": _charge(FIRST, date(2027, 4, 11)),
        "period-open": _charge(Period(2027, 1), date(2027, 9, 30)),
        "before-first": _charge(Period(2025, 2), date(2027, 4, 11)),
        "foreign-unit": _charge(Period(2027, 1), date(2027, 10, 1), unit="062049"),
        "bad-charge": _charge(Period(2027, 1), date(2027, 10, 1), epsilon=Fraction(5, 2)),
    }
    assert {code: _code(charged(once, charge)) for code, charge in refused.items()} == {code: code for code in refused}


def test_a_clock_that_was_set_back_draws_nothing() -> None:
    late = _after(_charge(FIRST, date(2027, 12, 1)))
    assert _code(charged(late, _charge(FIRST.next, date(2027, 11, 30)))) == "clock-behind"


def test_a_third_release_within_twelve_months_is_refused_until_the_first_is_a_year_old() -> None:
    two = _after(_charge(FIRST, date(2026, 10, 10)), _charge(FIRST.next, date(2027, 4, 10)))
    third = FIRST.next.next
    assert _code(charged(two, _charge(third, date(2027, 10, 9)))) == "budget-spent"
    assert isinstance(charged(two, _charge(third, date(2027, 10, 10))), Ledger)


def test_periods_that_were_missed_are_not_all_made_good_on_one_day() -> None:
    day = date(2028, 2, 29)
    two = _after(_charge(FIRST, day), _charge(FIRST.next, day))
    assert _code(charged(two, _charge(FIRST.next.next, day))) == "budget-spent"
    assert isinstance(charged(two, _charge(FIRST.next.next, date(2029, 3, 1))), Ledger)


def test_who_moves_between_units_still_pays_no_more_than_the_cap() -> None:
    towns = partition(TOWNS)
    assert isinstance(towns, Partition)
    spent: dict[Period, list[Fraction]] = {}
    for unit in towns.units:
        for period in (FIRST, FIRST.next):
            plan = planned(Ledger(towns, FIRST), unit.code, period, 1_000, CODES)
            assert not isinstance(plan, Refusal)
            spent.setdefault(period, []).append(plan.epsilon)
    # Whoever moves is in one unit a period: the dearest of each period is the most anybody pays.
    assert sum(max(costs) for costs in spent.values()) <= CAP


def test_a_small_town_on_its_own_is_held_to_the_stricter_numbers() -> None:
    towns = partition(TOWNS)
    assert isinstance(towns, Partition)
    plan = planned(Ledger(towns, FIRST), "064262", FIRST, 400, CODES)
    assert not isinstance(plan, Refusal)
    assert plan.mechanism.name == "k20-n2-t30-r5"


def test_fewer_than_300_people_make_no_release_and_cost_nothing() -> None:
    assert _code(planned(ledger(), UNIT, FIRST, 299, CODES)) == "population-too-small"
    assert not isinstance(planned(ledger(), UNIT, FIRST, 300, CODES), Refusal)


def test_a_period_whose_tables_have_no_cells_makes_no_release() -> None:
    only_pairs = planned(ledger(), UNIT, FIRST.next, 1_000, Codes())
    assert not isinstance(only_pairs, Refusal)
    assert [table.id for table in only_pairs.tables] == ["T3"]
