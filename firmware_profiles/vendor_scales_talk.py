"""The dialogues and profiles of small vendors' scales: what each must hear before it says anything."""

from __future__ import annotations

from typing import Final

from firmware_profiles.frames import xor8
from firmware_profiles.model import (
    Codec,
    Converse,
    Match,
    Pairing,
    Profile,
    Receive,
    Setting,
    Subscribe,
    Talk,
    UntilIdle,
    UserConsent,
    Write,
    WriteCurrentTime,
)
from firmware_profiles.uuids import USER_CONTROL_POINT
from firmware_profiles.vendor_scales import (
    KOOGEEK_HEAD,
    KOOGEEK_ORDERS,
    KOOGEEK_STREAM,
    ROBI_ORDERS,
    ROBI_RESULT,
    SOEHNLE_ORDERS,
    SOEHNLE_RECORDS,
    SOEHNLE_SERVICE,
    VITAFIT_IMPEDANCE,
    VITAFIT_ORDERS,
    VITAFIT_SETTLED,
    VITAFIT_STREAM,
    VITAFIT_WEIGHT,
    decode_koogeek,
    decode_robi,
    decode_soehnle,
    decode_vitafit,
    encode_koogeek,
    encode_robi,
    encode_soehnle,
    encode_vitafit,
)
from firmware_profiles.weighing import weighing_codec

QUIET: Final = 20.0
KOOGEEK_HELLO, KOOGEEK_ASKS, KOOGEEK_ANSWER = 1, 7, 0x80
_ASKED_AT: Final = 6
SOEHNLE_PEOPLE: Final = range(1, 8)
# The maker's app says exactly this (ble-scale-sync#228, HCI capture); the time in it is of the day of the capture, and
# the scale does not mind.
ROBI_GREETING: Final = (
    "000300b000000000000000000000000000000010",
    "011000b16a2eefa9003c01aa1e55b20f1b581403",
    "021000b16a2eefa9003c01aa1e55b20f1b581403",
    "030600b201aa1e55b20000000000000000000002",
    "040200bd09000000000000000000000000000006",
    "051000b16a2eefa9003c01aa1e55b20f1b581403",
    "061000b16a2eefa9003c01aa1e55b20f1b581403",
    "070600b201aa1e55b20000000000000000000002",
    "081000b16a2eefa9003c01aa1e55b20f1b581403",
    "090300b001000000000000000000000000000011",
    "0a0300b002000000000000000000000000000012",
)
ROBI_LIVE: Final = "0000ffb2-0000-1000-8000-00805f9b34fb"


def talk_koogeek(setting: Setting) -> Talk:
    """Answer the scale's greeting and questions; it weighs only for who answers."""
    del setting
    while (told := (yield Receive((KOOGEEK_STREAM,), QUIET))) is not None:
        frame = told.data
        if frame.startswith(KOOGEEK_HEAD) and len(frame) > _ASKED_AT:
            command = frame[4]
            if command == KOOGEEK_HELLO:
                yield Write(KOOGEEK_ORDERS, koogeek_order(command, 1), response=False)
            elif command == KOOGEEK_ASKS:
                yield Write(KOOGEEK_ORDERS, koogeek_order(command, frame[_ASKED_AT]), response=False)
    return "done"


def koogeek_order(answers: int, value: int) -> bytes:
    """The answer to a command of a Koogeek scale."""
    body = KOOGEEK_HEAD + bytes((answers | KOOGEEK_ANSWER, 1, value))
    return body + bytes((xor8(body),))


def talk_vitafit(setting: Setting) -> Talk:
    """Greet, and acknowledge the settled weight: only then the scale measures impedance."""
    del setting
    for kind, body in ((0x33, b"\0"), (0x44, b""), (0x17, b"\1")):
        yield Write(VITAFIT_ORDERS, vitafit_order(kind, body))
    while (told := (yield Receive((VITAFIT_STREAM,), QUIET))) is not None:
        head, state = told.data[:4], told.data[4:5]
        if head == VITAFIT_WEIGHT and state == bytes((VITAFIT_SETTLED,)):
            yield Write(VITAFIT_ORDERS, vitafit_order(VITAFIT_WEIGHT[3], bytes((VITAFIT_SETTLED,))))
        elif head == VITAFIT_IMPEDANCE:
            yield Write(VITAFIT_ORDERS, vitafit_order(VITAFIT_IMPEDANCE[3], b"\0"))
    return "done"


