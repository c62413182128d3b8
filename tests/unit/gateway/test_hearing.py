"""Adverts worth keeping: changed and final ones, running totals every quarter of an hour and at the day's end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.contract.reading import Quantity, Sample
from firmware_profiles.model import Advert
from firmware_profiles.registry import PROFILES
from gateway.adverts import Ear, essence
from gateway.devices import Entry, entry
from gateway.hearing import Hearing
from gateway.journal import Journal
from gateway.link import Heard

ADDRESS = "C8:47:8C:9F:7B:0A"
TOKYO = ZoneInfo("Asia/Tokyo")
BAND, SCALE = PROFILES["huami-band"], PROFILES["xiaomi-miscale-v1"]
MORNING = datetime(2026, 11, 21, 9, tzinfo=TOKYO)
LISTED: Entry = entry(ADDRESS, BAND.id, household="h-aaaaaaaaaaaaa")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def steps(number: int, at: datetime, rate: int = 70) -> Heard:
    sample = Sample(
        quantities={"steps": Quantity(Decimal(number), "{steps}"), "heart_rate": Quantity(Decimal(rate), "/min")}
    )
    assert BAND.encode_advert is not None
    return Heard(BAND.encode_advert(sample, ADDRESS), at)


def kept(journal: Journal) -> list[int]:
    totals = []
    for frame in journal.fresh():
        _, _, rest = frame.raw.partition(b"s0000fee0-0000-1000-8000-00805f9b34fb=")
        totals.append(int.from_bytes(rest[2:6], "little"))
    return totals


def test_a_running_total_is_kept_at_most_every_quarter_of_an_hour_and_the_latest_wins(journal: Journal) -> None:
    hearing = Hearing(journal, TOKYO)
    for minute in range(31):
        hearing.hear(LISTED, BAND, steps(100 + minute, MORNING + timedelta(minutes=minute)))
    assert kept(journal) == [100, 115, 130]


def test_a_total_that_stays_after_its_change_is_kept_when_its_time_comes(journal: Journal) -> None:
    hearing = Hearing(journal, TOKYO)
    hearing.hear(LISTED, BAND, steps(100, MORNING))
    hearing.hear(LISTED, BAND, steps(140, MORNING + timedelta(minutes=2)))
    assert hearing.next_flush() == MORNING + timedelta(minutes=15)
    assert not hearing.flush(MORNING + timedelta(minutes=14))
    assert hearing.flush(MORNING + timedelta(minutes=15))
    assert kept(journal) == [100, 140]
    # The measurement keeps the time at which it was heard.
    assert journal.fresh()[1].received_at == MORNING + timedelta(minutes=2)


def test_the_last_total_of_a_day_is_kept_before_midnight(journal: Journal) -> None:
    hearing = Hearing(journal, TOKYO)
    late = datetime(2026, 11, 21, 23, 50, tzinfo=TOKYO)
    hearing.hear(LISTED, BAND, steps(8000, late))
    hearing.hear(LISTED, BAND, steps(8100, late + timedelta(minutes=5)))
    due = hearing.next_flush()
    assert due is not None
    assert late + timedelta(minutes=5) < due < datetime(2026, 11, 22, tzinfo=TOKYO)


def test_a_total_that_fell_was_reset_and_what_it_last_showed_is_kept_first(journal: Journal) -> None:
    hearing = Hearing(journal, TOKYO)
    hearing.hear(LISTED, BAND, steps(8000, MORNING))
    hearing.hear(LISTED, BAND, steps(8100, MORNING + timedelta(minutes=1)))
    hearing.hear(LISTED, BAND, steps(3, MORNING + timedelta(minutes=2)))
    assert kept(journal) == [8000, 8100, 3]


def test_a_total_that_does_not_change_is_kept_once_also_by_the_next_process(journal: Journal) -> None:
    Hearing(journal, TOKYO).hear(LISTED, BAND, steps(100, MORNING))
    assert not Hearing(journal, TOKYO).hear(LISTED, BAND, steps(100, MORNING + timedelta(hours=5)))
    assert kept(journal) == [100]


def test_stopping_keeps_what_was_held_back(journal: Journal) -> None:
    hearing = Hearing(journal, TOKYO)
    hearing.hear(LISTED, BAND, steps(100, MORNING))
    hearing.hear(LISTED, BAND, steps(150, MORNING + timedelta(minutes=1)))
    assert hearing.flush(MORNING + timedelta(minutes=1), everything=True)
    assert kept(journal) == [100, 150]


def weighing(kilograms: str, at: datetime, *, final: bool = True) -> Heard:
    assert SCALE.encode_advert is not None
    sample = Sample(quantities={"weight": Quantity(Decimal(kilograms), "kg")}, final=final)
    return Heard(SCALE.encode_advert(sample, ADDRESS), at)


def test_the_same_weighing_repeated_is_one_and_the_same_weight_next_morning_is_another(journal: Journal) -> None:
    hearing = Hearing(journal, TOKYO)
    for second in range(0, 1500, 10):  # a scale may broadcast its last weighing for long
        hearing.hear(LISTED, SCALE, weighing("63.25", MORNING + timedelta(seconds=second)))
    assert len(journal.fresh()) == 1
    hearing.hear(LISTED, SCALE, weighing("63.25", MORNING + timedelta(days=1)))
    assert len(journal.fresh()) == 2


def test_a_preview_and_bytes_that_are_no_measurement_are_not_kept(journal: Journal) -> None:
    hearing = Hearing(journal, TOKYO)
    assert not hearing.hear(LISTED, SCALE, weighing("63.25", MORNING, final=False))
    assert not hearing.hear(LISTED, SCALE, Heard(Advert(address=ADDRESS), MORNING))
    assert journal.fresh() == []


def test_only_the_entry_that_changed_is_taken_from_a_merged_advert() -> None:
    ear = Ear()
    first, changed = ear.hear(ADDRESS, None, -50, [], {}, {0x01C0: b"a"})
    assert changed
    assert first.manufacturer_data == {0x01C0: b"a"}
    second, changed = ear.hear(ADDRESS, None, -50, [], {}, {0x01C0: b"a", 0x02C0: b"b"})
    assert changed
    assert second.manufacturer_data == {0x02C0: b"b"}
    again, changed = ear.hear(ADDRESS, None, -51, [], {}, {0x01C0: b"a", 0x02C0: b"b"})
    assert not changed
    assert again.manufacturer_data == {0x02C0: b"b"}


def test_an_ear_remembers_a_bounded_number_of_strangers() -> None:
    ear = Ear(capacity=3)
    for number in range(100):
        ear.hear(f"00:00:00:00:00:{number:02X}", None, None, [], {}, {})
    assert len(ear._known) == 3


def test_two_gateways_find_the_same_essence_whatever_their_radios_merged() -> None:
    heard = steps(100, MORNING).advert
    other = Advert(
        address=ADDRESS,
        rssi=-90,
        service_data={**heard.service_data, "0000180f-0000-1000-8000-00805f9b34fb": b"\x64"},
        manufacturer_data={**heard.manufacturer_data, 0x004C: b"stale"},
    )
    assert essence(BAND, heard) == essence(BAND, other)
    assert essence(BAND, heard) != essence(BAND, steps(101, MORNING).advert)


def test_the_time_of_an_advert_is_kept_in_utc(journal: Journal) -> None:
    Hearing(journal, TOKYO).hear(LISTED, SCALE, weighing("63.25", MORNING))
    assert journal.fresh()[0].received_at == MORNING.astimezone(UTC)
