"""Xiaogui (LeaOne) scales TZC4 and QJ-J, sold under many names; the company id's high byte counts the frames.

Layout as published by github.com/custom-components/ble_monitor; pounds by openScale's users.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from engine.contract.reading import Quantity, Sample
from firmware_profiles.bindkey import address_bytes
from firmware_profiles.model import Advert, DecodeError, Match, Pairing, Profile
from firmware_profiles.numbers import count_steps
from firmware_profiles.sample import fuller, need, number, positive, quantities, unit_of
from firmware_profiles.sig_scale import LB

COMPANY: Final = 0x00C0
COMPANY_MASK: Final = 0x00FF
LENGTH: Final = 13
_STATUS_AT: Final = 6
_STABLE: Final = 0x01
_TENTH: Final = Decimal("0.1")


class _Unit(msgspec.Struct, frozen=True):
    """What a status byte without its stable bit says of the weight; `tail` is what the scale sends before it."""

    unit: str
    step: Decimal
    tail: bytes


_UNITS: Final = {
    0x20: _Unit("kg", _TENTH, b"\x00\x02"),
    0x24: _Unit("kg", Decimal("0.01"), b"\x0a\x01"),
    0x30: _Unit(LB, _TENTH, b"\x00\x02"),
}


def read_xiaogui(advert: Advert) -> Sample | None:
    """The sample in a scale's advert, None when it carries none; DecodeError: `address-mismatch`."""
    data = next((data for company, data in advert.manufacturer_data.items() if _is_own(company, data)), None)
    if data is None:
        return None
    own = address_bytes(advert.address)
    if own is not None and data[_STATUS_AT + 1 :] != own:
        raise DecodeError("address-mismatch", "the frame names another device than the one that sent it")
    status = data[_STATUS_AT]
    unit = _UNITS[status & ~_STABLE]
    ohms = positive(int.from_bytes(data[2:4], "big") * _TENTH)
    weight = Quantity(int.from_bytes(data[:2], "big") * unit.step, unit.unit)
    return Sample(
        quantities={"weight": weight, **quantities({"impedance": (ohms, "Ohm")})}, final=bool(status & _STABLE)
    )


def advertise_xiaogui(sample: Sample, address: str) -> Advert:
    """The advert of a scale at `address`; ValueError when a value does not fit."""
    weight, own = need(sample, "weight"), unit_of(sample, "weight")
    fitting = (item for item in _UNITS.items() if item[1].unit == own and weight % item[1].step == 0)
    status, unit = next(fitting, (0, None))
    if unit is None:
        raise ValueError(f"{weight} {own} is no weight this scale can show")
    ohms = count_steps(number(sample, "impedance") or Decimal(0), _TENTH, 2)[::-1]
    data = count_steps(weight, unit.step, 2)[::-1] + ohms + unit.tail
    data += bytes((status | (_STABLE if sample.final else 0),)) + (address_bytes(address) or bytes(6))
    return Advert(address=address, manufacturer_data={COMPANY: data})


def _is_own(company: int, data: bytes) -> bool:
    return company & COMPANY_MASK == COMPANY and len(data) == LENGTH and data[_STATUS_AT] & ~_STABLE in _UNITS


SCALE: Final = Profile(
    id="xiaogui-scale",
    maker="Xiaogui (LeaOne)",
    model="TZC4, MaxxMee QJ-J",
    match=tuple(
        Match(company=COMPANY, company_mask=COMPANY_MASK, length=LENGTH, at=_STATUS_AT, holds=bytes((unit | stable,)))
        for unit in _UNITS
        for stable in (0, _STABLE)
    ),
    provides=frozenset({"body-weight", "impedance"}),
    source="github.com/custom-components/ble_monitor",
    advert=read_xiaogui,
    encode_advert=advertise_xiaogui,
    join_adverts=fuller,
    join_seconds=20.0,
    pairing=Pairing(wake="step-on"),
    live=True,
    proof="capture",
)
