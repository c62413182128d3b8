"""Scales that say nothing before they were spoken to, and any profile whose frames need no dialogue.

What they understand is the inverse of each profile's dialogue, what they say the inverse of its codec.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bumble.core import UUID
from bumble.gatt import Service

from firmware_profiles import eufy_talk, keep_s3, lefu_ffb0, renpho_msc04
from firmware_profiles import vendor_scales as small
from firmware_profiles.eufy import FFF2
from firmware_profiles.model import BASE, DecodeError, uuid16
from firmware_profiles.registry import PROFILES
from firmware_profiles.vendor_scales_talk import KOOGEEK_HELLO, ROBI_GREETING, koogeek_order, vitafit_order
from simulators.devices.broadcast import sample_for
from simulators.devices.peripheral import (
    GENERAL_DISCOVERABLE,
    MANUFACTURER,
    NAME,
    SERVICES_16,
    SERVICES_128,
    Structures,
    short,
)
from simulators.devices.storing import StoringPeripheral
from simulators.devices.vendor_base import SETTLING, SpokenTo, spread
from simulators.ledger import Frame


class LefuScale(SpokenTo):
    """An AC02 scale; its name or its 0x02AC advert tells the model."""

    service, measurement, orders = lefu_ffb0.SERVICE, lefu_ffb0.STREAM, lefu_ffb0.ORDERS

    def structures(self) -> Structures:
        """Flags, service, name, and for the models that have it the address backwards in manufacturer data."""
        found = [*super().structures()]
        if self.spec.profile == lefu_ffb0.TENTHS.id:
            own = bytes.fromhex(self.spec.address.replace(":", ""))[::-1]
            found.append((MANUFACTURER, lefu_ffb0.COMPANY.to_bytes(2, "little") + own + b"\1"))
        return found

    def answer(self, order: bytes) -> list[bytes]:
        """An echo; after the last order of the greeting it weighs."""
        self.greeted = self.greeted or order == lefu_ffb0.GREETING[-1]
        return [order]

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """The weight in the decimals of its model whatever its profile knows, then the impedance."""
        del wall, slot
        places = 1 if self.spec.profile == lefu_ffb0.TENTHS.id else 2
        parts = [{name: value} for name, value in values.items()]
        samples = (sample_for(part, time=None, slot=None) for part in parts)
        return [Frame(self.measurement, lefu_ffb0.encode(sample, places)) for sample in samples]

    def unsettled(self, values: dict[str, str]) -> list[bytes]:
        """A weight that has not settled."""
        if self.spec.profile == lefu_ffb0.UNKNOWN.id:
            return []
        return super().unsettled(values)


class KoogeekScale(SpokenTo):
    """Greets until it is greeted."""

    service, measurement, orders = uuid16(0xFFF0), small.KOOGEEK_STREAM, small.KOOGEEK_ORDERS
    # As captured in ble-scale-sync#270.
    HELLO = bytes.fromhex("55aa55aa010d010101162601735500000000001a")

    async def serve(self, link: Any) -> None:
        """Greet beside everything else."""
        greeting = self.spawn(self._greet())
        try:
            await super().serve(link)
        finally:
            greeting.cancel()

    def answer(self, order: bytes) -> list[bytes]:
        """The right answer to its greeting opens it."""
        self.greeted = self.greeted or order == koogeek_order(KOOGEEK_HELLO, 1)
        return []

    async def _greet(self) -> None:
        while not self.greeted:
            await self.say(self.HELLO)
            await asyncio.sleep(SETTLING)


class VitafitScale(SpokenTo):
    """Measures impedance only after the settled weight was acknowledged."""

    service, measurement, orders = uuid16(0xFFF0), small.VITAFIT_STREAM, small.VITAFIT_ORDERS

    def answer(self, order: bytes) -> list[bytes]:
        """Nothing; the third word of the greeting opens it."""
        self.greeted = self.greeted or order == vitafit_order(0x17, b"\1")
        return []

    async def heeded(self, frame: bytes) -> None:
        """The acknowledgement of a settled weight."""
        if frame.startswith(small.VITAFIT_WEIGHT):
            await self.hear(lambda order: order == vitafit_order(0x10, b"\2"))


class RobiScale(SpokenTo):
    """Indicates its result after the whole greeting."""

    service, measurement, orders = lefu_ffb0.SERVICE, small.ROBI_RESULT, small.ROBI_ORDERS
    indicates = True

    def answer(self, order: bytes) -> list[bytes]:
        """Nothing; it listens for the eleven frames of the greeting in their order."""
        del order
        self.greeted = [frame.hex() for frame in self.heard] == list(ROBI_GREETING) or self.greeted
        return []

    def unsettled(self, values: dict[str, str]) -> list[bytes]:
        """Its live frames are another characteristic's."""
        del values
        return []


