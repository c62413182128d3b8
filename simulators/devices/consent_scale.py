"""A virtual Beurer scale: people register with a code of their own choice, and each sees only what is theirs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from bumble.core import UUID
from bumble.gatt import Characteristic, Service

from firmware_profiles.model import DecodeError
from firmware_profiles.sig_body import encode_body_parts
from firmware_profiles.sig_user import REGISTER, RESPONSE, SUCCESS, decode_request
from firmware_profiles.sig_user_data import BIRTH, CHANGES, HEIGHT, SEX
from firmware_profiles.uuids import (
    BODY_COMPOSITION,
    BODY_COMPOSITION_MEASUREMENT,
    USER_CONTROL_POINT,
    USER_DATA,
)
from simulators.devices.storing import INVALID, NOT_AUTHORIZED, StoringPeripheral, sample_of
from simulators.ledger import Entry, Frame

FAILED: Final = 4
LAST_SLOT: Final = 8


class ConsentScale(StoringPeripheral):
    """Eight slots; the ones in `pins` are taken. Records of a slot wait for its code, and nothing else opens them."""

    service, measurement = BODY_COMPOSITION, BODY_COMPOSITION_MEASUREMENT

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._pins = dict(self.spec.pins)
        self.told_of: dict[str, bytes] = {}

    def services(self) -> list[Any]:
        """The measurement, the control point, and where a person is described."""
        bits = Characteristic.Properties.INDICATE
        self._control = self.watched(self.writable(USER_CONTROL_POINT, self._on_control, bits))
        about = [self.writable(uuid, self._learn(uuid)) for uuid in (SEX, BIRTH, HEIGHT, CHANGES)]
        return [Service(UUID(self.service), [self._told]), Service(UUID(USER_DATA), [self._control, *about])]

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """Fat and what belongs to it, then weight and impedance."""
        sample = sample_of(values, time=wall, slot=slot)
        return [Frame(self.measurement, part) for part in encode_body_parts(sample, ("weight", "impedance"))]

    def _next(self) -> Entry | None:
        if not self.is_subscribed(self._told):
            return None
        return next((e for e in self.ledger.pending() if e.slot is None or e.slot in self._granted), None)

    async def _answer(self, link: Any, request: bytes) -> None:
        asked = request[0] if request else 0
        if asked != REGISTER:
            await super()._answer(link, request)
            return
        reply = bytes((RESPONSE, asked, *self._enrol(request)))
        await self.device.gatt_server.indicate_subscriber(link, self._control, reply)

    def _enrol(self, request: bytes) -> tuple[int, ...]:
        try:
            asked = decode_request(request)
        except DecodeError:
            return (INVALID,)
        free = next((slot for slot in range(1, LAST_SLOT + 1) if slot not in self._pins), None)
        if free is None or asked.pin is None:
            return (FAILED,)
        self._pins[free] = asked.pin
        return (SUCCESS, free)

    def _judge(self, request: bytes) -> int:
        try:
            asked = decode_request(request)
        except DecodeError:
            return INVALID
        if asked.slot is None or self._pins.get(asked.slot) != asked.pin:
            return NOT_AUTHORIZED
        self._granted.add(asked.slot)
        return SUCCESS

    def _learn(self, uuid: str) -> Any:
        def write(_: Any, value: bytes) -> None:
            self.told_of[uuid] = bytes(value)

        return write
