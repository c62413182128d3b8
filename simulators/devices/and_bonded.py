"""Virtual A&D devices with manners of their own: a cuff that must be asked for all, a scale of the first firmware."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from bumble.core import UUID
from bumble.gatt import Service

from firmware_profiles.and_devices import CUSTOM, OLD_SCALE, OLD_WEIGHT, SEND_ALL, encode_old_weight
from firmware_profiles.numbers import decode_datetime
from firmware_profiles.uuids import DATE_TIME
from simulators.devices.peripheral import GENERAL_DISCOVERABLE, NAME, SERVICES_128, Peripheral, Structures
from simulators.devices.storing import BloodPressureMonitor, StoringPeripheral, sample_of
from simulators.ledger import Entry, Frame

CUSTOM_SERVICE: Final = "233bf000-5a34-1b6d-975c-000d5690abe4"
_DATE_TIME_SIZE: Final = 7
SHORT_NAME: Final = 0x08
# What flags and a long service UUID leave of an advert for the name.
_ROOM: Final = 8


class AndCuff(BloodPressureMonitor):
    """Keeps its clock inside the Blood Pressure Service; tells the newest record until it is asked for all."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._all = False

    def services(self) -> list[Any]:
        """Blood pressure with a Date Time, and A&D's own commands."""
        clock, command = self.writable(DATE_TIME, self._on_clock), self.writable(CUSTOM, self._on_command)
        return [Service(UUID(self.service), [self._told, clock]), Service(UUID(CUSTOM_SERVICE), [command])]

    def _next(self) -> Entry | None:
        entry, newest = super()._next(), self.ledger.entries()[-1:]
        return entry if self._all or entry is None or entry in newest else None

    def wants_to_talk(self) -> bool:
        """Whether there is something it would tell by itself."""
        return super().wants_to_talk() and (self._all or self.ledger.pending()[-1:] == self.ledger.entries()[-1:])

    def _on_command(self, link: Any, value: bytes) -> None:
        del link
        self._all = self._all or bytes(value) == SEND_ALL
        self.news.set()

    def _on_clock(self, link: Any, value: bytes) -> None:
        del link
        set_clock(self, bytes(value))


class AndFirstScale(StoringPeripheral):
    """The UC-352BLE of the first firmware: a service of A&D's own, weights in steps of 100 g."""

    service, measurement = OLD_SCALE, OLD_WEIGHT

    def structures(self) -> Structures:
        """Flags, A&D's own service and the name."""
        own = bytes.fromhex(self.service.replace("-", ""))[::-1]
        name = (self.spec.local_name or self.spec.name).encode()
        return (GENERAL_DISCOVERABLE, (SERVICES_128, own), (NAME, name))

    def services(self) -> list[Any]:
        """The weight and the clock."""
        return [Service(UUID(self.service), [self._told, self.writable(DATE_TIME, self._on_clock)])]

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """One weight measurement with its time stamp."""
        return [Frame(self.measurement, encode_old_weight(sample_of(values, time=wall, slot=slot)))]

    def _on_clock(self, link: Any, value: bytes) -> None:
        del link
        set_clock(self, bytes(value))


def set_clock(device: Peripheral, value: bytes) -> None:
    """A Date Time written by the gateway."""
    time = decode_datetime(value[:_DATE_TIME_SIZE].ljust(_DATE_TIME_SIZE, b"\0"))
    if time is not None:
        device.clock.write(time)
