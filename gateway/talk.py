"""Dialogues with a device: a profile's sans-I/O talk on one side, an open link and the journal on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from firmware_profiles.model import Action, Keep, Read, Receive, Remember, Talk, Told, Write
from gateway.link import Link, RadioFailure

NO_ANSWER = "no-answer"


class Mailbox:
    """What the device said and no dialogue has heard yet, in order; `close` when it hangs up."""

    def __init__(self) -> None:
        self._letters: list[Told] = []
        self._stirred = asyncio.Event()
        self._closed = False

    def put(self, characteristic: str, data: bytes) -> None:
        """Called inside the radio's callback."""
        self._letters.append(Told(characteristic, data))
        self._stirred.set()

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._stirred.set()

    async def take(self, characteristics: tuple[str, ...], seconds: float) -> Told | None:
        """The oldest of `characteristics` (empty: of any); None when none came for `seconds` or none will."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._stirred.clear()
                    for letter in self._letters:
                        if not characteristics or letter.characteristic in characteristics:
                            self._letters.remove(letter)
                            return letter
                    if self._closed:
                        return None
                    await self._stirred.wait()
        except TimeoutError:
            return None


class Desk(Protocol):
    """Where a dialogue's records and numbers go."""

    def keep(self, carrier: str, raw: bytes) -> None:
        """Journal a record; on disk when this returns."""
        ...

    def remember(self, name: str, value: int) -> None:
        """Keep a number for the next session with this device."""
        ...


async def hold(talk: Talk, link: Link, mail: Mailbox, desk: Desk, gone: Callable[[], bool]) -> str:
    """Run `talk` to its result word, or the code of a refused call; raises RadioFailure when the link is lost."""
    told: Told | None = None
    try:
        while True:
            try:
                action = talk.send(told)
            except StopIteration as end:
                return str(end.value)
            told = await _act(action, link, mail, desk)
    except RadioFailure as failure:
        if failure.code == "lost" or not link.connected or gone():
            raise
        return failure.code
    finally:
        talk.close()


async def _write(link: Link, write: Write) -> None:
    try:
        await link.write(write.characteristic, write.data, response=write.response)
    except RadioFailure as failure:
        if not write.optional or failure.code in {"lost", "timeout"} or not link.connected:
            raise


async def _act(action: Action, link: Link, mail: Mailbox, desk: Desk) -> Told | None:
    match action:
        case Write():
            await _write(link, action)
        case Read(characteristic):
            return Told(characteristic, await link.read(characteristic))
        case Receive(characteristics, seconds):
            return await mail.take(characteristics, seconds)
        case Keep(carrier, data):
            desk.keep(carrier, data)
        case Remember(name, value):
            desk.remember(name, value)
    return None
