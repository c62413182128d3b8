"""What a benchmark found: the product's number, the limit's number, and their ratio over paired, alternating runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Literal

import msgspec


class Run(msgspec.Struct, frozen=True):
    """One measurement: the wanted number, and CPU microseconds per item where that means something."""

    number: float
    cpu: float | None = None


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table. `ratio` is product / limit, the median over the pairs; `better` says which way is good."""

    name: str
    unit: str
    product: float
    limit: float
    ratio: float
    better: Literal["higher", "lower"]
    product_cpu: float | None = None
    limit_cpu: float | None = None
    pairs: tuple[float, ...] = ()
    note: str = ""


Side = Callable[[], Sequence[Run]]


def pair(product: Side, limit: Side, rounds: int) -> list[list[tuple[Run, Run]]]:
    """Measure A B A B ...; for each number that a side returns, its (product, limit) pairs."""
    found = [list(zip(product(), limit(), strict=True)) for _ in range(rounds)]
    return [list(column) for column in zip(*found, strict=True)]


def figure(
    name: str, unit: str, better: Literal["higher", "lower"], pairs: Sequence[tuple[Run, Run]], note: str
) -> Figure:
    """The medians of `pairs`."""
    ratios = tuple(ours.number / bare.number for ours, bare in pairs)
    return Figure(
        name=name, unit=unit, better=better, note=note, pairs=ratios, ratio=median(ratios),
        product=median(ours.number for ours, _ in pairs), limit=median(bare.number for _, bare in pairs),
        product_cpu=_cpu([ours for ours, _ in pairs]), limit_cpu=_cpu([bare for _, bare in pairs]),
    )  # fmt: skip


def _cpu(runs: Sequence[Run]) -> float | None:
    known = [run.cpu for run in runs if run.cpu is not None]
    return median(known) if known else None


def table(figures: Sequence[Figure]) -> str:
    """The figures for people, with a line below each that says what was measured."""
    head = ("", "product", "limit", "ratio", "pairs", "CPU us/item")
    rows = [head, *(_row(item) for item in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = []
    for number, row in enumerate(rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
        if number:
            lines.append(f"    {figures[number - 1].note}")
    return "\n".join(lines)


def _row(item: Figure) -> tuple[str, ...]:
    cpu = f"{item.product_cpu:,.0f} / {item.limit_cpu:,.0f}" if item.product_cpu and item.limit_cpu else "-"
    spread = f"{min(item.pairs):.2f}-{max(item.pairs):.2f} ({len(item.pairs)})"
    name = f"{item.name} [{item.unit}, {item.better} is better]"
    return name, _short(item.product), _short(item.limit), f"{item.ratio:.2f}", spread, cpu


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"
