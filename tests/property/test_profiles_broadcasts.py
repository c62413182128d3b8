"""Samples a simulator may make up survive the air of every broadcasting family, digits, slots and keys included."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.reading import Quantity, Sample, values_of
from firmware_profiles.bthome_objects import OBJECTS
from firmware_profiles.model import DecodeError, read_advert
from firmware_profiles.registry import PROFILES, claim
from tests.property.test_profiles_roundtrip import samples, sometimes, steps

ADDRESS = "C0:FF:EE:00:00:01"
FINAL, SLOTS = st.booleans(), st.integers(0, 255)
KEYS = st.binary(min_size=16, max_size=16)
CLOCKS = st.integers(1, 2**32 - 1).map(
    lambda seconds: Quantity(str(datetime.fromtimestamp(seconds, UTC)), "utc-datetime")
)
OHMS = {"impedance": steps(1, 0xFFFF, "0.1", "Ohm")}
BEATS = {"heart_rate": steps(1, 255, "1", "/min")}


def weighing(low: int, high: int, step: str, **more: st.SearchStrategy[Quantity]) -> st.SearchStrategy[Sample]:
    return samples(st.fixed_dictionaries({"weight": steps(low, high, step, "kg")}, optional=more), final=FINAL)


def bthome_objects() -> st.SearchStrategy[dict[str, Quantity]]:
    """A few plain numbers of different names, each as some object of the format has them."""
    numbers = [item for item in OBJECTS.values() if item.shape == "number"]

    def quantity(item_at: int, count: int) -> tuple[str, Quantity]:
        item = numbers[item_at]
        low, span = (-(1 << 8 * item.size - 1), 1 << 8 * item.size) if item.signed else (0, 1 << 8 * item.size)
        return item.name, Quantity((low + count % span) * item.step, item.unit)

    one = st.builds(quantity, st.integers(0, len(numbers) - 1), st.integers(0, 2**32 - 1))
    return st.lists(one, min_size=1, max_size=6, unique_by=lambda item: item[0]).map(dict)


S400_WEIGHT = st.fixed_dictionaries(
    {"weight": steps(1, 2047, "0.1", "kg")},
    optional={
        "heart_rate": steps(51, 176, "1", "/min"),
        "impedance_50khz": steps(1, 16383, "0.1", "Ohm"),
        "timestamp": CLOCKS,
    },
)
S400_HIGH = st.fixed_dictionaries({"impedance_250khz": steps(1, 16383, "0.1", "Ohm")}, optional={"timestamp": CLOCKS})
MADE_UP: dict[str, st.SearchStrategy[Sample]] = {
    "xiaomi-s400": st.builds(
        lambda found, slot: Sample(quantities=found, user_slot=slot, final="impedance_50khz" not in found),
        S400_WEIGHT | S400_HIGH,
        SLOTS,
    ),
    "xiaomi-s200": samples(
        st.fixed_dictionaries({"weight": steps(1, 2**32 - 1, "0.01", "kg")}, optional={"timestamp": CLOCKS}),
        user_slot=SLOTS,
    ),
    "xiaomi-s800": samples(st.fixed_dictionaries({"weight": steps(1, 0xFFFF, "0.01", "kg")})),
    "xiaomi-room-sensor": samples(
        sometimes(
            temperature=steps(-4000, 8500, "0.01", "Cel"),
            humidity=steps(0, 10000, "0.01", "%"),
            battery=steps(0, 100, "1", "%"),
        ).filter(bool)
    ),
    "bthome-v2": samples(bthome_objects()),
    "bthome-v1": samples(bthome_objects()),
    "xiaogui-scale": weighing(0, 0xFFFF, "0.1", **OHMS) | weighing(0, 0xFFFF, "0.01", **OHMS),
    "eufy-p2": weighing(1, 0xFFFF, "0.01", **BEATS),
    "eufy-c1": weighing(1, 0xFFFF, "0.01"),
    "eufy-p3": weighing(1, 0xFFFF, "0.01", **OHMS, **BEATS),
    "polar-advert": samples(st.fixed_dictionaries(BEATS), final=FINAL),
    "xoss-x2": samples(st.fixed_dictionaries({**BEATS, "battery": steps(0, 127, "1", "%")})),
    "switchbot-meter": samples(
        st.fixed_dictionaries(
            {"temperature": steps(-400, 800, "0.1", "Cel"), "humidity": steps(0, 99, "1", "%")},
            optional={"battery": steps(0, 100, "1", "%")},
        )
    ),
    "senssun-if-b7": weighing(0, 0xFFFF, "0.01", impedance=steps(1, 0xFFFF, "1", "Ohm")),
    "laica-scale": weighing(1, 2600, "0.1")
    | samples(st.fixed_dictionaries({"impedance": steps(200, 1200, "1", "Ohm")})),
    "amazfit-scale": weighing(1, 0xFFFF, "0.005"),
}


@pytest.mark.parametrize("name", MADE_UP)
@given(data=st.data())
def test_a_made_up_sample_survives_the_air_in_the_clear_and_sealed(name: str, data: st.DataObject) -> None:
    profile, sample = PROFILES[name], data.draw(MADE_UP[name])
    assert profile.encode_advert is not None
    advert = profile.encode_advert(sample, ADDRESS)
    assert read_advert(profile, advert) == sample
    assert claim(advert, PROFILES) is profile
    if profile.encrypt is not None:
        key, counter = data.draw(KEYS), data.draw(st.integers(0, 2**32 - 1))
        sealed = profile.encrypt(advert, key, counter)
        assert sealed != advert
        assert read_advert(profile, sealed, key) == sample
        assert claim(sealed, PROFILES) is profile


@given(first=MADE_UP["xiaomi-s400"], second=MADE_UP["xiaomi-s400"])
def test_two_s400_frames_are_joined_only_for_one_person_and_never_against_each_other(
    first: Sample, second: Sample
) -> None:
    join = PROFILES["xiaomi-s400"].join_adverts
    assert join is not None
    joined = join(first, second)
    if joined is None:
        return
    assert joined.user_slot == first.user_slot == second.user_slot
    kinds = PROFILES["xiaomi-s400"].kinds
    both = {value for sample in (first, second) for value in values_of(sample, kinds)}
    assert set(values_of(joined, kinds)) == both


@pytest.mark.parametrize("name", [name for name in MADE_UP if PROFILES[name].decrypt])
@given(data=st.data())
def test_a_flipped_bit_of_a_sealed_advert_is_never_a_number(name: str, data: st.DataObject) -> None:
    profile, sample, key = PROFILES[name], data.draw(MADE_UP[name]), data.draw(KEYS)
    assert profile.encode_advert is not None
    assert profile.encrypt is not None
    sealed = profile.encrypt(profile.encode_advert(sample, ADDRESS), key, 7)
    uuid, raw = next(iter(sealed.service_data.items()))
    at = data.draw(st.integers(len(raw) - 8, len(raw) - 1))
    bent = bytes((*raw[:at], raw[at] ^ 1 << data.draw(st.integers(0, 7)), *raw[at + 1 :]))
    with pytest.raises(DecodeError) as refusal:
        read_advert(profile, type(sealed)(address=ADDRESS, service_data={uuid: bent}), key)
    assert refusal.value.code == "bindkey-wrong"


@pytest.mark.parametrize("name", MADE_UP)
@given(value=st.decimals(-10, 10**7, places=4) | st.decimals(allow_nan=False, allow_infinity=False))
def test_what_a_family_cannot_say_is_refused_and_not_bent(name: str, value: Decimal) -> None:
    profile = PROFILES[name]
    assert profile.encode_advert is not None
    unit = {"weight": "kg", "heart_rate": "/min", "temperature": "Cel", "humidity": "%"}
    known = sorted(unit.keys() & {"weight", "heart_rate", "temperature", "humidity"})
    sample = Sample(quantities={field: Quantity(value, unit[field]) for field in known})
    try:
        heard = read_advert(profile, profile.encode_advert(sample, ADDRESS))
    except (ValueError, ArithmeticError):
        return
    if heard is not None:
        assert {name: q for name, q in heard.quantities.items() if name in known}.items() <= sample.quantities.items()
