"""The bleak backends themselves: what production code sees of the simulated air when things go wrong."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakBluetoothNotAvailableError, BleakError, BleakGATTProtocolError
from typer.testing import CliRunner

from cli.simulate import app
from firmware_profiles.uuids import BATTERY_LEVEL, CURRENT_TIME, USER_CONTROL_POINT, WEIGHT_MEASUREMENT
from simulators.backend import client_backend, scanner_backend
from simulators.orders import OrderError
from simulators.receiver import Receiver
from tests.flow.device_home import device, home, weights

pytestmark = pytest.mark.flow
ADDRESS = "F0:00:00:00:00:21"


async def test_a_guarded_subscription_is_protocol_error_15_until_paired(tmp_path: Path) -> None:
    scale = device("weight-scale", secured=True, records=weights(2))
    async with home(tmp_path / "air", scale) as air:
        receiver = Receiver(air.air)
        async with BleakClient(ADDRESS, backend=client_backend(receiver)) as client:
            with pytest.raises(BleakGATTProtocolError) as caught:
                await client.start_notify(WEIGHT_MEASUREMENT, lambda *_: None)
            assert caught.value.args[0] == 15
            await client.pair()
            await client.start_notify(WEIGHT_MEASUREMENT, lambda *_: None)
            await air.until_delivered(2)
        await receiver.close()


async def test_a_connection_reads_writes_and_reports_what_is_not_there(tmp_path: Path) -> None:
    async with home(tmp_path / "air", device("body-composition-scale", pins={1: 1})) as air:
        receiver = Receiver(air.air)
        gone = asyncio.Event()
        client = BleakClient(ADDRESS, disconnected_callback=lambda _: gone.set(), backend=client_backend(receiver))
        await client.connect()
        assert client.mtu_size > 100
        assert await client.read_gatt_char(BATTERY_LEVEL) == b"\x50"
        replies: asyncio.Queue[bytearray] = asyncio.Queue()
        await client.start_notify(USER_CONTROL_POINT, lambda _, data: replies.put_nowait(data))
        for request, reply in ((b"\x02\x01\x01\x00", b"\x20\x02\x01"), (b"\x02\x01\x02\x00", b"\x20\x02\x05")):
            await client.write_gatt_char(USER_CONTROL_POINT, request, response=True)
            async with asyncio.timeout(5):
                assert await replies.get() == reply
        assert len(await client.read_gatt_char(CURRENT_TIME)) == 10
        with pytest.raises(BleakGATTProtocolError) as caught:
            await client.read_gatt_char(USER_CONTROL_POINT)
        assert caught.value.args[0] == 2
        await air.ask("drop-link", "it")
        async with asyncio.timeout(5):
            await gone.wait()
        assert not client.is_connected
        with pytest.raises(BleakError):
            await client.read_gatt_char(BATTERY_LEVEL)
        await receiver.close()


async def test_a_record_whose_callback_fails_is_not_confirmed_and_stays_with_the_device(tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    async with home(tmp_path / "air", device("weight-scale", records=weights(1))) as air:
        receiver = Receiver(air.air)
        async with BleakClient(ADDRESS, backend=client_backend(receiver)) as client:
            await client.start_notify(WEIGHT_MEASUREMENT, fail)
            await asyncio.sleep(0.3)
        assert (await air.totals())["pending"] == 1
        await receiver.close()


async def test_who_is_not_there_is_a_timeout_and_does_not_block_the_next_connection(tmp_path: Path) -> None:
    async with home(tmp_path / "air", device("weight-scale")) as air:
        receiver = Receiver(air.air)
        with pytest.raises(TimeoutError):
            await BleakClient("F0:00:00:00:00:99", timeout=0.3, backend=client_backend(receiver)).connect()
        async with BleakClient(ADDRESS, timeout=5, backend=client_backend(receiver)) as client:
            assert client.is_connected
        await receiver.close()


async def test_without_air_there_is_no_bluetooth(tmp_path: Path) -> None:
    receiver = Receiver(f"unix:{tmp_path}/nowhere.sock")
    with pytest.raises(BleakBluetoothNotAvailableError):
        await BleakScanner(backend=scanner_backend(receiver)).start()


async def test_orders_that_make_no_sense_are_refused_with_a_code(tmp_path: Path) -> None:
    async with home(tmp_path / "air", device("weight-scale")) as air:
        for code, do, name, fields in (
            ("no-device", "weigh", "nobody", {"values": {"weight": "60"}}),
            ("not-possible", "weigh", "it", {"values": {"weight": "60.001"}}),
            ("not-possible", "weigh", "it", {"values": {"steps": "6"}}),
            ("not-possible", "play", "it", {}),
            ("bad-order", "dance", "it", {}),
            ("bad-order", "now", None, {"at": "2026-01-01T00:00:00"}),
            ("bad-order", "weigh", "it", {"values": {"weight": "heavy"}}),
        ):
            with pytest.raises(OrderError) as caught:
                await air.ask(do, name, **fields)
            assert caught.value.code == code


def test_captures_replay_through_the_gateway_and_are_counted(tmp_path: Path) -> None:
    lines = [
        {"id": "a", "transport": "notification", "service_uuid": "181d", "characteristic_uuid": "2a9d",
         "payload_hex": "00b036"},
        {"id": "b", "transport": "advertisement", "service_uuid": "fee0", "payload_hex": "d2040000"},
        {"id": "c", "transport": "advertisement", "service_uuid": "1234", "payload_hex": "00"},
        {"id": "d", "transport": "notification", "service_uuid": "181d", "characteristic_uuid": "2a9d",
         "payload_hex": "00ffff"},
    ]  # fmt: skip
    path = tmp_path / "captures.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    outcome = CliRunner().invoke(app, ["replay", str(path)])
    assert json.loads(outcome.stdout) == {
        "lines": 4,
        "skipped": {"no-profile": 1},
        "heard": 3,
        "unheard": 0,
        "readings": 2,
        "refused": {"frame:unsuccessful": 1},
        "profiles": {"huami-band": 1, "sig-weight": 1},
    }
