"""What becomes of broadcasts between the ear and the reading: frames that wait for each other, names with a meaning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.contract.reading import Quantity, Reading, Sample
from engine.contract.wire import decode_readings
from firmware_profiles.model import Advert, Profile
from firmware_profiles.registry import PROFILES
from gateway.adverts import essence
from gateway.decoding import Decoder
from gateway.devices import Entry, entry
from gateway.hearing import Hearing
from gateway.journal import Journal
from gateway.link import Heard

ADDRESS = "84:46:93:64:A5:E6"
TOKYO = ZoneInfo("Asia/Tokyo")
MORNING = datetime(2026, 11, 21, 9, tzinfo=TOKYO)
SECOND = timedelta(seconds=1)
S400, BTHOME = PROFILES["xiaomi-s400"], PROFILES["bthome-v2"]
KEY = "58305740b64e4b425e518aa1f4e51339"
# github.com/oliexdev/openScale, S400DecryptorTest.kt: a barefoot weighing's first frame, as captured.
FIRST_FRAME = "4859d53b3bde6bc8d05b51c0cdfd9021c9000000925c5039"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


class Home:
    """A gateway's ear and decoder for one listed device."""

    def __init__(self, journal: Journal, listed: Entry) -> None:
        self.journal, self.listed, self.profile = journal, listed, PROFILES[listed.profile]
        self.hearing, self.decoder = Hearing(journal, TOKYO), Decoder(journal, PROFILES, TOKYO, lambda _: listed)

    def hear(self, advert: Advert, at: datetime) -> bool:
        return self.hearing.hear(self.listed, self.profile, Heard(advert, at))

    def readings(self, now: datetime) -> list[Reading]:
        while self.decoder.step(now).settled:
            pass
        rows = self.journal.due(now + timedelta(days=9999), 100)
        found = [decode_readings(row.payload) for row in rows]
        made = [reading for one in found if isinstance(one, tuple | list) for reading in one]
        return [reading for reading in made if isinstance(reading, Reading)]


def own(profile: Profile, **more: object) -> Entry:
    return msgspec.structs.replace(entry(ADDRESS, profile.id, household="h-aaaaaaaaaaaaa"), **more)


def sample(**fields: tuple[str, str]) -> Sample:
    return Sample(quantities={name: Quantity(Decimal(value), unit) for name, (value, unit) in fields.items()})


def sealed(made: Sample, counter: int) -> Advert:
    assert S400.encode_advert is not None
    assert S400.encrypt is not None
    clock = {"timestamp": Quantity("2025-07-14 13:37:45+00:00", "utc-datetime")}
    full = msgspec.structs.replace(made, quantities={**made.quantities, **clock}, user_slot=1)
    return S400.encrypt(S400.encode_advert(full, ADDRESS), bytes.fromhex(KEY), counter)


def captured() -> Advert:
    return Advert(address=ADDRESS, service_data={S400.match[0].service_data or "": bytes.fromhex(FIRST_FRAME)})


def values(reading: Reading) -> dict[str, tuple[str, str]]:
    return {value.kind: (value.value, value.unit) for value in reading.values}


def test_the_two_frequencies_of_a_barefoot_weighing_are_one_reading(journal: Journal) -> None:
    home = Home(journal, own(S400, key=KEY))
    assert home.hear(captured(), MORNING)
    assert home.readings(MORNING + 2 * SECOND) == []
    assert home.hear(sealed(sample(impedance_250khz=("380.2", "Ohm")), 9), MORNING + 4 * SECOND)
    (reading,) = home.readings(MORNING + 4 * SECOND)
    assert values(reading) == {
        "body-weight": ("73.2", "kg"), "heart-rate": ("75", "/min"),
        "impedance-50khz": ("414.3", "Ohm"), "impedance-250khz": ("380.2", "Ohm"),
    }  # fmt: skip
    assert (reading.user_slot, reading.received_at) == (1, MORNING)


def test_a_first_frame_that_waits_in_vain_is_no_reading_and_is_not_thrown_away(journal: Journal) -> None:
    home = Home(journal, own(S400, key=KEY))
    home.hear(captured(), MORNING)
    assert home.readings(MORNING + 31 * SECOND) == []
    assert journal.fresh() == []
    assert journal.depth().refused == 1


def test_the_second_frequency_of_another_person_is_not_taken_for_the_first_one_s(journal: Journal) -> None:
    home = Home(journal, own(S400, key=KEY))
    home.hear(captured(), MORNING)
    other = sample(impedance_250khz=("455.5", "Ohm"))
    assert S400.encode_advert is not None
    assert S400.encrypt is not None
    plain = S400.encode_advert(msgspec.structs.replace(other, user_slot=2), ADDRESS)
    home.hear(S400.encrypt(plain, bytes.fromhex(KEY), 10), MORNING + 4 * SECOND)
    (reading,) = home.readings(MORNING + 60 * SECOND)
    assert (reading.user_slot, set(values(reading))) == (2, {"impedance-250khz"})


