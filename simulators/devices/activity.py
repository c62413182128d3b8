"""A virtual activity monitor with the SIG's Physical Activity Monitor Service: one session for each walk."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from bumble.core import UUID, BaseBumbleError
from bumble.gatt import Service

from firmware_profiles.sig_activity import (
    ACTIVITY,
    CONTROL,
    DESCRIPTOR,
    ENQUIRE,
    ENQUIRED,
    GET_ENDED,
    IS_RUNNING,
    IS_SESSION,
    NOT_ENQUIRED,
    NOT_SENT,
    SENT,
    STEP_SUMMARY,
    encode_summary,
    split_summary,
)
from simulators.devices.asked import AskedPeripheral
from simulators.devices.peripheral import GENERAL_DISCOVERABLE, NAME, SERVICES_16, Properties, Structures, short
from simulators.devices.storing import sample_of
from simulators.ledger import Frame

NO_SESSIONS, NO_SUCH_SESSION = 0x85, 0x81


class ActivityMonitor(AskedPeripheral):
    """Each measurement is a session that is over; one more is always running and not to be fetched."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._control = self.watched(self.writable(CONTROL, self._on_control, Properties.INDICATE))
        self._descriptor, self._steps = self.told(DESCRIPTOR), self.told(STEP_SUMMARY)

    def structures(self) -> Structures:
        """Flags, the service and the name."""
        name = (self.spec.local_name or self.spec.name).encode()
        return (GENERAL_DISCOVERABLE, (SERVICES_16, short(ACTIVITY)), (NAME, name))

    def services(self) -> list[Any]:
        """Step summaries, session descriptors and the control point."""
        return [Service(UUID(ACTIVITY), [self._steps, self._descriptor, self._control])]

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """The summary of a session, in segments."""
        del wall, slot
        whole = encode_summary(sample_of(values), session=len(self.ledger.entries()) + 1)
        return [Frame(STEP_SUMMARY, segment) for segment in split_summary(whole, 12)]

    def is_over(self) -> bool:
        """Whether every session was fetched."""
        return not self.ledger.pending()

    def _on_control(self, link: Any, value: bytes) -> None:
        request = bytes(value)
        work = {ENQUIRE: self._enquire, GET_ENDED: self._get_ended}.get(request[0] if request else 0)
        if work is not None:
            self.spawn(work(link, request))

    async def _enquire(self, link: Any, request: bytes) -> None:
        del request
        entries = self.ledger.entries()
        if not entries:
            await self._say(link, self._control, bytes((NOT_ENQUIRED, NO_SESSIONS)))
            return
        for entry in entries:
            await self._say(
                link, self._descriptor, bytes((IS_SESSION,)) + entry.number.to_bytes(2, "little") + bytes(6)
            )
        running = (len(entries) + 1).to_bytes(2, "little")
        await self._say(link, self._descriptor, bytes((IS_SESSION | IS_RUNNING,)) + running + bytes(6))
        await self._say(link, self._control, bytes((ENQUIRED,)) + running)

    async def _get_ended(self, link: Any, request: bytes) -> None:
        wanted = int.from_bytes(request[1:3], "little")
        entry = next((entry for entry in self.ledger.entries() if entry.number == wanted), None)
        if entry is None:
            await self._say(link, self._control, bytes((NOT_SENT, NO_SUCH_SESSION)))
            return
        for frame in entry.frames:
            await self._say(link, self._steps, frame.data)
            if self.is_cut():
                return
        self.ledger.mark(entry.number, "delivered")
        await self._say(link, self._control, bytes((SENT, 1, 0, 0)))
        self.news.set()

    async def _say(self, link: Any, characteristic: Any, data: bytes) -> None:
        with suppress(BaseBumbleError):
            await self.device.gatt_server.indicate_subscriber(link, characteristic, data)
