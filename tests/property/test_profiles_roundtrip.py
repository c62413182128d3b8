"""decode(encode(x)) == x for samples a simulator may make up, family by family, digits included."""

# ruff: noqa: DTZ001 - device clocks have no zone

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.reading import Quantity, Sample, values_of
from firmware_profiles import sig_body, sig_heart, sig_oximeter, sig_pressure, sig_running, sig_scale, sig_temperature
from firmware_profiles.huami_band import advertise_band, read_band
from firmware_profiles.model import Advert, DecodeError
from firmware_profiles.session import Assembler
from firmware_profiles.uuids import BODY_COMPOSITION_MEASUREMENT
from firmware_profiles.xiaomi_scale import advertise_v1, advertise_v2, read_v1, read_v2

ADDRESS = "C0:FF:EE:00:00:01"
TIMES = st.none() | st.datetimes(datetime(2013, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.replace(microsecond=0))
SLOTS = st.none() | st.integers(0, 254)


def steps(low: int, high: int, step: str, unit: str) -> st.SearchStrategy[Quantity]:
    return st.integers(low, high).map(lambda n: Quantity(n * Decimal(step), unit))


def sometimes(**fields: st.SearchStrategy[Quantity]) -> st.SearchStrategy[dict[str, Quantity]]:
    return st.fixed_dictionaries({}, optional=fields)


def sflo(unit: str) -> st.SearchStrategy[Quantity]:
    return st.one_of(steps(1, 2045, "1", unit), steps(1, 2000, "0.1", unit))


METRIC_WEIGHT = st.fixed_dictionaries(
    {"weight": steps(0, 0xFFFE, "0.005", "kg")},
    optional={"bmi": steps(1, 900, "0.1", "kg/m2"), "height": steps(1, 2500, "0.001", "m")},
)
IMPERIAL_WEIGHT = st.fixed_dictionaries(
    {"weight": steps(0, 0xFFFE, "0.01", "[lb_av]")},
    optional={"bmi": steps(1, 900, "0.1", "kg/m2"), "height": steps(1, 1000, "0.1", "[in_i]")},
)
FAT = {"body_fat_percentage": steps(1, 0xFFFE, "0.1", "%")}
ANY_UNIT = {
    "basal_metabolism": steps(1, 0xFFFF, "1", "kJ"),
    "muscle_percentage": steps(1, 1000, "0.1", "%"),
    "impedance": steps(1, 0xFFFF, "0.1", "Ohm"),
}
MASSES = ("muscle_mass", "fat_free_mass", "soft_lean_mass", "body_water_mass", "weight")
METRIC_BODY = st.fixed_dictionaries(
    FAT,
    optional=ANY_UNIT
    | {name: steps(1, 0xFFFF, "0.005", "kg") for name in MASSES}
    | {"height": steps(1, 2500, "0.001", "m")},
)
IMPERIAL_BODY = st.fixed_dictionaries(
    FAT,
    optional=ANY_UNIT
    | {name: steps(1, 0xFFFF, "0.01", "[lb_av]") for name in MASSES}
    | {"height": steps(1, 1000, "0.1", "[in_i]")},
)
STATUS: st.SearchStrategy[dict[str, Quantity]] = st.just({}) | st.fixed_dictionaries(
    {name: st.booleans().map(lambda on: Quantity(on, "bool")) for name in sig_pressure.STATUS_BITS},
    optional={"pulse_rate_range": st.sampled_from(["above", "below"]).map(lambda word: Quantity(word, "1"))},
)


@st.composite
def pressures(draw: st.DrawFn) -> dict[str, Quantity]:
    unit = draw(st.sampled_from(["mm[Hg]", "kPa"]))
    fields = {"systolic": sflo(unit), "diastolic": sflo(unit)}
    more = {"mean_arterial_pressure": sflo(unit), "pulse_rate": sflo("/min")}
    return draw(st.fixed_dictionaries(fields, optional=more)) | draw(STATUS)


@st.composite
def beats(draw: st.DrawFn) -> Sample:
    found = draw(
        sometimes(
            heart_rate=steps(1, 0xFFFF, "1", "/min"),
            sensor_contact=st.booleans().map(lambda on: Quantity(on, "bool")),
            energy_expended=steps(0, 0xFFFF, "1", "kJ"),
            rr_intervals=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=9).map(
                lambda a: Quantity(a, "1/1024 s")
            ),
        )
    )
    lost = "heart_rate" in found and found.get("sensor_contact") == Quantity(False, "bool")
    return Sample(quantities=found, final=not lost)


PAIR = {"spo2": sflo("%"), "pulse_rate": sflo("/min"), "pulse_amplitude_index": sflo("%")}
MORE_PAIRS = {
    f"{name}_{speed}": sflo("%" if name == "spo2" else "/min")
    for name in ("spo2", "pulse_rate")
    for speed in ("fast", "slow")
}
FINAL = st.booleans()


def samples(
    fields: st.SearchStrategy[dict[str, Quantity]], **more: st.SearchStrategy[object]
) -> st.SearchStrategy[Sample]:
    return st.builds(Sample, quantities=fields, **more)


