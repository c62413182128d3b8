"""Which profile an advert belongs to: real mixtures of evidence, look-alikes and rivals."""

from __future__ import annotations

import msgspec
import pytest

from firmware_profiles.model import Advert, Match, Profile, uuid16
from firmware_profiles.registry import CHARACTERISTICS, PROFILES, Ambiguous, claim, claim_frame
from firmware_profiles.uuids import (
    BATTERY_LEVEL,
    BLOOD_PRESSURE,
    BODY_COMPOSITION,
    BODY_COMPOSITION_MEASUREMENT,
    DATE_TIME,
    HEART_RATE,
    HUAMI,
    PRESSURE,
    PULSE_OXIMETER,
    WEIGHT_MEASUREMENT,
    WEIGHT_SCALE,
)
from firmware_profiles.xiaomi_scale import HISTORY

ADDRESS = "C0:FF:EE:00:00:01"
EVERYONE = {**PROFILES, **CHARACTERISTICS}


def who(**advert: object) -> str | None:
    found = claim(Advert(address=ADDRESS, **advert), PROFILES)  # type: ignore[arg-type]
    assert not isinstance(found, Ambiguous)
    return found.id if found else None


def test_a_broadcasting_scale_is_not_taken_for_the_connectable_service_of_the_same_number() -> None:
    data = {BODY_COMPOSITION: bytes(13)}
    assert (
        who(services=(BODY_COMPOSITION,), service_data=data, manufacturer_data={0x0157: bytes(6)})
        == "xiaomi-miscale-v2"
    )
    assert who(services=(BODY_COMPOSITION,), service_data={BODY_COMPOSITION: bytes(12)}) is None
    assert who(services=(BODY_COMPOSITION,)) == "sig-body-composition"


def test_the_amazfit_scale_is_not_taken_for_a_band() -> None:
    assert who(service_data={HUAMI: bytes(21)}) is None
    assert who(service_data={HUAMI: bytes(21)}, manufacturer_data={0x0157: bytes(24)}) is None
    assert who(service_data={HUAMI: bytes(4)}) == who(manufacturer_data={0x0157: bytes(24)}) == "huami-band"


@pytest.mark.parametrize("name", ["BM85", "Beurer BM85", "bm-85 1234"])
def test_the_look_alike_blood_pressure_monitor_has_a_reader_of_its_own(name: str) -> None:
    assert who(name=name, services=(BLOOD_PRESSURE,)) == "beurer-bm85"
    assert claim_frame(BLOOD_PRESSURE, PRESSURE, name, EVERYONE) is PROFILES["beurer-bm85"]


def test_a_device_with_several_services_goes_to_the_richest() -> None:
    assert who(services=(WEIGHT_SCALE, BODY_COMPOSITION)) == "sig-body-composition"
    assert who(services=(HEART_RATE, PULSE_OXIMETER)) == "sig-pulse-oximeter"


def test_a_scale_with_its_own_steps_is_known_by_name_and_read_by_nobody_else() -> None:
    assert who(name="Renpho-Scale", services=(WEIGHT_SCALE, BODY_COMPOSITION)) == "renpho-es-wbe28"
    frame = (BODY_COMPOSITION, BODY_COMPOSITION_MEASUREMENT, "Renpho-Scale")
    assert claim_frame(*frame, EVERYONE) is PROFILES["renpho-es-wbe28"]
    found = claim_frame(WEIGHT_SCALE, WEIGHT_MEASUREMENT, "Renpho-Scale", EVERYONE)
    assert found is PROFILES["renpho-es-wbe28"]


