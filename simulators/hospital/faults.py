"""Faults as data: a script that strikes the next requests it names, and weather that strikes by chance.

Kinds: `drop` closes the connection without a byte, `cut` stops in the middle of the answer, `status` answers `status`
(with `retry_after`), `garbage` answers 200 with a page that is no FHIR, `slow` waits `seconds`, `redirect` points to
`location`, `expire` ends all tokens, `small` allows `limit` entries in a Bundle. `after` strikes when the request was
carried out and stored: `drop` with `after` is the lost reply. `cut` is always
after, `small` always before.
"""

from __future__ import annotations

import re
from random import Random
from threading import Lock
from typing import Literal, get_args

import msgspec

Kind = Literal["drop", "cut", "status", "garbage", "slow", "redirect", "expire", "small"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault; `where` is searched (regular expression) in `METHOD /path?query`; it meets `times` requests."""

    kind: Kind
    after: bool = False
    where: str = ""
    times: int = 1
    status: int = 503
    retry_after: str = ""
    seconds: float = 0.05
    location: str = ""
    limit: int = 1

    @property
    def name(self) -> str:
        """What the ledger calls it."""
        shown = f"{self.kind}-{self.status}" if self.kind == "status" else self.kind
        return f"{shown}-after" if self.after else shown


class Faults:
    """The faults to come: `add` appends to the script; `weather` are faults with their chance per request."""

    def __init__(self, *script: Fault, weather: tuple[tuple[float, Fault], ...] = (), seed: int = 0) -> None:
        self._lock, self._rng = Lock(), Random(seed)
        self._weather = weather
        self._script: list[tuple[Fault, int]] = []
        self.add(*script)

    def add(self, *script: Fault) -> None:
        """Let these come after what is scripted already."""
        with self._lock:
            self._script += [(fault, fault.times) for fault in script]

    def change_weather(self, *weather: tuple[float, Fault]) -> None:
        """Replace the faults that come by chance; none makes calm."""
        with self._lock:
            self._weather = weather

    def left(self) -> int:
        """How many requests the script will still meet."""
        with self._lock:
            return sum(times for _, times in self._script)

    def strike(self, method: str, target: str) -> Fault | None:
        """The fault this request meets."""
        line = f"{method} {target}"
        with self._lock:
            for index, (fault, times) in enumerate(self._script):
                if re.search(fault.where, line):
                    self._script[index : index + 1] = [(fault, times - 1)] if times > 1 else []
                    return fault
            return self._by_chance(line)

    def _by_chance(self, line: str) -> Fault | None:
        if not self._weather:
            return None
        drawn = self._rng.random()
        for chance, fault in self._weather:
            drawn -= chance
            if drawn < 0:
                return fault if re.search(fault.where, line) else None
        return None
