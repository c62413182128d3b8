"""Huami and Mi bands: today's running step total and the heart rate, broadcast while no phone is connected.

Layouts as published by github.com/custom-components/ble_monitor and theengs/decoder.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.model import Advert, Match, Pairing, Profile
from firmware_profiles.numbers import count_steps
from firmware_profiles.sample import number, positive, quantities
from firmware_profiles.uuids import HUAMI

COMPANY: Final = 0x0157
BEACON_LENGTH: Final = 24
STEP_LENGTHS: Final = (4, 2)
_RATE_AT: Final = 3
_NO_RATE: Final = 0xFF


def read_band(advert: Advert) -> Sample | None:
    """The sample an advert of a band carries, None when it carries neither steps nor a heart rate.

    `steps` is the band's total since its own midnight: never to be summed.
    """
    data, beacon = advert.service_data.get(HUAMI, b""), advert.manufacturer_data.get(COMPANY, b"")
    steps = Decimal(int.from_bytes(data, "little")) if len(data) in STEP_LENGTHS else None
    rate = beacon[_RATE_AT] if len(beacon) == BEACON_LENGTH else _NO_RATE
    found = quantities({
        "steps": (steps, "{steps}"),
        "heart_rate": (None if rate == _NO_RATE else positive(Decimal(rate)), "/min"),
    })  # fmt: skip
    return Sample(quantities=found) if found else None


def advertise_band(sample: Sample, address: str) -> Advert:
    """The advert a band at `address` (`AA:BB:..`) sends for `sample`; ValueError when a value does not fit."""
    steps, rate = number(sample, "steps"), number(sample, "heart_rate")
    if rate is not None and not 0 < rate < _NO_RATE:
        raise ValueError(f"heart rate {rate} does not fit a band's byte")
    beat = count_steps(Decimal(_NO_RATE) if rate is None else rate, Decimal(1), 1)
    beacon = b"\x02\xff\xff" + beat + b"\xff" * 13 + b"\x03" + bytes.fromhex(address.replace(":", ""))
    data = {} if steps is None else {HUAMI: count_steps(steps, Decimal(1), STEP_LENGTHS[0])}
    return Advert(address=address, name="Mi Band", service_data=data, manufacturer_data={COMPANY: beacon})


BAND: Final = Profile(
    id="huami-band",
    maker="Huami / Xiaomi",
    model="Mi Band, Amazfit band",
    # Other lengths of FEE0 service data belong to other Huami products, such as the Amazfit scale (21 bytes).
    match=(
        *(Match(service_data=HUAMI, length=length) for length in STEP_LENGTHS),
        Match(company=COMPANY, length=BEACON_LENGTH),
    ),
    provides=frozenset({"steps-total", "heart-rate"}),
    source="github.com/custom-components/ble_monitor, github.com/theengs/decoder",
    advert=read_band,
    encode_advert=advertise_band,
    live=True,
    counts_daily=True,
    proof="capture",
    pairing=Pairing(wake="wear"),
)
