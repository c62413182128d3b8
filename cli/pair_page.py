"""The same pairing on a phone: the machine's screens in words for the page, and the page on the home network."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from cli.output import emit, say
from cli.pair_words import title, word
from cli.serving import listening
from gateway.pairing import step
from gateway.pairing_model import Event, State, Stop
from gateway.pairing_screen import Screen, screen, typed

if TYPE_CHECKING:
    from engine.locale import Language
    from engine.web.pairing_page import Moment

# An address that was printed is worth nothing after this time.
OPEN_FOR: Final = 600.0
# Whoever holds the phone sees how it ended before the page is gone.
LAST_LOOK: Final = 12.0
# A page fetches its stylesheet after itself.
STYLED: Final = 2.0
# Not to be reached, and nothing is sent there: only asks the system which of its addresses faces the network.
OUTSIDE: Final = ("192.0.2.1", 9)
# On a phone nobody types commands.
_TERMINAL_ONLY: Final = {"next"}


class Sheet:
    """The moments of a pairing, kept for the page and passed on to the other skin; the first answer wins."""

    def __init__(self, skin: Any, lang: Language, device: Callable[[], str | None]) -> None:
        self.send: Callable[[Event], None] = lambda _: None
        self.lang, self._skin, self._device = lang, skin, device
        self._state: State | None = None
        self.shown_end = asyncio.Event()

    def show(self, state: State) -> None:
        """A new moment."""
        self._state = state
        self._skin.show(state)

    def look(self, lang: Language) -> Moment:
        """This moment in words."""
        assert self._state is not None, "the page is opened before the pairing begins"
        found = moment(self._state, lang, self._device() or "")
        if found.over:
            self.shown_end.set()
        return found

    def answer(self, version: str, said: str) -> bool:
        """Pass the answer on; whether it could be one."""
        state = self._state
        if state is None or version != version_of(state):
            return False
        event = event_of(screen(state), said)
        if event is None:
            return False
        self.send(event)
        return not step(state, event)[0].mistyped


def moment(state: State, lang: Language, device: str) -> Moment:
    """What the page shows of `state`, in words."""
    from engine.web.pairing_page import Button, Moment

    now = screen(state)
    names = {"device": device, "resident": " ".join(state.residents) or "r-…"}
    heading = title(lang, now.step)[2:]
    lines = [word(lang, line.key, **(names | dict(line.values))) for line in now.say if line.key not in _TERMINAL_ONLY]
    buttons = tuple(
        Button(key_of(choice.event), word(lang, choice.key, **dict(choice.values)), quiet=choice.key == "stop")
        for choice in now.choices
    )
    rows = (f"{row.label}: {word(lang, row.signal)}" for row in now.found)
    return Moment(
        version=version_of(state), step=now.step, title=heading,
        lines=tuple(line for line in lines if line != heading) or (heading,), buttons=buttons,
        ask=lines[0] if now.ask else None, found=tuple(rows),
        seconds=None if now.seconds is None else word(lang, "seconds", seconds=now.seconds),
        tone="trouble" if now.reason else "done" if state.phase == "done" else "ask" if now.seconds is None else "wait",
        over=state.over, lead=heading not in lines,
    )  # fmt: skip


def version_of(state: State) -> str:
    """Changes with every question; seconds and signals are no new question."""
    asked = (
        state.phase,
        state.code,
        state.sighting,
        len(state.seats),
        state.slot,
        state.chosen and state.chosen.address,
    )
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]


def key_of(event: Event) -> str:
    """The name of a button: what it means, wherever it stands on the screen."""
    return hashlib.sha256(repr(event).encode()).hexdigest()[:16]


def event_of(now: Screen, said: str) -> Event | None:
    """What a pressed button or a typed text means on this screen; None for what is not on it."""
    kind, _, text = said.partition(":")
    if kind == "button":
        return next((choice.event for choice in now.choices if key_of(choice.event) == text), None)
    return typed(now.ask, text) if now.ask and text else None


@asynccontextmanager
async def served(sheet: Sheet, host: str | None, port: int, *, json: bool, others: bool) -> AsyncIterator[None]:
    """The page on the home network while the block runs, at most ten minutes; `others`: somebody sits at a keyboard.

    Exit code 8 when the address cannot be served on.
    """
    import uvicorn

    from engine.web.pairing_page import create_page, new_secret

    class Server(uvicorn.Server):
        """Leaves Ctrl-C to whoever pairs."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    with listening(host or address_here(), port) as door:
        own, secret = door.getsockname()[0], new_secret()
        name = f"[{own}]" if ":" in own else own
        app = create_page(sheet.look, sheet.answer, secret=secret, lang=sheet.lang, hosts=(name,))
        server = Server(
            uvicorn.Config(
                app, log_level="critical", access_log=False, server_header=False, proxy_headers=False, lifespan="off",
                ws="none", timeout_graceful_shutdown=1,
            )
        )  # fmt: skip
        _tell(f"http://{name}:{door.getsockname()[1]}/{secret}", sheet.lang, json=json)
        serving = asyncio.create_task(server.serve(sockets=[door]))
        closing = asyncio.create_task(_close_late(server, sheet, others=others))
        try:
            yield
            # A page that has closed by itself has no last look to wait for.
            if getattr(app.state.page, "owner", None) and not server.should_exit:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LAST_LOOK):
                        await sheet.shown_end.wait()
                        await asyncio.sleep(STYLED)
        finally:
            closing.cancel()
            server.should_exit = True
            await asyncio.gather(serving, closing, return_exceptions=True)


async def _close_late(server: Any, sheet: Sheet, *, others: bool) -> None:
    await asyncio.sleep(OPEN_FOR)
    server.should_exit = True
    say(word(sheet.lang, "page.late"))
    if not others:
        sheet.send(Stop())


def address_here() -> str:
    """This machine's address on the home network; its own loopback when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(OUTSIDE)
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _tell(url: str, lang: Language, *, json: bool) -> None:
    """The code to scan and the address under it."""
    import segno

    if json:
        emit({"event": "page", "url": url})
        return
    segno.make(url, error="m", micro=False).terminal(out=sys.stderr, border=2, compact=True)
    say(word(lang, "page.scan"))
    say(f"   {url}")
