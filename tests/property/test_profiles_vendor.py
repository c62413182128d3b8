"""Vendors' scales: decode(encode(x)) == x for what a simulator may make up, and every weighing of a session told once."""

# ruff: noqa: DTZ001 - device clocks have no zone

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.reading import Quantity, Sample
from firmware_profiles import beurer_bm85, keep_s3, lefu_ffb0, qn_broadcast, qn_scale, renpho_msc04, renpho_wbe28
from firmware_profiles import sanitas_ffe1 as ffe1
from firmware_profiles import vendor_scales as small
from firmware_profiles.qn_talk import QN
from firmware_profiles.session import Assembled, Assembler

ADDRESS = "C0:FF:EE:00:00:01"
TIMES = st.datetimes(datetime(2001, 1, 1), datetime(2080, 1, 1)).map(lambda t: t.replace(microsecond=0))
FINAL = st.booleans()


def steps(low: int, high: int, step: str, unit: str) -> st.SearchStrategy[Quantity]:
    return st.integers(low, high).map(lambda n: Quantity(n * Decimal(step), unit))


def weights(step: str, high: int = 0xFFFF) -> st.SearchStrategy[dict[str, Quantity]]:
    return st.fixed_dictionaries({"weight": steps(1, high, step, "kg")})


def with_impedance(step: str, high: int = 0xFFFF) -> st.SearchStrategy[dict[str, Quantity]]:
    ohms = {"impedance": steps(1, 0xFFFF, "1", "Ohm")}
    return st.fixed_dictionaries({"weight": steps(1, high, step, "kg")}, optional=ohms)


def samples(
    fields: st.SearchStrategy[dict[str, Quantity]], **more: st.SearchStrategy[object]
) -> st.SearchStrategy[Sample]:
    return st.builds(Sample, quantities=fields, **more)


COMPOSED = st.fixed_dictionaries(
    {"weight": steps(1, 0xFFFF, "0.05", "kg")},
    optional={name: steps(1, 0xFFFF, str(Decimal(1).scaleb(-places)), unit) for name, _, places, unit in ffe1.FIELDS},
)
PRESSURES = st.fixed_dictionaries(
    {name: steps(1, 2000, "1", "mm[Hg]") for name in ("systolic", "diastolic")},
    optional={"pulse_rate": steps(1, 2000, "1", "/min"), "mean_arterial_pressure": steps(1, 2000, "1", "mm[Hg]")},
)
ONE_OF_TWO = st.one_of(weights("0.01"), st.fixed_dictionaries({"impedance": steps(1, 0xFFFF, "1", "Ohm")}))
IMPEDANCE = st.fixed_dictionaries({"impedance": steps(1, 0xFFFF, "0.1", "Ohm")})
HEART = st.fixed_dictionaries(
    {"weight": steps(1, 0xFFFF, "0.005", "kg")},
    optional={"impedance": steps(1, 0xFFFF, "1", "Ohm"), "heart_rate": steps(1, 255, "1", "/min")},
)
SOEHNLE = st.fixed_dictionaries(
    {"weight": steps(1, 0xFFFF, "0.1", "kg")}, optional={"impedance_50khz": steps(1, 0xFFFF, "1", "Ohm")}
)
SLOTS = st.none() | st.integers(1, 254)

