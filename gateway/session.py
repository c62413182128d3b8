"""One connection to one device: the profile's steps, every frame journalled before anything else happens to it.

The device ends a session by hanging up; that is success. What it sent before is kept whatever fails later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.reading import Sample
from firmware_profiles.model import (
    Converse,
    DeviceInfo,
    Profile,
    Setting,
    Step,
    Subscribe,
    Talk,
    UntilIdle,
    UserConsent,
    WriteCurrentTime,
    WriteDateTime,
)
from firmware_profiles.registry import for_firmware
from firmware_profiles.sig_info import device_info
from firmware_profiles.sig_time import current_time, encode_date_time
from firmware_profiles.sig_user import consent, register, registered_slot
from firmware_profiles.sig_user_data import describe
from firmware_profiles.uuids import (
    BATTERY_LEVEL,
    CURRENT_TIME,
    DATE_TIME,
    FIRMWARE_REVISION,
    MAKER_NAME,
    MODEL_NUMBER,
    SERIAL_NUMBER,
    USER_CONTROL_POINT,
)
from gateway.devices import Entry, Newcomer, key_of
from gateway.journal import Journal, JournalError
from gateway.link import Link, RadioFailure
from gateway.talk import Mailbox, hold

TOLD: Final = (MAKER_NAME, MODEL_NUMBER, SERIAL_NUMBER, FIRMWARE_REVISION, BATTERY_LEVEL)
# One request at a time: behind one that is never answered, no other is either.
OVER: Final = {"lost", "timeout"}
# The device has slots with PINs, and the household has none of them.
NO_PIN: Final = "no-pin"


class Outcome(msgspec.Struct, frozen=True):
    """How a session went: `code` is done, or the reason why it ended early; `consents` are result words by slot.

    `enrolled` is the result word of the last registration: empty when nobody waited, `granted` when a slot was given.
    """

    code: str
    frames: int
    info: DeviceInfo
    consents: Mapping[int, str] = {}
    enrolled: str = ""


class Session:
    """Runs a profile over an open link. `kept` is called after each frame is on disk.

    `brief` leaves out what a device got stuck at the last time: its records matter more than its name and its clock.
    `pairing` is true while a person pairs the device: dialogues may then register a slot or set a key, and who waits
    for a slot is given one; `enrol` is told at once.
    """

    def __init__(
        self,
        entry: Entry,
        profile: Profile,
        journal: Journal,
        *,
        zone: ZoneInfo,
        now: Callable[[], datetime],
        kept: Callable[[], None],
        brief: bool = False,
        pairing: bool = False,
        enrol: Callable[[Newcomer, int], None] | None = None,
    ) -> None:
        self._entry, self._profile, self._journal = entry, profile, journal
        self._zone, self._now, self._kept, self._brief = zone, now, kept, brief
        self._pairing, self._enrol = pairing, enrol
        self._id = journal.begin_session(entry.id, profile.id, now())
        self._stirred = asyncio.Event()
        self._over = asyncio.Event()
        self._mail = Mailbox()
        self._awaited = _awaited(profile)
        self._subscribed: set[str] = set()
        self._barred: set[str] = set()
        self._frames = 0
        self._broken: JournalError | None = None
        self._consents: dict[int, str] = {}
        self._enrolled = ""

    def hang_up(self) -> None:
        """The device is gone; called by the radio."""
        self._over.set()
        self._stirred.set()
        self._mail.close()

    def close(self) -> None:
        """No more frames can come: parts left alone may be decoded."""
        self._journal.end_session(self._id, self._now())
        self._kept()

    async def run(self, link: Link) -> Outcome:
        """Do the steps until the device hangs up; raises JournalError when a frame could not be kept."""
        info = DeviceInfo()
        code = "done"
        try:
            if self._pairing:
                await self._bond(link)
            info = DeviceInfo() if self._brief else await read_info(link, self._profile)
            self._journal.describe_session(self._id, info.firmware)
            self._profile = for_firmware(self._profile, info.firmware)
            for step in self._profile.steps:
                code = await self._do(step, link)
                if code != "done":
                    break
        except RadioFailure as failure:
            # A device that hangs up in the middle of a step has said all it wanted to say.
            code = "done" if self._frames and (self._over.is_set() or failure.code == "lost") else failure.code
        if self._broken:
            raise self._broken
        return Outcome(code, self._frames, info, self._consents, self._enrolled)

    async def _bond(self, link: Link) -> None:
        """Now it accepts a new partner; later it would refuse whoever it does not know."""
        wanted = self._profile.pairing.bond
        try:
            if wanted != "none":
                await _pair(link)
        except RadioFailure as failure:
            # One that wants no bond works without; one that does will say so when it is subscribed to.
            if wanted == "passkey" or failure.code in OVER or not link.connected:
                raise

    async def _do(self, step: Step, link: Link) -> str:
        """`done`, or the result word of a dialogue that ends the session."""
        if self._over.is_set() or (self._brief and isinstance(step, WriteCurrentTime | WriteDateTime)):
            return "done"
        match step:
            case WriteCurrentTime():
                await self._write_current_time(link)
            case WriteDateTime(service):
                await self._write_date_time(link, service)
            case Subscribe(characteristic, optional):
                await self._subscribe(link, characteristic, optional=optional)
            case UserConsent():
                await self._unlock(link)
            case Converse(talk, listens):
                for characteristic in listens:
                    await self._subscribe(link, characteristic, optional=True)
                offered = {characteristic for characteristic in listens if link.has(characteristic)}
                if offered and offered <= self._barred:
                    # It would tell nothing to whom it does not know: no dialogue has to find that out by waiting.
                    return "not-paired"
                return await self._hold(link, talk(self._setting()))
            case UntilIdle(seconds):
                await self._listen(seconds)
        return "done"

    async def _unlock(self, link: Link) -> None:
        """Every slot with its PIN; a slot for whoever waits for one, if the device gives any."""
        if USER_CONTROL_POINT in self._barred:
            raise RadioFailure("not-paired", "it hears no PIN from whom it does not know")
        for slot, pin in sorted(self._entry.pins.items()):
            await self._subscribe(link, USER_CONTROL_POINT)
            self._consents[slot] = await self._hold(link, consent(slot, pin))
        if self._pairing and self._enrol and link.has(USER_CONTROL_POINT):
            self._enrolled = "" if self._entry.pins else NO_PIN
            for newcomer in self._entry.waiting:
                await self._subscribe(link, USER_CONTROL_POINT)
                self._enrolled = await self._register(link, newcomer, self._enrol)

    async def _register(self, link: Link, newcomer: Newcomer, enrol: Callable[[Newcomer, int], None]) -> str:
        word = await self._hold(link, register(newcomer.pin))
        slot = registered_slot(word)
        if slot is None:
            return word
        # Written down before anything else can fail: the device will never tell this slot again.
        enrol(newcomer, slot)
        self._consents[slot] = word = await self._hold(link, consent(slot, newcomer.pin))
        for characteristic, data in describe(newcomer.body).items():
            if link.has(characteristic):
                await self._try_write(link, characteristic, data)
        return word

    def _setting(self) -> Setting:
        entry = self._entry
        return Setting(
            now=self._wall_clock(),
            address=entry.address,
            pins=entry.pins,
            bodies=entry.bodies,
            key=key_of(entry),
            memory=self._journal.memory(entry.id),
            pairing=self._pairing,
        )

    async def _hold(self, link: Link, talk: Talk) -> str:
        return await hold(talk, link, self._mail, self, self._over.is_set)

    def keep(self, carrier: str, raw: bytes) -> None:
        """Journal a record a dialogue put together; on disk when this returns."""
        self._keep(carrier, raw)

    def remember(self, name: str, value: int) -> None:
        """Keep a number for the next session with this device."""
        self._journal.remember(self._entry.id, name, value)

    async def _write_current_time(self, link: Link) -> None:
        if link.has(CURRENT_TIME):
            await self._try_write(link, CURRENT_TIME, current_time(self._wall_clock()))

    async def _write_date_time(self, link: Link, service: str) -> None:
        if link.has(DATE_TIME, service):
            await self._try_write(
                link, DATE_TIME, encode_date_time(Sample(quantities={}, time=self._wall_clock())), service
            )

    async def _try_write(self, link: Link, characteristic: str, data: bytes, service: str | None = None) -> None:
        """A clock that cannot be set is no failure; a lost or stuck device is."""
        try:
            await link.write(characteristic, data, service)
        except RadioFailure as failure:
            if failure.code in OVER or not link.connected:
                raise

    def _wall_clock(self) -> datetime:
        return self._now().astimezone(self._zone).replace(tzinfo=None)

    async def _subscribe(self, link: Link, characteristic: str, *, optional: bool = False) -> None:
        if characteristic in self._subscribed or (optional and not link.has(characteristic)):
            return
        self._subscribed.add(characteristic)
        receive = self._receiver(characteristic)
        try:
            try:
                await link.subscribe(characteristic, receive)
            except RadioFailure as failure:
                if failure.code != "not-paired":
                    raise
                await _pair(link)
                await link.subscribe(characteristic, receive)
        except RadioFailure as failure:
            if not optional or not link.connected:
                raise
            if failure.code == "not-paired":
                self._barred.add(characteristic)

    def _receiver(self, characteristic: str) -> Callable[[bytes], None]:
        codec = self._profile.codecs.get(characteristic)
        kept = codec is not None and not codec.assembled and characteristic != USER_CONTROL_POINT
        awaited = characteristic in self._awaited

        def receive(raw: bytes) -> None:
            if kept:
                self._keep(characteristic, raw)
            if awaited:
                self._mail.put(characteristic, raw)

        return receive

    def _keep(self, characteristic: str, raw: bytes) -> None:
        """Runs inside the radio's callback: the device deletes its record once this frame is confirmed."""
        if self._broken:
            raise self._broken
        try:
            self._journal.append_frame(self._entry.id, self._id, characteristic, raw, self._now())
        except JournalError as error:
            # Hang up at once, and let the radio see the failure: a stack that can, then withholds the confirmation.
            self._broken = error
            self.hang_up()
            raise
        self._frames += 1
        self._stirred.set()
        self._kept()

    async def _listen(self, seconds: float) -> None:
        while not self._over.is_set():
            self._stirred.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._stirred.wait()
            except TimeoutError:
                return


def _awaited(profile: Profile) -> frozenset[str]:
    """The characteristics whose frames a dialogue waits for."""
    heard = [uuid for step in profile.steps if isinstance(step, Converse) for uuid in step.listens]
    return frozenset((*heard, USER_CONTROL_POINT))


async def _pair(link: Link) -> None:
    """Bond; a device that says no to a new partner is not paired, whatever else it does."""
    try:
        await link.pair()
    except RadioFailure as failure:
        if failure.code == "refused":
            raise RadioFailure("not-paired", str(failure)) from failure
        raise


async def read_info(link: Link, profile: Profile) -> DeviceInfo:
    """Device Information and battery as far as the device tells; what it refuses stays None."""
    found = {uuid: await _try_read(link, uuid) for uuid in TOLD}
    heard = {uuid: raw for uuid, raw in found.items() if raw is not None}
    return device_info(heard, battery_unreliable=profile.battery_unreliable)


async def _try_read(link: Link, characteristic: str) -> bytes | None:
    if not link.has(characteristic):
        return None
    try:
        return await link.read(characteristic)
    except RadioFailure as failure:
        if failure.code in OVER or not link.connected:
            raise
        return None
