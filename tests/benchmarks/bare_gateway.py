"""The limit of the gateway's footprint: bleak hears the same air, paho is connected, and nothing is done with either."""

from __future__ import annotations

import asyncio
import sys

import paho.mqtt.client as mqtt
from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from paho.mqtt.enums import CallbackAPIVersion

from simulators.backend import scanner_backend
from simulators.receiver import Receiver


async def _listen(air: str, port: int) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "bare", protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    heard: list[object] = []

    def hear(device: BLEDevice, _: AdvertisementData) -> None:
        heard[:] = [device]

    await BleakScanner(hear, scanning_mode="active", backend=scanner_backend(Receiver(air))).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_listen(sys.argv[1], int(sys.argv[2])))