CASES: dict[str, tuple[Callable[[bytes], Sample], Callable[[Sample], bytes], st.SearchStrategy[Sample]]] = {
    "beurer-bm85": (
        beurer_bm85.decode, beurer_bm85.encode,
        samples(PRESSURES, time=st.none() | TIMES, user_slot=st.none() | st.integers(0, 254)),
    ),
    "ffe1-live": (ffe1.decode, ffe1.encode, samples(weights("0.05"), final=FINAL)),
    "ffe1-record": (
        ffe1.decode_record, ffe1.encode_record,
        samples(COMPOSED, time=st.none() | TIMES, user_slot=SLOTS, stored=st.just(True)),
    ),
    "qn-hundredths": (
        partial(qn_scale.decode, places=2), partial(qn_scale.encode, places=2),
        samples(with_impedance("0.01"), final=FINAL),
    ),
    "qn-tenths": (
        partial(qn_scale.decode, places=1), partial(qn_scale.encode, places=1),
        samples(with_impedance("0.1", 2500), final=FINAL),
    ),
    "qn-memory": (
        qn_scale.decode_memory, qn_scale.encode_memory,
        samples(with_impedance("0.01"), time=st.none() | TIMES, stored=st.just(True)),
    ),
    "renpho-r-msc04": (renpho_msc04.decode, renpho_msc04.encode, samples(weights("0.01"), final=FINAL)),
    "renpho-es-wbe28": (renpho_wbe28.decode_impedance, renpho_wbe28.encode_impedance, samples(IMPEDANCE)),
    "lefu-tenths": (
        partial(lefu_ffb0.decode, places=1), partial(lefu_ffb0.encode, places=1), samples(weights("0.1"), final=FINAL)
    ),
    "lefu-hundredths": (
        partial(lefu_ffb0.decode, places=2), partial(lefu_ffb0.encode, places=2), samples(ONE_OF_TWO)
    ),
    "koogeek": (small.decode_koogeek, small.encode_koogeek, samples(with_impedance("0.1"), final=FINAL)),
    "vitafit": (small.decode_vitafit, small.encode_vitafit, samples(ONE_OF_TWO)),
    "robi": (small.decode_robi, small.encode_robi, samples(weights("0.001", (1 << 24) - 1))),
    "soehnle": (
        small.decode_soehnle, small.encode_soehnle,
        samples(SOEHNLE, time=st.none() | TIMES, user_slot=SLOTS, stored=st.just(True)),
    ),
    "keep-s3": (keep_s3.decode, keep_s3.encode, samples(HEART, final=FINAL)),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASES))
@given(data=st.data())
def test_what_is_encoded_is_decoded_again_to_the_last_digit(name: str, data: st.DataObject) -> None:
    decode, encode, made = CASES[name]
    sample = data.draw(made)
    assert decode(encode(sample)) == sample


@given(samples(weights("0.01"), final=FINAL))
def test_a_broadcast_says_what_was_put_into_it(sample: Sample) -> None:
    assert qn_broadcast.read(qn_broadcast.advertise(sample, ADDRESS)) == sample


WEIGHINGS = st.lists(
    st.tuples(st.integers(26, 200), st.none() | st.integers(200, 900), st.integers(1, 4), st.integers(1, 3)), max_size=6
)


@given(WEIGHINGS)
def test_every_weighing_of_a_session_is_told_once_and_with_its_own_impedance(
    weighings: list[tuple[int, int | None, int, int]],
) -> None:
    """People step on and off; settled frames are repeated, impedance comes or does not."""
    assembler, done, fed = Assembler(QN), list[Assembled](), list[bytes]()
    for kilograms, ohms, repeated, off in weighings:
        weight = {"weight": Quantity(Decimal(kilograms), "kg")}
        whole = weight | ({} if ohms is None else {"impedance": Quantity(Decimal(ohms), "Ohm")})
        shown = [Sample(quantities=weight)] * repeated + [Sample(quantities=whole)] * repeated
        gone = [Sample(quantities={"weight": Quantity(Decimal(0), "kg")}, final=False)] * off
        for sample in (*shown, *gone):
            fed.append(qn_scale.encode(sample))
            done += assembler.feed(qn_scale.NOTIFY, fed[-1])
    done += assembler.finish()
    told = [(item.sample.quantities["weight"].value, item.sample.quantities.get("impedance")) for item in done
            if item.sample.final]  # fmt: skip
    assert told == [(kg, None if ohms is None else Quantity(Decimal(ohms), "Ohm")) for kg, ohms, _, _ in weighings]
    used = {number for item in done for number in item.frames}
    again = Assembler(QN)
    ghosts = [
        item for number, data in enumerate(fed) if number not in used for item in again.feed(qn_scale.NOTIFY, data)
    ]
    assert not [item for item in (*ghosts, *again.finish()) if item.sample.final]
