"""Small readers and makers of sample quantities, so that codecs name each field once."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from engine.contract.reading import Quantity, Sample


def quantities(fields: Mapping[str, tuple[Decimal | bool | str | list[int] | None, str]]) -> dict[str, Quantity]:
    """The quantities whose value is present."""
    return {name: Quantity(value, unit) for name, (value, unit) in fields.items() if value is not None}


def number(sample: Sample, name: str) -> Decimal | None:
    """The numeric quantity `name` of `sample`, None when it has none."""
    quantity = sample.quantities.get(name)
    return quantity.value if quantity is not None and isinstance(quantity.value, Decimal) else None


def need(sample: Sample, name: str) -> Decimal:
    """The numeric quantity `name`; ValueError when the sample has none."""
    value = number(sample, name)
    if value is None:
        raise ValueError(f"a sample without {name} cannot be encoded")
    return value


def flag(sample: Sample, name: str) -> bool:
    """Whether the quantity `name` is there and true."""
    quantity = sample.quantities.get(name)
    return quantity is not None and quantity.value is True


def unit_of(sample: Sample, *names: str) -> str | None:
    """The unit the quantities `names` share, None when none is there; ValueError when they differ."""
    units = {sample.quantities[name].unit for name in names if name in sample.quantities}
    if len(units) > 1:
        raise ValueError(f"one frame has one unit, not {sorted(units)}")
    return units.pop() if units else None


def fuller(first: Sample, second: Sample) -> Sample | None:
    """The one of two frames that says all the other says and perhaps more, None when they contradict each other."""
    few, many = sorted((first, second), key=lambda sample: len(sample.quantities))
    return many if few.quantities.items() <= many.quantities.items() else None


def positive(value: Decimal | None) -> Decimal | None:
    """`value`, or None for a zero that stands for "not measured"."""
    return value or None
