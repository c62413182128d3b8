"""`phr gateway run` as a service runs it: on BlueZ, with its own agent, until SIGTERM."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from cli.exits import Exit
from gateway.journal import Journal
from tests.flow.bluez_home import House, house
from tests.flow.device_home import Made, device, list_devices, weights

pytestmark = [pytest.mark.flow, pytest.mark.needs_dbus]


async def phr(at: House, folder: Path) -> asyncio.subprocess.Process:
    """The command, in the environment of a machine whose system bus is the house's."""
    environ = {
        **os.environ, "PHR_HOME": str(folder), "PHR_MQTT_URL": "mqtt://127.0.0.1:9",
        "PHR_GATEWAY_ID": "g-" + "b" * 13, "DBUS_SYSTEM_BUS_ADDRESS": at.bluez.address,
    }  # fmt: skip
    command = [sys.executable, "-m", "cli", "gateway", "run"]
    return await asyncio.create_subprocess_exec(*command, env=environ, stdout=PIPE, stderr=PIPE)


async def test_the_command_bonds_reads_and_ends_on_a_signal_and_says_when_there_is_no_bluetooth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = device("weight-scale", records=weights(3), secured=True)
    async with house(tmp_path, monkeypatch, scale) as at:
        list_devices(tmp_path / "g", at.air)
        running = await phr(at, tmp_path / "g")
        await at.air.until_delivered(3)
        running.send_signal(signal.SIGTERM)
        _, log = await running.communicate()
        assert running.returncode == 0, log.decode()
        events = [json.loads(line)["event"] for line in log.decode().splitlines() if line.startswith("{")]
        assert {"gateway_started", "gateway_stopped"} <= set(events)
        journal = Journal(tmp_path / "g" / "journal.sqlite")
        assert Made(journal).values("body-weight") == [record.values["weight"] for record in scale.records]
        journal.close()
        await at.bluez.power("hci0", on=False)
        refused = await phr(at, tmp_path / "g")
        _, said = await refused.communicate()
        assert refused.returncode == Exit.NO_BLUETOOTH
        assert "bluetooth-off" in said.decode()
