"""Devices that keep a record until the gateway confirmed it: scales and the blood-pressure monitor."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from bumble.core import UUID, BaseBumbleError
from bumble.gatt import Characteristic, Service

from engine.contract.reading import Quantity, Sample
from firmware_profiles.model import DecodeError
from firmware_profiles.sig_body import encode_body_parts
from firmware_profiles.sig_pressure import encode_pressure
from firmware_profiles.sig_scale import encode_weight
from firmware_profiles.sig_user import decode_request
from firmware_profiles.uuids import (
    BLOOD_PRESSURE,
    BODY_COMPOSITION,
    BODY_COMPOSITION_MEASUREMENT,
    PRESSURE,
    USER_CONTROL_POINT,
    USER_DATA,
    WEIGHT_MEASUREMENT,
    WEIGHT_SCALE,
)
from simulators.devices.peripheral import GENERAL_DISCOVERABLE, NAME, SERVICES_16, Peripheral, Structures, short
from simulators.ledger import Entry, Frame

UNITS: Final = {
    "weight": "kg", "body_fat_percentage": "%", "muscle_mass": "kg", "body_water_mass": "kg", "impedance": "Ohm",
    "systolic": "mm[Hg]", "diastolic": "mm[Hg]", "mean_arterial_pressure": "mm[Hg]", "pulse_rate": "/min",
    "heart_rate": "/min", "steps": "{steps}",
}  # fmt: skip
# A gateway needs this long at most to read, pair and subscribe before the device takes it for absent-minded.
PATIENCE: Final = 20.0
CONSENT, RESPONSE = 0x02, 0x20
SUCCESS, NOT_SUPPORTED, INVALID, NOT_AUTHORIZED = 1, 2, 3, 5


def sample_of(
    values: dict[str, str], *, time: datetime | None = None, slot: int | None = None, final: bool = True
) -> Sample:
    """The sample of `values`, in the units the virtual devices use; KeyError for a quantity they do not know."""
    found = {name: Quantity(Decimal(value), UNITS[name]) for name, value in values.items()}
    return Sample(quantities=found, time=time, user_slot=slot, final=final)


class StoringPeripheral(Peripheral):
    """Sends what is stored, oldest first, once subscribed; forgets a record after its last frame is confirmed."""

    service = ""
    measurement = ""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._told = self.told(self.measurement)
        self._granted: set[int] = set()
        self._cut: int | None = None
        self._control: Any = None

    def structures(self) -> Structures:
        """Flags, the service and the name: all in one frame, for bumble delivers no scan response."""
        name = (self.spec.local_name or self.spec.name).encode()
        return (GENERAL_DISCOVERABLE, (SERVICES_16, short(self.service)), (NAME, name))

    def services(self) -> list[Any]:
        """The measuring service, and User Data when the device has slots with PINs."""
        found = [Service(UUID(self.service), [self._told])]
        if self.spec.pins:
            bits = Characteristic.Properties.INDICATE
            self._control = self.watched(self.writable(USER_CONTROL_POINT, self._on_control, bits))
            found.append(Service(UUID(USER_DATA), [self._control]))
        return found

    def drop_link(self, after: int | None) -> dict[str, Any]:
        """Cut the link now, or between the frames that follow `after` further confirmed records."""
        if after is None:
            return super().drop_link(None)
        self._cut = after
        return {"dropped": 0}

    def wants_to_talk(self) -> bool:
        """Whether records are left."""
        return bool(self.ledger.pending())

    async def serve(self, link: Any) -> None:
        """One connection: deliver, then hang up after a quiet time."""
        self._granted.clear()
        patience = PATIENCE
        while True:
            entry = self._next()
            if entry is not None:
                await self._deliver(link, entry)
                continue
            self.news.clear()
            if self.is_subscribed(self._told):
                patience = self.spec.quiet
            try:
                async with asyncio.timeout(patience):
                    await self.news.wait()
            except TimeoutError:
                with suppress(BaseBumbleError):
                    await link.disconnect()
                return

    def _next(self) -> Entry | None:
        if not self.is_subscribed(self._told):
            return None
        open_ = (e for e in self.ledger.pending() if e.slot is None or not self.spec.pins or e.slot in self._granted)
        return next(open_, None)

    async def _deliver(self, link: Any, entry: Entry) -> None:
        for frame in entry.frames:
            # bumble returns when the confirmation is in; without one this task dies with the link.
            await self.device.gatt_server.indicate_subscriber(link, self._told, frame.data, force=True)
            if self._cut == 0:
                self._cut = None
                self.room.air.lose(self.controller)
                # The cancellation that follows must find the record unconfirmed.
                await asyncio.sleep(self.spec.rest)
        self.ledger.mark(entry.number, "delivered")
        if self._cut:
            self._cut -= 1

    def _on_control(self, link: Any, value: bytes) -> None:
        self.spawn(self._answer(link, bytes(value)))

    async def _answer(self, link: Any, request: bytes) -> None:
        reply = bytes((RESPONSE, request[0] if request else 0, self._judge(request)))
        await self.device.gatt_server.indicate_subscriber(link, self._control, reply)
        self.news.set()

    def _judge(self, request: bytes) -> int:
        try:
            asked = decode_request(request)
        except DecodeError:
            return INVALID
        if asked.what != "consent":
            # Slots of this product are made with its own buttons.
            return NOT_SUPPORTED
        if asked.slot is None or self.spec.pins.get(asked.slot) != asked.pin:
            return NOT_AUTHORIZED
        self._granted.add(asked.slot)
        return SUCCESS


class WeightScale(StoringPeripheral):
    """A bathroom scale with the SIG Weight Scale Service."""

    service, measurement = WEIGHT_SCALE, WEIGHT_MEASUREMENT

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """One weight measurement with its time stamp."""
        return [Frame(self.measurement, encode_weight(sample_of(values, time=wall, slot=slot)))]


class BodyCompositionScale(StoringPeripheral):
    """A body-composition scale that splits each measurement over two indications."""

    service, measurement = BODY_COMPOSITION, BODY_COMPOSITION_MEASUREMENT

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """Fat and what belongs to it, then weight and impedance."""
        sample = sample_of(values, time=wall, slot=slot)
        return [Frame(self.measurement, part) for part in encode_body_parts(sample, ("weight", "impedance"))]


class BloodPressureMonitor(StoringPeripheral):
    """An upper-arm monitor with the SIG Blood Pressure Service."""

    service, measurement = BLOOD_PRESSURE, PRESSURE

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """One blood-pressure measurement with its time stamp."""
        return [Frame(self.measurement, encode_pressure(sample_of(values, time=wall, slot=slot)))]
