"""The Bluetooth adapters of this machine."""

from __future__ import annotations

import asyncio

from gateway.link import RadioFailure
from gateway.radio_bus import Adapter, BluezBus


async def find_adapters(address: str | None = None) -> list[Adapter]:
    """Every adapter BlueZ knows, powered or not, by name; raises RadioFailure `no-bluetooth` or `bluetooth-denied`."""
    bus = BluezBus(lambda _: None, address)
    await bus.open()
    try:
        found = await bus.adapters()
    finally:
        bus.close()
    if not found:
        raise RadioFailure("no-bluetooth", "BlueZ knows no adapter")
    return found


def adapters() -> list[tuple[str, str, bool]]:
    """The same for callers without an event loop: (name, address, powered)."""
    return [(one.name, one.address, one.powered) for one in asyncio.run(find_adapters())]
