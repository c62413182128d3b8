"""From true counts to an immutable release: planned by the calendar, charged, drawn once, sealed by its hash. Pure.

`planned` looks at the number of people only, `prepare` draws, `released` is a function of what was drawn and of nothing
else: a retry, a crash or a second reader can never see another number.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final, Literal

import msgspec

from engine.refusal import Refusal
from fhir_bridge.privacy import STANDARD, Mechanism, Noise, gated, mechanism_for, shown, weakness
from fhir_bridge.privacy_ledger import Charge, Ledger, charged, unit_of
from fhir_bridge.privacy_tables import Codes, Table, TableId, checked, is_known, tables, turn
from fhir_bridge.privacy_units import Period, Unit

# Noise that left so many cells unmoved is a broken source: it happens by chance once in 10^14 releases.
_ENOUGH_CELLS: Final = 24


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a release will hold, settled before any cell is counted."""

    unit: Unit
    period: Period
    mechanism: Mechanism
    tables: tuple[Table, ...]

    @property
    def epsilon(self) -> Fraction:
        """What the release costs."""
        return sum((self.mechanism.epsilon(table.bound) for table in self.tables), Fraction())

    @property
    def delta(self) -> float:
        """What the true-count gates of all tables together may give away of one person."""
        return sum(self.mechanism.delta(table.bound) for table in self.tables)


class Tally:
    """True counts of a plan's cells in their order; they live in memory only and print nothing of themselves."""

    __slots__ = ("counts", "people", "plan")

    def __init__(self, plan: Plan, people: int, counts: tuple[tuple[int, ...], ...]) -> None:
        self.plan, self.people, self.counts = plan, people, counts

    def __repr__(self) -> str:
        return "Tally(withheld)"

    def __reduce_ex__(self, _protocol: object) -> str:
        raise TypeError("true counts never leave memory")


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """Noisy counts as they were drawn, once; None where too few people were in truth. Committed, never published."""

    plan: Plan
    noise: str
    noisy: tuple[tuple[int | None, ...], ...]


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One published cell: its codes in the order of the axes, and a count of people or the one code for none."""

    at: tuple[str, ...]
    count: int | None
    status: Literal["published", "suppressed"]


class Figures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One published table."""

    id: TableId
    grid: str
    axes: tuple[str, ...]
    bound: int
    cells: tuple[Cell, ...]


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that leaves the house about a period: no number in it is a true count, not even of the residents."""

    unit: Unit
    period: str
    start: date
    end: date
    mechanism: Mechanism
    method: str
    noise: str
    epsilon: str
    delta: str
    tables: tuple[Figures, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What must be committed together before anything leaves: the charge, what was drawn, and the sealed release."""

    ledger: Ledger
    drawn: Drawn
    content: bytes
    sha256: str


def planned(
    ledger: Ledger, unit: str, period: Period, people: int, codes: Codes, asked: Mechanism = STANDARD
) -> Plan | Refusal:
    """The plan for a unit's period with so many people to count.

    Refused as `foreign-unit`, `before-first`, `population-too-small`, `unit-too-small`, `no-tables`, by `checked`
    or by `weakness`.
    """
    found = unit_of(ledger, unit)
    if isinstance(found, Refusal):
        return found
    lists, mechanism = checked(codes), mechanism_for(found.population, asked)
    if isinstance(lists, Refusal) or isinstance(mechanism, Refusal):
        return next(part for part in (lists, mechanism) if isinstance(part, Refusal))
    if period < ledger.first:
        return Refusal("before-first", f"releases begin with {ledger.first}")
    if people < mechanism.minimum:
        return Refusal("population-too-small", f"fewer than {mechanism.minimum} people can be counted")
    grids = tables(turn(ledger.first, period), lists, people, mechanism)
    if not grids:
        return Refusal("no-tables", "the tables of this period have no cells: list interests or services")
    return Plan(unit=found, period=period, mechanism=mechanism, tables=grids)


def prepare(ledger: Ledger, tally: Tally, noise: Noise, day: date) -> Prepared | Refusal:
    """A release drawn on `day` from true counts, with the ledger that has paid for it.

    Nothing is drawn when the ledger refuses. Refused as by `charged`, or `bad-tally`, `noise-broken`, `noise-dead`.
    """
    plan = tally.plan
    fits = [len(counts) == len(table.cells) for counts, table in zip(tally.counts, plan.tables, strict=False)]
    if len(tally.counts) != len(plan.tables) or not all(fits) or tally.people < plan.mechanism.minimum:
        return Refusal("bad-tally", "the counts are not those of the plan")
    names = tuple(table.id for table in plan.tables)
    paid = charged(ledger, Charge(plan.unit.code, plan.period, names, plan.epsilon, day))
    if isinstance(paid, Refusal):
        return paid
    drawn = _draw(tally, noise)
    if isinstance(drawn, Refusal):
        return drawn
    content = canonical(released(drawn))
    return Prepared(paid, drawn, content, hashlib.sha256(content).hexdigest())


