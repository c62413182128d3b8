"""The spot's screen and keyboard around a running gateway."""

from __future__ import annotations

import asyncio
import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import msgspec

from cli.gateway import gateway_settings, radio_of
from cli.output import emit, say
from cli.spot_screen import Keyboard, Place, Typing, event, lines
from cli.wiring import Settings, language
from engine.cards import read_card
from engine.dates import parse_birth_date
from engine.refusal import Refusal
from gateway.runner import run_until_signalled
from gateway.spot_run import Proof, Spot

if TYPE_CHECKING:
    from gateway.spot import State

# A number that nobody finished typing is not joined with the next person's date of birth.
TYPED_WITHIN: Final = 30.0
LONGEST_NUMBER: Final = 64
_DONE: Final = frozenset({"q", "ｑ", "Q", "おわり"})
_WIPE: Final = "\x1b[2J\x1b[3J\x1b[H"


async def serve(config: Settings, place: Place, air: str | None, *, json: bool) -> None:
    """Run the spot until a signal; raises what the gateway raises."""
    chosen = msgspec.structs.replace(gateway_settings(config, pairing=air is None), home_broker=None)
    radio, now = radio_of(config.gateway.adapter, air)
    desk = Desk(place, language(config), ZoneInfo(chosen.zone), json=json)
    spot = desk.spot = Spot(chosen.gateway, now, SystemRandom(), desk.show)
    with typed_in_secret():
        around = [asyncio.create_task(spot.live()), asyncio.create_task(desk.listen())]
        try:
            await run_until_signalled(chosen, radio, now, spot)
        finally:
            for task in around:
                task.cancel()
            await asyncio.gather(*around, return_exceptions=True)
            desk.leave()


@contextmanager
def typed_in_secret() -> Iterator[None]:
    """The terminal repeats nothing of what is typed."""
    if not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


class Desk:
    """What people see and type; `spot` is set before anything is."""

    spot: Spot

    def __init__(self, place: Place, lang: str, zone: ZoneInfo, *, json: bool) -> None:
        self._place, self._lang, self._zone, self._json = place, lang, zone, json
        self._keyboard = Keyboard()
        self._number: str | None = None
        self._shown: list[str] = []

    def show(self, state: State) -> None:
        """A new moment of the spot."""
        if state.phase != "idle":
            self._number = None
        if self._json:
            emit(event(state))
        else:
            self._draw(state)

    def leave(self) -> None:
        """Leave an empty screen behind."""
        if not self._json and sys.stderr.isatty():
            say(_WIPE)

    def _draw(self, state: State) -> None:
        wanted = lines(state, self._place, Typing(self._keyboard.length, self._number is not None), self._lang)
        if wanted != self._shown:
            self._shown = wanted
            wipe = _WIPE if sys.stderr.isatty() else ""
            say(wipe + "\n".join(wanted))

    async def listen(self) -> None:
        """Take what is typed until the input ends; the spot goes on without."""
        handle, pieces = sys.stdin.fileno(), asyncio.Queue[bytes]()
        loop, decoder = asyncio.get_running_loop(), codecs.getincrementaldecoder("utf-8")("ignore")
        with suppress(PermissionError):  # a file or nothing at all: nobody types here
            loop.add_reader(handle, lambda: pieces.put_nowait(os.read(handle, 4096)))
            try:
                while piece := await pieces.get():
                    for line in self._keyboard.feed(decoder.decode(piece)):
                        self.hear(line.strip(), datetime.now(self._zone))
                    if not self._json:
                        self._draw(self.spot.state)
            finally:
                loop.remove_reader(handle)

    def hear(self, line: str, now: datetime) -> None:
        """A line from the scanner or the keyboard."""
        card = read_card(line)
        number, self._number = self._number, None
        if card is not None:
            self.spot.present(Proof(card=card))
        elif line in _DONE:
            self.spot.finish()
        elif not line:
            self.spot.go_on()
        elif number is not None:
            birth = parse_birth_date(line, now.date())
            if isinstance(birth, Refusal):
                self.spot.refuse("bad-birth")
            else:
                self.spot.present(Proof(number=number, birth=birth))
        elif len(line) <= LONGEST_NUMBER and any(map(str.isdigit, line)):
            self.spot.finish()
            self._number = line
            asyncio.get_running_loop().call_later(TYPED_WITHIN, self._forget, line)
        else:
            self.spot.refuse("unreadable")

    def _forget(self, number: str) -> None:
        if self._number == number:
            self._number = None
            self._draw(self.spot.state)
