"""Captured bytes on the air again: a service or an advertiser that repeats what somebody recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bumble.core import UUID
from bumble.gatt import Service

from simulators.devices.live import Broadcaster
from simulators.devices.peripheral import pack_advert
from simulators.devices.storing import StoringPeripheral
from simulators.household import Capture
from simulators.ledger import Entry, Frame


class CapturedService(StoringPeripheral):
    """Indicates (or notifies) the frames of a capture, once, as a stored record."""

    def __init__(self, *parts: Any) -> None:
        self.capture: Capture = parts[1].capture or Capture()
        self.service = self.capture.service or ""
        self.measurement = self.capture.characteristic or ""
        super().__init__(*parts)
        if not self.capture.indicate:
            self._told = self.told(self.measurement, indicate=False)

    def services(self) -> list[Any]:
        """The captured service."""
        silent = [self.told(uuid) for uuid in self.capture.more]
        return [Service(UUID(self.service), [self._told, *silent])]

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """The captured frames, whatever the time."""
        del wall, values, slot
        return [Frame(self.measurement, bytes.fromhex(text)) for text in self.capture.frames]

    async def _deliver(self, link: Any, entry: Entry) -> None:
        if self.capture.indicate:
            await super()._deliver(link, entry)
            return
        for frame in entry.frames:
            await self.device.gatt_server.notify_subscriber(link, self._told, frame.data, force=True)
        self.ledger.mark(entry.number, "delivered")


class CapturedAdvert(Broadcaster):
    """Broadcasts the adverts of a capture."""

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """The captured adverts, whatever the time."""
        del wall, values, slot
        capture = self.spec.capture or Capture()
        adverts = ([(kind, bytes.fromhex(text)) for kind, text in one] for one in capture.structures)
        return [Frame("advert", pack_advert(advert)) for advert in adverts]
