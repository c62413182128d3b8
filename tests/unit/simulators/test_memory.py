"""What virtual devices keep: ledgers, calendars, descriptions of households, places."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from simulators.address import Place, parse_place
from simulators.clock import STUCK, Calendar, DeviceClock, decode_offset, encode_offset
from simulators.household import Household, HouseholdError, Record, VirtualDevice, load_household, save_household
from simulators.ledger import Frame, Ledger

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
FRAMES = (Frame("here", b"\x01"), Frame("here", b"\x02"))


def scale(name: str = "scale", address: str = "F0:00:00:00:00:01") -> VirtualDevice:
    record = Record(at=NOON, values={"weight": "62.30"})
    return VirtualDevice(name=name, kind="weight-scale", address=address, profile="sig-weight", records=(record,))


def test_a_ledger_read_again_knows_what_was_measured_and_what_was_delivered(tmp_path: Path) -> None:
    path = tmp_path / "scale.jsonl"
    first = Ledger(path, keeps=True)
    late = first.add(NOON, {"weight": "62.30"}, FRAMES, slot=1)
    early = first.add(NOON - timedelta(days=1), {"weight": "62.00"}, FRAMES)
    assert first.fresh
    assert [entry.number for entry in first.pending()] == [early.number, late.number]
    first.mark(early.number, "delivered")
    first.close()
    again = Ledger(path, keeps=True)
    assert not again.fresh
    assert again.pending() == [late]
    assert again.totals().delivered == 1
    assert len(again.heard()) == 2
    again.close()


def test_a_line_torn_by_a_kill_is_dropped_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "scale.jsonl"
    ledger = Ledger(path, keeps=True)
    ledger.add(NOON, {"weight": "62.30"}, FRAMES)
    ledger.close()
    path.write_bytes(path.read_bytes() + b'{"type":"entry","numb')
    again = Ledger(path, keeps=True)
    again.add(NOON, {"weight": "62.35"}, FRAMES)
    again.close()
    once_more = Ledger(path, keeps=True)
    assert [entry.values["weight"] for entry in once_more.entries()] == ["62.30", "62.35"]
    once_more.close()


def test_a_broadcast_counts_as_heard_only_when_it_was_marked(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "band.jsonl", keeps=False)
    one, _ = (ledger.add(NOON, {"steps": str(n)}, FRAMES) for n in (1, 2))
    ledger.mark(one.number, "heard")
    assert ledger.heard() == [one]
    assert ledger.totals().pending == 0
    ledger.close()


def test_a_turned_calendar_is_told_and_survives_a_restart(tmp_path: Path) -> None:
    told: list[bytes] = []
    calendar = Calendar(tmp_path / "clock", told.append)
    calendar.turn(NOON)
    assert abs(calendar() - NOON) < timedelta(seconds=5)
    again = Calendar(tmp_path / "clock", told.append)
    assert abs(again() - NOON) < timedelta(seconds=5)
    assert len(told) == 3
    assert told[1] == told[2]
    again.turn(None)
    assert decode_offset(told[-1]) == timedelta()


@pytest.mark.parametrize("offset", [timedelta(), timedelta(days=-3650, microseconds=1), timedelta(days=9)])
def test_an_announced_offset_is_understood(offset: timedelta) -> None:
    assert decode_offset(encode_offset(offset)) == offset


def test_a_device_clock_shows_local_wall_time_as_it_was_set_unless_it_is_stuck() -> None:
    clock, nine_pm = DeviceClock(lambda: NOON, TOKYO), NOON.astimezone(TOKYO).replace(tzinfo=None)
    assert clock.show(NOON) == nine_pm
    clock.write(nine_pm - timedelta(hours=1))
    assert clock.show(NOON) == nine_pm - timedelta(hours=1)
    clock.write(nine_pm + timedelta(seconds=1))
    assert clock.show(NOON) == nine_pm
    clock.stuck = True
    assert clock.show(NOON) == STUCK
    assert clock.writes == 2


def test_a_household_comes_back_from_its_file(tmp_path: Path) -> None:
    home = Household(devices=(scale(),), description=("invented",))
    save_household(home, tmp_path / "home.json")
    assert load_household(tmp_path / "home.json") == home
    assert home.device("scale") == scale()
    with pytest.raises(KeyError):
        home.device("nobody")


def test_a_household_may_be_written_by_hand_as_toml(tmp_path: Path) -> None:
    text = """
    zone = "Asia/Tokyo"
    [[devices]]
    name = "band"
    kind = "step-band"
    address = "F0:00:00:00:00:04"
    profile = "huami-band"
    """
    (tmp_path / "home.toml").write_text(text, encoding="utf-8")
    assert load_household(tmp_path / "home.toml").devices[0].kind == "step-band"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"devices": [{"name": "x"}]}',
        '{"devices": [], "colour": "red"}',
        '{"devices": [{"name": "s", "kind": "toaster", "address": "F0:00:00:00:00:01", "profile": "p"}]}',
        '{"devices": [{"name": "s", "kind": "step-band", "address": "home", "profile": "p"}]}',
    ],
)
def test_a_description_that_cannot_be_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    path = tmp_path / "home.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HouseholdError, match=r"home\.json"):
        load_household(path)


def test_two_devices_at_one_address_are_refused(tmp_path: Path) -> None:
    save_household(Household(devices=(scale(), scale("other"))), tmp_path / "home.json")
    with pytest.raises(HouseholdError, match="address"):
        load_household(tmp_path / "home.json")


@pytest.mark.parametrize("place", [Place(port=4242), Place(path="/somewhere/air.sock")])
def test_a_place_is_read_as_it_is_written(place: Place) -> None:
    assert parse_place(str(place)) == place


@pytest.mark.parametrize("text", ["", "4242", ":", "host:", "host:port", ":80"])
def test_a_text_that_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a place"):
        parse_place(text)
