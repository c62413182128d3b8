"""The room of one scripted pairing: a device, whoever stands around it, and a person who answers what is asked.

The person can only press what the screen shows, type where it asks for something, and do things to the device.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from random import Random
from typing import Any, Final

import msgspec

from gateway.pairing_model import Event, Phase, State, Stop
from gateway.pairing_screen import Screen, screen, typed
from simulators.household import VirtualDevice
from simulators.orders import OrderError, Remote, Verb

HANAKO, TARO, JIRO = "r-hanakohanako2", "r-tarotarotaro3", "r-jirojirojiro4"
QUESTIONS: Final = {"choose", "key", "people", "implants", "slot", "pin", "passkey", "is-it-now", "is-it-you"}
# People take a moment before they do something.
MOMENT: Final = (0.05, 0.35)


class Shown(msgspec.Struct, frozen=True):
    """One screen as the person saw it: its sentences and its buttons by key, what it asks to be typed."""

    phase: Phase
    say: tuple[str, ...]
    buttons: tuple[str, ...]
    ask: str | None
    code: str = ""


class Stage:
    """What an act can do: press, type, step on, move things, walk away. `truth` says whose every measurement was."""

    def __init__(self, orders: str, target: VirtualDevice, rng: Random) -> None:
        self.target, self.rng = target, rng
        self.truth: dict[Decimal, str | None] = {}
        self.send: Callable[[Event], None] = lambda _: None
        self.interrupt: Callable[[], object] = lambda: None
        self.switch: Callable[[bool], None] = lambda _: None
        self.radio: Any = None
        self.screen: Screen | None = None
        self.problems: list[str] = []
        self._orders = orders

    async def order(self, do: Verb, device: str | None = None, **fields: Any) -> None:
        """Do something to a device; what it cannot do at this moment is a problem of the script."""
        try:
            await asyncio.to_thread(Remote(self._orders).ask, do, device or self.target.name, **fields)
        except OrderError as error:
            self.problems.append(f"order {do}: {error}")

    async def measure(
        self, who: str | None, values: Mapping[str, str], device: str | None = None, slot: int | None = None
    ) -> None:
        """Somebody measures; None is nobody of this household."""
        self.truth[first_of(values)] = who
        await self.order("measure", device, values=dict(values), slot=slot)

    def press(self, key: str, text: str | None = None) -> None:
        """Press the button with that key (and `text` on it), which must be on the screen."""
        shown = self.screen.choices if self.screen else ()
        fits = (item for item in shown if item.key == key and (text is None or text in str(item)))
        found = next(fits, None)
        if found is None:
            self.problems.append(f"no button {key} {text or ''} on {self.screen.phase if self.screen else 'nothing'}")
            self.send(Stop())
        else:
            self.send(found.event)

    def type(self, text: str) -> None:
        """Type into what the screen asks for."""
        if self.screen is None or self.screen.ask is None:
            self.problems.append(f"nothing to type into on {self.screen.phase if self.screen else 'nothing'}")
            self.send(Stop())
        else:
            self.send(typed(self.screen.ask, text))


def first_of(values: Mapping[str, str]) -> Decimal:
    """The number a measurement is known by."""
    return Decimal(next(iter(values.values())))


Act = Callable[[Stage], Awaitable[None]]
Script = Mapping[Phase, tuple[Act, ...]]


class Person:
    """Sees every screen and plays the acts written for it, else the usual ones; a moment is answered once."""

    def __init__(self, stage: Stage, script: Script, usual: Mapping[Phase, Act]) -> None:
        self._stage, self._usual = stage, usual
        self._script = {phase: list(acts) for phase, acts in script.items()}
        self._moment: object = None
        self._playing: set[asyncio.Task[None]] = set()
        self.seen: list[Shown] = []

    def show(self, state: State) -> None:
        """See the screen of this moment."""
        now = self._stage.screen = screen(state)
        # What is only counted on the screen (seconds, devices, battery) is no new question.
        moment = (state.phase, state.mistyped, state.sighting, len(state.seats), state.code, state.disowned)
        if moment == self._moment:
            return
        self._moment = moment
        self._look(now, state)
        acts = self._script.get(state.phase)
        act = acts.pop(0) if acts else self._usual.get(state.phase)
        if act is not None:
            task = asyncio.create_task(self._play(act))
            self._playing.add(task)
            task.add_done_callback(self._playing.discard)

    async def leave(self) -> None:
        """Do nothing any more."""
        for task in tuple(self._playing):
            task.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)

    async def _play(self, act: Act) -> None:
        await asyncio.sleep(self._stage.rng.uniform(*MOMENT))
        await act(self._stage)

    def _look(self, now: Screen, state: State) -> None:
        """Remember the screen; one that asks without a way to answer, or says nothing, is a dead end."""
        buttons = tuple(item.key for item in now.choices)
        code = now.reason.code if now.reason else ""
        self.seen.append(Shown(now.phase, tuple(line.key for line in now.say), buttons, now.ask, code))
        if not now.say or (state.phase in QUESTIONS and not (now.ask or set(buttons) - {"stop"})):
            self._stage.problems.append(f"dead end at {state.phase}")
        if now.phase == "failed" and [line.key.partition(".")[0] for line in now.say] != ["what", "do", "call"]:
            self._stage.problems.append(f"no next action for {code}")


# -- acts


def press(key: str, text: str | None = None) -> Act:
    """Press a button."""

    async def act(stage: Stage) -> None:
        stage.press(key, text)

    return act


def write(text: str) -> Act:
    """Type something."""

    async def act(stage: Stage) -> None:
        stage.type(text)

    return act


def measure(who: str | None, device: str | None = None, slot: int | None = None, **values: Any) -> Act:
    """Somebody measures."""

    async def act(stage: Stage) -> None:
        await stage.measure(who, values, device, slot)

    return act


def order(do: Verb, device: str | None = None, **fields: Any) -> Act:
    """Do something to a device."""

    async def act(stage: Stage) -> None:
        await stage.order(do, device, **fields)

    return act


def say(event: Event) -> Act:
    """An answer no button on the screen gives: what comes from a flag, a second screen or a broken client."""

    async def act(stage: Stage) -> None:
        stage.send(event)

    return act


def switch(*, on: bool) -> Act:
    """Switch Bluetooth on or off."""

    async def act(stage: Stage) -> None:
        stage.switch(on)

    return act


async def interrupt(stage: Stage) -> None:
    """Ctrl-C."""
    stage.interrupt()


async def nothing(_: Stage) -> None:
    """Stand there."""


def after(seconds: float, *acts: Act) -> Act:
    """Do `acts` one after the other, `seconds` later."""

    async def act(stage: Stage) -> None:
        await asyncio.sleep(seconds)
        for one in acts:
            await one(stage)

    return act


def both(*acts: Act) -> Act:
    """Do one thing after the other."""
    return after(0.0, *acts)
