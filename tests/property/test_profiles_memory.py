"""decode(encode(x)) == x for records made up by simulators, and what a memory holds is what a visit keeps."""

# ruff: noqa: DTZ001 - device clocks have no zone

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.reading import Quantity, Sample
from firmware_profiles import and_devices, and_uw302, omron_memory, omron_sig, sig_activity
from firmware_profiles.model import Codec, Keep, Remember, Setting, Told, Write
from firmware_profiles.omron_models import Memory
from firmware_profiles.omron_talk import ANSWER, READ, RX, Frame, decode_frame, encode_frame, read_talk

NOW = datetime(2026, 11, 22, 9, 30)
TIMES = st.none() | st.datetimes(datetime(2013, 1, 1), datetime(2063, 1, 1)).map(lambda t: t.replace(microsecond=0))
NUMBERS = st.none() | st.integers(1, 0xFFFF)


def steps(low: int, high: int, step: str, unit: str) -> st.SearchStrategy[Quantity]:
    return st.integers(low, high).map(lambda n: Quantity(n * Decimal(step), unit))


BOOLS = st.booleans().map(lambda on: Quantity(on, "bool"))
PRESSURE = st.fixed_dictionaries(
    {
        "systolic": steps(25, 250, "1", "mm[Hg]"),
        "diastolic": steps(1, 255, "1", "mm[Hg]"),
        "irregular_pulse": BOOLS,
        "body_movement": BOOLS,
    },
    optional={"pulse_rate": steps(1, 255, "1", "/min")},
)
COMPOSITION = {
    "body_fat_percentage": steps(1, 1023, "0.1", "%"),
    "basal_metabolism": steps(1, 4095, "1", "kcal"),
    "skeletal_muscle_percentage": steps(1, 1023, "0.1", "%"),
    "bmi": steps(1, 1023, "0.1", "kg/m2"),
    "body_age": steps(1, 127, "1", "a"),
}
WEIGHT = {"weight": steps(1, 4093, "0.05", "kg")}
SHORT = COMPOSITION | {"visceral_fat_level": steps(1, 63, "1", "1")}
LONG = COMPOSITION | {"visceral_fat_level": steps(1, 63, "0.5", "1")}
STEPS = st.fixed_dictionaries({"steps": steps(1, 255, "1", "{steps}")})
CASES: dict[str, tuple[Codec, st.SearchStrategy[Sample]]] = {
    "plain": (omron_memory.PLAIN_CODEC, st.builds(Sample, quantities=PRESSURE, time=TIMES, sequence=NUMBERS)),
    "swapped": (omron_memory.SWAPPED_CODEC, st.builds(Sample, quantities=PRESSURE, time=TIMES)),
    "wrist": (omron_memory.WRIST_CODEC, st.builds(Sample, quantities=PRESSURE, time=TIMES)),
    "hn-300t2": (
        omron_memory.HN_CODEC,
        st.builds(
            Sample,
            quantities=st.fixed_dictionaries({"weight": steps(1, 4000, "0.05", "kg")}),
            time=TIMES,
            sequence=NUMBERS,
        ),
    ),
    "hbf-702t": (
        omron_memory.HBF_LONG_CODEC,
        st.builds(Sample, quantities=st.fixed_dictionaries(WEIGHT, optional=LONG), time=TIMES),
    ),
    "hbf": (
        omron_memory.HBF_CODEC,
        st.builds(Sample, quantities=st.fixed_dictionaries(WEIGHT, optional=SHORT), time=TIMES),
    ),
    "oximeter": (
        omron_sig.OXIMETER.codecs[omron_sig.OXIMETER_RECORD],
        st.builds(
            Sample,
            quantities=st.fixed_dictionaries(
                {"spo2": steps(1, 100, "1", "%")}, optional={"pulse_rate": steps(1, 300, "1", "/min")}
            ),
            time=TIMES,
        ),
    ),
    "old-scale": (
        and_devices.FIRST_SCALE.codecs[and_devices.OLD_WEIGHT],
        st.builds(
            Sample,
            quantities=st.fixed_dictionaries(
                {"weight": steps(0, 3000, "0.1", "kg") | steps(0, 6000, "0.1", "[lb_av]")}
            ),
            time=TIMES,
            user_slot=st.none() | st.integers(0, 254),
        ),
    ),
    "minute": (
        and_uw302.TRACKER.codecs[and_uw302.DATA],
        st.builds(Sample, quantities=STEPS, time=TIMES.map(lambda time: time and time.replace(second=0))),
    ),
    "session": (
        sig_activity.MONITOR.codecs[sig_activity.STEP_SUMMARY],
        st.builds(
            Sample,
            quantities=st.fixed_dictionaries({"steps": steps(0, 0xFFFFFF, "1", "{steps}")}),
            sequence=st.none() | st.integers(1, 0xFFFFFFFF),
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_a_made_up_record_survives_the_memory(name: str, data: st.DataObject) -> None:
    codec, strategy = CASES[name]
    assert codec.encode is not None
    sample = data.draw(strategy)
    assert codec.decode(codec.encode(sample)) == sample


@given(st.binary(min_size=1, max_size=56), st.integers(0, 0x3FFF), st.integers(0, 55), st.integers(1, 255))
def test_a_frame_changed_anywhere_is_not_read_as_another(data: bytes, address: int, at: int, change: int) -> None:
    raw = bytearray(encode_frame(Frame(READ | ANSWER, address, len(data), data)))
    assert decode_frame(bytes(raw)) == Frame(READ | ANSWER, address, len(data), data)
    raw[min(at, len(raw) - 1)] ^= change
    try:
        changed = decode_frame(bytes(raw))
    except ValueError:
        return
    # A shorter length may leave a frame that adds up by chance, never one as long as was asked for.
    assert len(changed.data) != changed.size or min(at, len(raw) - 1) == 0


RING = Memory(
    models=("x",), starts=(0x0100,), count=5, size=16, block=0x2C, index=0x0010, index_size=4, cursors=(0,), mask=0x3F,
)  # fmt: skip
VALID = bytes.fromhex("7d5d461a2b2541160000200000010200")


def visit(records: list[bytes], memory: dict[str, int], cut: int | None) -> tuple[list[bytes], dict[str, int]]:
    """Hold a visit with a device whose ring `records` went through, cut off after `cut` answers; what was kept."""
    image = bytearray(b"\xff" * 0x200)
    image[0x10:0x14] = bytes(((len(records) - 1) % RING.count + 1 if records else 0, 0, 0, 0))
    for number, record in enumerate(records):
        begin = 0x0100 + number % RING.count * 16
        image[begin : begin + 16] = record
    talk = read_talk((RING,), {None: RX[0]}, omron_memory.PLAIN_CODEC.decode)(Setting(now=NOW, memory=memory))
    kept, told, answers = list[bytes](), None, list[Told]()
    known, said = dict(memory), 0
    try:
        while True:
            action = talk.send(told)
            told = None
            if isinstance(action, Write):
                if said == cut:
                    return kept, known
                said += 1
                request = decode_frame(action.data)
                size = request.size if request.kind == READ else 0
                data = bytes(image[request.address : request.address + size])
                raw = encode_frame(Frame(request.kind | ANSWER, request.address, size, data))
                answers = [Told(RX[at // 16], raw[at : at + 16]) for at in range(0, len(raw), 16)]
            elif isinstance(action, Keep):
                kept.append(action.data)
            elif isinstance(action, Remember):
                known[action.name] = action.value
            else:
                told = answers.pop(0)
    except StopIteration:
        return kept, known


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 6)), max_size=6))
def test_visits_between_measurements_keep_each_record_once_however_often_they_are_cut_off(
    turns: list[tuple[int, int | None]],
) -> None:
    records, kept, known = list[bytes](), list[bytes](), dict[str, int]()
    for fresh, cut in [*turns, (0, None)]:
        for _ in range(fresh):
            records.append(VALID[:10] + (len(records) + 1).to_bytes(2, "little") + VALID[12:])
        found, known = visit(records, known, cut)
        kept += found
    assert len(kept) == len(set(kept))
    # What was overwritten before a visit came through to it is gone; nothing else is.
    assert set(records[max(0, len(records) - RING.count) :]) <= set(kept)
    assert kept == sorted(kept, key=records.index)
