"""When a passive scan is enough: only when everything listed shows itself without being asked."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.contract.ids import device_id
from firmware_profiles.claim import rank
from firmware_profiles.model import Advert, Match
from firmware_profiles.registry import installed
from gateway.devices import Devices, Entry
from gateway.radio_passive import ANYTHING, Patterns, patterns_of, wanted_patterns
from simulators.devices.live import pack, unpack

PROFILES = installed().profiles
HOUSEHOLD = "h-" + "a" * 13


def listed(home: Path, *profiles: str) -> Devices:
    devices = Devices(home)
    for number, profile in enumerate(profiles):
        address = f"F0:00:00:00:00:{number:02X}"
        devices.add(Entry(id=device_id(HOUSEHOLD, address), address=address, profile=profile))
    return devices


def test_service_data_is_looked_for_by_its_uuid_and_company_data_by_the_bytes_of_the_id_that_count() -> None:
    (scale,) = patterns_of([PROFILES["xiaomi-miscale-v2"]])
    assert (scale.start_position, int(scale.ad_data_type), scale.content_of_pattern) == (0, 0x16, b"\x1b\x18")
    rolling_id = replace(PROFILES["xiaomi-miscale-v2"], match=(Match(company=0x12C0, company_mask=0x00FF),))
    (rolling,) = patterns_of([rolling_id])
    assert (int(rolling.ad_data_type), rolling.content_of_pattern) == (0xFF, b"\xc0")


@pytest.mark.parametrize("profile", ["sig-weight", "sig-blood-pressure"])
def test_a_family_known_by_its_name_or_service_needs_an_active_scan(profile: str) -> None:
    assert patterns_of([PROFILES[profile]]) == ()
    assert patterns_of([PROFILES["xiaomi-miscale-v2"], PROFILES[profile]]) == ()


def test_the_choice_follows_the_list(tmp_path: Path) -> None:
    auto = wanted_patterns("auto", tmp_path, PROFILES)
    assert auto() == (), "an empty list: whatever is around may be asked for its name"
    devices = listed(tmp_path, "xiaomi-miscale-v2")
    assert len(auto()) == 1
    assert wanted_patterns("active", tmp_path, PROFILES)() == ()
    assert wanted_patterns("passive", tmp_path, PROFILES)() == (*auto(), *ANYTHING)
    assert devices.forget("F0:00:00:00:00:00")
    listed(tmp_path, "xiaomi-miscale-v2", "sig-weight")
    assert auto() == ()


def test_a_list_that_cannot_be_read_or_names_a_missing_family_keeps_the_scan_active(tmp_path: Path) -> None:
    listed(tmp_path, "not-installed")
    auto = wanted_patterns("auto", tmp_path, PROFILES)
    assert auto() == ()
    (tmp_path / "devices.json").write_text("{")
    assert auto() == ()


def let_through(patterns: Patterns, advert: Advert) -> bool:
    structures = unpack(pack(advert, None))
    return any(
        kind == int(one.ad_data_type) and data[one.start_position :].startswith(one.content_of_pattern)
        for one in patterns
        for kind, data in structures
    )


def test_no_advert_a_family_recognises_is_kept_from_it() -> None:
    """The bytes on the air, not the rule: endianness and the free bits of a company id are what goes wrong here."""
    seen = 0
    for profile in PROFILES.values():
        patterns = patterns_of([profile])
        for match in profile.match if patterns else ():
            data = bytes(match.at) + match.holds
            data += bytes(max(0, (match.length or 8) - len(data)))
            free = (0xFFFF ^ match.company_mask) & 0xA5A5
            advert = Advert(
                address="F0:00:00:00:00:00",
                service_data={match.service_data: data} if match.service_data else {},
                manufacturer_data={match.company ^ free: data} if match.company is not None else {},
            )
            assert rank(match, advert), profile.id
            assert let_through(patterns, advert), profile.id
            seen += 1
    assert seen >= 5
