"""Gives up the bond with a device that the household forgets (BlueZ); elsewhere the system keeps its own list."""

from __future__ import annotations

import asyncio
import sys

from gateway.radio_bus import DEVICE, OBJECTS, BluezBus, ask, dial


async def forget_bond(address: str) -> bool:
    """Whether any adapter had a bond with the device and gave it up; raises RadioFailure without BlueZ."""
    if sys.platform != "linux":
        return False
    bus = await dial()
    try:
        (objects,) = await ask(bus, "/", OBJECTS, "GetManagedObjects")
        paths = [path for path, interfaces in objects.items() if _is_bonded(interfaces.get(DEVICE), address)]
    finally:
        bus.disconnect()
    if not paths:
        return False
    owner = BluezBus(lambda _adapter: None)
    await owner.open()
    try:
        await asyncio.gather(*(owner.forget(path) for path in paths))
    finally:
        owner.close()
    return True


def _is_bonded(device: object, address: str) -> bool:
    if not isinstance(device, dict) or "Address" not in device:
        return False
    return bool(device["Address"].value.upper() == address and "Paired" in device and device["Paired"].value)