class KeepScale(SpokenTo):
    """Answers every request; goes on with a weighing when its event was acknowledged."""

    service, measurement, orders = keep_s3.SERVICE, keep_s3.STREAM, keep_s3.ORDERS

    def answer(self, order: bytes) -> list[bytes]:
        """An answer to a request: its clock where that was asked for, else nothing but consent."""
        if order[:2] != bytes((keep_s3.REQUEST, keep_s3.MAGIC)):
            return []
        body = bytes(4) if order[2] == keep_s3.READ_TIME else b""
        self.greeted = self.greeted or order[2] == keep_s3.START
        return [bytes((keep_s3.RESPONSE, keep_s3.MAGIC, order[2], 0, len(body), keep_s3.OK)) + body]

    async def heeded(self, frame: bytes) -> None:
        """The acknowledgement of the event."""
        heard = bytes((keep_s3.HEARD, keep_s3.MAGIC, frame[2], 0, 0, keep_s3.OK))
        await self.hear(lambda order: order == heard)


class Msc04Scale(SpokenTo):
    """Tells its state, wants that acknowledged, and indicates the settled weight."""

    service, measurement, orders = renpho_msc04.SERVICE, renpho_msc04.RESULTS, renpho_msc04.ORDERS
    indicates = True
    STATE = renpho_msc04.frame(renpho_msc04.STATUS, bytes.fromhex("0201010050"))

    def answer(self, order: bytes) -> list[bytes]:
        """The replies to guest and clock, then its state; the acknowledgement of the state opens it."""
        try:
            command, body = renpho_msc04.open_frame(order)
        except DecodeError:
            return []
        if command == renpho_msc04.HEARD:
            self.greeted = True
        replies = {renpho_msc04.GUEST: 0x22, renpho_msc04.CLOCK: 0x23}
        found = [renpho_msc04.frame(replies[command], body[:1] + b"\0")] if command in replies else []
        return [*found, self.STATE] if command == renpho_msc04.CLOCK else found


class EufyScale(SpokenTo):
    """Knows its visitor by a name sealed with its own address; one that is not `pairable` believes nobody."""

    service, measurement, orders = eufy_talk.SERVICE, FFF2, eufy_talk.ORDERS
    NAME = b"minato-0123456"

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._key = eufy_talk.key_of(self.spec.address)
        self._visitor: bytes | None = None
        self._answers = self.told(eufy_talk.ANSWERS, indicate=False)

    def more(self) -> list[Any]:
        """Where it answers."""
        return [self._answers]

    def answer(self, order: bytes) -> list[bytes]:
        """Nothing on the stream."""
        del order
        return []

    async def _obey(self, order: bytes) -> None:
        self.heard.append(order)
        hello, proof = self._read(eufy_talk.HELLO), self._read(eufy_talk.PROOF)
        replies = []
        if hello is not None and order[0] == eufy_talk.HELLO:
            self._visitor = hello
            replies = eufy_talk.pieces(eufy_talk.REPLY, eufy_talk.seal(self.NAME, self._key))
        elif proof is not None:
            known = self.pairable and self._visitor is not None and proof == self._visitor + b"_" + self.NAME
            replies = eufy_talk.pieces(eufy_talk.VERDICT, bytes((not known,)))
            self.greeted = known
        for frame in replies:
            await self.device.gatt_server.notify_subscriber(self.link, self._answers, frame, force=True)
        self.news.set()

    def _read(self, act: int) -> bytes | None:
        """What the visitor said in an act, once it is whole."""
        found = [piece for order in self.heard if (piece := eufy_talk.read_piece(act, order))]
        if not found or len(found) < found[0][0]:
            return None
        return eufy_talk.open_sealed(b"".join(part for _, _, part in found), self._key)


class ProfileService(StoringPeripheral):
    """Any profile whose frames need no dialogue, as a device that keeps its records until they are confirmed."""

    def __init__(self, *parts: Any) -> None:
        self._profile = PROFILES[parts[1].profile]
        self.measurement = next(uuid for uuid in self._profile.codecs if uuid.count("-") == BASE.count("-"))
        self.service = next((m.service for m in self._profile.match if m.service), uuid16(0xFFF0))
        super().__init__(*parts)

    def structures(self) -> Structures:
        """Flags, the name, and the service in the form that has room for it."""
        name = (NAME, (self.spec.local_name or self.spec.name).encode())
        if self.service.endswith(BASE):
            return (GENERAL_DISCOVERABLE, (SERVICES_16, short(self.service)), name)
        return (GENERAL_DISCOVERABLE, (SERVICES_128, bytes.fromhex(self.service.replace("-", ""))[::-1]), name)

    def services(self) -> list[Any]:
        """The measuring service with everything the profile writes to."""
        orders = [self.writable(uuid, lambda *_: None) for uuid in WRITTEN.get(self._profile.id, ())]
        first, *rest = super().services()
        return [Service(UUID(self.service), [*first.characteristics, *orders]), *rest]

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """A stored record of the profile."""
        sample = sample_for(values, time=wall, slot=slot)
        codec = self._profile.codecs[self.measurement]
        return [Frame(self.measurement, data) for data in spread(codec, sample)]


WRITTEN: Final[Mapping[str, tuple[str, ...]]] = {"soehnle-shape": (small.SOEHNLE_ORDERS,)}
