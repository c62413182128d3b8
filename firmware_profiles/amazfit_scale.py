"""Amazfit smart scale: weight, impedance and heart rate, broadcast as FEE0 service data.

Layout as published by github.com/custom-components/ble_monitor.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.model import Advert, Match, Pairing, Profile
from firmware_profiles.numbers import count_steps, fixed, halves
from firmware_profiles.sample import fuller, need, number, positive, quantities
from firmware_profiles.uuids import HUAMI

LENGTH: Final = 20
# Some recorders leave the second byte of the UUID in front of the data.
_REST_OF_UUID: Final = b"\xfe"
_DONE: Final = slice(9, 12)
_RATE_AT: Final = 12
_MARK: Final = b"\x01\x00\x00"


def read_amazfit(advert: Advert) -> Sample | None:
    """The sample of a scale's advert, None when it carries none; final once the scale has set its mark."""
    data = advert.service_data.get(HUAMI, b"")
    if len(data) == LENGTH + 1 and data.startswith(_REST_OF_UUID):
        data = data[1:]
    weight = halves(int.from_bytes(data[7:9], "little"))
    if len(data) != LENGTH or not weight:
        return None
    final = any(data[_DONE])
    ohms, rate = fixed(int.from_bytes(data[5:7], "little"), 1), Decimal(data[_RATE_AT])
    found = {
        "weight": (weight, "kg"),
        "impedance": (positive(ohms) if final else None, "Ohm"),
        "heart_rate": (positive(rate) if final else None, "/min"),
    }
    return Sample(quantities=quantities(found), final=final)


def advertise_amazfit(sample: Sample, address: str) -> Advert:
    """The advert of a scale at `address`; ValueError when a value does not fit."""
    ohms = count_steps(number(sample, "impedance") or Decimal(0), Decimal("0.1"), 2)
    weight = count_steps(need(sample, "weight"), Decimal("0.005"), 2)
    rate = count_steps(number(sample, "heart_rate") or Decimal(0), Decimal(1), 1)
    data = bytes(5) + ohms + weight + (_MARK if sample.final else bytes(3)) + rate + bytes(7)
    return Advert(address=address, service_data={HUAMI: data})


SCALE: Final = Profile(
    id="amazfit-scale",
    maker="Amazfit",
    model="Smart scale",
    match=(
        Match(service_data=HUAMI, length=LENGTH),
        Match(service_data=HUAMI, length=LENGTH + 1, holds=_REST_OF_UUID),
    ),
    provides=frozenset({"body-weight", "impedance", "heart-rate"}),
    source="github.com/custom-components/ble_monitor",
    advert=read_amazfit,
    encode_advert=advertise_amazfit,
    join_adverts=fuller,
    join_seconds=20.0,
    pairing=Pairing(wake="step-on"),
    live=True,
    proof="capture",
)
