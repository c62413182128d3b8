"""Sealed releases: what they state, that they never change, and the last look before one leaves."""

from __future__ import annotations

import hashlib
from datetime import date
from fractions import Fraction

import msgspec

from engine.refusal import Refusal
from fhir_bridge.privacy import STANDARD
from fhir_bridge.privacy_ledger import Charge
from fhir_bridge.privacy_release import Drawn, Prepared, Release, Tally, canonical, faults, prepare, read, released
from fhir_bridge.privacy_tables import Codes
from simulators.attack.world import FIRST, UNIT, SeededLaplace, day_after, ledger, plan_for, tally_of
from simulators.city.rows import rows as residents
from tests.privacy_city import Told, drawn_of


def _code(found: object) -> str:
    assert isinstance(found, Refusal), found
    return found.code


def test_a_release_states_its_method_and_price_and_no_number_of_people() -> None:
    made = drawn_of(residents(1_000, 1))
    release = read(made.content, made.sha256)
    assert isinstance(release, Release)
    assert (release.method, release.epsilon, release.delta) == ("k10-n2-t20-r5", "2", "0.0168")
    assert (release.period, release.start, release.end) == ("2026H1", date(2026, 4, 1), date(2026, 9, 30))
    assert [table.id for table in release.tables] == ["T1", "T2"]
    published = [cell.count for table in release.tables for cell in table.cells if cell.count is not None]
    assert len(published) > 30
    assert hashlib.sha256(made.content).hexdigest() == made.sha256
    assert b"1000" not in made.content.replace(b"137000", b"")
    assert made.ledger.charges == (Charge(UNIT, FIRST, ("T1", "T2"), Fraction(2), day_after(FIRST)),)


def test_the_bytes_of_a_release_are_the_same_in_every_version_of_the_program() -> None:
    plan = plan_for(1_000, FIRST.next, Codes(interests=("walking",)))
    counts = tuple(tuple(range(5, 5 + 9 * len(table.cells), 9)) for table in plan.tables)
    made = prepare(ledger(), Tally(plan, 1_000, counts), Told(-3, 0, 4), day_after(FIRST.next))
    assert isinstance(made, Prepared)
    # Published releases are found by this name: whoever changes it needs a new form of release beside the old one.
    assert made.sha256 == "1364e54924d80b1a75fc115f2bdbad728e2a4e4e3076a020ed353d9796e0d38b"


def test_a_committed_draw_gives_the_same_bytes_after_any_crash() -> None:
    made = drawn_of(residents(1_000, 2))
    stored = msgspec.json.encode(made.drawn)
    again = canonical(released(msgspec.json.decode(stored, type=Drawn)))
    assert again == made.content


def test_a_period_is_drawn_once_also_when_somebody_has_left_since() -> None:
    people = residents(1_000, 3)
    made = drawn_of(people)
    later = prepare(made.ledger, tally_of(people[1:]), SeededLaplace(9), day_after(FIRST, 20))
    assert _code(later) == "already-drawn"


def test_noise_that_is_missing_or_broken_stops_the_release() -> None:
    class Short:
        name = "short"

        def add(self, counts: list[int], scale: int) -> list[int]:
            return counts[1:]

    tally = tally_of(residents(400, 4))
    assert _code(prepare(ledger(), tally, Told(0), day_after(FIRST))) == "noise-dead"
    assert _code(prepare(ledger(), tally, Short(), day_after(FIRST))) == "noise-broken"  # type: ignore[arg-type]
    assert isinstance(prepare(ledger(), tally, Told(0, 1), day_after(FIRST)), Prepared)


def test_other_bytes_are_not_the_release() -> None:
    made = drawn_of(residents(500, 5))
    assert _code(read(made.content + b" ", made.sha256)) == "changed"
    spaced = made.content.replace(b",", b", ", 1)
    assert _code(read(spaced, hashlib.sha256(spaced).hexdigest())) == "unreadable"
    assert _code(read(b"\xff{", hashlib.sha256(b"\xff{").hexdigest())) == "unreadable"


def _with_cell(release: Release, **change: object) -> Release:
    table = release.tables[0]
    index = next(index for index, cell in enumerate(table.cells) if cell.count is not None)
    cells = list(table.cells)
    cells[index] = msgspec.structs.replace(cells[index], **change)
    changed = msgspec.structs.replace(table, cells=tuple(cells))
    return msgspec.structs.replace(release, tables=(changed, *release.tables[1:]))


def test_the_last_look_finds_everything_that_may_not_leave() -> None:
    made = drawn_of(residents(1_000, 6))
    release = read(made.content, made.sha256)
    assert isinstance(release, Release)
    first, second = release.tables
    wrong = {
        "below-threshold": _with_cell(release, count=15),
        "not-rounded": _with_cell(release, count=37),
        "bad-status": _with_cell(release, count=None),
        "twice-a-table": msgspec.structs.replace(release, tables=(first, first), epsilon="1"),
        "bad-price": msgspec.structs.replace(release, epsilon="1/2"),
        "bad-period": msgspec.structs.replace(release, end=date(2026, 9, 29)),
        "bad-method": msgspec.structs.replace(release, method="k5-n2-t20-r5"),
        "weak-noise": msgspec.structs.replace(release, mechanism=msgspec.structs.replace(STANDARD, scale=0)),
        "weak-rounding": msgspec.structs.replace(release, mechanism=msgspec.structs.replace(STANDARD, rounding=0)),
        "foreign-table": msgspec.structs.replace(
            release, tables=(first, msgspec.structs.replace(second, axes=("age", "sex", "interest")))
        ),
    }
    assert {code: [fault.code for fault in faults(one)] for code, one in wrong.items()} == {
        code: [code] for code in wrong
    }
    # A total that was never noised on its own has no place in a grid.
    total = msgspec.structs.replace(first.cells[0], at=("_T", "_T"), count=995, status="published")
    grown = msgspec.structs.replace(first, cells=(*first.cells, total))
    assert [fault.code for fault in faults(msgspec.structs.replace(release, tables=(grown, second)))] == [
        "foreign-table"
    ]