def test_socks_give_the_weight_alone(journal: Journal) -> None:
    home = Home(journal, own(S400, key=KEY))
    home.hear(sealed(sample(weight=("75.2", "kg")), 3), MORNING)
    (reading,) = home.readings(MORNING + 31 * SECOND)
    assert values(reading) == {"body-weight": ("75.2", "kg")}


def bthome(**fields: tuple[str, str]) -> Advert:
    assert BTHOME.encode_advert is not None
    return BTHOME.encode_advert(sample(**fields), ADDRESS)


@pytest.mark.parametrize(
    ("reads", "said", "meant"),
    [
        ({}, {"temperature": ("36.60", "Cel")}, {"room-temperature": ("36.60", "Cel")}),
        (
            {"temperature": "body_temperature"},
            {"temperature": ("36.60", "Cel")},
            {"body-temperature": ("36.60", "Cel")},
        ),
        ({"count": "steps"}, {"count": ("4321", "1")}, {"steps-total": ("4321", "{steps}")}),
        (
            {"count_1": "heart_rate", "count_2": "respiratory_rate"},
            {"count_1": ("71", "1"), "count_2": ("16", "1")},
            {"heart-rate": ("71", "/min"), "respiratory-rate": ("16", "/min")},
        ),
        ({}, {"weight": ("61.50", "kg")}, {"body-weight": ("61.50", "kg")}),
        ({"speed": "walking_speed"}, {"speed": ("1.20", "m/s")}, {"speed": ("1.20", "m/s")}),
    ],
)
def test_a_do_it_yourself_device_means_what_the_household_says(
    journal: Journal, reads: dict[str, str], said: dict[str, tuple[str, str]], meant: dict[str, tuple[str, str]]
) -> None:
    home = Home(journal, own(BTHOME, reads=reads))
    assert home.hear(bthome(**said), MORNING)
    (reading,) = home.readings(MORNING + SECOND)
    assert values(reading) == meant


@pytest.mark.parametrize(
    ("reads", "said"),
    [
        ({}, {"speed": ("12.50", "m/s")}),
        ({}, {"distance": ("1.500", "m")}),
        ({}, {"count": ("4321", "1")}),
        ({"weight": "mass"}, {"weight": ("1.25", "kg")}),
        ({}, {"packet_id": ("7", "1")}),
    ],
)
def test_a_number_that_is_nobody_s_is_not_even_kept(
    journal: Journal, reads: dict[str, str], said: dict[str, tuple[str, str]]
) -> None:
    home = Home(journal, own(BTHOME, reads=reads))
    assert not home.hear(bthome(**said), MORNING)
    assert journal.fresh() == []


def test_a_measurement_sealed_anew_for_every_repetition_is_one(journal: Journal) -> None:
    home = Home(journal, own(BTHOME, key=KEY))
    assert BTHOME.encrypt is not None
    plain = bthome(weight=("61.50", "kg"), packet_id=("7", "1"))
    heard = [home.hear(BTHOME.encrypt(plain, bytes.fromhex(KEY), at), MORNING + at * SECOND) for at in range(1, 20)]
    assert heard.count(True) == 1
    assert len(home.readings(MORNING + 60 * SECOND)) == 1


def test_the_climate_of_a_room_is_kept_every_five_minutes_and_a_person_s_temperature_always(journal: Journal) -> None:
    room, person = own(BTHOME), own(BTHOME, reads={"temperature": "body_temperature"})
    for listed, kept in ((room, 3), (person, 11)):
        home, before = Home(journal, listed), journal.depth().frames
        for minute in range(11):
            home.hear(bthome(temperature=(f"{36 + minute / 100:.2f}", "Cel")), MORNING + timedelta(minutes=minute))
        assert journal.depth().frames - before == kept


# Senssun's frame counter and checksum, Polar's frame counter, the P3's company id and clock, Xiaogui's company id.
REPETITIONS = {
    "senssun-if-b7": ((0x0100, "02031184469364a5e6021a4500b4a1ab61"), (0x0100, "02031184469364a5e6021a4500b4a1ac62")),
    "polar-advert": ((0x006B, "2f166b68"), (0x006B, "33166b68")),
    "eufy-p3": (
        (0x8453, "469364a5e60055d6f9610500e51a010000000000000000"),
        (0x845D, "469364a5e60058d6f9610500e51a010000000000000000"),
    ),
    "xiaogui-scale": ((0x7DC0, "2c4700000a012584469364a5e6"), (0x7EC0, "2c4700000a012584469364a5e6")),
}


@pytest.mark.parametrize("name", REPETITIONS)
def test_what_runs_on_while_one_measurement_is_repeated_makes_no_second_one(journal: Journal, name: str) -> None:
    home = Home(journal, own(PROFILES[name]))
    first, second = (
        Advert(address=ADDRESS, manufacturer_data={company: bytes.fromhex(data)}) for company, data in REPETITIONS[name]
    )
    assert first.manufacturer_data != second.manufacturer_data
    assert essence(home.profile, first) == essence(home.profile, second)
    assert home.hear(first, MORNING)
    assert not home.hear(second, MORNING + SECOND)
    assert len(home.readings(MORNING + 60 * SECOND)) == 1
