"""What a gateway tells of itself at every full hour, and what the watching makes of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import numpy as np

from engine.watching_ears import Ear, Gateway, gateway_of, listen
from engine.watching_rules import rules
from simulators.lives.homes import Home
from simulators.lives.known import instant
from simulators.lives.town import Town

# So many hours before the watching begins its ears are open: no silence that it may judge began earlier than it can.
EARS_BEFORE: Final = 120
# Hours beside a fault in which every word of the gateway counts.
_BESIDE: Final = 3
# Any number below the six hours after which an ear that hears nothing is deaf.
_SPARSE: Final = 3
# Advertisements an hour where something can be heard; any number above 0 says the same.
_ADVERTS: Final = 40
# It ran for a month before day 0.
_RAN: Final = 30 * 24.0


class Word:
    """A gateway by the hour: whether it is seen, since when it runs, how many advertisements it has counted."""

    def __init__(self, town: Town, home: Home) -> None:
        hours = int(town.hours) + 1
        self.at = np.arange(hours, dtype=np.float64)
        self.told = self.at.copy()
        for start, end in home.unseen():
            inside = (self.at >= start) & (self.at < end)
            self.told[inside] = np.minimum(self.told[inside], start)
        self.started = np.full(hours, -_RAN)
        for one in home.faults:
            if one.sort in {"cut", "unplugged"}:
                self.started[self.at >= one.end] = one.end
        self._audible = home.audible(self.at - 0.5)
        for lines in home.heard:
            for line in lines:
                # What the gateway itself heard in time; what a device kept and told later it heard later.
                near = line.heard[np.isfinite(line.heard)]
                at = np.ceil(np.minimum(near, hours - 1)).astype(int)
                self._audible[at] = True
        for start, end in home.deaf():
            self._audible[int(np.ceil(start)) + 1 : int(end) + 1] = False
        total = np.cumsum(self._audible) * _ADVERTS
        begun = np.clip(np.floor(self.started), 0, hours - 1).astype(int)
        self.adverts = np.where(self.started > 0, total - total[begun], total)
        self.look = np.full(hours, True) if not home.neighbours else self.at % _SPARSE == 0
        for one in home.faults:
            self.look[max(int(one.start) - _BESIDE, 0) : int(one.end) + _BESIDE + 1] = True

    def said(self, town: Town, hour: int) -> tuple[datetime, str, dict[str, Any]]:
        """When it was last heard before this hour, its state, and its health."""
        told = float(self.told[hour])
        last = int(told)
        health = {
            "uptime": max(told - float(self.started[last]), 0.0) * 3600.0, "adverts": int(self.adverts[last]),
            "journal": 0, "at": instant(town, told).isoformat(), "clock_offset": 0.0,
        }  # fmt: skip
        return instant(town, told), "ready" if told == hour else "lost", health


class Listener:
    """The ear of the watching at one home, as it is after every look."""

    def __init__(self, town: Town, home: Home) -> None:
        self._town, self._word, self._name = town, Word(town, home), f"g-{home.number}"
        self._ear: Ear | None = None

    def hear(self, hour: int, *, needed: bool) -> None:
        """Looks at the gateway at a full hour, unless nothing new can be known and nobody needs it."""
        if not needed and not self._word.look[hour]:
            return
        told, state, health = self._word.said(self._town, hour)
        self._ear = listen(self._name, self._ear, told, state, health, instant(self._town, float(hour)))

    def gateways(self, now: datetime) -> tuple[Gateway, ...]:
        """The gateway for the judge."""
        return () if self._ear is None else (gateway_of(self._ear, now),)

    def to_report(self, hour: int) -> bool:
        """Whether something may have been wrong with it for so long that the judge has to look."""
        ear, word = self._ear, self._word
        if ear is None or hour - word.told[hour] > rules().gateway.report_hours:
            return ear is not None
        if not ear.trouble or ear.trouble_since is None:
            return False
        return instant(self._town, float(hour)) - ear.trouble_since > rules().gateway.report
