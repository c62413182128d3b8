"""Messages of the home's broker through the journal: once, with their own time, and again the same after a crash."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.contract.reading import Reading, Value
from engine.contract.wire import DeviceNote, Health, Show, decode_readings, encode, encode_reading
from gateway.house import House
from gateway.journal import MESSAGE, Draft, Journal
from gateway.messages import Context, MessageDecoder, keep
from gateway.mirror import map_of
from gateway.mirror_maps import Maps
from gateway.settings import BrokerAddress, GatewaySettings, HomeBroker

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)
DEVICE, HANAKO = "d-aaaaaaaaaaaaa", "r-aaaaaaaaaaaaa"
MAP = map_of({
    "name": "hall", "topic": "hall", "quality": "/q", "person": "/p", "people": {"hanako": HANAKO}, "time": "/at",
    "display": "hall/show",
    "values": [
        {"pointer": "/hr", "kind": "heart-rate", "unit": "/min"},
        {"pointer": "/room", "kind": "room-temperature", "unit": "Cel"},
    ],
})  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


def message(**said: Any) -> bytes:
    return msgspec.json.encode(said)


def decoded(journal: Journal) -> list[Reading]:
    decoder = MessageDecoder(journal, TOKYO)
    while decoder.step()[1]:
        pass
    found = [decode_readings(row.payload) for row in journal.due(NOW + timedelta(days=400), 1000)]
    return [item for one in found if isinstance(one, tuple | list) for item in one if isinstance(item, Reading)]


def test_a_person_and_their_room_are_two_readings_of_one_message(journal: Journal) -> None:
    keep(journal, DEVICE, Context(MAP, "hall"), message(hr=62, room=21.5, q=0.9, p="hanako"), NOW)
    camera, room = decoded(journal)
    assert (camera.source, camera.provenance, camera.quality) == ("mqtt", "broadcast", 0.9)
    assert (camera.person_hint, camera.time_quality) == (HANAKO, "received")
    assert (room.person_hint, room.quality) == (None, None)
    journal.forget([camera.id])
    assert journal.depth().waiting == 1
    journal.forget([room.id])
    assert journal.depth().frames == 0


def test_the_same_message_delivered_again_is_the_same_reading(journal: Journal) -> None:
    keep(journal, DEVICE, Context(MAP, "hall"), message(hr=62, at="2026-11-21T07:00:00Z"), NOW)
    keep(journal, DEVICE, Context(MAP, "hall"), message(hr=62, at="2026-11-21T07:00:00Z"), NOW + timedelta(days=2))
    keep(journal, DEVICE, Context(MAP, "hall"), message(hr=63), NOW)
    keep(journal, DEVICE, Context(MAP, "hall"), message(hr=63), NOW + timedelta(minutes=9))
    keep(journal, DEVICE, Context(MAP, "hall"), message(hr=63), NOW + timedelta(minutes=30))
    found = decoded(journal)
    assert [item.values[0].value for item in found] == ["62", "63", "63"]
    assert found[0].measured_at == NOW
    assert found[0].time_quality == "device"


def test_the_same_frames_give_the_same_readings_in_another_gateway(journal: Journal, tmp_path: Path) -> None:
    other = Journal(tmp_path / "other.sqlite")
    for place, at in ((journal, NOW), (other, NOW + timedelta(seconds=3))):
        keep(place, DEVICE, Context(MAP, "hall"), message(hr=62, room=20, at="2026-11-21T06:59:30Z"), at)
    assert [item.id for item in decoded(journal)] == [item.id for item in decoded(other)]


def test_what_waited_at_the_broker_without_a_time_is_not_dated_now(journal: Journal) -> None:
    keep(journal, DEVICE, Context(MAP, "hall", late=True), message(hr=62), NOW)
    keep(journal, DEVICE, Context(MAP, "hall", late=True), message(hr=63, at="2026-11-21T06:00:00Z"), NOW)
    found = {item.values[0].value: item.time_quality for item in decoded(journal)}
    assert found == {"62": "unknown", "63": "device"}


def test_a_clock_that_was_never_set_is_not_believed(journal: Journal) -> None:
    keep(journal, DEVICE, Context(MAP, "hall"), message(hr=62, at=86_400), NOW)
    (found,) = decoded(journal)
    assert (found.measured_at, found.time_quality) == (NOW, "received")


def test_what_cannot_be_read_is_kept_with_its_code_and_stops_nothing(journal: Journal) -> None:
    journal.append_advert(DEVICE, b"{}", b"no map", NOW, carrier=MESSAGE)
    keep(journal, DEVICE, Context(MAP, "hall"), b"\xff", NOW)
    keep(journal, DEVICE, Context(MAP, "hall"), message(hr=62), NOW)
    assert len(decoded(journal)) == 1
    assert journal.tally() == {"frame:message-shape": 1, "frame:no-map": 1}


def test_the_radios_decoder_never_sees_a_message(journal: Journal) -> None:
    keep(journal, DEVICE, Context(MAP, "hall"), message(hr=62), NOW)
    journal.append_advert(DEVICE, b"advert", b"{}", NOW)
    assert [frame.carrier for frame in journal.fresh()] == ["advert"]
    assert [frame.carrier for frame in journal.fresh(messages=True)] == [MESSAGE]


# -- the house, as its connection calls it


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, journal: Journal, clock: Clock) -> House:
    address = BrokerAddress(host="127.0.0.1", port=1)
    settings = GatewaySettings(
        home=tmp_path, gateway="g-aaaaaaaaaaaaa", broker=address, household="h-aaaaaaaaaaaaa",
        home_broker=HomeBroker(address=address, discover=True),
    )  # fmt: skip
    Maps(tmp_path).add(MAP)
    Maps(tmp_path).add(map_of({
        "name": "room", "topic": "sensor/+", "values": [{"pointer": "", "kind": "co2", "unit": "[ppm]"}],
    }))  # fmt: skip
    found = House(settings, journal, clock, tell=lambda _: None, kept=lambda: None, health=_no_health)
    found.look()
    return found


def _no_health() -> Any:
    raise AssertionError("nothing is announced")


def kept(journal: Journal) -> int:
    return len(journal.fresh(messages=True))


def test_an_old_retained_message_measures_nothing_and_shows_nobody(house: House, journal: Journal) -> None:
    show = Show(resident=HANAKO, until=NOW + timedelta(hours=1), ja=("62.3",), en=("62.3",))
    assert house.obey("phr/v1/g-aaaaaaaaaaaaa/down/show/r-aaaaaaaaaaaaa", encode(show))
    house.turn(fresh=True)
    house.hear("hall", message(hr=62, p="hanako"), retained=True, late=False)
    assert (kept(journal), house.turn(fresh=False)) == (0, [])
    house.hear("hall", message(hr=62, p="hanako", at=NOW.isoformat()), retained=True, late=False)
    house.hear("hall", message(hr=63, p="hanako"), retained=False, late=True)
    house.hear("hall", message(hr=64, p="hanako", at="2026-11-21T06:00:00Z"), retained=False, late=False)
    assert (kept(journal), house.turn(fresh=False)) == (3, [])
    house.hear("hall", message(hr=65, p="hanako"), retained=False, late=False)
    assert [out.topic for out in house.turn(fresh=False)] == ["hall/show"]


def test_an_order_to_forget_takes_the_person_off_the_mirror(house: House) -> None:
    show = Show(resident=HANAKO, until=NOW + timedelta(hours=1), ja=("62.3",), en=("62.3",))
    house.obey("phr/v1/g-aaaaaaaaaaaaa/down/show/r-aaaaaaaaaaaaa", encode(show))
    house.turn(fresh=True)
    house.hear("hall", message(p="hanako"), retained=False, late=False)
    assert b"62.3" in house.turn(fresh=False)[0].payload
    order = message(correlation="1", resident=HANAKO)
    assert not house.obey("phr/v1/g-aaaaaaaaaaaaa/down/cmd/forget", order)
    assert b"62.3" not in house.turn(fresh=False)[0].payload


@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff", b'{"v":1}'])
def test_a_show_that_cannot_be_read_shows_nothing(house: House, payload: bytes) -> None:
    assert house.obey("phr/v1/g-aaaaaaaaaaaaa/down/show/r-aaaaaaaaaaaaa", payload)
    assert house.turn(fresh=False) == []


def test_a_room_is_kept_every_quarter_of_an_hour_and_two_rooms_apart(
    house: House, journal: Journal, clock: Clock
) -> None:
    for minute in range(0, 31, 5):
        clock.now = NOW + timedelta(minutes=minute)
        house.hear("sensor/hall", b"640", retained=False, late=False)
        house.hear("sensor/bath", b"700", retained=False, late=False)
    devices = [frame.device for frame in journal.fresh(messages=True)]
    assert len(devices) == 6
    assert len(set(devices)) == 2


def test_of_a_mirror_that_never_stops_talking_some_is_kept_for_each_person(
    house: House, journal: Journal, clock: Clock, tmp_path: Path
) -> None:
    Maps(tmp_path).add(msgspec.structs.replace(MAP, every=60))
    house.look()
    for second in range(120):
        clock.now = NOW + timedelta(seconds=second)
        house.hear("hall", message(hr=60 + second % 30, p="hanako" if second % 2 else None), retained=False, late=False)
    assert kept(journal) == 4


def test_a_sender_that_pauses_is_no_refusal(house: House, journal: Journal) -> None:
    for payload in (b"unavailable", b"", b"{}"):
        house.hear("hall", payload, retained=False, late=False)
    assert kept(journal) == 0


def test_our_own_announcements_are_not_proposed_to_ourselves(house: House, tmp_path: Path) -> None:
    config = message(name="CO2", stat_t="x/y", unit_of_meas="ppm", dev={"ids": "x"})
    house.hear("homeassistant/sensor/g-aaaaaaaaaaaaa/a/config", config, retained=True, late=False)
    assert Maps(tmp_path).proposed() == ()
    house.hear("homeassistant/sensor/other/a/config", config, retained=True, late=False)
    assert [item.topic for item in Maps(tmp_path).proposed()] == ["x/y"]


def test_a_room_the_radio_heard_is_announced_and_a_weight_beside_it_is_not(
    tmp_path: Path, journal: Journal, clock: Clock
) -> None:
    address = BrokerAddress(host="127.0.0.1", port=1)
    settings = GatewaySettings(
        home=tmp_path, gateway="g-aaaaaaaaaaaaa", broker=address,
        home_broker=HomeBroker(address=address, announce=True),
    )  # fmt: skip
    health = Health(version="0.1.0", at=NOW, uptime=1.0, journal=0)
    house = House(settings, journal, clock, tell=lambda _: None, kept=lambda: None, health=lambda: health)
    frame = journal.append_advert(DEVICE, b"advert", b"{}", NOW)
    values = (Value("co2", "640", "[ppm]"), Value("body-weight", "62.30", "kg"))
    reading = Reading(
        id="a" * 26, device=DEVICE, profile="bthome-v2", measured_at=NOW, time_quality="received", received_at=NOW,
        values=values,
    )  # fmt: skip
    draft = Draft((frame.seq,), DEVICE, None, frame.raw, None, NOW)
    house.note(DeviceNote(device=DEVICE, profile="bthome-v2"))
    house.heard(journal.settle([draft], lambda _draft, _at: (reading.id, encode_reading(reading))))
    said = {out.topic: out.payload for out in house.turn(fresh=True)}
    assert said[f"phr-home/g-aaaaaaaaaaaaa/{DEVICE}"] == b'{"co2":640}'
    assert not any(b"62.30" in payload for payload in said.values())
