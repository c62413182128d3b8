"""All that sending asks of a release, whoever made it: its shape. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol


class CellShape(Protocol):
    """One cell: its codes in the order of the axes, and a count or None where it is suppressed."""

    @property
    def at(self) -> tuple[str, ...]:
        """The codes."""

    @property
    def count(self) -> int | None:
        """The published number."""

    @property
    def status(self) -> str:
        """Published or suppressed."""


class TableShape(Protocol):
    """One table: its name, its axes and its cells."""

    @property
    def id(self) -> str:
        """The name."""

    @property
    def axes(self) -> tuple[str, ...]:
        """What the codes of a cell are about."""

    @property
    def cells(self) -> Sequence[CellShape]:
        """All cells of the grid."""


class UnitShape(Protocol):
    """Who publishes."""

    @property
    def code(self) -> str:
        """The unit's code."""

    @property
    def municipalities(self) -> tuple[str, ...]:
        """The local-government codes it covers."""


class ReleaseShape(Protocol):
    """All that sending asks of a release."""

    @property
    def unit(self) -> UnitShape:
        """Who publishes."""

    @property
    def period(self) -> str:
        """The half-year, as 2026H1."""

    @property
    def start(self) -> date:
        """Its first day."""

    @property
    def end(self) -> date:
        """Its last day."""

    @property
    def method(self) -> str:
        """The name of the mechanism."""

    @property
    def epsilon(self) -> str:
        """What it cost."""

    @property
    def delta(self) -> str:
        """What the gates may give away."""

    @property
    def tables(self) -> Sequence[TableShape]:
        """The tables."""
