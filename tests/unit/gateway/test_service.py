"""The gateway's own loop over a radio without air: what it hears, whom it visits, what it keeps."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.contract.reading import Quantity, Reading, Sample
from engine.contract.wire import decode_readings
from firmware_profiles.model import Advert, Subscribe, UserConsent
from firmware_profiles.registry import PROFILES
from firmware_profiles.uuids import CURRENT_TIME, USER_CONTROL_POINT
from gateway import service, visits
from gateway.devices import Devices, entry
from gateway.journal import Journal
from gateway.link import Heard, Link, RadioFailure, Receive
from gateway.radio import CONNECT_TIMEOUT
from gateway.radio_ear import CALL_TIMEOUT
from gateway.settings import GatewaySettings, broker_address

SCALE, MI = "C0:26:DF:01:E2:3A", "C8:47:8C:9F:7B:0A"
HOUSE = "h-aaaaaaaaaaaaa"
NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)
GATT = PROFILES["sig-weight"]
WEIGHT = next(
    step.characteristic for step in GATT.steps if isinstance(step, Subscribe) and step.characteristic in GATT.codecs
)


def weight_frame(kilograms: str, time: datetime | None, slot: int | None = None) -> bytes:
    encode = GATT.codecs[WEIGHT].encode
    assert encode is not None
    return encode(Sample(quantities={"weight": Quantity(Decimal(kilograms), "kg")}, time=time, user_slot=slot))


class DeviceDouble:
    """A device that sends its records once subscribed and hangs up; `fail` makes a call fail with a code."""

    def __init__(
        self, records: list[bytes], *, fail: dict[str, str] | None = None, characteristic: str = WEIGHT
    ) -> None:
        self.records, self.fail, self.characteristic = records, fail or {}, characteristic
        self.connected = True
        self.written: list[tuple[str, bytes]] = []
        self.paired = False
        self.receivers: dict[str, Receive] = {}
        self.gone: Callable[[], None] = lambda: None

    def has(self, characteristic: str, service: str | None = None) -> bool:
        return characteristic in {self.characteristic, CURRENT_TIME, USER_CONTROL_POINT}

    async def read(self, characteristic: str) -> bytes:
        raise RadioFailure("refused")

    async def write(
        self, characteristic: str, data: bytes, service: str | None = None, *, response: bool = True
    ) -> None:
        self.written.append((characteristic, data))
        if characteristic in self.fail:
            raise RadioFailure(self.fail[characteristic])
        if characteristic == USER_CONTROL_POINT:
            self.receivers[characteristic](bytes((0x20, data[0], 1)))

    async def subscribe(self, characteristic: str, receive: Receive) -> None:
        if self.fail.get("subscribe") == "not-paired" and not self.paired:
            raise RadioFailure("not-paired")
        self.receivers[characteristic] = receive
        if characteristic == self.characteristic:
            for record in self.records:
                receive(record)
            self.records = []
            self.connected = False
            self.gone()

    async def pair(self) -> None:
        self.paired = True


class StuckDouble(DeviceDouble):
    """Never answers a read; behind that, nothing else is answered either."""

    asked = 0

    def has(self, characteristic: str, service: str | None = None) -> bool:
        return True

    async def read(self, characteristic: str) -> bytes:
        self.asked += 1
        raise RadioFailure("timeout")


class RadioDouble:
    """Adverts by hand, connections to doubles."""

    def __init__(self, devices: dict[str, DeviceDouble], *, broken: str | None = None) -> None:
        self.devices, self.broken = devices, broken
        self.listen: Callable[[Heard], None] = lambda _: None
        self.visits: list[str] = []

    async def start(self, listen: Callable[[Heard], None]) -> None:
        if self.broken:
            raise RadioFailure(self.broken)
        self.listen = listen

    async def stop(self) -> None:
        self.listen = lambda _: None

    async def check(self, silence: float) -> bool:
        return False

    @asynccontextmanager
    async def connect(self, address: str, gone: Callable[[], None]) -> AsyncIterator[Link]:
        self.visits.append(address)
        device = self.devices.get(address)
        if device is None:
            raise RadioFailure("unreachable")
        device.gone, device.connected = gone, True
        yield device


def settings(home: Path) -> GatewaySettings:
    # Nobody listens on this port: a home without its broker keeps everything.
    return GatewaySettings(home=home, gateway="g-aaaaaaaaaaaaa", broker=broker_address("mqtt://127.0.0.1:1"))


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not happened():  # noqa: ASYNC110 - there is no event to wait for, only a state
            await asyncio.sleep(0.01)


def readings(home: Path) -> list[Reading]:
    journal = Journal(home / "journal.sqlite")
    rows = journal.due(datetime(2100, 1, 1, tzinfo=UTC), 1000)
    journal.close()
    found = [item for row in rows for item in _decoded(row.payload)]
    return [item for item in found if isinstance(item, Reading)]


def _decoded(payload: bytes) -> list[object]:
    found = decode_readings(payload)
    assert isinstance(found, tuple | list), found
    return list(found)


@asynccontextmanager
async def running(home: Path, radio: RadioDouble) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(service.run(settings(home), stop, radio=radio))
    await asyncio.sleep(0.05)
    yield
    stop.set()
    await task


def advert_of(address: str = SCALE) -> Heard:
    return Heard(Advert(address=address, name="scale", services=()), datetime.now(UTC))


async def test_a_scale_that_was_heard_is_visited_and_every_record_becomes_one_reading(tmp_path: Path) -> None:
    listed = Devices(tmp_path).add(entry(SCALE, "sig-weight", household=HOUSE))
    times = [datetime.now(UTC).replace(microsecond=0, tzinfo=None) - timedelta(days=day) for day in (3, 2, 1)]
    records = [weight_frame("63.25", time) for time in times]
    radio = RadioDouble({SCALE: DeviceDouble(records)})
    async with running(tmp_path, radio):
        radio.listen(advert_of())
        await until(lambda: len(radio.visits) == 1 and not radio.devices[SCALE].records)
        await asyncio.sleep(0.1)
    found = readings(tmp_path)
    assert {Decimal(item.values[0].value) for item in found} == {Decimal("63.25")}
    assert [item.time_quality for item in found] == ["device"] * 3
    assert {item.device for item in found} == {listed.id}
    assert [item.provenance for item in found] == ["bonded"] * 3
    assert [name for name, _ in radio.devices[SCALE].written] == [CURRENT_TIME]


async def test_two_weighings_with_a_stuck_clock_stay_two_and_a_record_sent_again_stays_one(tmp_path: Path) -> None:
    Devices(tmp_path).add(entry(SCALE, "sig-weight", household=HOUSE))
    stuck = datetime(2000, 1, 1)  # noqa: DTZ001
    record = weight_frame("63.25", stuck)
    for records in ([record, record], [record]):
        radio = RadioDouble({SCALE: DeviceDouble(records)})
        async with running(tmp_path, radio):
            radio.listen(advert_of())
            await until(lambda radio=radio: len(radio.visits) == 1 and not radio.devices[SCALE].records)  # type: ignore[misc]
            await asyncio.sleep(0.1)
    found = readings(tmp_path)
    assert len(found) == 2
    assert {item.time_quality for item in found} == {"unknown"}


async def test_strangers_are_counted_and_neither_visited_nor_kept(tmp_path: Path) -> None:
    radio = RadioDouble({})
    async with running(tmp_path, radio):
        radio.listen(advert_of())
        await asyncio.sleep(0.05)
    assert radio.visits == []
    assert SCALE.encode() not in (tmp_path / "journal.sqlite").read_bytes()


async def test_a_device_that_cannot_be_reached_is_left_alone_for_a_while(tmp_path: Path) -> None:
    Devices(tmp_path).add(entry(SCALE, "sig-weight", household=HOUSE))
    radio = RadioDouble({})
    async with running(tmp_path, radio):
        for _ in range(20):
            radio.listen(advert_of())
            await asyncio.sleep(0.01)
    assert radio.visits == [SCALE]


async def test_no_adapter_at_the_start_is_a_typed_failure(tmp_path: Path) -> None:
    with pytest.raises(RadioFailure) as failure:
        await service.run(settings(tmp_path), asyncio.Event(), radio=RadioDouble({}, broken="bluetooth-off"))
    assert failure.value.code == "bluetooth-off"


@pytest.mark.parametrize(("code", "fed"), [("bluetooth-off", True), ("no-bluetooth", True), ("timeout", False)])
async def test_what_no_restart_would_mend_does_not_starve_the_watchdog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, fed: bool
) -> None:
    said: list[str] = []
    checked = asyncio.Event()

    async def check(silence: float) -> bool:
        if len(said) > 1 or code == "timeout":
            checked.set()
        raise RadioFailure(code)

    monkeypatch.setattr(service, "notify", said.append)
    monkeypatch.setattr(service, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(service, "FEED_EVERY", 0.0)
    radio = RadioDouble({})
    monkeypatch.setattr(radio, "check", check)
    async with running(tmp_path, radio):
        await checked.wait()
    assert ("WATCHDOG=1" in said) is fed


def test_the_service_manager_waits_longer_than_a_silent_home_may_take_to_check_its_ear() -> None:
    unit = (Path(service.__file__).parent / "deploy" / "phr-gateway.service").read_text("utf-8")
    waits = next(float(line.split("=")[1]) for line in unit.splitlines() if line.startswith("WatchdogSec="))
    silence = settings(Path()).silence
    assert waits > service.FEED_EVERY + silence + service.LOOK_EVERY + 2 * CALL_TIMEOUT + CONNECT_TIMEOUT


async def test_a_device_stuck_at_telling_its_name_is_asked_for_nothing_but_records_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Devices(tmp_path).add(entry(SCALE, "sig-weight", household=HOUSE))
    device = StuckDouble([weight_frame("63.25", None)])
    radio = RadioDouble({SCALE: device})
    monkeypatch.setattr(visits, "FIRST_WAIT", 0.01)
    async with running(tmp_path, radio):
        while device.records:
            radio.listen(advert_of())
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
    assert (device.asked, len(radio.visits)) == (1, 2)
    assert device.written == []
    assert len(readings(tmp_path)) == 1


async def test_a_protected_scale_is_bonded_once_asked_and_then_heard(tmp_path: Path) -> None:
    Devices(tmp_path).add(entry(SCALE, "sig-weight", household=HOUSE))
    device = DeviceDouble([weight_frame("63.25", None)], fail={"subscribe": "not-paired", CURRENT_TIME: "refused"})
    radio = RadioDouble({SCALE: device})
    async with running(tmp_path, radio):
        radio.listen(advert_of())
        await until(lambda: device.paired and not device.records)
        await asyncio.sleep(0.1)
    assert len(readings(tmp_path)) == 1


async def test_slots_are_unlocked_with_their_pins_before_records_are_asked_for(tmp_path: Path) -> None:
    profile = PROFILES["sig-body-composition"]
    assert any(isinstance(step, UserConsent) for step in profile.steps)
    resident = "r-aaaaaaaaaaaaa"
    Devices(tmp_path).add(entry(SCALE, profile.id, household=HOUSE, resident=resident, slot=2, pin=2345))
    device = DeviceDouble([], characteristic=WEIGHT)
    radio = RadioDouble({SCALE: device})
    async with running(tmp_path, radio):
        radio.listen(advert_of())
        await until(lambda: any(name == USER_CONTROL_POINT for name, _ in device.written))
    asked = [data for name, data in device.written if name == USER_CONTROL_POINT]
    assert asked == [bytes((2, 2)) + (2345).to_bytes(2, "little")]


async def test_a_device_listed_while_the_gateway_runs_is_heard_without_a_restart(tmp_path: Path) -> None:
    radio = RadioDouble({SCALE: DeviceDouble([weight_frame("63.25", None)])})
    async with running(tmp_path, radio):
        Devices(tmp_path).add(entry(SCALE, "sig-weight", household=HOUSE))
        for _ in range(100):
            radio.listen(advert_of())
            await asyncio.sleep(0.05)
            if radio.visits:
                break
        await until(lambda: not radio.devices[SCALE].records)
    assert len(readings(tmp_path)) == 1


async def test_an_advert_scale_is_kept_once_however_often_it_repeats_itself(tmp_path: Path) -> None:
    profile = PROFILES["xiaomi-miscale-v2"]
    assert profile.encode_advert is not None
    Devices(tmp_path).add(entry(MI, profile.id, household=HOUSE))
    clock = datetime.now(UTC).replace(microsecond=0, tzinfo=None) + timedelta(hours=9)
    sample = Sample(
        quantities={"weight": Quantity(Decimal("63.25"), "kg"), "impedance": Quantity(Decimal(500), "Ohm")}, time=clock
    )
    first = Sample(quantities={"weight": sample.quantities["weight"]}, time=clock)
    moving = Sample(quantities={"weight": sample.quantities["weight"]}, time=clock, final=False)
    radio = RadioDouble({})
    async with running(tmp_path, radio):
        for said in (moving, moving, first, first, sample, sample, sample):
            radio.listen(Heard(profile.encode_advert(said, MI), datetime.now(UTC)))
        await asyncio.sleep(0.1)
    found = readings(tmp_path)
    assert [[value.kind for value in item.values] for item in found] == [["body-weight", "impedance"]]
    assert found[0].provenance == "broadcast"


async def test_frames_left_by_a_killed_gateway_are_decoded_by_the_next(tmp_path: Path) -> None:
    device = Devices(tmp_path).add(entry(SCALE, "sig-weight", household=HOUSE))
    journal = Journal(tmp_path / "journal.sqlite")
    session = journal.begin_session(device.id, "sig-weight", datetime.now(UTC))
    journal.append_frame(device.id, session, WEIGHT, weight_frame("61.00", None), datetime.now(UTC))
    journal.append_frame(device.id, session, WEIGHT, b"\x00", datetime.now(UTC))
    journal.close()
    async with running(tmp_path, RadioDouble({})):
        pass
    assert len(readings(tmp_path)) == 1
    journal = Journal(tmp_path / "journal.sqlite")
    assert journal.tally() == {"frame:truncated": 1}
    assert journal.depth().refused == 1
    journal.close()
