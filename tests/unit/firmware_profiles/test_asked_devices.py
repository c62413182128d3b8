"""A&D's and OMRON's bonded devices, the step tracker, activity monitors: frames, claims and dialogues."""

# ruff: noqa: DTZ001 - device clocks have no zone

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import pytest

from engine.contract.reading import Quantity, Sample
from firmware_profiles import and_uw302, sig_activity
from firmware_profiles.and_devices import ASKED, OLD_SCALE, SEND_ALL, ask_for_all, decode_old_weight, encode_old_weight
from firmware_profiles.and_uw302 import ASK_ALL, ASK_NEW, COMPLETE, CONTROL, DATA, FINISH, GO_ON, encode_minute
from firmware_profiles.model import Action, Advert, DecodeError, Keep, Profile, Remember, Setting, Talk, Told, Write
from firmware_profiles.omron_memory import HBF_SCALE, PLAIN_PRESSURE
from firmware_profiles.omron_records import decode_body_record, encode_body_record
from firmware_profiles.omron_sig import decode_oximeter
from firmware_profiles.registry import PROFILES, claim, claim_slug
from firmware_profiles.sig_activity import STEP_SUMMARY, decode_summary, encode_summary, split_summary
from firmware_profiles.uuids import BLOOD_PRESSURE, BODY_COMPOSITION, THERMOMETER, WEIGHT_SCALE

NOON = datetime(2026, 11, 22, 12, 0)
ECBE, FE4A = "ecbe3980-c9a2-11e1-b1bd-0002a5d5c51b", "0000fe4a-0000-1000-8000-00805f9b34fb"


def who(name: str | None, *services: str) -> str | None:
    found = claim(Advert(address="", name=name, services=services), PROFILES)
    return found.id if isinstance(found, Profile) else None


@pytest.mark.parametrize(
    ("name", "services", "family"),
    [
        ("A&D_UC-352BLE_0A1B2C", (WEIGHT_SCALE,), "and-scale"),
        ("A&D_UC-352BLE_0A1B2C", (OLD_SCALE,), "and-scale-first"),
        ("A&D_UA-651BLE_0A1B2C", (BLOOD_PRESSURE,), "and-blood-pressure"),
        ("A&D_UA-1200BLE_0A1B2C", (BLOOD_PRESSURE,), "and-blood-pressure"),
        ("A&D_UT201BLE_0A1B2C", (THERMOMETER,), "and-thermometer"),
        ("UT-201BLE", (THERMOMETER,), "and-thermometer"),
        ("UC-421BLE_0A1B2C", (WEIGHT_SCALE, BODY_COMPOSITION), "and-body-composition"),
        ("A&D_UW-302BLE_0A1B2C", (), "and-uw302"),
        ("BLEsmart_00000116B0495F086C71", (BLOOD_PRESSURE,), "omron-hem-9200t"),
        ("BLESmart_0000021FEC21E5F081C7", (BLOOD_PRESSURE,), "omron-blood-pressure-memory-old"),
        ("BLEsmart_00000251005FBFA2C6C9", (), "omron-blood-pressure-memory-old"),
        ("BLESmart_0000024400", (BLOOD_PRESSURE,), "omron-wrist-memory"),
        ("BLESmart_0000056428FFB26872EC", (BLOOD_PRESSURE,), "omron-blood-pressure-memory"),
        ("BLESmart_0000047EFCCAD1758116", (FE4A,), "omron-blood-pressure-memory"),
        ("BLESmart_00000199FCCAD1758116", (ECBE, FE4A), "omron-blood-pressure-memory"),
        ("BLESmart_00000199FCCAD1758116", (BLOOD_PRESSURE,), "omron-blood-pressure"),
        ("BLESmart_00010112F974C431DBE2", (), "omron-hn-300t2-memory"),
        ("BLESmart_00010112F974C431DBE2", (WEIGHT_SCALE,), "omron-scale"),
        ("BLEsmart_000101053481F4D48CA1", (WEIGHT_SCALE,), "omron-scale"),
        ("BLEsmart_0001000C0080E1A2B3C4", (), "omron-hbf-702t-memory"),
        ("BLEsmart_000100110080E1A2B3C4", (), "omron-hbf-702t-memory"),
        ("BLEsmart_0001000B0080E1A2B3C4", (), "omron-hbf-memory"),
        ("BLEsmart_000104080080E1A2B3C4", (BODY_COMPOSITION, WEIGHT_SCALE), "omron-hbf-memory"),
        ("BLEsmart_000102080080E1A2B3C4", (), "omron-hbf-ageless-memory"),
        ("HBF-228T", (), "omron-hbf-memory"),
        ("BLEsmart_0013000200", (THERMOMETER,), "omron-thermometer"),
        ("BLESmart_0006000200", (), "omron-oximeter"),
        (None, (sig_activity.ACTIVITY,), "sig-physical-activity"),
        (None, (sig_activity.ACTIVITY, BLOOD_PRESSURE), "sig-blood-pressure"),
    ],
)  # fmt: skip
def test_a_name_seen_in_the_wild_has_one_family(name: str | None, services: tuple[str, ...], family: str) -> None:
    assert who(name, *services) == family


