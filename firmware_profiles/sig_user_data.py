"""User Data Service 0x181C: what a scale must be told of a person before it computes a body composition.

Layout: Bluetooth SIG, User Data Service 1.1 and GATT Specification Supplement.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from firmware_profiles.model import Body, uuid16
from firmware_profiles.numbers import count_steps

BIRTH: Final = uuid16(0x2A85)
SEX: Final = uuid16(0x2A8C)
HEIGHT: Final = uuid16(0x2A8E)
CHANGES: Final = uuid16(0x2A99)
_SEXES: Final = {"male": b"\0", "female": b"\1", None: b"\2"}


def describe(body: Body | None) -> Mapping[str, bytes]:
    """What to write, by characteristic and in order, to the unlocked slot of a person with `body`; height in cm."""
    if body is None:
        return {}
    values = {SEX: _SEXES[body.sex]}
    if body.birth is not None:
        values[BIRTH] = body.birth.year.to_bytes(2, "little") + bytes((body.birth.month, body.birth.day))
    if body.height is not None:
        values[HEIGHT] = count_steps(Decimal(round(body.height)), Decimal(1), 2)
    # The count of changes is what tells the scale that the values above belong together.
    return values | {CHANGES: (1).to_bytes(4, "little")}
