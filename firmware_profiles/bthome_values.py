"""The values of BTHome objects, to and from their bytes, and the numbering of several objects of one name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from engine.contract.reading import Quantity
from firmware_profiles.bthome_objects import BUTTONS, NAMES, TURNS, Object

_NUMBERED: Final = re.compile(r"(.+)_([1-9][0-9]{0,2})")
_LARGEST_TEXT: Final = 255


def read_value(item: Object, data: bytes) -> Quantity | None:
    """What `data` says for `item`; None for a text that is no text, or an empty one."""
    value: Decimal | bool | str | None
    match item.shape:
        case "number":
            value = int.from_bytes(data, "little", signed=item.signed) * item.step
        case "flag":
            value = any(data)
        case "button":
            value = BUTTONS.get(data[0], str(data[0]))
        case "dimmer":
            value = f"{TURNS.get(data[0], data[0])} {data[1]}"
        case "time":
            value = str(datetime.fromtimestamp(int.from_bytes(data, "little"), UTC))
        case "raw":
            value = data.hex() or None
        case "text":
            value = _text(data)
    return None if value is None else Quantity(value, item.unit)


def encode_value(item: Object, quantity: Quantity) -> bytes | None:
    """The bytes of `quantity` as `item`, None when it cannot hold it exactly."""
    value = quantity.value
    if item.shape == "number":
        return encode_number(item, value) if isinstance(value, Decimal) else None
    if item.shape == "flag":
        return bytes((value,)) if isinstance(value, bool) else None
    return _encode_text(item, value) if isinstance(value, str) else None


def _encode_text(item: Object, value: str) -> bytes | None:
    match item.shape:
        case "button":
            data = _word(BUTTONS, value)
        case "dimmer":
            turn, _, steps = value.partition(" ")
            data = _word(TURNS, turn) + bytes((int(steps),))
        case "time":
            data = int(datetime.fromisoformat(value).timestamp()).to_bytes(item.size, "little")
        case "raw":
            data = bytes.fromhex(value)
        case _:
            data = value.encode()
    return data if 0 < len(data) <= _LARGEST_TEXT else None


def encode_number(item: Object, value: Decimal, size: int | None = None, *, signed: bool | None = None) -> bytes | None:
    """`value` as a count of the object's steps, None when it does not come out even or does not fit."""
    count = value / item.step
    width, sign = size or item.size, item.signed if signed is None else signed
    low, high = (-(1 << 8 * width - 1), 1 << 8 * width - 1) if sign else (0, 1 << 8 * width)
    if count != count.to_integral_value() or not low <= count < high:
        return None
    return int(count).to_bytes(width, "little", signed=sign)


def number_instances(found: Iterable[tuple[str, Quantity]]) -> dict[str, Quantity]:
    """The quantities by name, several of one name as `name_1`, `name_2` ... in the order they were sent."""
    found = list(found)
    many = {name for name, count in Counter(name for name, _ in found).items() if count > 1}
    seen: Counter[str] = Counter()
    named: dict[str, Quantity] = {}
    for name, quantity in found:
        seen[name] += 1
        named[f"{name}_{seen[name]}" if name in many else name] = quantity
    return named


def unnumber(quantities: Mapping[str, Quantity]) -> Iterator[tuple[str, Quantity]]:
    """The inverse of `number_instances`, in the order of the numbers; ValueError for a name BTHome does not have."""
    plain: list[tuple[str, int, Quantity]] = []
    for name, quantity in quantities.items():
        numbered = _NUMBERED.fullmatch(name)
        base, instance = (numbered[1], int(numbered[2])) if numbered and name not in NAMES else (name, 0)
        if base not in NAMES:
            raise ValueError(f"BTHome has no {name}")
        plain.append((base, instance, quantity))
    for base, _, quantity in sorted(plain, key=lambda item: (item[0], item[1])):
        yield base, quantity


def _text(data: bytes) -> str | None:
    try:
        return data.decode() or None
    except UnicodeDecodeError:
        return None


def _word(words: Mapping[int, str], value: str) -> bytes:
    number = next((number for number, word in words.items() if word == value), None)
    return bytes((int(value) if number is None else number,))
