"""Lefu scales with the `AC 02` stream on service FFB0, sold under many names (Hutbit, Juniper, Swan, Dr Trust 505).

Layout as published by github.com/KristianP26/ble-scale-sync (issues 254, 278, 318, 322) and
github.com/oliexdev/openScale (pull request 1445). The same bytes count tenths of a kilogram on some models and
hundredths on others, and nothing in the stream tells which: the advert must, or the weight is refused.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.frames import big, expect_checksum, expect_head, expect_length, sum8
from firmware_profiles.model import (
    Codec,
    Converse,
    DecodeError,
    Match,
    Pairing,
    Profile,
    Receive,
    Setting,
    Talk,
    Write,
    uuid16,
)
from firmware_profiles.numbers import count_steps, fixed
from firmware_profiles.sample import need, number, quantities
from firmware_profiles.weighing import weighing_codec

SERVICE: Final = uuid16(0xFFB0)
ORDERS: Final = uuid16(0xFFB1)
STREAM: Final = uuid16(0xFFB2)
COMPANY: Final = 0x02AC
LENGTH: Final = 8
HEAD: Final = b"\xac\x02"
LIVE, SETTLED, EXTRA, ORDER = 0xCE, 0xCA, 0xCB, 0xCC
IMPEDANCE: Final = b"\xfd\x01"
# How long somebody may stand there before the scale says nothing more.
QUIET: Final = 20.0


def decode(data: bytes, places: int | None) -> Sample:
    """The sample in a frame of the stream whose weight has `places` decimals (None: the model is not known).

    DecodeError: `truncated`, `length`, `checksum`, `no-measurement`, `ambiguous-scale`.
    """
    expect_length(data, LENGTH)
    expect_head(data, HEAD)
    expect_checksum(data[7], sum8(data[2:7]))
    state = data[6]
    if state == EXTRA and data[2:4] == IMPEDANCE and any(data[4:6]):
        return Sample(quantities=quantities({"impedance": (Decimal(big(data, 4)), "Ohm")}))
    raw = big(data, 2)
    if state not in {LIVE, SETTLED} or any(data[4:6]) or (state == SETTLED and not raw):
        raise DecodeError("no-measurement", f"state {state:02x} carries no measurement")
    if places is None:
        raise DecodeError(
            "ambiguous-scale",
            "this model may count tenths or hundredths of a kilogram: list it as lefu-tenths or lefu-hundredths "
            "after comparing with its display",
        )
    return Sample(quantities=quantities({"weight": (fixed(raw, places), "kg")}), final=state == SETTLED)


def encode(sample: Sample, places: int | None) -> bytes:
    """The frame of `sample`: a weight, or an impedance by itself; ValueError for anything else."""
    impedance = number(sample, "impedance")
    if impedance is not None and "weight" not in sample.quantities:
        return _frame(IMPEDANCE + count_steps(impedance, Decimal(1), 2)[::-1], EXTRA)
    if places is None or impedance is not None:
        raise ValueError("a frame carries a weight of a known model, or an impedance")
    raw = count_steps(need(sample, "weight"), Decimal(1).scaleb(-places), 2)[::-1]
    return _frame(raw + bytes(2), SETTLED if sample.final else LIVE)


def _frame(body: bytes, state: int) -> bytes:
    inner = body + bytes((state,))
    return HEAD + inner + bytes((sum8(inner),))


def order(body: bytes) -> bytes:
    """An order of four bytes to the scale."""
    return _frame(body, ORDER)


# The maker's app says this after subscribing; a scale that hears nothing hangs up (ble-scale-sync#254).
GREETING: Final = tuple(
    order(bytes.fromhex(body)) for body in ("fa010000", "fb021fa5", "fde20101", "fc010000", "fe060000")
)


def talk(setting: Setting) -> Talk:
    """Greet the scale and listen until it has said everything."""
    del setting
    for frame in GREETING:
        yield Write(ORDERS, frame, response=False)
    while (yield Receive((STREAM,), QUIET)) is not None:
        pass
    return "done"


def _codec(places: int | None) -> Codec:
    return weighing_codec(partial(decode, places=places), partial(encode, places=places), "impedance")


_STEPS: Final = (Converse(talk, (STREAM,)),)
_PAIRING: Final = Pairing(wake="step-on")

TENTHS: Final = Profile(
    id="lefu-tenths",
    maker="Lefu",
    model="Hutbit 218008 and other AC02 scales with 0x02AC adverts",
    match=(
        Match(company=COMPANY, length=6, service=SERVICE, unless_name=r"(?i).*robi"),
        Match(company=COMPANY, length=7, service=SERVICE, unless_name=r"(?i).*robi"),
        Match(name=r"(?i)hutbit"),
    ),
    provides=frozenset({"body-weight", "impedance"}),
    source="github.com/KristianP26/ble-scale-sync issues 254, 278, 318, 322",
    steps=_STEPS,
    codecs={STREAM: _codec(1)},
    slug=r"hutbit-.*|juniper-.*|lefu-tenths",
    pairing=_PAIRING,
    live=True,
    proof="capture",
)

HUNDREDTHS: Final = Profile(
    id="lefu-hundredths",
    maker="Lefu",
    model="Dr Trust Smart 505 and other AC02 scales with two decimals",
    match=(Match(name=r"(?i)(dr\.? ?trust.*505|SSW-?505)"),),
    provides=frozenset({"body-weight", "impedance"}),
    source="github.com/oliexdev/openScale pull request 1445",
    steps=_STEPS,
    codecs={STREAM: _codec(2)},
    slug=r"mgb-.*|dr-?trust-.*|lefu-hundredths",
    pairing=_PAIRING,
    live=True,
    proof="capture",
)

UNKNOWN: Final = Profile(
    id="lefu-ffb0",
    maker="Lefu",
    model="AC02 scale of unknown decimals (Swan, Icomon, YG)",
    match=(Match(name=r"(?i)(swan.*|icomon$|yg$)", service=SERVICE),),
    provides=frozenset({"impedance"}),
    source="github.com/oliexdev/openScale, MGB scales; github.com/KristianP26/ble-scale-sync issue 322",
    steps=_STEPS,
    codecs={STREAM: _codec(None)},
    pairing=_PAIRING,
    live=True,
    experimental=True,
)
