"""The gateway's own parts in the process of a pairing, for a home where no gateway runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final, Self
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.wire import DeviceNote, decode, encode
from firmware_profiles.model import Body, DeviceInfo, Profile
from gateway.calling import Caller
from gateway.decoding import Decoder
from gateway.devices import Devices, Entry
from gateway.hearing import Hearing
from gateway.journal import Journal
from gateway.journal_peek import Look
from gateway.journal_rows import JournalError
from gateway.link import Heard, Radio, RadioFailure
from gateway.pairing_list import turn_away
from gateway.pairing_model import Family

# Barefoot people stand this long until the scale has everything.
LINGER: Final = 8.0
SHORT: Final = 0.2
# A radio that heard nothing at all for this long is asked whether it is still on.
DEAF: Final = 6.0
DEAD: Final = {"bluetooth-off", "bluetooth-denied", "no-bluetooth"}
# A running gateway reads the list again, and what it holds of a device, within this time.
READ_BY: Final = 8.0


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    """What a pairing works with; `bodies` by resident id, `household` makes the device's id, `call` its name.

    `call` is told whose device it is, by resident id, and its family.
    """

    radio: Radio
    home: Path
    profiles: Mapping[str, Profile]
    zone: ZoneInfo
    now: Callable[[], datetime]
    rng: Random
    household: str | None = None
    bodies: Mapping[str, Body] = {}
    call: Callable[[Sequence[str], Family | None], str | None] = lambda _owners, _family: None


class Local:
    """The gateway's own parts in this process: the journal, the hearing, the caller and the decoder."""

    def __init__(self, kit: Kit, devices: Devices, listed: Callable[[str], Entry | None]) -> None:
        self._kit = kit
        self._journal = Journal(kit.home / "journal.sqlite")
        self._hearing = Hearing(self._journal, kit.zone)
        self._decoder = Decoder(self._journal, kit.profiles, kit.zone, listed)
        self.caller = Caller(
            kit.radio, self._journal, kit.profiles, devices, zone=kit.zone, now=kit.now, kept=lambda: None
        )
        self.busy, self.until = False, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.close()

    def free(self, at: float) -> bool:
        """Whether a visit may begin."""
        return not self.busy and at >= self.until

    def hear(self, entry: Entry, profile: Profile, heard: Heard) -> None:
        """Keep the advert if it says something new."""
        self._hearing.hear(entry, profile, heard)

    def introduce(self, entry: Entry, info: DeviceInfo) -> None:
        """Remember what the device said of itself, for the next gateway and for a battery change."""
        known = self._journal.note(entry.id)
        said = decode(known, DeviceNote) if known else DeviceNote(device=entry.id, profile=entry.profile)
        told = {name: value for name, value in msgspec.structs.asdict(info).items() if value is not None}
        self._journal.keep_note(entry.id, encode(msgspec.structs.replace(said, **told)))

    def decode(self) -> None:
        """Make readings of what was heard; they wait in the journal for the next gateway."""
        while self._decoder.step(self._kit.now()).settled:
            pass

    async def finish(self, entry: Entry) -> None:
        """Decode everything, after listening a moment longer for the fuller frame of a weighing that is not over."""
        patience = 0.0 if entry.weight_only else min(self._kit.profiles[entry.profile].join_seconds, LINGER)
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        self._hearing.flush(self._kit.now(), everything=True)
        self.decode()
        while loop.time() < end and self._journal.fresh(1):
            await asyncio.sleep(SHORT)
            self.decode()
        while self._decoder.step(self._kit.now(), closing=True).settled:
            pass


async def strike(device: str, devices: Devices, kit: Kit, local: Local | None) -> None:
    """Take a device off the list after what it sent was read as nobody's: by this process, or a running gateway."""
    devices.change(device, lambda entry: turn_away(entry, kit.now()))
    if local:
        local.decode()
    else:
        frames = Look(kit.home / "journal.sqlite", device)
        with suppress(TimeoutError, JournalError):
            async with asyncio.timeout(READ_BY):
                while frames.fresh():  # noqa: ASYNC110 - another process reads them
                    await asyncio.sleep(SHORT)
    devices.forget(device)


async def deafness(radio: Radio) -> str | None:
    """Why the radio hears nothing any more: a switched-off adapter ends a scan without a word."""
    try:
        await radio.check(DEAF)
    except RadioFailure as failure:
        return failure.code if failure.code in DEAD else None
    return None