CASES: dict[str, tuple[Callable[[bytes], Sample], Callable[[Sample], bytes], st.SearchStrategy[Sample]]] = {
    "weight": (sig_scale.decode_weight, sig_scale.encode_weight, samples(METRIC_WEIGHT | IMPERIAL_WEIGHT, time=TIMES, user_slot=SLOTS)),
    "body": (sig_body.decode_body, sig_body.encode_body, samples(METRIC_BODY | IMPERIAL_BODY, time=TIMES, user_slot=SLOTS)),
    "pressure": (sig_pressure.decode_pressure, sig_pressure.encode_pressure, samples(pressures(), time=TIMES, user_slot=SLOTS)),
    "heart": (sig_heart.decode_heart, sig_heart.encode_heart, beats()),
    "temperature": (
        sig_temperature.decode_temperature,
        sig_temperature.encode_temperature,
        samples(st.fixed_dictionaries({"temperature": steps(300, 440, "0.1", "Cel") | steps(860, 1120, "0.1", "[degF]")}), time=TIMES),
    ),
    "spot": (sig_oximeter.decode_spot, sig_oximeter.encode_spot, samples(sometimes(**PAIR), time=TIMES, final=FINAL)),
    "continuous": (sig_oximeter.decode_continuous, sig_oximeter.encode_continuous, samples(sometimes(**PAIR, **MORE_PAIRS), final=FINAL)),
    "running": (
        sig_running.decode_running,
        sig_running.encode_running,
        samples(
            st.fixed_dictionaries(
                {"speed": steps(0, 0xFFFF, "0.00390625", "m/s"), "cadence": steps(0, 255, "1", "/min")},
                optional={"stride_length": steps(0, 0xFFFF, "0.01", "m"), "total_distance": steps(0, 2**32 - 1, "0.1", "m")},
            )
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_a_made_up_sample_survives_the_wire(name: str, data: st.DataObject) -> None:
    decode, encode, strategy = CASES[name]
    sample = data.draw(strategy)
    assert decode(encode(sample)) == sample


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_bytes_a_newer_device_appends_are_ignored(name: str, data: st.DataObject) -> None:
    decode, encode, strategy = CASES[name]
    sample = data.draw(strategy)
    if "rr_intervals" not in sample.quantities:
        assert decode(encode(sample) + b"\x01\x02") == sample


@given(st.integers(200, 30_000))
def test_a_weight_in_hundredths_arrives_with_its_two_decimals(hundredths: int) -> None:
    text = f"{hundredths // 100}.{hundredths % 100:02d}"
    sample = Sample(quantities={"weight": Quantity(Decimal(text), "kg")})
    (value,) = values_of(sig_scale.decode_weight(sig_scale.encode_weight(sample)))
    assert value.value == text


@given(
    samples(METRIC_BODY | IMPERIAL_BODY, time=TIMES, user_slot=SLOTS),
    st.sets(st.sampled_from([*MASSES, *ANY_UNIT, "height"])),
)
def test_a_measurement_split_over_two_frames_is_put_together_again(sample: Sample, second: set[str]) -> None:
    assembler = Assembler(sig_body.BODY)
    first, last = sig_body.encode_body_parts(sample, tuple(second))
    assert assembler.feed(BODY_COMPOSITION_MEASUREMENT, first) == ()
    (whole,) = assembler.feed(BODY_COMPOSITION_MEASUREMENT, last)
    assert whole.sample == sample
    assert (whole.raw, whole.frames) == (first + last, (0, 1))


ADVERTISED: dict[
    str, tuple[Callable[[Advert], Sample | None], Callable[[Sample, str], Advert], st.SearchStrategy[Sample]]
] = {
    "xiaomi-miscale-v1": (
        read_v1,
        advertise_v1,
        samples(
            st.fixed_dictionaries({"weight": steps(0, 0xFFFF, "0.005", "kg") | steps(0, 0xFFFF, "0.01", "[lb_av]")}),
            time=TIMES,
            final=FINAL,
        ),
    ),
    "xiaomi-miscale-v2": (
        read_v2,
        advertise_v2,
        samples(
            st.fixed_dictionaries(
                {"weight": steps(0, 0xFFFF, "0.005", "kg") | steps(0, 0xFFFF, "0.01", "[lb_av]")},
                optional={"impedance": steps(1, 0xFFFC, "1", "Ohm")},
            ),
            time=TIMES,
            final=FINAL,
        ),
    ),
    "huami-band": (
        read_band,
        advertise_band,
        samples(
            sometimes(steps=steps(0, 2**32 - 1, "1", "{steps}"), heart_rate=steps(1, 254, "1", "/min")).filter(bool)
        ),
    ),
}


@pytest.mark.parametrize("name", ADVERTISED)
@given(data=st.data())
def test_a_made_up_sample_survives_the_air(name: str, data: st.DataObject) -> None:
    read, advertise, strategy = ADVERTISED[name]
    sample = data.draw(strategy)
    assert read(advertise(sample, ADDRESS)) == sample


@given(samples(METRIC_BODY))
def test_a_failed_body_measurement_is_no_value(sample: Sample) -> None:
    frame = bytearray(sig_body.encode_body(sample))
    frame[2:4] = b"\xff\xff"
    with pytest.raises(DecodeError) as refusal:
        sig_body.decode_body(bytes(frame))
    assert refusal.value.code == "unsuccessful"
