"""Heart rates that a strap broadcasts in its advert, without a connection: Polar and XOSS.

Polar's layout as published by github.com/polarofficial/polar-ble-sdk, XOSS X2 by github.com/theengs/decoder.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.model import Advert, Match, Pairing, Profile
from firmware_profiles.numbers import count_steps
from firmware_profiles.sample import need, number, positive, quantities
from firmware_profiles.uuids import HEART_RATE

POLAR: Final = 0x006B
POLAR_LENGTHS: Final = (4, 3)
XOSS: Final = 0xFF04
XOSS_LENGTH: Final = 4
_CONTACT, _COUNTER, _OTHER_DATA = 0x02, 0x1C, 0x40
_FAST_AT: Final = 2
_BATTERY_BITS: Final = 0x7F
_XOSS_HEAD, _XOSS_THIRD = 0x01, 0x06
_TOP: Final = 0xFF


def read_polar(advert: Advert) -> Sample | None:
    """The slow average a Polar sensor shows, None when it shows none.

    Not final when neither the skin nor the fast average tells of a heart: what is left is the last wearer's.
    """
    data = advert.manufacturer_data.get(POLAR, b"")
    if len(data) not in POLAR_LENGTHS or data[0] & _OTHER_DATA or not data[-1]:
        return None
    worn = bool(data[0] & _CONTACT) or bool(data[_FAST_AT])
    return Sample(quantities=quantities({"heart_rate": (Decimal(data[-1]), "/min")}), final=worn)


def advertise_polar(sample: Sample, address: str) -> Advert:
    """The advert of a Polar sensor at `address`; ValueError when the rate does not fit a byte."""
    rate = _rate(sample)
    data = bytes((0x21 | (_CONTACT if sample.final else 0), 0)) + (rate if sample.final else b"\0") + rate
    return Advert(address=address, name="Polar Sensor", manufacturer_data={POLAR: data})


def steady_polar(data: bytes) -> bytes:
    """`data` without its frame counter and its radio's own code."""
    return bytes((data[0] & ~_COUNTER & _TOP, *data[_FAST_AT:])) if data else data


def read_xoss(advert: Advert) -> Sample | None:
    """The heart rate and battery level of an XOSS X2, None when it has no heart rate."""
    data = advert.manufacturer_data.get(XOSS, b"")
    if len(data) != XOSS_LENGTH or not data[3]:
        return None
    battery = Decimal(data[1] & _BATTERY_BITS)
    return Sample(quantities=quantities({"heart_rate": (Decimal(data[3]), "/min"), "battery": (battery, "%")}))


def advertise_xoss(sample: Sample, address: str) -> Advert:
    """The advert of an XOSS X2 at `address`; ValueError when a value does not fit."""
    level = count_steps(positive(number(sample, "battery")) or Decimal(0), Decimal(1), 1)
    if level[0] > _BATTERY_BITS:
        raise ValueError(f"{level[0]} % does not fit seven bits")
    data = bytes((_XOSS_HEAD,)) + level + bytes((_XOSS_THIRD,)) + _rate(sample)
    return Advert(address=address, name="X2", manufacturer_data={XOSS: data})


def _rate(sample: Sample) -> bytes:
    rate = count_steps(need(sample, "heart_rate"), Decimal(1), 1)
    if not rate[0]:
        raise ValueError("a heart rate of 0 means none")
    return rate


POLAR_ADVERT: Final = Profile(
    id="polar-advert",
    maker="Polar",
    model="H7, H9, H10, OH1, Verity Sense (broadcast)",
    # A strap that also takes connections tells more, and surely whether it is worn, by the SIG's service.
    match=tuple(Match(company=POLAR, length=length, unless_services=(HEART_RATE,)) for length in POLAR_LENGTHS),
    provides=frozenset({"heart-rate"}),
    source="github.com/polarofficial/polar-ble-sdk, github.com/theengs/decoder",
    advert=read_polar,
    encode_advert=advertise_polar,
    steady=steady_polar,
    pairing=Pairing(wake="wear"),
    live=True,
    experimental=True,
    proof="fixture",
)

XOSS_ADVERT: Final = Profile(
    id="xoss-x2",
    maker="XOSS",
    model="X2 heart rate sensor",
    match=(Match(company=XOSS, length=XOSS_LENGTH, unless_services=(HEART_RATE,)),),
    provides=frozenset({"heart-rate", "battery"}),
    source="github.com/theengs/decoder",
    advert=read_xoss,
    encode_advert=advertise_xoss,
    pairing=Pairing(wake="wear"),
    live=True,
    experimental=True,
    proof="fixture",
)
