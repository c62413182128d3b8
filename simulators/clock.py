"""Time in a simulated home: one calendar for a replay, and the cheap clocks inside the devices.

A replay plays past days, so gateway and devices must agree on what "now" is. The air tells every gateway radio the
calendar's offset from real time in the same stream as the adverts: what was on the air before a turn of the calendar
is stamped before it. This exists for simulations only; a production radio knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

WIDTH = 8
STUCK = datetime(2000, 1, 1)  # noqa: DTZ001  # a device's wall clock has no zone
MICROSECOND = timedelta(microseconds=1)
JITTER = timedelta(seconds=2)


def encode_offset(offset: timedelta) -> bytes:
    """The eight bytes that announce `offset`."""
    return (offset // MICROSECOND).to_bytes(WIDTH, "little", signed=True)


def decode_offset(data: bytes) -> timedelta:
    """The offset in an announcement."""
    return int.from_bytes(data[:WIDTH], "little", signed=True) * MICROSECOND


class Calendar:
    """The replay's date and time, kept by the devices' process in the file at `path` so that it survives a restart.

    `tell` gets the announcement of every turn, and the current one at once.
    """

    def __init__(self, path: Path, tell: Callable[[bytes], None]) -> None:
        self._path, self._tell = path, tell
        self._offset = decode_offset(path.read_bytes()) if path.exists() else timedelta()
        tell(encode_offset(self._offset))

    def __call__(self) -> datetime:
        """The instant on the calendar, UTC."""
        return datetime.now(UTC) + self._offset

    def turn(self, at: datetime | None) -> None:
        """Make it `at` now (aware), or real time again for None."""
        self._offset = timedelta() if at is None else at - datetime.now(UTC)
        draft = self._path.with_suffix(".new")
        draft.write_bytes(encode_offset(self._offset))
        draft.replace(self._path)
        self._tell(encode_offset(self._offset))


class DeviceClock:
    """The wall clock of a device, without a zone: set by Current Time writes unless it is `stuck` at 2000-01-01."""

    def __init__(self, now: Callable[[], datetime], zone: ZoneInfo, *, stuck: bool = False) -> None:
        self._now, self._zone = now, zone
        self._error = timedelta()
        self.stuck = stuck
        self.writes = 0

    def show(self, at: datetime) -> datetime:
        """The wall time this device puts on a measurement made at the instant `at`."""
        local = at.astimezone(self._zone).replace(tzinfo=None, microsecond=0)
        return STUCK if self.stuck else local + self._error

    def write(self, wall: datetime) -> None:
        """A Current Time write by the gateway; what the write's way through the air took is not an error."""
        self.writes += 1
        error = wall - self._now().astimezone(self._zone).replace(tzinfo=None)
        self._error = timedelta(seconds=round(error.total_seconds())) if abs(error) > JITTER else timedelta()