@pytest.mark.parametrize(
    ("slug", "family"),
    [
        ("omron-hem-7142t2", "omron-blood-pressure-memory"), ("omron-hem-7155t-esl", "omron-blood-pressure-memory"),
        ("omron-hem-7188t1-leo", "omron-blood-pressure-memory"), ("omron-hem-7361t", "omron-blood-pressure-memory"),
        ("omron-hem-7600t", "omron-blood-pressure-memory-old"), ("omron-hem-7322t-d", "omron-blood-pressure-memory-old"),
        ("omron-hem-6161t-ru", "omron-blood-pressure-memory-old"), ("omron-hem-6232t", "omron-wrist-memory"),
        ("omron-hn-300t2", "omron-hn-300t2-memory"), ("omron-hbf-702t", "omron-hbf-702t-memory"),
        ("omron-hbf-227t", "omron-hbf-memory"), ("omron-viva", "omron-hbf-ageless-memory"), ("beurer-bf720", None),
        ("omron-hem-6401t", None), ("omron-hem-9601t-j3", None), ("omron-hbf-254c", None),
    ],
)  # fmt: skip
def test_a_memory_record_is_known_by_the_slug_of_its_capture(slug: str, family: str | None) -> None:
    found = claim_slug(slug, "49123040-aee8-11e1-a74d-0002a5d5c51b", PROFILES)
    assert (found.id if isinstance(found, Profile) else found) == family


def test_the_32_byte_record_counts_visceral_fat_in_whole_levels() -> None:
    # github.com/oliexdev/openScale OmronLibTest, HBF-227T.
    record = bytes.fromhex("00003ac85f024e183b6d223389cc" + "00" * 12 + "5a80" + "00" * 4)
    sample = HBF_SCALE.codecs["49123040-aee8-11e1-a74d-0002a5d5c51b"].decode(record)
    assert sample.quantities["visceral_fat_level"] == Quantity(Decimal(8), "1")
    assert sample.quantities["weight"] == Quantity(Decimal("72.40"), "kg")
    assert sample.time == datetime(2024, 3, 17, 7, 45, 12)
    assert "body_age" not in decode_body_record(record, ages=False).quantities


def test_a_record_that_holds_its_weight_twice_counts_in_100_grams() -> None:
    record = bytearray(encode_body_record(Sample(quantities={"weight": Quantity(Decimal("36.20"), "kg")})))
    record[0:2] = record[26:28]
    assert decode_body_record(bytes(record)).quantities["weight"] == Quantity(Decimal("72.4"), "kg")
    heavy = Sample(quantities={"weight": Quantity(Decimal("210.5"), "kg")})
    assert decode_body_record(encode_body_record(heavy)) == heavy


@pytest.mark.parametrize("data", ["ff" * 16, "00" * 16, "e3" + "50" * 15])
def test_a_place_without_a_measurement_is_empty(data: str) -> None:
    codec = PLAIN_PRESSURE.codecs["49123040-aee8-11e1-a74d-0002a5d5c51b#2"]
    with pytest.raises(DecodeError) as refusal:
        codec.decode(bytes.fromhex(data))
    assert refusal.value.code == "empty"


def test_an_oximeter_without_a_finger_measured_nothing() -> None:
    frame = bytes.fromhex("0061004800ea070b160c0000")
    assert decode_oximeter(frame).quantities["spo2"] == Quantity(Decimal(97), "%")
    assert decode_oximeter(frame).time == NOON
    with pytest.raises(DecodeError) as refusal:
        decode_oximeter(frame[:1] + b"\x00\x00" + frame[3:])
    assert refusal.value.code == "unsuccessful"


def test_the_first_scale_counts_in_tenths() -> None:
    sample = decode_old_weight(bytes.fromhex("026f02ea070b160c0000"))
    assert sample == Sample(quantities={"weight": Quantity(Decimal("62.3"), "kg")}, time=NOON)
    pounds = Sample(quantities={"weight": Quantity(Decimal("137.4"), "[lb_av]")}, user_slot=3)
    assert decode_old_weight(encode_old_weight(pounds)) == pounds


def run(talk: Talk, answers: Iterable[Told | None]) -> tuple[str, list[Action]]:
    """The word `talk` ends in and what it did, given what it is told at each wait."""
    waiting, did, told = iter(answers), list[Action](), None
    try:
        while True:
            action = talk.send(told)
            did.append(action)
            told = next(waiting) if not isinstance(action, Write | Keep | Remember) else None
    except StopIteration as end:
        return str(end.value), did


