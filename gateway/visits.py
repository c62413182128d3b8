"""When to connect to whom: few at once, nobody hammered, everybody heard again gets another chance (pure).

Connecting itself happens one device at a time (the radio sees to that); a mirror that stays connected for hours must
not keep the scale waiting.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

# Devices go on advertising for seconds after they said everything, and some do so for ever.
SOON: Final = 1.0
FIRST_WAIT: Final = 2.0
MOST_EMPTY: Final = 60.0
MOST_FAILED: Final = 300.0
MOST_AWAITED: Final = 20.0
# Home adapters hold five to seven links; some are other people's.
AT_ONCE: Final = 3
# Who stays connected this long stays for hours, and three of them must not shut everybody else out.
STAYING: Final = 60.0
MOST: Final = 6


class _Patience(msgspec.Struct):
    until: float = 0.0
    empty: int = 0
    failed: int = 0
    since: object = None


class Visits:
    """A queue of device ids; times are monotonic seconds given by the caller."""

    def __init__(self) -> None:
        self._queue: OrderedDict[str, None] = OrderedDict()
        self._patience: dict[str, _Patience] = {}
        self._busy: dict[str, float] = {}
        self._now = 0.0

    def heard(self, device: str, now: float, since: object = None) -> bool:
        """Queue a device that advertises, unless it is being visited or was visited too lately; whether to `take`.

        A person who pairs it anew (`since` is when) does not wait for what it did to earlier visits.
        """
        self._now = now
        wait = self._patience.setdefault(device, _Patience(since=since))
        if wait.since != since:
            wait.until, wait.empty, wait.failed, wait.since = 0.0, 0, 0, since
        if device in self._busy or now < wait.until:
            return False
        is_new = device not in self._queue
        self._queue.setdefault(device)
        return is_new or (len(self._busy) >= AT_ONCE and self._has_room())

    def _has_room(self) -> bool:
        short = [begun for begun in self._busy.values() if self._now - begun < STAYING]
        return len(short) < AT_ONCE and len(self._busy) < MOST

    def take(self) -> str | None:
        """The device to visit now, None when there is none or enough are visited already."""
        if not self._queue or not self._has_room():
            return None
        device, _ = self._queue.popitem(last=False)
        self._busy[device] = self._now
        return device

    def done(self, device: str, now: float, *, failed: bool, frames: int, needs_person: bool = False) -> None:
        """End a visit; a device with nothing to say or that failed is left alone for longer each time.

        `needs_person`: it must be put into pairing mode, and is in it for a minute at most.
        """
        self._now = now
        wait = self._patience.setdefault(device, _Patience())
        wait.empty = 0 if frames or failed else wait.empty + 1
        wait.failed = wait.failed + 1 if failed else 0
        if failed:
            pause = min(MOST_AWAITED if needs_person else MOST_FAILED, FIRST_WAIT * 2 ** min(wait.failed - 1, 10))
        elif wait.empty:
            pause = min(MOST_EMPTY, FIRST_WAIT * 2 ** min(wait.empty - 1, 10))
        else:
            pause = SOON
        wait.until = now + pause
        self._busy.pop(device, None)
