"""A public measuring spot at work: asks the engine who stands there, and lets the decoder file by the answer."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from datetime import date, datetime
from random import Random
from typing import Final

import msgspec

from engine.contract.ids import new_id
from engine.contract.reading import Value
from engine.contract.topics import Up, down
from engine.contract.wire import Known, Left, Who, decode, encode
from gateway.clock import Trusted
from gateway.found import Found
from gateway.log import log
from gateway.spot import Moment, State, finish, go_on, known, measured, present, sorry, tick

TICK: Final = 0.2


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """How a person says who they are: the secret of a card, or number and birth date."""

    card: str | None = None
    number: str | None = None
    birth: date | None = None


class Spot:
    """One spot with one screen; made inside the event loop, `live` once. `show` is called with every new moment."""

    def __init__(self, gateway: str, now: Callable[[], datetime], rng: Random, show: Callable[[State], None]) -> None:
        self._gateway, self._now, self._rng, self._show = gateway, now, rng, show
        self._loop = asyncio.get_running_loop()
        self._say: Callable[[bytes, Up], None] = lambda _payload, _leaf: None
        self._connected: Callable[[], bool] = lambda: False
        self._state, self._key = State(since=now()), rng.randbytes(16)
        self.dropped = 0

    @property
    def state(self) -> State:
        """This moment."""
        return self._state

    def connect(self, say: Callable[[bytes, Up], None], connected: Callable[[], bool]) -> None:
        """Where questions go, and whether anybody can hear them."""
        self._say, self._connected = say, connected

    def veil(self, raw: bytes) -> bytes:
        """What may be remembered of an advert that may be anybody's: enough to know it again until the next start."""
        return hmac.digest(self._key, raw, "sha256")

    async def live(self) -> None:
        """Show the spot and let time pass on it, until cancelled."""
        self._show(self._state)
        while True:
            self._turn(tick(self._state, self._now()))
            await asyncio.sleep(TICK)

    # -- what people do

    def present(self, proof: Proof) -> None:
        """Somebody says who they are."""
        now, visit = self._now(), new_id("v", self._rng)
        self._turn(present(self._state, visit, now))
        if not self._connected():
            self._turn(sorry(self._state, "offline", now))
            return
        self._say(encode(Who(visit=visit, at=now, card=proof.card, number=proof.number, birth=proof.birth)), "who")

    def refuse(self, code: str) -> None:
        """What was shown or typed cannot be read."""
        self._turn(sorry(self._state, code, self._now()))

    def go_on(self) -> None:
        """The person wants to measure something else as well."""
        self._turn(go_on(self._state, self._now()))

    def finish(self) -> None:
        """The person is done."""
        self._turn(finish(self._state, self._now()))

    # -- what comes in

    def obey(self, topic: str, payload: bytes) -> bool:
        """Take an answer of the engine's, in whatever thread; whether the message was one."""
        if topic != down(self._gateway, "who"):
            return False
        try:
            answer = decode(payload, Known)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            log("answer_unreadable", size=len(payload))
        else:
            self._loop.call_soon_threadsafe(self._answered, answer)
        return True

    def admit(self, found: Found, trusted: Trusted, values: tuple[Value, ...]) -> str | None:
        """The resident a measurement belongs to, None when nothing of it may stay."""
        moment = Moment(
            values=values, first=found.frames[0].received_at, last=found.frames[-1].received_at,
            measured_at=trusted.measured_at, quality=trusted.quality,
        )  # fmt: skip
        now = self._now()
        # The decoder may run before the next tick: a visit whose time is over has ended.
        state, resident = measured(tick(self._state, now), moment, now)
        self._turn(state)
        if resident is None:
            self.dropped += 1
            log("spot_dropped", count=self.dropped, quality=trusted.quality)
        return resident

    def _answered(self, answer: Known) -> None:
        before = self._state
        self._turn(known(before, answer, self._now()))
        if answer.resident is not None and (self._state.visit is None or self._state.visit.id != answer.visit):
            # Too late for the person who asked: nobody else may measure on it.
            self._leave(answer.visit)

    def _leave(self, visit: str) -> None:
        self._say(encode(Left(visit=visit, at=self._now())), "left")

    def _turn(self, state: State) -> None:
        before, self._state = self._state, state
        if before.visit is not None and (state.visit is None or state.visit.id != before.visit.id):
            self._leave(before.visit.id)
        if state != before:
            self._show(state)
