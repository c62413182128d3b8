"""QN scales that cannot be connected to: weight in manufacturer data FFFF behind `AA BB`.

Layout as published by github.com/oliexdev/openScale and github.com/KristianP26/ble-scale-sync (Renpho ES-CS20M); no
third party's capture of it is at hand.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.contract.reading import Quantity, Sample
from firmware_profiles.frames import little
from firmware_profiles.model import Advert, DecodeError, Match, Pairing, Profile
from firmware_profiles.numbers import count_steps, fixed
from firmware_profiles.sample import need

COMPANY: Final = 0xFFFF
HEAD: Final = b"\xaa\xbb"
LENGTH: Final = 19
WHOLE: Final = 23
STATE, WEIGHT, STABLE = 15, 17, 0x20
STEP: Final = Decimal("0.01")


def read(advert: Advert) -> Sample | None:
    """The sample an advert carries, None when nobody stands on the scale; DecodeError `truncated`."""
    data = advert.manufacturer_data.get(COMPANY, b"")
    if not data.startswith(HEAD):
        return None
    if len(data) < LENGTH:
        raise DecodeError("truncated", f"{LENGTH} bytes expected, {len(data)} there")
    raw = little(data, WEIGHT)
    if not raw:
        return None
    return Sample(quantities={"weight": Quantity(fixed(raw, 2), "kg")}, final=bool(data[STATE] & STABLE))


def advertise(sample: Sample, address: str) -> Advert:
    """The advert a scale at `address` sends for `sample`."""
    own = bytes.fromhex(address.replace(":", ""))
    state = bytes((0x25 if sample.final else 0x04, 0))
    data = HEAD + own + bytes(7) + state + count_steps(need(sample, "weight"), STEP, 2)
    return Advert(address=address, name="QN-Scale", manufacturer_data={COMPANY: data.ljust(WHOLE, b"\0")})


def same_weighing(first: Sample, second: Sample) -> Sample | None:
    """One of two frames with the same weight, None for two weighings."""
    return first if first.quantities == second.quantities and first.final == second.final else None


BROADCAST: Final = Profile(
    id="qn-broadcast",
    maker="Renpho / QN",
    model="QN scales that only broadcast (Renpho ES-CS20M)",
    match=(Match(company=COMPANY, holds=HEAD),),
    provides=frozenset({"body-weight"}),
    source="github.com/oliexdev/openScale, QN broadcast; github.com/KristianP26/ble-scale-sync, Renpho broadcast",
    advert=read,
    encode_advert=advertise,
    join_adverts=same_weighing,
    join_seconds=20.0,
    pairing=Pairing(wake="step-on"),
    live=True,
    experimental=True,
)