def test_everything_is_asked_for_once_and_a_device_without_the_command_is_not_held_up() -> None:
    word, did = run(ask_for_all(Setting(now=NOON)), [])
    assert word == "done"
    assert [(action.data, action.optional) for action in did if isinstance(action, Write)] == [(SEND_ALL, True)]
    assert run(ask_for_all(Setting(now=NOON, memory={ASKED: 1})), []) == ("done", [])


def minutes(*steps: int) -> bytes:
    records = b"".join(
        encode_minute(Sample(quantities={"steps": Quantity(Decimal(s), "{steps}")}, time=NOON.replace(minute=n)))
        if s
        else bytes(12)
        for n, s in enumerate(steps)
    )
    return (b"\x50\x27\x00" + records).ljust(256, b"\0")


def sector(data: bytes) -> list[Told]:
    return [Told(DATA, data[at : at + 20]) for at in range(0, 256, 20)]


OVER = Told(CONTROL, bytes.fromhex("0401580300"))


def test_what_is_whole_is_kept_before_the_tracker_is_told_to_go_on() -> None:
    word, did = run(and_uw302.fetch(Setting(now=NOON, memory={COMPLETE: 1})), [*sector(minutes(*range(20))), OVER])
    assert word == "done"
    told = [action.data for action in did if isinstance(action, Write)]
    assert told == [ASK_NEW, GO_ON, FINISH]
    before = did[: did.index(Write(CONTROL, GO_ON))]
    kept = [action.data[5] for action in did if isinstance(action, Keep)]
    assert kept == list(range(1, 20))
    assert [action.data[5] for action in before if isinstance(action, Keep)] == list(range(1, 16))


def test_a_transfer_that_was_cut_off_is_asked_for_whole_the_next_time() -> None:
    word, did = run(and_uw302.fetch(Setting(now=NOON, memory={COMPLETE: 1})), [*sector(minutes(9))[:7], None])
    assert word == "no-answer"
    assert [action for action in did if isinstance(action, Remember)] == [Remember(COMPLETE, 0)]
    _, did = run(and_uw302.fetch(Setting(now=NOON, memory={COMPLETE: 0})), [OVER])
    assert did[0] == Write(CONTROL, ASK_ALL)
    assert did[-1] == Remember(COMPLETE, 1)


def test_a_sector_of_another_kind_holds_no_minutes() -> None:
    other = b"\x50\x28" + minutes(5, 6)[2:]
    _, did = run(and_uw302.fetch(Setting(now=NOON)), [*sector(other), OVER])
    assert not [action for action in did if isinstance(action, Keep)]


def steps(number: int) -> Sample:
    return Sample(quantities={"steps": Quantity(Decimal(number), "{steps}")}, sequence=7)


def test_a_summary_in_segments_is_put_together_and_one_segment_alone_is_none() -> None:
    whole = encode_summary(steps(4321))
    segments = split_summary(whole, 8)
    assert [segment[0] for segment in segments] == [0x82, 1, 0]
    sent = [Told(STEP_SUMMARY, segment) for segment in segments]
    ended = Told(sig_activity.DESCRIPTOR, bytes((1, 5, 0)))
    running = Told(sig_activity.DESCRIPTOR, bytes((3, 6, 0)))
    listed, all_sent = Told(sig_activity.CONTROL, b"\xfc\x02\x00"), Told(sig_activity.CONTROL, b"\xfa\x01\x00\x00")
    word, did = run(sig_activity.fetch(Setting(now=NOON)), [ended, running, listed, *sent, all_sent])
    assert word == "done"
    assert [action.data for action in did if isinstance(action, Keep)] == [whole]
    assert did[-1] == Remember("activity-session", 5)
    with pytest.raises(DecodeError) as refusal:
        decode_summary(segments[0])
    assert refusal.value.code == "partial"


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        ([None], "no-answer"),
        ([Told(sig_activity.CONTROL, b"\xff\x85")], "done"),
        ([Told(sig_activity.CONTROL, b"\xff\x90")], "refused"),
    ],
)
def test_a_monitor_with_no_sessions_is_done_and_one_that_refuses_is_said_to(
    answers: list[Told | None], word: str
) -> None:
    assert run(sig_activity.fetch(Setting(now=NOON)), answers)[0] == word


def test_a_session_that_was_fetched_is_not_asked_for_again() -> None:
    ended = Told(sig_activity.DESCRIPTOR, bytes((1, 5, 0)))
    listed = Told(sig_activity.CONTROL, b"\xfc\x01\x00")
    word, did = run(sig_activity.fetch(Setting(now=NOON, memory={"activity-session": 5})), [ended, listed])
    assert word == "done"
    assert len([action for action in did if isinstance(action, Write)]) == 1
