"""Time in a simulated home: one shared calendar for a replay, and the cheap clocks inside the devices.

A replay plays past days, so gateway and devices must agree on what "now" is. The devices' process writes the offset
from real time into a small file; the simulated radio of each gateway reads it. Production never uses this.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from zoneinfo import ZoneInfo

WIDTH = 8
STUCK = datetime(2000, 1, 1)  # noqa: DTZ001  # a device's wall clock has no zone
MICROSECOND = timedelta(microseconds=1)


class ReplayClock:
    """`now()` of a replay: real UTC time plus the offset in the file at `path` (no file: no offset)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset

    @property
    def offset(self) -> timedelta:
        """How far the replay's calendar is from the real one."""
        if self._file is None:
            try:
                self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return timedelta()
        return int.from_bytes(os.pread(self._file, WIDTH, 0), "little", signed=True) * MICROSECOND

    def __del__(self) -> None:
        if self._file is not None:
            os.close(self._file)


class Calendar(ReplayClock):
    """The writing side of the replay's clock, kept by the devices' process; survives its restart."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if not path.exists():
            self.turn(None)

    def turn(self, at: datetime | None) -> None:
        """Make it `at` now (aware), or real time again for None; all gateways see it at once."""
        offset = timedelta() if at is None else at - datetime.now(UTC)
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(file, (offset // MICROSECOND).to_bytes(WIDTH, "little", signed=True), 0)
        finally:
            os.close(file)


class DeviceClock:
    """The wall clock of a device, without a zone: set by Current Time writes unless it is `stuck` at 2000-01-01."""

    def __init__(self, calendar: ReplayClock, zone: ZoneInfo, *, stuck: bool = False) -> None:
        self._calendar, self._zone = calendar, zone
        self._error = timedelta()
        self.stuck = stuck
        self.writes = 0

    def read(self) -> datetime:
        """What the device believes the local time is, to the second."""
        return STUCK if self.stuck else (self._true() + self._error).replace(microsecond=0)

    def show(self, at: datetime) -> datetime:
        """The wall time this device would have put on a measurement at the instant `at`."""
        local = at.astimezone(self._zone).replace(tzinfo=None, microsecond=0)
        return STUCK if self.stuck else local + self._error

    def write(self, wall: datetime) -> None:
        """A Current Time write by the gateway."""
        self.writes += 1
        self._error = (wall - self._true()) if abs(wall - self._true()) > timedelta(seconds=2) else timedelta()

    def _true(self) -> datetime:
        return self._calendar().astimezone(self._zone).replace(tzinfo=None)