def released(drawn: Drawn) -> Release:
    """What is published of a draw: always the same."""
    plan = drawn.plan
    made = (_figures(table, noisy, plan.mechanism) for table, noisy in zip(plan.tables, drawn.noisy, strict=True))
    return Release(
        unit=plan.unit, period=str(plan.period), start=plan.period.start, end=plan.period.end,
        mechanism=plan.mechanism, method=plan.mechanism.name, noise=drawn.noise, epsilon=str(plan.epsilon),
        delta=f"{plan.delta + 0.00005:.4f}", tables=tuple(made),
    )  # fmt: skip


def canonical(release: Release) -> bytes:
    """The only bytes of a release; their SHA-256 is its name everywhere."""
    return msgspec.json.encode(release, order="sorted")


def read(content: bytes, sha256: str) -> Release | Refusal:
    """The release in stored bytes; refused as `changed` by its hash, `unreadable`, or by what `faults` finds first."""
    if hashlib.sha256(content).hexdigest() != sha256:
        return Refusal("changed", "these are not the bytes of that release")
    try:
        release = msgspec.json.decode(content, type=Release)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refusal("unreadable", "this is no release")
    if canonical(release) != content:
        return Refusal("unreadable", "a release is written in one way only")
    return next(iter(faults(release)), release)


def faults(release: Release) -> tuple[Refusal, ...]:
    """Everything in a release that may not be published: the last look before it leaves, at the release alone.

    Codes: one of `weakness` alone, else `bad-period`, `bad-method`, `bad-price`, `twice-a-table`, `foreign-table`,
    `bad-status`, `below-threshold`, `not-rounded`.
    """
    rules = release.mechanism
    weak = weakness(rules)
    if weak:
        return (weak,)
    found = _heading_faults(release)
    for table in release.tables:
        grid = tuple(cell.at for cell in table.cells)
        if not is_known(Table(id=table.id, grid=table.grid, axes=table.axes, cells=grid, bound=table.bound)):
            found.append(Refusal("foreign-table", "only the fixed grids are published", table.id))
        found += [fault for cell in table.cells if (fault := _cell_fault(cell, rules))]
    return tuple(found)


def _heading_faults(release: Release) -> list[Refusal]:
    rules, period = release.mechanism, Period.read(release.period)
    found = []
    if isinstance(period, Refusal) or (period.start, period.end) != (release.start, release.end):
        found.append(Refusal("bad-period", "a release is about one half-year"))
    if release.method != rules.name:
        found.append(Refusal("bad-method", "the method is not named after its numbers"))
    if release.epsilon != str(sum((rules.epsilon(table.bound) for table in release.tables), Fraction())):
        found.append(Refusal("bad-price", "the price is not that of the tables"))
    if len({table.id for table in release.tables}) < len(release.tables):
        found.append(Refusal("twice-a-table", "a table stands in a release once"))
    return found


def _cell_fault(cell: Cell, rules: Mechanism) -> Refusal | None:
    where = " ".join(cell.at)
    if (cell.count is None) != (cell.status == "suppressed"):
        return Refusal("bad-status", "a cell has a count or is suppressed", where)
    if cell.count is not None and cell.count < rules.threshold:
        return Refusal("below-threshold", "too small to be published", where)
    if cell.count is not None and cell.count % rules.rounding:
        return Refusal("not-rounded", "not a multiple of the rounding", where)
    return None


def _draw(tally: Tally, noise: Noise) -> Drawn | Refusal:
    mechanism = tally.plan.mechanism
    flat = [count for counts in tally.counts for count in counts]
    added = list(noise.add(flat, mechanism.scale))
    if len(added) != len(flat) or not all(type(value) is int for value in added):
        return Refusal("noise-broken", "the noise does not fit the counts")
    if len(flat) >= _ENOUGH_CELLS and added == flat:
        return Refusal("noise-dead", "the noise moved nothing")
    values = iter(added)
    noisy = tuple(tuple(gated(count, next(values), mechanism) for count in counts) for counts in tally.counts)
    return Drawn(plan=tally.plan, noise=noise.name, noisy=noisy)


def _figures(table: Table, noisy: tuple[int | None, ...], mechanism: Mechanism) -> Figures:
    cells = []
    for at, value in zip(table.cells, noisy, strict=True):
        count = shown(value, mechanism)
        cells.append(Cell(at, count, "suppressed" if count is None else "published"))
    return Figures(id=table.id, grid=table.grid, axes=table.axes, bound=table.bound, cells=tuple(cells))
