"""The limit of the gateway: bleak hears the same air, paho passes on every advert that changed, and nothing is kept."""

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
    heard: dict[str, bytes] = {}

    def hear(device: BLEDevice, data: AdvertisementData) -> None:
        said = b"".join(data.service_data.values())
        if heard.get(device.address) != said:
            heard[device.address] = said
            client.publish(f"bare/{device.address}", said, qos=1)

    await BleakScanner(hear, scanning_mode="active", backend=scanner_backend(Receiver(air))).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_listen(sys.argv[1], int(sys.argv[2])))
