"""The gateway at work: hears, visits, decodes, publishes, until it is told to stop.

One event loop for radio and decoding, one thread for MQTT; the journal stands between them. What dies takes nothing
with it: every step picks up from the journal.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.wire import DeviceNote, Health, State, decode, encode
from firmware_profiles.claim import Ambiguous
from firmware_profiles.model import DeviceInfo, Profile
from firmware_profiles.registry import claim, installed
from gateway.calling import Caller
from gateway.decoding import Decoder
from gateway.devices import Devices, Entry, prove
from gateway.hearing import Hearing
from gateway.house import House
from gateway.journal import Journal, JournalError
from gateway.link import Heard, Radio, RadioFailure
from gateway.log import log
from gateway.messages import MessageDecoder
from gateway.mqtt import Uplink
from gateway.notify import notify
from gateway.orders import follow
from gateway.settings import GatewaySettings
from gateway.spot_run import Spot
from gateway.visits import Visits

LOOK_EVERY: Final = 2.0
FEED_EVERY: Final = 15.0
PRUNE_EVERY: Final = 3600.0
# A restarted gateway would find the same; only a person can switch Bluetooth on or put the adapter back.
NOT_OURS: Final = {"bluetooth-off", "no-bluetooth"}
NEEDS_PERSON: Final = {"not-paired", "re-pair-needed"}


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def run(
    settings: GatewaySettings, stop: asyncio.Event, *, radio: Radio, now: Callable[[], datetime] = _utc_now,
    spot: Spot | None = None,
) -> None:  # fmt: skip
    """Be a gateway until `stop` is set, that of a public measuring spot with `spot`.

    Raises RadioFailure when there is no usable adapter at the start, JournalError when the journal fails, DeviceError
    when the device list is damaged.
    """
    journal = Journal(settings.journal_path)
    try:
        await Gateway(settings, journal, radio, now, spot).live(stop)
    finally:
        journal.close()


class Gateway:
    """The parts of a running gateway, wired; `live` once."""

    def __init__(
        self, settings: GatewaySettings, journal: Journal, radio: Radio, now: Callable[[], datetime],
        spot: Spot | None = None,
    ) -> None:  # fmt: skip
        self._settings, self._journal, self._radio, self._now, self._spot = settings, journal, radio, now, spot
        self._profiles = installed().profiles
        zone = ZoneInfo(settings.zone)
        self._started = now()
        self._devices = Devices(settings.home)
        self._entries: dict[str, Entry] = {}
        self._notes: dict[str, DeviceNote] = {}
        self._hearing = Hearing(journal, zone, spot.veil) if spot else Hearing(journal, zone)
        self._decoder = Decoder(journal, self._profiles, zone, self._listed, spot)
        self._messages = MessageDecoder(journal, zone)
        self._visits = Visits()
        self._unknown: dict[str, int] = {}
        self._adverts = self._scan_restarts = 0
        self._work, self._visit = asyncio.Event(), asyncio.Event()
        self._caller = Caller(radio, journal, self._profiles, self._devices, zone=zone, now=now, kept=self._work.set)
        self._fed_at = 0.0
        self._failure: Exception | None = None
        self._uplink = Uplink(
            settings.broker, settings.gateway, journal, health=self._health, hear=self._obey, retry=settings.retry,
            retry_most=settings.retry_most, health_every=settings.health_every,
        )  # fmt: skip
        if spot:
            spot.connect(self._uplink.reply, self._uplink.connected.is_set)
        wake = functools.partial(asyncio.get_running_loop().call_soon_threadsafe, self._work.set)
        tell = self._uplink.tell_device
        self._house = House(settings, journal, now, tell=tell, kept=wake, health=self._health)

    async def live(self, stop: asyncio.Event) -> None:
        """Run every part until `stop`, or until one fails for good."""
        self._read_list()
        self._decode()
        # What an engine could not read a newer one may: parked readings are tried again at every start, each alone.
        self._journal.unpark()
        self._uplink.start()
        self._house.start()
        try:
            await self._radio.start(self._hear)
            notify("READY=1")
            log("gateway_started", devices=len(self._entries))
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(part()) for part in (self._decoding, self._visiting, self._looking_after)]
                await self._until_over(stop, tasks)
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as failures:
            raise _first(failures) from None
        finally:
            notify("STOPPING=1")
            await self._close()

    @staticmethod
    async def _until_over(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
        waiting = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()

    async def _close(self) -> None:
        try:
            await self._radio.stop()
            await asyncio.to_thread(self._house.stop)
            self._hearing.flush(self._now(), everything=True)
            self._decode()
        finally:
            await asyncio.to_thread(self._uplink.stop)
            log("gateway_stopped")

    # -- hearing

    def _hear(self, heard: Heard) -> None:
        """Called by the radio for every advert; must not raise, a failed journal ends the gateway instead."""
        self._adverts += 1
        self._feed()
        try:
            self._sort(heard)
        except JournalError as error:
            self._fail(error)

    def _sort(self, heard: Heard) -> None:
        entry = self._entries.get(heard.advert.address.upper())
        profile = self._profiles.get(entry.profile) if entry else None
        if entry is None or profile is None:
            self._count_unknown(heard)
            return
        if profile.advert is not None and self._hearing.hear(entry, profile, heard):
            self._work.set()
        if profile.connects and self._visits.heard(entry.id, asyncio.get_running_loop().time(), entry.paired_at):
            self._visit.set()

    def _count_unknown(self, heard: Heard) -> None:
        """Strangers are counted by family, never noted."""
        if not heard.changed:
            return
        found = claim(heard.advert, self._profiles)
        name = "none" if found is None else "ambiguous" if isinstance(found, Ambiguous) else found.id
        self._unknown[name] = self._unknown.get(name, 0) + 1

    def _feed(self) -> None:
        """Only a working ear feeds the watchdog."""
        at = asyncio.get_running_loop().time()
        if at - self._fed_at >= FEED_EVERY:
            self._fed_at = at
            notify("WATCHDOG=1")

    # -- visiting

    async def _visiting(self) -> None:
        async with asyncio.TaskGroup() as visits:
            while True:
                device = self._visits.take()
                if device is not None:
                    visits.create_task(self._visit_once(device))
                    continue
                self._visit.clear()
                await self._visit.wait()

    async def _visit_once(self, device: str) -> None:
        entry = self._listed(device)
        try:
            outcome = await self._caller.call(entry) if entry else None
        except JournalError as error:
            self._fail(error)
            outcome = None
        # What was given up in the meantime is introduced to nobody again.
        if outcome and entry and self._listed(device):
            self._introduce(entry, self._profiles[entry.profile], outcome.info)
        failed = outcome is None or outcome.code != "done"
        frames = outcome.frames if outcome else 0
        person = outcome is not None and outcome.code in NEEDS_PERSON
        self._visits.done(device, asyncio.get_running_loop().time(), failed=failed, frames=frames, needs_person=person)
        # Nothing is heard while connecting: a row of devices out of reach is no reason to be restarted.
        self._feed()
        self._visit.set()

    def _listed(self, device: str) -> Entry | None:
        return next((item for item in self._entries.values() if item.id == device), None)

    # -- decoding

    async def _decoding(self) -> None:
        while True:
            wake = self._decode()
            self._work.clear()
            flush = self._hearing.next_flush()
            moments = [moment for moment in (wake, flush) if moment is not None]
            # Never long: the clock may be set in the meantime, and then the moment is nearer than it seemed.
            wait = min(1.0, max(0.05, (min(moments) - self._now()).total_seconds())) if moments else None
            try:
                async with asyncio.timeout(wait):
                    await self._work.wait()
            except TimeoutError:
                self._hearing.flush(self._now())

    def _decode(self) -> datetime | None:
        """Decode everything that is new; when an advert that may still grow is to be settled."""
        fresh = False
        while True:
            step, (told, read) = self._decoder.step(self._now()), self._messages.step()
            fresh = fresh or bool(step.ids or told)
            self._prove(step.heard)
            self._house.heard(step.ids)
            if not step.settled and not read:
                break
        if fresh:
            self._uplink.poke()
        return step.wake

    def _prove(self, heard: Mapping[str, datetime]) -> None:
        """The first measurement after a pairing proves that it works."""
        for device, at in heard.items():
            entry = self._listed(device)
            if entry and entry.paired_at and entry.proven_at is None:
                self._devices.change(device, lambda entry, at=at: prove(entry, at))  # type: ignore[misc]
                self._read_list()

    # -- looking after itself

    async def _looking_after(self) -> None:
        loop = asyncio.get_running_loop()
        next_prune, modified = loop.time(), self._devices.stamp()
        while True:
            if self._failure:
                raise self._failure
            if (stamp := self._devices.stamp()) != modified:
                modified = stamp
                self._read_list()
            self._house.look()
            if loop.time() >= next_prune:
                next_prune = loop.time() + PRUNE_EVERY
                self._journal.prune(self._now())
            await self._check_ear()
            await asyncio.sleep(LOOK_EVERY)

    async def _check_ear(self) -> None:
        """A deaf gateway says so and keeps trying; it does not die of a switched-off adapter."""
        try:
            if await self._radio.check(self._settings.silence):
                self._scan_restarts += 1
                log("scan_restarted")
                self._feed()
            self._say("ready")
        except RadioFailure as failure:
            if failure.code in NOT_OURS:
                self._feed()
            if self._say("alert"):
                log("radio_failed", code=failure.code)

    def _say(self, word: str) -> bool:
        if self._uplink.state == word:
            return False
        self._uplink.tell_state(State(state="alert" if word == "alert" else "ready"))
        return True

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error

    # -- talking

    def _read_list(self) -> None:
        self._entries = {entry.address: entry for entry in self._devices.load()}
        for entry in self._entries.values():
            profile = self._profiles.get(entry.profile)
            if profile is None:
                log("profile_missing", device=entry.id, profile=entry.profile)
            else:
                self._introduce(entry, profile, None)

    def _introduce(self, entry: Entry, profile: Profile, info: DeviceInfo | None) -> None:
        """Tell the engine about a device when there is something new to tell."""
        known = self._journal.note(entry.id)
        note = decode(known, DeviceNote) if known else DeviceNote(device=entry.id, profile=profile.id)
        note = describe(note, entry, profile, info)
        said = encode(note)
        if said != known:
            self._journal.keep_note(entry.id, said)
        if said != known or self._notes.get(entry.id) != note:
            self._notes[entry.id] = note
            self._uplink.tell_device(note)
            self._house.note(note)

    def _obey(self, topic: str, payload: bytes) -> None:
        """Called by the uplink's thread."""
        taken = self._house.obey(topic, payload) or (self._spot is not None and self._spot.obey(topic, payload))
        reply = None if taken else follow(topic, payload, self._settings.gateway, self._settings.home)
        if reply is not None:
            self._uplink.reply(reply)

    def _health(self) -> Health:
        depth = self._journal.depth()
        return Health(
            version=self._settings.version,
            at=self._now(),
            uptime=(self._now() - self._started) / timedelta(seconds=1),
            journal=depth.frames + depth.waiting,
            parked=depth.parked,
            unknown_adverts=sum(self._unknown.copy().values()),
            adverts=self._adverts,
            scan_restarts=self._scan_restarts,
        )


def _first(failures: BaseException) -> BaseException:
    """One cause, one failure: callers know RadioFailure, JournalError and DeviceError, not groups of them."""
    while isinstance(failures, BaseExceptionGroup):
        failures = failures.exceptions[0]
    return failures


def describe(note: DeviceNote, entry: Entry, profile: Profile, info: DeviceInfo | None) -> DeviceNote:
    """What is known of a device: the family's words, then what it said of itself, then the household's list."""
    told = {name: value for name, value in msgspec.structs.asdict(info or DeviceInfo()).items() if value is not None}
    base = msgspec.structs.replace(note, maker=note.maker or profile.maker, model=note.model or profile.model)
    return functools.reduce(
        lambda so_far, more: msgspec.structs.replace(so_far, **more),
        (told, {"profile": profile.id, "experimental": profile.experimental, "bindings": entry.bindings}),
        base,
    )
