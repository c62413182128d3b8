"""How a pairing is seen: a conversation on a terminal, or one JSON event a line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any, Final

from cli.output import emit, say, spin
from cli.pair_answers import Missing, Wish, answer
from cli.pair_words import title, word
from gateway.pairing_model import Event, Found, State, Stop
from gateway.pairing_screen import Choice, Screen, row_of, screen, typed

_FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_NO: Final = {"no", "not-this", "none-of-these", "implants.no"}
Send = Callable[[Event], None]


class Answers:
    """Lets the flags answer before anybody is asked; remembers the flag that was missing."""

    def __init__(self, wish: Wish, *, alone: bool) -> None:
        self._wish, self.alone = wish, alone
        self._answered: tuple[str, object] | None = None
        self.missing: str | None = None

    def give(self, state: State, send: Send) -> bool:
        """Whether the flags answer this moment (or nobody can)."""
        found = answer(state, self._wish, alone=self.alone)
        if found is None:
            return False
        moment = (state.phase, (state.mistyped, state.sighting, state.seats, state.code))
        if moment == self._answered:
            return True
        self._answered = moment
        if isinstance(found, Missing):
            self.missing = found.flag
        send(Stop() if isinstance(found, Missing) else found)
        return True


class Events:
    """One JSON object for each thing that happened."""

    def __init__(self, answers: Answers, device: Callable[[], str | None]) -> None:
        self.send: Send = lambda _: None
        self._answers, self._device = answers, device
        self._before: State | None = None

    def show(self, state: State) -> None:
        """Print what is new and let the flags answer."""
        before, self._before = self._before, state
        for event in told(before, state, self._device()):
            emit(event)
        self._answers.give(state, self.send)


def told(before: State | None, state: State, device: str | None) -> list[dict[str, Any]]:
    """The events between two moments: found, chosen, paired, aside, proven, failed."""
    known = {item.address for item in before.found} if before else set[str]()
    events = [_found(state, item) for item in state.found if item.address not in known]
    if state.chosen and (before is None or before.chosen is None):
        events.append({"event": "chosen", "address": state.chosen.address, "family": state.chosen.family})
    if state.reached and not (before and before.reached):
        events.append({"event": "paired", "device": device, "battery": state.battery})
    if state.aside and not (before and before.aside == state.aside):
        events.append({"event": "aside", "count": state.aside})
    if state.phase == "done" and (before is None or before.phase != "done"):
        values = (
            [{"kind": v.kind, "value": v.value, "unit": v.unit} for v in state.sighting.values]
            if state.sighting
            else []
        )
        events.append({"event": "proven", "device": device, "values": values})
    if state.phase == "failed" and (before is None or before.phase != "failed"):
        what, do = word("en", f"what.{state.code}"), word("en", f"do.{state.code}")
        events.append({"event": "failed", "code": state.code, "message": what, "do": do})
    return events


def _found(state: State, item: Found) -> dict[str, Any]:
    row = row_of(state, item)
    return {
        "event": "found", "address": item.address, "family": item.family, "label": row.label, "signal": row.signal,
        "listed": item.listed, "needs_key": item.needs_key,
    }  # fmt: skip


class Terminal:
    """Four steps with one question each, on stderr; answers come from stdin, line by line."""

    def __init__(self, lang: str, answers: Answers, device: Callable[[], str | None], *, plain: bool) -> None:
        self.send: Send = lambda _: None
        self._lang, self._answers, self._device, self._plain = lang, answers, device, plain
        self._shown: object = None
        self._step = 0
        self._screen: Screen | None = None
        self._turn = 0
        self._rows: set[str] = set()

    def show(self, state: State) -> None:
        """Say what is new; between two questions only the seconds move."""
        now = screen(state)
        self._screen = now
        if self._answers.give(state, self.send) and state.phase != "stopped":
            return
        content = (now.phase, now.say, now.choices)
        if content != self._shown:
            self._shown = content
            self._rows.clear()
            self._say(now, state)
        elif now.phase == "search" and {row.address for row in now.found} - self._rows:
            self._list(now)
        elif now.seconds is not None and not self._plain and sys.stderr.isatty():
            self._turn += 1
            spin(f"   {_FRAMES[self._turn % len(_FRAMES)]} {word(self._lang, 'seconds', seconds=now.seconds)}")

    def _say(self, now: Screen, state: State) -> None:
        lang = self._lang
        self._clear()
        heading = title(lang, now.step)
        if now.step != self._step and now.reason is None:
            self._step = now.step
            say(heading)
        names = {"device": self._device() or "", "resident": " ".join(state.residents) or "r-…"}
        for line in now.say:
            text = word(lang, line.key, **(names | dict(line.values)))
            if not heading.endswith(text):
                say(f"   {text}")
        self._list(now)
        if now.choices and not self._answers.alone:
            say(f"   {self._buttons(now)}")

    def _list(self, now: Screen) -> None:
        """The devices on the air, each once."""
        for row in now.found:
            if now.phase == "search" and row.address not in self._rows:
                self._rows.add(row.address)
                known = f"  {word(self._lang, 'listed-as')}" if row.listed else ""
                self._clear()
                say(f"   ・{row.label}  {word(self._lang, row.signal)}{known}")

    def _clear(self) -> None:
        if not self._plain and sys.stderr.isatty():
            spin("")

    def _buttons(self, now: Screen) -> str:
        """The choices as they are typed: Enter, n and q for a question, numbers for a list."""
        parts = []
        for place, choice in enumerate(now.choices):
            said = word(self._lang, choice.key, **dict(choice.values))
            parts.append(f"[{self._key(now, choice, place)}] {said}")
        return "   ".join(parts)

    @staticmethod
    def _key(now: Screen, choice: Choice, place: int) -> str:
        if choice.key == "stop":
            return "q"
        if choice.key == "slot":
            return choice.values["slot"]
        if is_plain(now):
            return "Enter" if place == 0 else "n"
        return str(place + 1)

    def hear(self, text: str) -> None:
        """A line typed by the person."""
        now, plain = self._screen, text.strip()
        if now is None:
            return
        if plain in {"?", "？"}:
            say(f"   {word(self._lang, 'call.support')}  phr doctor")
            return
        event = typed_event(now, plain)
        if event is None:
            say(f"   {word(self._lang, 'mistyped')}")
        else:
            self.send(event)

    async def listen(self) -> None:
        """Read stdin until it ends; then nobody is there any more."""
        loop, lines = asyncio.get_running_loop(), asyncio.Queue[str]()
        loop.add_reader(sys.stdin.fileno(), lambda: lines.put_nowait(sys.stdin.readline()))
        try:
            while line := await lines.get():
                self.hear(line)
            self.send(Stop())
        finally:
            loop.remove_reader(sys.stdin.fileno())


def is_plain(now: Screen) -> bool:
    """Whether Enter means the first choice: a yes-or-no question, or the one next action of a failure."""
    return any(choice.key == "yes" for choice in now.choices) or now.reason is not None


def typed_event(now: Screen, text: str) -> Event | None:
    """What `text` means on this screen; None when it means nothing."""
    real = [choice for choice in now.choices if choice.key != "stop"]
    low = text.casefold()
    if low in {"q", "ｑ"} or (low == "" and now.reason is not None and not real):
        return Stop()
    if is_plain(now) and low in {"", "y", "yes", "はい"} and real:
        return real[0].event
    if low in {"n", "no", "いいえ", "ちがう"}:
        return next((choice.event for choice in real if choice.key in _NO), None)
    if text.isdigit() and 1 <= int(text) <= len(real) and not now.ask:
        return real[int(text) - 1].event
    return typed(now.ask, text) if now.ask and text else None
