"""SwitchBot meters: room temperature and humidity, in service data FD3D or in manufacturer data 0x0969.

Layouts as published by github.com/theengs/decoder and github.com/OpenWonderLabs/node-switchbot.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.bindkey import address_bytes
from firmware_profiles.model import Advert, DecodeError, Match, Profile, uuid16
from firmware_profiles.numbers import Reader, count_steps
from firmware_profiles.sample import need, number, quantities

FD3D: Final = uuid16(0xFD3D)
COMPANY: Final = 0x0969
# Meter and Meter Plus tell everything in the service data; the outdoor and newer ones tell the battery only.
METERS: Final = (0x54, 0x69)
METER_LENGTH: Final = 6
SHORT: Final = (0x77, *METERS)
SHORT_LENGTH: Final = 3
COMPANY_LENGTHS: Final = (11, 12)
_CLIMATE_AT: Final = 8
_ABOVE_ZERO: Final = 0x80
_LOW_BITS: Final = 0x7F
_TOPS: Final = (0, 0x80)
_TENTH_BITS: Final = 0x0F
_LAST_TENTH: Final = 9
_PERCENT: Final = 100


def read_meter(advert: Advert) -> Sample | None:
    """The climate in an advert of a meter, None when it carries none; DecodeError: `truncated`, `out-of-range`."""
    service, company = advert.service_data.get(FD3D, b""), advert.manufacturer_data.get(COMPANY, b"")
    if len(service) == METER_LENGTH and service[0] & _LOW_BITS in METERS:
        return _read(service[3:], service)
    if len(company) in COMPANY_LENGTHS:
        return _read(company[_CLIMATE_AT:], service if len(service) == SHORT_LENGTH else b"")
    return None


def advertise_meter(sample: Sample, address: str) -> Advert:
    """The advert of a Meter Plus, or without a battery level that of a meter's other kind; ValueError out of range."""
    warm, battery = need(sample, "temperature"), number(sample, "battery")
    whole, tenths = divmod(int(abs(warm) * 10), 10)
    if abs(warm) * 10 != whole * 10 + tenths or whole > _LOW_BITS:
        raise ValueError(f"{warm} does not fit a meter's display")
    sign = 0 if warm < 0 else _ABOVE_ZERO
    climate = bytes((tenths, whole | sign)) + _percent(need(sample, "humidity"))
    if battery is None:
        head = (address_bytes(address) or bytes(6)) + bytes(2)
        return Advert(address=address, name="WoSensorTHP", manufacturer_data={COMPANY: head + climate})
    return Advert(address=address, service_data={FD3D: bytes((METERS[1], 0)) + _percent(battery) + climate})


def _read(climate: bytes, service: bytes) -> Sample:
    reader = Reader(climate)
    tenths, whole, damp = reader.unsigned(1) & _TENTH_BITS, reader.unsigned(1), reader.unsigned(1) & _LOW_BITS
    if tenths > _LAST_TENTH or damp > _PERCENT:
        raise DecodeError("out-of-range", f"{tenths} tenths of a degree and {damp} % of humidity")
    warm = Decimal((whole & _LOW_BITS) * 10 + tenths).scaleb(-1)
    found = {
        "temperature": (warm if whole & _ABOVE_ZERO else -warm, "Cel"),
        "humidity": (Decimal(damp), "%"),
        "battery": (Decimal(service[2] & _LOW_BITS) if service else None, "%"),
    }
    return Sample(quantities=quantities(found))


def _percent(value: Decimal) -> bytes:
    level = count_steps(value, Decimal(1), 1)
    if level[0] > _LOW_BITS:
        raise ValueError(f"{value} % does not fit seven bits")
    return level


METER: Final = Profile(
    id="switchbot-meter",
    maker="SwitchBot",
    model="Meter, Meter Plus, Outdoor Meter",
    match=(
        *(
            Match(service_data=FD3D, length=length, holds=bytes((kind | top,)))
            for length, kinds in ((METER_LENGTH, METERS), (SHORT_LENGTH, SHORT))
            for kind in kinds
            for top in _TOPS
        ),
        # Other products of the maker send data of the same length under the same company id.
        *(Match(company=COMPANY, length=length, name="Wo(IO)?SensorTH") for length in COMPANY_LENGTHS),
    ),
    provides=frozenset({"room-temperature", "room-humidity", "battery"}),
    source="github.com/theengs/decoder, github.com/OpenWonderLabs/node-switchbot",
    advert=read_meter,
    encode_advert=advertise_meter,
    kinds={"temperature": "room-temperature"},
    live=True,
    experimental=True,
    proof="fixture",
)
