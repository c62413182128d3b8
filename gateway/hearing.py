"""Which adverts of a listed device are worth keeping: changed, final, and running totals not more often than needed.

Pure but for the journal it writes to; times come from the adverts themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.reading import Sample
from firmware_profiles.model import Advert, DecodeError, Profile, is_part
from gateway.adverts import essence
from gateway.decoding import context_of
from gateway.devices import Entry, key_of
from gateway.journal import SAME_MEASUREMENT, Journal
from gateway.link import Heard
from gateway.log import log
from gateway.meaning import ROOM, kinds_of

TOTAL: Final = "steps"
TOTAL_EVERY: Final = timedelta(minutes=15)
# The climate of a room changes slowly, and its sensors say it every few seconds.
ROOM_EVERY: Final = timedelta(minutes=5)
DAY_END: Final = timedelta(seconds=30)
# How stale the remembered hearing time may be after a crash; well inside the ten minutes it serves.
REMEMBER_EVERY: Final = timedelta(minutes=2)


class _Echo(msgspec.Struct):
    raw: bytes
    heard_at: datetime
    kept_at: datetime
    remembered_at: datetime


class _Held(msgspec.Struct, frozen=True):
    raw: bytes
    context: bytes
    at: datetime
    total: int


class Hearing:
    """Decides, advert by advert, what goes into the journal; of the last one only what `veil` leaves is remembered."""

    def __init__(self, journal: Journal, zone: ZoneInfo, veil: Callable[[bytes], bytes] = lambda raw: raw) -> None:
        self._journal, self._zone, self._veil = journal, zone, veil
        self._echoes: dict[str, _Echo] = {}
        self._held: dict[str, _Held] = {}
        self._totals: dict[str, int] = {}
        self._keyless: dict[str, str] = {}
        self.undecoded = 0

    def hear(self, entry: Entry, profile: Profile, heard: Heard) -> bool:
        """Whether the advert was kept (it is on disk then)."""
        plain = self._open(entry, profile, heard.advert)
        sample = self._read(profile, plain) if plain else None
        kinds = kinds_of(sample, entry.reads, profile.kinds) if sample else set[str]()
        if plain is None or sample is None or not kinds:
            # A pressed button, a packet number: nothing anybody here measures.
            return False
        # What was sealed anew for every repetition is the same measurement underneath.
        raw, at = essence(profile, plain), heard.received_at
        total = _total(sample, entry)
        echo = self._echo(entry.id)
        if echo and echo.raw == self._veil(raw) and (total is not None or at - echo.heard_at <= SAME_MEASUREMENT):
            self._held.pop(entry.id, None)
            self._touch(entry.id, echo, at)
            return False
        context = context_of(profile, heard.advert)
        if total is not None:
            return self._hear_total(entry.id, _Held(raw, context, at, total))
        is_early = echo is not None and kinds <= ROOM and at - echo.kept_at < ROOM_EVERY
        if not is_early:
            self._keep(entry.id, raw, context, at)
        return not is_early

    def _open(self, entry: Entry, profile: Profile, advert: Advert) -> Advert | None:
        """The advert in the clear, None when it cannot be."""
        try:
            return advert if profile.decrypt is None else profile.decrypt(advert, key_of(entry))
        except DecodeError as error:
            self.undecoded += 1
            self._complain(entry.id, error.code)
            return None

    def _read(self, profile: Profile, plain: Advert) -> Sample | None:
        """What the advert says that may become a reading, None for a preview and for what cannot be read."""
        try:
            sample = profile.advert(plain) if profile.advert else None
        except DecodeError:
            self.undecoded += 1
            return None
        return sample if sample is not None and is_part(profile, sample) else None

    def _complain(self, device: str, code: str) -> None:
        """A missing or wrong key is said once: without it the device is silent for ever."""
        if code.startswith("bindkey") and self._keyless.get(device) != code:
            self._keyless[device] = code
            log("key_refused", device=device, code=code)

    def flush(self, now: datetime, *, everything: bool = False) -> bool:
        """Keep the running totals whose time has come, all of them at the end; whether any was kept."""
        due = [device for device, held in self._held.items() if everything or now >= self._due(device, held)]
        for device in due:
            held = self._held.pop(device)
            self._keep(device, held.raw, held.context, held.at)
        return bool(due)

    def next_flush(self) -> datetime | None:
        """When `flush` will have something to do."""
        return min((self._due(device, held) for device, held in self._held.items()), default=None)

    def _hear_total(self, device: str, new: _Held) -> bool:
        held, last = self._held.get(device), self._totals.get(device)
        before = held.total if held else last
        # The counter began anew: what it last showed is the day's result.
        reset = before is not None and new.total < before
        if held and (reset or self._day(held.at) != self._day(new.at)):
            self._keep(device, held.raw, held.context, held.at)
            del self._held[device]
        self._held[device] = new
        self._totals[device] = new.total
        if reset or new.at >= self._due(device, new):
            del self._held[device]
            self._keep(device, new.raw, new.context, new.at)
            return True
        return reset

    def _due(self, device: str, held: _Held) -> datetime:
        echo = self._echo(device)
        if echo is None or self._day(echo.kept_at) != self._day(held.at):
            return held.at
        midnight = datetime.combine(
            held.at.astimezone(self._zone).date() + timedelta(days=1), datetime.min.time(), self._zone
        )
        return min(echo.kept_at + TOTAL_EVERY, midnight - DAY_END)

    def _day(self, at: datetime) -> int:
        return at.astimezone(self._zone).toordinal()

    def _echo(self, device: str) -> _Echo | None:
        if device not in self._echoes:
            known = self._journal.echo(device)
            if known is None:
                return None
            self._echoes[device] = _Echo(known[0], known[1], known[2], known[1])
        return self._echoes[device]

    def _touch(self, device: str, echo: _Echo, at: datetime) -> None:
        echo.heard_at = max(echo.heard_at, at)
        if echo.heard_at - echo.remembered_at >= REMEMBER_EVERY:
            echo.remembered_at = echo.heard_at
            self._journal.keep_echo(device, echo.raw, echo.heard_at, echo.kept_at)

    def _keep(self, device: str, raw: bytes, context: bytes, at: datetime) -> None:
        self._journal.append_advert(device, raw, context, at)
        veiled = self._veil(raw)
        self._journal.keep_echo(device, veiled, at, at)
        self._echoes[device] = _Echo(veiled, at, at, at)


def _total(sample: Sample, entry: Entry) -> int | None:
    names = {name for name, meaning in entry.reads.items() if meaning == TOTAL} or {TOTAL}
    steps = next((value for name, value in sample.quantities.items() if name in names), None)
    return int(steps.value) if steps is not None and not isinstance(steps.value, str | list) else None
