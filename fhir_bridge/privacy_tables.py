"""The tables that may ever be published, as data, and which of them a release holds. Pure.

Nothing here looks at a count in a cell: the tables follow from the calendar, the coarseness from the number of people.
Sex stands in T3 only; area, occupation and device model stand nowhere.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import combinations, product
from typing import Final, Literal

import msgspec

from engine.refusal import Refusal
from fhir_bridge.privacy import Mechanism
from fhir_bridge.privacy_units import Period

TableId = Literal["T1", "T2", "T3", "T4"]
MOST_CODES: Final = 10
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class Bands(msgspec.Struct, frozen=True):
    """Consecutive bands of a number: the code of each and where it begins; the last one has no end."""

    codes: tuple[str, ...]
    starts: tuple[Decimal, ...]

    def code(self, value: Decimal) -> str | None:
        """The band `value` lies in, None below the first."""
        index = bisect_right(self.starts, value)
        return self.codes[index - 1] if index else None


def _bands(*rows: tuple[str, str]) -> Bands:
    return Bands(tuple(code for code, _ in rows), tuple(Decimal(start) for _, start in rows))


AGE_7: Final = _bands(
    ("20-29", "20"), ("30-39", "30"), ("40-49", "40"), ("50-59", "50"), ("60-69", "60"), ("70-79", "70"), ("80UP", "80")
)
AGE_3: Final = _bands(("20-39", "20"), ("40-64", "40"), ("65UP", "65"))
BMI_4: Final = _bands(("U18.5", "0"), ("18.5-24.9", "18.5"), ("25-29.9", "25"), ("30UP", "30"))
BMI_2: Final = _bands(("U25", "0"), ("25UP", "25"))
SEXES: Final = ("female", "male")


class Codes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public lists a release uses: interests residents may hold and services they may use, ten of each at most."""

    interests: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A fixed grid of cells, each named by one code per axis, to which one person adds at most `bound` in all."""

    id: TableId
    grid: str
    axes: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    bound: int


def checked(codes: Codes) -> Codes | Refusal:
    """The lists as they may be used: refused as `bad-codes` or `too-many-codes`."""
    for listed in (codes.interests, codes.services):
        if len(listed) > MOST_CODES:
            return Refusal("too-many-codes", f"at most {MOST_CODES} public codes")
        if len(set(listed)) < len(listed) or not all(_CODE.fullmatch(code) for code in listed):
            return Refusal("bad-codes", "codes are distinct: small letters, digits and hyphens")
    return codes


def _t1(_codes: Codes, _full: bool) -> Table:
    return Table(id="T1", grid="7x4", axes=("age", "bmi"), cells=tuple(product(AGE_7.codes, BMI_4.codes)), bound=1)


def _t2(codes: Codes, full: bool) -> Table:
    age, bmi, grid = (AGE_7, BMI_4, "7x4") if full else (AGE_3, BMI_2, "3x2")
    cells = tuple(product(age.codes, bmi.codes, codes.interests))
    return Table(id="T2", grid=grid, axes=("age", "bmi", "interest"), cells=cells, bound=3)


def _t3(_codes: Codes, _full: bool) -> Table:
    cells = tuple(product(SEXES, AGE_3.codes, BMI_4.codes))
    return Table(id="T3", grid="2x3x4", axes=("sex", "age", "bmi"), cells=cells, bound=1)


def _t4(codes: Codes, _full: bool) -> Table:
    cells = tuple(combinations(codes.services, 2))
    return Table(id="T4", grid="pairs", axes=("service", "service-too"), cells=cells, bound=2)


_MADE: Final[dict[TableId, Callable[[Codes, bool], Table]]] = {"T1": _t1, "T2": _t2, "T3": _t3, "T4": _t4}
# With noise of scale 2 every turn costs 2.0, so that any two neighbouring releases keep the cap of 4.0 in a year.
ROTATION: Final[tuple[tuple[TableId, ...], ...]] = (("T1", "T2"), ("T2", "T3"), ("T1", "T3", "T4"))


def turn(first: Period, period: Period) -> tuple[TableId, ...]:
    """The tables of a period: they take turns by the calendar, counted from the first period, skipped ones too."""
    return ROTATION[(period.ordinal - first.ordinal) % len(ROTATION)]


def tables(ids: Sequence[TableId], codes: Codes, people: int, mechanism: Mechanism) -> tuple[Table, ...]:
    """The grids of these tables for so many people: T2 is full or coarse by their number alone, never by a cell.

    A table without cells, because no interest or fewer than two services are listed, is left out.
    """
    full = people >= mechanism.full_from
    made = (_MADE[name](codes, full) for name in ids)
    return tuple(table for table in made if table.cells)


def is_known(table: Table) -> bool:
    """Whether this is a table that may be published: its grid whole, in its order, over axes that are allowed."""
    last = tuple(dict.fromkeys(cell[-1] for cell in table.cells if cell))
    services = tuple(dict.fromkeys(code for cell in table.cells for code in cell)) if table.id == "T4" else ()
    codes = Codes(interests=last if table.id == "T2" else (), services=services)
    if isinstance(checked(codes), Refusal) or not table.cells:
        return False
    return any(table == _MADE[table.id](codes, full) for full in (False, True))
