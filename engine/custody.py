"""Whose a lent device was when it measured something: the loan decides, whenever the reading arrives. Pure.

A device that goes from home to home keeps what it measured elsewhere, and plays it back. What was measured before a
loan began, after it ended, or nobody knows when, is nobody's until a person says whose it is: it waits in the inbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

Bindings = Mapping[int, str]
Since = Mapping[int, datetime]


class Heard(msgspec.Struct, frozen=True, gc=False):
    """By which device and gateway something was measured, when, and when it was heard; `dated` False: nobody knows."""

    device: str
    gateway: str
    measured_at: datetime
    received_at: datetime
    dated: bool = True


class Lent(msgspec.Struct, frozen=True):
    """That a device was in a home from `since` to before `until` (None: it is there still).

    `held` are the slots when it came back, and since when each was its holder's (missing: all along).
    """

    since: datetime
    until: datetime | None = None
    held: Bindings = {}
    held_since: Since = {}

    def covers(self, when: datetime) -> bool:
        """Whether it was there at `when`."""
        return self.since <= when and (self.until is None or when < self.until)


class Custody(msgspec.Struct, frozen=True):
    """The loans of a home's devices, oldest first, and since when each lent gateway is not the home's any more."""

    lent: Mapping[str, tuple[Lent, ...]] = {}
    given_back: Mapping[str, datetime] = {}

    def slots(self, device: str, bindings: Bindings, since: Since, when: datetime) -> tuple[Bindings, Since]:
        """The slots of a device at `when` and since when they are whose: of a loan that is over, as they were then."""
        loans = self.lent.get(device)
        if not loans:
            return bindings, since
        over = next((one for one in loans if one.until is not None and one.covers(when)), None)
        if over is not None:
            return over.held, over.held_since
        return ({}, {}) if _stay(loans, bindings, when) is None else (bindings, since)

    def is_nobodys(self, heard: Heard, bindings: Bindings) -> bool:
        """Whether what was heard cannot be given to anybody of this home by what device, person or numbers say.

        `bindings` are the device's slots as they are now.
        """
        gone = self.given_back.get(heard.gateway)
        if gone is not None and heard.received_at >= gone:
            return True
        loans = self.lent.get(heard.device)
        if not loans:
            return False
        there = _stay(loans, bindings, min(heard.measured_at, heard.received_at))
        if there is None or not heard.dated:
            return True
        # A clock that runs ahead may say the next borrower's day.
        return heard.measured_at > heard.received_at and _stay(loans, bindings, heard.measured_at) is not there


def _stay(loans: tuple[Lent, ...], bindings: Bindings, when: datetime) -> Lent | None:
    """The loan by which the device was there at `when`; after the last one, if it was paired anew, there to stay."""
    found = next((one for one in loans if one.covers(when)), None)
    last = loans[-1].until
    # The return took every slot: who has one now got it later, from somebody who brought the device again.
    anew = found is None and last is not None and when >= last and bool(bindings)
    return _ANEW if anew else found


_ANEW: Final = Lent(datetime.max.replace(tzinfo=UTC))
NEVER_LENT: Final = Custody()
