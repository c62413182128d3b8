"""One visit to one listed device: connect, run its profile's steps, write down how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from firmware_profiles.model import DeviceInfo, Profile
from gateway.devices import DeviceError, Devices, Entry, Newcomer, with_slot
from gateway.journal import Journal
from gateway.link import Radio, RadioFailure
from gateway.log import log
from gateway.session import NO_PIN, Outcome, Session

# How a visit ended although the dialogue itself was in order.
SLOT_REFUSED, NO_SLOT = "slot-refused", "no-slot"


class Caller:
    """Visits devices of the household's list; `kept` is called after each frame is on disk."""

    def __init__(
        self,
        radio: Radio,
        journal: Journal,
        profiles: Mapping[str, Profile],
        devices: Devices,
        *,
        zone: ZoneInfo,
        now: Callable[[], datetime],
        kept: Callable[[], None],
    ) -> None:
        self._radio, self._journal, self._profiles, self._devices = radio, journal, profiles, devices
        self._zone, self._now, self._kept = zone, now, kept
        self._stuck: set[str] = set()
        self._said: dict[tuple[str, int], str] = {}

    async def call(self, entry: Entry) -> Outcome:
        """How the visit went, also when it never came to one; raises JournalError when a frame could not be kept."""
        brief = entry.id in self._stuck
        pairing = entry.held_until is not None and self._now() < entry.held_until
        session = Session(
            entry,
            self._profiles[entry.profile],
            self._journal,
            zone=self._zone,
            now=self._now,
            kept=self._kept,
            brief=brief,
            pairing=pairing,
            enrol=partial(self._enrol, entry.id) if pairing else None,
        )
        self._stuck.discard(entry.id)
        try:
            async with self._radio.connect(entry.address, session.hang_up) as link:
                outcome = await session.run(link)
        except RadioFailure as failure:
            outcome = Outcome(failure.code, 0, DeviceInfo())
            log("visit_failed", device=entry.id, code=failure.code)
        else:
            log("visit_ended", device=entry.id, code=outcome.code, frames=outcome.frames)
        finally:
            session.close()
        if outcome.code == "timeout" and not (outcome.frames or brief):
            self._stuck.add(entry.id)
        for slot, word in outcome.consents.items():
            # A device that cannot be opened calls every minute; its owner is told when something changes.
            before, self._said[entry.id, slot] = self._said.get((entry.id, slot), "granted"), word
            if word not in {"granted", before}:
                log("slot_refused", device=entry.id, slot=slot, code=word)
        self._journal.keep_visit(entry.id, code_of(outcome), self._now())
        return outcome

    def _enrol(self, device: str, newcomer: Newcomer, slot: int) -> None:
        try:
            self._devices.change(device, lambda entry: with_slot(entry, newcomer, slot))
        except (DeviceError, OSError) as error:
            # Without its PIN written down the slot is lost: end the visit instead of going on as if it were there.
            raise RadioFailure("list-unwritable", str(error)) from error


def code_of(outcome: Outcome) -> str:
    """The one word for how a visit ended: a slot that stayed shut weighs more than a dialogue in order."""
    unserved = outcome.enrolled not in {"", "granted"} and not (outcome.enrolled == NO_PIN and outcome.frames)
    if outcome.code == "done" and unserved:
        return NO_SLOT
    if outcome.code == "done" and any(word != "granted" for word in outcome.consents.values()):
        return SLOT_REFUSED
    return outcome.code
