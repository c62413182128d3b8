"""Drives the pairing machine: hears the room, lists the device, connects, watches for the measurement that proves it.

When no gateway runs here, this process is the gateway for as long as the pairing lasts, with the same session, hearing
and decoder; what it hears waits in the journal for the next gateway. When one runs, it does the visiting, and this
process only watches the journal and the list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from typing import Final

from engine.contract.wire import DeviceNote, decode
from gateway.calling import code_of
from gateway.devices import DeviceError, Devices, Entry, key_of
from gateway.journal_peek import note, visit
from gateway.journal_rows import JournalError
from gateway.link import Heard, RadioFailure
from gateway.lock import HomeLock, HomeTaken
from gateway.log import log
from gateway.pairing import JOINING, step
from gateway.pairing_list import accept, disown, enlist, merge_twin, restore, seat_again
from gateway.pairing_local import READ_BY, Kit, Local, deafness, strike
from gateway.pairing_model import (
    Accept,
    Broke,
    Disown,
    Effect,
    Enlist,
    Event,
    GivePasskey,
    PasskeyWanted,
    Reached,
    State,
    Stop,
    Tick,
    Withdraw,
)
from gateway.pairing_room import Room, key_fault
from gateway.pairing_screen import Skin
from gateway.pairing_watch import Moment, Watch

TICK: Final = 0.25
PAUSE: Final = 1.5
MIND: Final = 2.0
# Scales stay connected this long for a second person.
GOODBYE: Final = 12.0
# One failed try is a person who stepped off; this many in a row are an answer.
PATIENCE: Final[Mapping[str, int]] = {
    "not-paired": 1, "not-in-pairing-mode": 1, "slot-refused": 1, "no-slot": 1, "list-unwritable": 1,
}  # fmt: skip
TRIES: Final = 3
# No device is there to be waited for.
QUIET: Final = {"not-heard", "done"}


class Run:
    """One pairing; `run` once."""

    def __init__(self, start: State, kit: Kit, skin: Skin) -> None:
        self.state, self._kit, self._skin = start, kit, skin
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._devices = Devices(kit.home)
        self._room = Room(kit.profiles, self._listed_name, self.send)
        self._tasks: set[asyncio.Task[None]] = set()
        self._before: Entry | None = None
        self._entry: Entry | None = None
        self._watch: Watch | None = None
        self._local: Local | None = None
        self._visiting: asyncio.Task[None] | None = None
        self._tried: Entry | None = None
        self._passkey: asyncio.Future[int | None] | None = None
        self._scanning = False
        self._failures: list[str] = []
        self._last_visit: datetime | None = None

    @property
    def entry(self) -> Entry | None:
        """The device as listed, None before anybody said yes to it."""
        return self._entry

    def send(self, event: Event) -> None:
        """Something happened; from the event loop's own thread."""
        self._events.put_nowait(event)

    async def passkey(self, device: str) -> int | None:
        """Ask the person for the number the device shows; None when they give none (for `PairingAgent`).

        BlueZ asks here whoever bonds, this process or a running gateway; a number is for the device of this pairing.
        """
        chosen, named = self.state.chosen, device.upper().replace("_", ":")
        if self.state.phase not in JOINING or chosen is None or (named and not named.endswith(chosen.address)):
            return None
        self._passkey = asyncio.get_running_loop().create_future()
        self.send(PasskeyWanted())
        return await self._passkey

    async def run(self) -> State:
        """Pair until it is over; every failure is a state with a reason code, none is raised."""
        self._skin.show(self.state)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._rest)
            if not self._begin(stack):
                return self.state
            self._spawn(self._ticking())
            self._spawn(self._minding())
            try:
                while not self.state.over:
                    if self.state.phase == "search" and not self._scanning:
                        await self._scan()
                    await self._take(await self._events.get())
                await self._finish()
            finally:
                # Ctrl-C means what Stop means: nothing stays half listed.
                await self._take(Stop())
        return self.state

    async def _finish(self) -> None:
        """What was heard becomes readings, and what the device said of itself is kept, before the process ends."""
        entry = self._entry
        if entry is None or entry.held_until is not None:
            return
        waits = self.state.phase == "done" and self._kit.profiles[entry.profile].connects
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE):
                while waits and not self._said_goodbye(entry):  # noqa: ASYNC110 - another process may be the one visiting
                    await asyncio.sleep(TICK)
        try:
            self._twin()
            if self._local is not None:
                await self._local.finish(entry)
        except (JournalError, DeviceError, OSError) as error:
            # The frames are on disk: the next gateway decodes them.
            log("pairing_failed", code=getattr(error, "code", "damaged"))

    def _said_goodbye(self, entry: Entry) -> bool:
        """Whether the visit that brought the proof is over."""
        if self._local is not None:
            return not self._local.busy
        last = visit(self._kit.home / "journal.sqlite", entry.id)
        return last is not None and entry.paired_at is not None and last[1] > entry.paired_at

    def _begin(self, stack: AsyncExitStack) -> bool:
        try:
            stack.enter_context(HomeLock(self._kit.home).take("pairing"))
            self._local = stack.enter_context(Local(self._kit, self._devices, self._lookup))
        except HomeTaken as taken:
            if taken.owner != "gateway":
                self._fail_at_once(taken.code)
                return False
        except (JournalError, OSError) as error:
            self._fail_at_once(error.code if isinstance(error, JournalError) else "damaged")
            return False
        return True

    def _fail_at_once(self, code: str) -> None:
        self.state, _ = step(self.state, Broke(code))
        self._skin.show(self.state)

    async def _rest(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._kit.radio.stop()

    async def _scan(self) -> None:
        try:
            await self._kit.radio.start(self._hear)
            self._scanning = True
        except RadioFailure as failure:
            self.send(Broke(failure.code))

    async def _ticking(self) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        while True:
            self.send(Tick(loop.time() - begin))
            # A gateway that is writing is not a failure of the pairing, and without ticks it would never end.
            with suppress(JournalError, DeviceError, OSError):
                self._look()
            await asyncio.sleep(TICK)

    async def _minding(self) -> None:
        while True:
            await asyncio.sleep(MIND)
            # BlueZ begins no scan while a bond is being made, and nothing is heard of the device meanwhile.
            busy = self.state.phase == "passkey" or (self._visiting is not None and not self._visiting.done())
            if self._scanning and not busy and (code := await deafness(self._kit.radio)):
                self._scanning = False
                self.send(Broke(code))

    async def _take(self, event: Event) -> None:
        before = self.state
        self.state, effects = step(before, event)
        try:
            for effect in effects:
                await self._do(effect)
        except (DeviceError, JournalError, OSError) as error:
            log("pairing_failed", code=getattr(error, "code", "damaged"))
            self.send(Broke("damaged"))
        if self.state != before:
            self._skin.show(self.state)
        # A full queue must not keep the radio from being heard.
        await asyncio.sleep(0)

    # -- effects

    async def _do(self, effect: Effect) -> None:
        match effect:
            case Enlist():
                self._enlist(effect)
            case Withdraw():
                await self._withdraw()
            case Accept(number) if self._watch:
                self._accept(self._watch.moment(number))
            case Disown(number) if self._watch:
                moment = self._watch.moment(number)
                self._change(lambda entry: disown(entry, moment))
            case GivePasskey(answer):
                if self._passkey and not self._passkey.done():
                    self._passkey.set_result(answer)

    def _enlist(self, plan: Enlist) -> None:
        kit, now = self._kit, self._kit.now()
        self._before = next((item for item in self._devices.load() if item.address == plan.address), None)
        refused = bool(self._failures) and self._failures[-1] == "slot-refused"
        fresh = enlist(plan, self._before, kit, now, self.state.families.get(plan.family), forgotten=refused)
        tried = self._tried if self._tried and self._tried.address == fresh.address and not refused else None
        self._entry = self._devices.replace(seat_again(fresh, tried) if tried else fresh)
        self._failures.clear()
        self._last_visit = now
        old = self._room.said_before(plan.address, forever=self._local is None)
        self._watch = Watch(kit.home, self._entry.id, kit.profiles, kit.zone, self._lookup, old)

    async def _withdraw(self) -> None:
        """Off the list again, after whoever reads the journal has read that what came is nobody's."""
        if self._visiting is not None:
            self._visiting.cancel()
            await asyncio.wait([self._visiting], timeout=READ_BY)
        self._tried = tried = self._lookup(self._entry.id) if self._entry else None
        self._watch = self._entry = None
        if tried is not None and self._before is not None:
            self._devices.replace(restore(self._before, tried))
        elif tried is not None:
            await strike(tried.id, self._devices, self._kit, self._local)

    def _accept(self, moment: Moment) -> None:
        """Nothing waits for a yes any more: what was heard is decoded, here or by the running gateway."""
        self._change(lambda entry: accept(entry, moment))
        if self._local:
            self._local.decode()
        self._watch = None

    def _change(self, alter: Callable[[Entry], Entry]) -> None:
        if self._entry is not None:
            self._entry = self._devices.change(self._entry.id, alter) or self._entry

    def _twin(self) -> None:
        """The same device under a new address (a battery change): it keeps its name and its people."""
        if self._entry is not None:
            path = self._kit.home / "journal.sqlite"
            merge_twin(self._devices, self._entry, lambda device: note(path, device))

    # -- what is heard

    def _listed_name(self, address: str) -> str | None:
        known = next((item for item in self._devices.load() if item.address == address), None)
        return (known.name or known.id) if known else None

    def _lookup(self, device: str) -> Entry | None:
        """The entry as it is on the list now: a slot may have been given in the meantime."""
        current = self._devices.find(device)
        if self._entry is None or self._entry.id != device:
            # What a gateway that died has left behind is read by what the list says of that device.
            return current
        self._entry = current or self._entry
        return self._entry

    def _hear(self, heard: Heard) -> None:
        """Called by the radio for every advert; must not raise."""
        try:
            self._room.hear(heard)
            entry, local = self._entry, self._local
            if entry is None or heard.advert.address.upper() != entry.address or not self.state.enlisted:
                return
            listed = self._kit.profiles[entry.profile]
            if (fault := key_fault(listed, heard.advert, key_of(entry))) is not None:
                self.send(Broke(fault))
            if local is None:
                return
            if listed.advert is not None and not self._room.is_old(listed, heard.advert):
                local.hear(entry, listed, heard)
            if listed.connects and local.free(asyncio.get_running_loop().time()):
                self._visiting = self._spawn(self._visit(local, entry))
        except (JournalError, DeviceError, OSError) as error:
            log("pairing_failed", code=getattr(error, "code", "damaged"))
            self.send(Broke("damaged"))

    async def _visit(self, local: Local, entry: Entry) -> None:
        local.busy = True
        try:
            outcome = await local.caller.call(self._lookup(entry.id) or entry)
        except JournalError as error:
            self.send(Broke(error.code))
            return
        finally:
            local.busy, local.until = False, asyncio.get_running_loop().time() + PAUSE
        if outcome.info.serial or outcome.info.model:
            local.introduce(entry, outcome.info)
        self._judge(code_of(outcome), outcome.info.battery, frames=outcome.frames)

    def _judge(self, code: str, battery: int | None, *, frames: int) -> None:
        """One word about a visit; a try that failed counts, one that was answered begins the count anew."""
        with suppress(JournalError):
            self._look()
        if frames or code == "done":
            self._failures.clear()
            self.send(Reached(battery))
        if code in QUIET or (frames and code not in PATIENCE):
            return
        self._failures.append(code)
        if self._failures.count(code) >= PATIENCE.get(code, TRIES):
            self.send(Broke(code))

    def _look(self) -> None:
        if self._watch is None or self._entry is None:
            return
        if self._local is None:
            self._look_at_gateway(self._entry)
        for event in self._watch.look(self._kit.now()):
            self.send(event)

    def _look_at_gateway(self, entry: Entry) -> None:
        path = self._kit.home / "journal.sqlite"
        last = visit(path, entry.id)
        if last is not None and (self._last_visit is None or last[1] > self._last_visit):
            self._last_visit = last[1]
            said = note(path, entry.id)
            self._judge(last[0], decode(said, DeviceNote).battery if said else None, frames=0)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
