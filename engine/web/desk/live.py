"""Server-sent events: what became urgent while a page is open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final
from weakref import WeakKeyDictionary

import anyio.to_thread
import msgspec
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from engine.web.context import Desk, Signed, SorryError, TheDesk
from engine.web.desk.live_watch import Told, Watch
from engine.web.door import Door
from engine.web.sessions import cookie_name

door = Door()
# How often a silent stream says that it lives, and asks whether its session still does.
HEARTBEAT: Final = 15.0
# More pages than a town has nurses: somebody left a loop running.
MOST: Final = 200
_WATCHES: Final[WeakKeyDictionary[object, Watch]] = WeakKeyDictionary()


@door.page("/live", "queue")
async def live(request: Request, desk: TheDesk, session: Signed) -> Response:
    """What happens to urgent items and how much waits, in this person's towns, until their session ends."""
    watch = watch_of(request, desk)
    if watch.listening >= MOST:
        raise SorryError(503, "busy")
    stream = _stream(watch, desk, request.cookies.get(cookie_name(desk.secure)) or "", session.who.municipalities)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def watch_of(request: Request, desk: Desk) -> Watch:
    """The one poller of this program."""
    return _WATCHES.setdefault(request.app, Watch(desk.engine, desk.now))


async def _stream(
    watch: Watch, desk: Desk, cookie: str, towns: frozenset[str] | None, heartbeat: float = HEARTBEAT
) -> AsyncIterator[bytes]:
    listener = watch.join(towns)
    checked = desk.now()
    try:
        yield b"retry: 10000\n: here\n\n"
        while True:
            told = await listener.next(heartbeat)
            now = desk.now()
            if told is None or (now - checked).total_seconds() >= heartbeat:
                checked = now
                if not await anyio.to_thread.run_sync(_lives, desk, cookie, now):
                    # Told apart from a broken line, so that the page does not try again for ever.
                    yield b"event: ended\ndata: {}\n\n"
                    return
            yield b": alive\n\n" if told is None else event(told)
    finally:
        watch.leave(listener)


def event(told: Told) -> bytes:
    """A word as it goes over the line."""
    return b"event: " + told.kind.encode() + b"\ndata: " + msgspec.json.encode(told) + b"\n\n"


def _lives(desk: Desk, cookie: str, now: datetime) -> bool:
    """Whether the session of this stream is still open; asking is no sign of its person, so it is not noted."""
    session = desk.sessions.find(cookie, now, touch=False)
    return session is not None and not session.locked
