"""Scales that only broadcast, of smaller makers: Senssun IF_B7 (Grifema) and Laica.

Layouts as published by github.com/custom-components/ble_monitor; Senssun's status, checksum and address by
github.com/KristianP26/ble-scale-sync.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

from engine.contract.reading import Sample
from firmware_profiles.bindkey import address_bytes
from firmware_profiles.model import Advert, DecodeError, Match, Pairing, Profile
from firmware_profiles.numbers import count_steps, fixed
from firmware_profiles.sample import fuller, need, number, positive, quantities

SENSSUN: Final = 0x0100
SENSSUN_LENGTH: Final = 17
_HEAD: Final = b"\x02\x03\x11"
_STATE_BITS, _UNIT_BITS, _DONE, _KG = 0xF0, 0x0F, 0xA0, 0x01
_SUMMED: Final = slice(9, 16)
_COUNTER_AT: Final = 15

LAICA: Final = 0xA0AC
LAICA_LENGTH: Final = 12
_MASK: Final = 0xA0
_WEIGHT_FRAME, _IMPEDANCE_FRAME = 0x0D, 0x06
_TYPE_AT: Final = 10
_GRAMS: Final = 0x3FFFF
# One unit was recorded with the lower bit on a finished weighing, another is described with the higher.
_STABLE: Final = 0x80800000
_OHMS: Final = range(200, 1201)
_DISPLAYED: Final = Decimal("0.1")


def read_senssun(advert: Advert) -> Sample | None:
    """The sample of an IF_B7, None when the advert carries none.

    DecodeError: `address-mismatch`, `checksum`, `unknown-unit` (only kilograms have been seen on the air).
    """
    data, own = advert.manufacturer_data.get(SENSSUN, b""), address_bytes(advert.address)
    if len(data) != SENSSUN_LENGTH or data[:3] != _HEAD:
        return None
    if own is not None and data[3:9] != own:
        raise DecodeError("address-mismatch", "the frame names another device than the one that sent it")
    if sum(data[_SUMMED]) & 0xFF != data[16]:
        raise DecodeError("checksum", "the frame was damaged on its way")
    if data[14] & _UNIT_BITS != _KG:
        raise DecodeError("unknown-unit", "set the scale to kilograms: nothing is known of its other units")
    ohms = positive(Decimal(int.from_bytes(data[12:14], "big")))
    weight = fixed(int.from_bytes(data[10:12], "big"), 2)
    found = quantities({"weight": (weight, "kg"), "impedance": (ohms, "Ohm")})
    return Sample(quantities=found, final=data[14] & _STATE_BITS == _DONE)


def advertise_senssun(sample: Sample, address: str) -> Advert:
    """The advert of an IF_B7 at `address`; ValueError when a value does not fit."""
    weight = count_steps(need(sample, "weight"), Decimal("0.01"), 2)[::-1]
    ohms = count_steps(number(sample, "impedance") or Decimal(0), Decimal(1), 2)[::-1]
    body = b"\x02" + weight + ohms + bytes((_KG | (_DONE if sample.final else 0), 0))
    data = _HEAD + (address_bytes(address) or bytes(6)) + body + bytes((sum(body) & 0xFF,))
    return Advert(address=address, name="IF_B7", manufacturer_data={SENSSUN: data})


def steady_senssun(data: bytes) -> bytes:
    """`data` without its counter and the checksum that follows it."""
    return data[:_COUNTER_AT]


def read_laica(advert: Advert) -> Sample | None:
    """A weight (as the scale shows it, in tenths of a kilogram) or an impedance of a Laica scale, None for neither."""
    data = advert.manufacturer_data.get(LAICA, b"")
    if len(data) != LAICA_LENGTH:
        return None
    plain = bytes(byte ^ _MASK for byte in data[6:10])
    if data[_TYPE_AT] == _IMPEDANCE_FRAME:
        ohms = int.from_bytes(plain[:2], "big")
        return Sample(quantities=quantities({"impedance": (Decimal(ohms), "Ohm")})) if ohms in _OHMS else None
    word = int.from_bytes(plain, "big")
    weight = fixed(word & _GRAMS, 3).quantize(_DISPLAYED, ROUND_HALF_UP)
    if data[_TYPE_AT] != _WEIGHT_FRAME or not weight:
        return None
    return Sample(quantities=quantities({"weight": (weight, "kg")}), final=bool(word & _STABLE))


def advertise_laica(sample: Sample, address: str) -> Advert:
    """The advert of a Laica scale at `address`: of the weight, or without one of the impedance."""
    weight, ohms = number(sample, "weight"), number(sample, "impedance")
    if weight is None:
        plain, kind = count_steps(ohms or Decimal(0), Decimal(1), 2)[::-1] + bytes(2), _IMPEDANCE_FRAME
    else:
        grams = int.from_bytes(count_steps(weight, _DISPLAYED, 4), "little") * 100
        if grams > _GRAMS or ohms is not None:
            raise ValueError(f"{sample.quantities} does not fit one frame of this scale")
        plain, kind = (grams | (0x800000 if sample.final else 0)).to_bytes(4, "big"), _WEIGHT_FRAME
    head = (address_bytes(address) or bytes(6))[::-1]
    data = head + bytes(byte ^ _MASK for byte in plain) + bytes((kind, 0))
    return Advert(address=address, name="AAA002", manufacturer_data={LAICA: data})


def join_laica(first: Sample, second: Sample) -> Sample | None:
    """The weight and the impedance of one weighing as one sample, None for two weighings."""
    mine, yours = first.quantities, second.quantities
    if any(mine[name] != yours[name] for name in mine.keys() & yours.keys()):
        return None
    return msgspec.structs.replace(first, quantities={**mine, **yours}, final=first.final and second.final)


SENSSUN_SCALE: Final = Profile(
    id="senssun-if-b7",
    maker="Senssun",
    model="IF_B7 (Grifema GA2001)",
    match=(Match(company=SENSSUN, length=SENSSUN_LENGTH, holds=_HEAD),),
    provides=frozenset({"body-weight", "impedance"}),
    source="github.com/custom-components/ble_monitor, github.com/KristianP26/ble-scale-sync",
    advert=read_senssun,
    encode_advert=advertise_senssun,
    steady=steady_senssun,
    join_adverts=fuller,
    join_seconds=20.0,
    pairing=Pairing(wake="step-on"),
    live=True,
    proof="capture",
)

LAICA_SCALE: Final = Profile(
    id="laica-scale",
    maker="Laica",
    model="Smart scale",
    match=(Match(company=LAICA, length=LAICA_LENGTH),),
    provides=frozenset({"body-weight", "impedance"}),
    source="github.com/custom-components/ble_monitor",
    advert=read_laica,
    encode_advert=advertise_laica,
    join_adverts=join_laica,
    join_seconds=20.0,
    pairing=Pairing(wake="step-on"),
    live=True,
    # What marks a finished weighing is inferred from one recorded frame.
    experimental=True,
    proof="capture",
)