@pytest.mark.parametrize(
    ("profile", "name", "services", "company"),
    [
        ("beurer-consent", "BF720", (WEIGHT_SCALE, BODY_COMPOSITION), None),
        ("beurer-consent", None, (BODY_COMPOSITION,), 0x0611),
        ("sanitas-ffe1", "SANITAS SBF70", (uuid16(0xFFE0),), None),
        ("sanitas-ffe1", "Beurer BF800-W", (), None),
        ("sanitas-ffe1", "BF700", (), None),
        ("beurer-consent", "SBF76", (), None),
        ("qn-scale", "QN-Scale", (uuid16(0xFFF0),), None),
        ("qn-scale", "Renpho-Scale", (uuid16(0xFFF0),), None),
        ("renpho-es-wbe28", "Renpho-Scale", (WEIGHT_SCALE, uuid16(0xFFE0)), None),
        ("renpho-r-msc04", "R-MSC04", (uuid16(0x1A10),), None),
        ("lefu-tenths", "SWAN", (uuid16(0xFFB0),), 0x02AC),
        ("lefu-ffb0", "SWAN", (uuid16(0xFFB0),), None),
        ("lefu-tenths", "Hutbit Scale", (uuid16(0xFFB0),), None),
        ("robi-s9", "Robi S9", (uuid16(0xFFB0),), 0x02AC),
        ("vitafit-vt701", "Vitafit Body Fat", (uuid16(0xFFF0),), None),
        ("koogeek-s1", "Koogeek-S1", (uuid16(0xFFF0),), None),
        ("keep-s3", "Keep_S3", (uuid16(0x00FF), uuid16(0xFFF0)), None),
        ("soehnle-shape", "Shape200", (), None),
    ],
)
def test_scales_that_share_a_vendor_s_service_are_told_apart(
    profile: str, name: str | None, services: tuple[str, ...], company: int | None
) -> None:
    data = {} if company is None else {company: bytes(7)}
    assert who(name=name, services=services, manufacturer_data=data) == profile


@pytest.mark.parametrize("service", [0xFFE0, 0xFFF0, 0xFFB0, 0x00FF])
def test_a_vendor_s_service_alone_says_nothing(service: int) -> None:
    assert who(services=(uuid16(service),)) is None


def test_a_frame_of_a_common_characteristic_is_read_whatever_the_service() -> None:
    assert claim_frame(BLOOD_PRESSURE, DATE_TIME, None, EVERYONE) is CHARACTERISTICS["sig-time"]
    assert claim_frame("", BATTERY_LEVEL, "BM85", EVERYONE) is CHARACTERISTICS["sig-battery"]
    assert claim_frame(BODY_COMPOSITION, HISTORY, None, EVERYONE) is PROFILES["xiaomi-miscale-v2"]
    assert claim_frame(uuid16(0xFFF0), WEIGHT_MEASUREMENT, None, EVERYONE) is None


def test_no_advert_belongs_to_a_reader_of_common_characteristics() -> None:
    for uuid in (0x1805, 0x180A, 0x180F, 0x181C):
        assert claim(Advert(address=ADDRESS, services=(uuid16(uuid),)), EVERYONE) is None


def test_two_equally_sure_profiles_are_an_answer_and_not_a_guess() -> None:
    twin = msgspec.structs.replace(PROFILES["sig-heart-rate"], id="twin")
    found = claim(Advert(address=ADDRESS, services=(HEART_RATE,)), {**PROFILES, "twin": twin})
    assert found == Ambiguous(("sig-heart-rate", "twin"))


def test_a_company_mask_leaves_a_rolling_counter_out() -> None:
    rolling = Profile(
        id="rolling", maker="m", model="m", provides=frozenset(), source="s",
        match=(Match(company=0x00C0, company_mask=0x00FF, length=13),),
    )  # fmt: skip
    for counter in (0x7DC0, 0x5DC0):
        assert claim(Advert(address=ADDRESS, manufacturer_data={counter: bytes(13)}), {"rolling": rolling}) is rolling
    assert claim(Advert(address=ADDRESS, manufacturer_data={0x7DC0: bytes(12)}), {"rolling": rolling}) is None
    assert claim(Advert(address=ADDRESS, manufacturer_data={0x7DC1: bytes(13)}), {"rolling": rolling}) is None
