"""OMRON devices read out of their memory: blood-pressure monitors, the HN-300T2 scale, the HBF body-composition scales.

The records' layouts are proven by captures where the profile says so; the visit itself follows public descriptions.
Models are told apart by the digits of the advertised name (`BLEsmart_` while pairing, `BLESmart_` otherwise, then
group, market and product), and by the model a connected device calls itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec

from engine.contract.reading import Sample
from firmware_profiles.model import Codec, Converse, Match, Pairing, Profile, Step, WriteCurrentTime, uuid16
from firmware_profiles.omron_models import HBF_32, HBF_32_AGELESS, HBF_702T, HN_300T2, PLAIN, SWAPPED, WRIST, Memory
from firmware_profiles.omron_records import (
    HBF_LONG,
    decode_body_record,
    decode_hn_record,
    decode_pressure_record,
    encode_body_record,
    encode_hn_record,
    encode_pressure_record,
)
from firmware_profiles.omron_talk import RX, SERVICE, UNLOCK, read_talk, unlock_talk
from firmware_profiles.uuids import WEIGHT_SCALE

NEW_SERVICE: Final = uuid16(0xFE4A)
NAME: Final = r"BLE[sS]mart_"
# Group 0000: blood pressure. The two digits after it are the market, the last two the product.
SWAPPED_NAMES: Final = NAME + r"0000[0-9A-F]{2}(13|1F|51)"
WRIST_NAMES: Final = NAME + r"0000[0-9A-F]{2}44"
PLAIN_NAMES: Final = NAME + r"0000[0-9A-F]{2}(58|60|64|80|81|9A)"
PASSKEY_NAMES: Final = NAME + r"0000[0-9A-F]{2}16"
OTHER_NAMES: Final = NAME + r"0000(?![0-9A-F]{2}(13|1F|51|44|58|60|64|80|81|9A|16))"
# Group 0001: scales.
HN_NAMES: Final = NAME + r"0001[0-9A-F]{2}12"
HBF_LONG_NAMES: Final = NAME + r"0001[0-9A-F]{2}(0C|11)|HBF-702T|KRD-703T"
HBF_NAMES: Final = NAME + r"0001(00|04)(08|09|0B|0D)|HBF-2(22|27|28|29|30)T"
HBF_AGELESS_NAMES: Final = NAME + r"0001(0110|0208)|BCM-500|VIVA"
OTHER_SCALES: Final = NAME + r"0001(?![0-9A-F]{2}(0C|11)|(00|04)(08|09|0B|0D)|0110|0208)"
_PRESSURE: Final = frozenset({"systolic", "diastolic", "pulse-rate"})
_BODY: Final = frozenset({
    "body-weight", "body-fat", "visceral-fat-level", "basal-metabolism", "skeletal-muscle-percentage", "bmi",
})  # fmt: skip
# The button makes it blink -P-; whoever paired before (the maker's app) is forgotten.
_CUFF: Final = Pairing(wake="cuff", button=True, bond="just-works", slots=2, evicts=True, key=True)
_STEP_ON: Final = Pairing(wake="step-on", button=True, bond="just-works", slots=4, evicts=True, key=True)
_SWAPPED_SLUGS: Final = (
    r"omron-(hem-(7(270|280|281|282|321|322|325|511|600|530|136|139)|8(732|630)|6(161|231))(c|t|k|p)?.*"
    r"|hem-7271.*|hem-7138j?t.*|evolv.*|complete.*|bp7000.*|bp7900.*|bp6350.*)"
)
# Records of 14, 16, 24 and 32 bytes in other orders, which nobody has published and proven.
_UNPUBLISHED: Final = r"omron-hem-(632|640|641|960|970)"
_WRIST_SLUGS: Final = r"omron-(hem-623[23]t.*|bp4350.*|rs7-.*)"


def carrier(slot: int | None) -> str:
    """Under which key the records of user `slot` are journalled; None is the one user of a device."""
    return RX[0] if slot is None else f"{RX[0]}#{slot}"


def _codecs(plain: Codec, users: int) -> Mapping[str, Codec]:
    return {carrier(None): plain} | {carrier(slot): _slotted(plain, slot) for slot in range(1, users + 1) if users > 1}


def _slotted(plain: Codec, slot: int) -> Codec:
    def decode(data: bytes) -> Sample:
        return msgspec.structs.replace(plain.decode(data), user_slot=slot)

    return msgspec.structs.replace(plain, decode=decode)


def _steps(memories: tuple[Memory, ...], plain: Codec) -> tuple[Step, ...]:
    users = max(len(memory.starts) for memory in memories)
    carriers = {slot: carrier(slot) for slot in (None, *range(1, users + 1))}
    if users > 1:
        # A model for one among families for two: its only user is the first, as pairing asks for a number.
        carriers[None] = carrier(1)
    return (
        WriteCurrentTime(),
        # Before the key only the first channel may be open.
        Converse(unlock_talk(memories), listens=(RX[0], UNLOCK)),
        Converse(read_talk(memories, carriers, plain.decode), listens=RX[1:]),
    )


PLAIN_CODEC: Final = Codec(decode=decode_pressure_record, encode=encode_pressure_record, assembled=True)
SWAPPED_CODEC: Final = Codec(
    decode=partial(decode_pressure_record, swapped_words=True),
    encode=partial(encode_pressure_record, swapped_words=True),
    assembled=True,
)
WRIST_CODEC: Final = Codec(
    decode=partial(decode_pressure_record, swapped_words=True, swapped_flags=True),
    encode=partial(encode_pressure_record, swapped_words=True, swapped_flags=True),
    assembled=True,
)
HN_CODEC: Final = Codec(decode=decode_hn_record, encode=encode_hn_record, assembled=True)
HBF_LONG_CODEC: Final = Codec(
    decode=partial(decode_body_record, size=HBF_LONG), encode=partial(encode_body_record, size=HBF_LONG), assembled=True
)
HBF_CODEC: Final = Codec(decode=decode_body_record, encode=encode_body_record, assembled=True)
HBF_AGELESS_CODEC: Final = Codec(
    decode=partial(decode_body_record, ages=False), encode=encode_body_record, assembled=True
)

PLAIN_PRESSURE: Final = Profile(
    id="omron-blood-pressure-memory",
    maker="OMRON",
    model="HEM-714*, 715*, 718*, 719*, 734*, 736*, 738*; HCR-750*, 760*",
    match=(
        Match(name=PLAIN_NAMES),
        Match(name=OTHER_NAMES, service=NEW_SERVICE),
        Match(name=OTHER_NAMES, service=SERVICE),
    ),
    provides=_PRESSURE,
    source="github.com/eigger/hass-omron issues 71 and 92, tests/test_record_parsers.py",
    slug=rf"(?!{_SWAPPED_SLUGS}|{_WRIST_SLUGS}|{_UNPUBLISHED})omron-(hem|hcr|bp|m|x|jpn)[0-9-].*",
    steps=_steps(PLAIN, PLAIN_CODEC),
    codecs=_codecs(PLAIN_CODEC, 2),
    pairing=_CUFF,
    proof="capture",
)
SWAPPED_PRESSURE: Final = Profile(
    id="omron-blood-pressure-memory-old",
    maker="OMRON",
    model="HEM-6161T, 6231T, 7280T, 7322T, 7530T, 7600T; HCR-7800T",
    match=(Match(name=SWAPPED_NAMES),),
    provides=_PRESSURE,
    source="github.com/eigger/hass-omron tests/test_record_parsers.py; github.com/userx14/omblepy",
    slug=_SWAPPED_SLUGS,
    steps=_steps(SWAPPED, SWAPPED_CODEC),
    codecs=_codecs(SWAPPED_CODEC, 2),
    pairing=_CUFF,
    battery_unreliable=True,
    proof="capture",
)
WRIST_PRESSURE: Final = Profile(
    id="omron-wrist-memory",
    maker="OMRON",
    model="HEM-6232T, 6233T",
    match=(Match(name=WRIST_NAMES),),
    provides=_PRESSURE,
    source="github.com/userx14/omblepy deviceSpecific/hem-6232t.py",
    slug=_WRIST_SLUGS,
    steps=_steps(WRIST, WRIST_CODEC),
    codecs=_codecs(WRIST_CODEC, 2),
    pairing=_CUFF,
    experimental=True,
)
HN_SCALE: Final = Profile(
    id="omron-hn-300t2-memory",
    maker="OMRON",
    model="HN-300T2",
    # With the SIG's Weight Scale in its advert the scale is read as one.
    match=(Match(name=HN_NAMES, unless_services=(WEIGHT_SCALE,)),),
    provides=frozenset({"body-weight"}),
    source="github.com/eigger/hass-omron docs/hn-300t2-memory-map.md (issue 233)",
    slug=r"omron-(hn-300t2?|sc-150).*",
    steps=_steps((HN_300T2,), HN_CODEC),
    codecs=_codecs(HN_CODEC, 1),
    pairing=Pairing(wake="step-on", button=True, bond="just-works", slots=0),
    proof="capture",
)
HBF_LONG_SCALE: Final = Profile(
    id="omron-hbf-702t-memory",
    maker="OMRON",
    model="HBF-702T, KRD-703T",
    match=(Match(name=HBF_LONG_NAMES),),
    provides=_BODY | {"body-age"},
    source="github.com/oliexdev/openScale OmronBodyCompositionLib and its tests",
    slug=r"omron-(hbf-702t|krd-703t).*",
    steps=_steps((HBF_702T,), HBF_LONG_CODEC),
    codecs=_codecs(HBF_LONG_CODEC, 4),
    pairing=_STEP_ON,
    experimental=True,
    proof="fixture",
)
HBF_SCALE: Final = Profile(
    id="omron-hbf-memory",
    maker="OMRON",
    model="HBF-222T, 227T, 228T, 229T, 230T",
    match=(Match(name=HBF_NAMES),),
    provides=_BODY | {"body-age"},
    source="github.com/oliexdev/openScale OmronBodyCompositionLib; github.com/eigger/hass-omron docs",
    slug=r"omron-hbf-2(22|27|28|29|30)t.*",
    steps=_steps((HBF_32,), HBF_CODEC),
    codecs=_codecs(HBF_CODEC, 4),
    pairing=_STEP_ON,
    experimental=True,
)
HBF_AGELESS_SCALE: Final = msgspec.structs.replace(
    HBF_SCALE,
    id="omron-hbf-ageless-memory",
    model="BCM-500, VIVA",
    match=(Match(name=HBF_AGELESS_NAMES),),
    provides=_BODY,
    slug=r"omron-(bcm-500|viva).*",
    steps=_steps((HBF_32_AGELESS,), HBF_AGELESS_CODEC),
    codecs=_codecs(HBF_AGELESS_CODEC, 4),
)
