"""Who publishes and for which half-year: units that share no resident, and periods of the fiscal year. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

import msgspec

from engine.municipalities import REGION
from engine.refusal import Refusal

_PERIOD: Final = re.compile(r"([0-9]{4})H([12])")
_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,32}")
_APRIL: Final = 4
_OCTOBER: Final = 10
FIRST_YEAR: Final = 2000


class Period(msgspec.Struct, frozen=True, order=True):
    """Half a fiscal year: 1 from April to September, 2 from October to March of the next year."""

    year: int
    half: int

    @classmethod
    def read(cls, text: str) -> Self | Refusal:
        """The period written as 2026H1; refused as `bad-period`."""
        found = _PERIOD.fullmatch(text)
        if found is None or int(found[1]) < FIRST_YEAR:
            return Refusal("bad-period", "periods are written as 2026H1 or 2026H2")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.year:04d}H{self.half}"

    @property
    def start(self) -> date:
        """The first day."""
        return date(self.year, _APRIL if self.half == 1 else _OCTOBER, 1)

    @property
    def end(self) -> date:
        """The last day."""
        return self.next.start - timedelta(days=1)

    @property
    def next(self) -> Period:
        """The half-year after this one."""
        return Period(self.year, 2) if self.half == 1 else Period(self.year + 1, 1)

    @property
    def ordinal(self) -> int:
        """Half-years counted from a fixed one."""
        return self.year * 2 + self.half

    def cutoff(self, zone: ZoneInfo) -> datetime:
        """The midnight that ends the period: consent and age are those of this instant and day."""
        return datetime.combine(self.next.start, time(), zone)


class Unit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A publishing unit: its code in releases, the local-government codes it covers, and how many people live there."""

    code: str
    municipalities: tuple[str, ...]
    population: int


class Partition(msgspec.Struct, frozen=True):
    """The publishing units of a region; each municipality, so each resident, belongs to exactly one of them.

    Made by `partition`, fixed when the ledger is opened and never changed: the same person counted for two units at
    once would pay twice.
    """

    units: tuple[Unit, ...]

    def unit_of(self, municipality: str) -> Unit | None:
        """The only unit a resident of this municipality can be counted for; None for one of elsewhere."""
        return next((unit for unit in self.units if municipality in unit.municipalities), None)


def partition(units: tuple[Unit, ...]) -> Partition | Refusal:
    """These units as the only ones there will be.

    Refused as `no-units`, `bad-unit`, `foreign-municipality` or `shared-municipality`.
    """
    if not units:
        return Refusal("no-units", "at least one unit publishes")
    if len({unit.code for unit in units}) < len(units) or not all(_CODE.fullmatch(unit.code) for unit in units):
        return Refusal("bad-unit", "units need codes of their own: letters, digits and hyphens")
    if not all(unit.municipalities and unit.population > 0 for unit in units):
        return Refusal("bad-unit", "a unit needs municipalities and inhabitants")
    covered = [code for unit in units for code in unit.municipalities]
    if not set(covered) <= REGION.keys():
        return Refusal("foreign-municipality", f"municipalities are {', '.join(REGION)}")
    if len(set(covered)) < len(covered):
        return Refusal("shared-municipality", "a municipality belongs to one unit only")
    return Partition(units)


def whole_region(population: int) -> Partition | Refusal:
    """The default: one unit for all municipalities of the region together, so that cells are as full as can be."""
    return partition((Unit(code="region-062049", municipalities=tuple(REGION), population=population),))