def vitafit_order(kind: int, body: bytes) -> bytes:
    """An order to a Vitafit scale."""
    inner = bytes((len(body) + 4, 0x26, kind)) + body
    return b"\xa5" + inner + bytes((xor8(inner), 0xAA))


def talk_robi(setting: Setting) -> Talk:
    """Greet as the maker's app does and wait for the result."""
    del setting
    for frame in ROBI_GREETING:
        yield Write(ROBI_ORDERS, bytes.fromhex(frame))
    while (yield Receive((), QUIET)) is not None:
        pass
    return "done"


def talk_soehnle(setting: Setting) -> Talk:
    """Ask for the memory of every person the scale knows."""
    del setting
    for person in SOEHNLE_PEOPLE:
        yield Write(SOEHNLE_ORDERS, bytes((9, person)))
    return "done"


_STEP_ON: Final = Pairing(wake="step-on")
_SCALE_SYNC: Final = "github.com/KristianP26/ble-scale-sync"

KOOGEEK: Final = Profile(
    id="koogeek-s1",
    maker="Koogeek",
    model="S1",
    match=(Match(name=r"(?i)Koogeek-S1"),),
    provides=frozenset({"body-weight", "impedance"}),
    source=f"{_SCALE_SYNC} issue 270",
    steps=(Converse(talk_koogeek, (KOOGEEK_STREAM,)),),
    codecs={KOOGEEK_STREAM: weighing_codec(decode_koogeek, encode_koogeek, "impedance")},
    slug=r"koogeek-.*",
    pairing=_STEP_ON,
    live=True,
    proof="capture",
)

VITAFIT: Final = Profile(
    id="vitafit-vt701",
    maker="Vitafit",
    model="VT701",
    match=(Match(name=r"(?i)Vitafit"),),
    provides=frozenset({"body-weight", "impedance"}),
    source="github.com/oliexdev/openScale, Vitafit VT701 tests with captured frames",
    steps=(Converse(talk_vitafit, (VITAFIT_STREAM,)),),
    codecs={VITAFIT_STREAM: weighing_codec(decode_vitafit, encode_vitafit, "impedance")},
    slug=r"vitafit-.*",
    pairing=_STEP_ON,
    live=True,
    proof="capture",
)

ROBI: Final = Profile(
    id="robi-s9",
    maker="Robi",
    model="S9",
    match=(Match(name=r"(?i).*Robi"),),
    provides=frozenset({"body-weight"}),
    source=f"{_SCALE_SYNC} issues 228, 248",
    steps=(Converse(talk_robi, (ROBI_LIVE, ROBI_RESULT)),),
    codecs={ROBI_RESULT: weighing_codec(decode_robi, encode_robi)},
    slug=r"robi-.*",
    pairing=_STEP_ON,
    live=True,
    proof="capture",
)

SOEHNLE: Final = Profile(
    id="soehnle-shape",
    maker="Soehnle",
    model="Shape 50, Shape 100, Shape 200, Style 100",
    match=(Match(name=r"(?i)(Shape(50|100|200)|Style100)"), Match(name=r"(?i)Soehnle", service=SOEHNLE_SERVICE)),
    provides=frozenset({"body-weight", "impedance-50khz"}),
    source="github.com/oliexdev/openScale issue 487",
    steps=(
        WriteCurrentTime(),
        Subscribe(USER_CONTROL_POINT, optional=True),
        UserConsent(),
        Subscribe(SOEHNLE_RECORDS),
        Converse(talk_soehnle),
        UntilIdle(10.0),
    ),
    codecs={SOEHNLE_RECORDS: Codec(decode=decode_soehnle, encode=encode_soehnle)},
    slug=r"soehnle-.*",
    pairing=Pairing(wake="step-on", slots=7, register=True),
    proof="capture",
)
