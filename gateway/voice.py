"""Our own things on the home's broker: remembers what stands there, so that what is no longer true is taken away."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from engine.contract.reading import Reading
from engine.contract.wire import DeviceNote, Health, Show
from gateway.announcing import changes, configs, device_state, health_state, resident_state, room_values
from gateway.devices import write_private
from gateway.stage import Out

ANNOUNCED: Final = "announced.json"
TELL_EVERY: Final = timedelta(minutes=1)


class Voice:
    """What the gateway announces; `turn` returns what is to be published. All methods from one thread."""

    def __init__(self, home: Path, gateway: str, version: str, health: Callable[[], Health]) -> None:
        self._path, self._gateway, self._version, self._health = home / ANNOUNCED, gateway, version, health
        self._notes: dict[str, DeviceNote] = {}
        self._rooms: dict[str, dict[str, str]] = {}
        self._standing = dict.fromkeys(_read(self._path), b"")
        self._due: set[str] = set()
        self._told: dict[str, Show] = {}
        self._next_health: datetime | None = None

    def note(self, note: DeviceNote) -> None:
        """What is known of a device."""
        self._notes[note.device] = note
        self._due.add(note.device)

    def room(self, reading: Reading) -> None:
        """A reading, for what it says of a room."""
        values = room_values(reading)
        if values and reading.device in self._notes:
            self._rooms[reading.device] = self._rooms.get(reading.device, {}) | values
            self._due.add(reading.device)

    def turn(self, shows: Iterable[Show], now: datetime, *, fresh: bool) -> list[Out]:
        """Configs that changed, then states that are due; everything after a connect."""
        said = {show.resident: show for show in shows if show.values and now < show.until}
        kinds = {device: frozenset(values) for device, values in self._rooms.items()}
        wanted = configs(self._gateway, self._version, self._notes.values(), kinds, said.values())
        if fresh:
            # The broker may have forgotten everything; what we no longer say it may still hold.
            self._standing = dict.fromkeys(self._standing, b"")
            self._due, self._told, self._next_health = set(self._notes), {}, None
        out = changes(self._standing, wanted)
        if self._standing.keys() != wanted.keys():
            # Before they are published: a topic too many is taken away later, one too few would stand for ever.
            write_private(self._path, msgspec.json.encode(sorted(self._standing.keys() | wanted.keys())))
        self._standing = wanted
        return out + self._states(said, now)

    def _states(self, said: dict[str, Show], now: datetime) -> list[Out]:
        out = []
        for device in sorted(self._due):
            out += device_state(self._gateway, self._notes[device], self._rooms.get(device, {}))
        out += [resident_state(self._gateway, show) for name, show in said.items() if self._told.get(name) != show]
        self._due, self._told = set(), said
        if self._next_health is None or now >= self._next_health:
            self._next_health = now + TELL_EVERY
            out.append(health_state(self._gateway, self._health()))
        return out


def _read(path: Path) -> list[str]:
    with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return msgspec.json.decode(path.read_bytes(), type=list[str])
    return []
