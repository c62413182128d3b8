"""The numbers of watching over, read from `engine/watching.toml` and checked. Pure."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec

_Count = Annotated[int, msgspec.Meta(ge=1)]
_Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file."""


class Silence(_Part, frozen=True, kw_only=True):
    """When quiet is unusual for one person."""

    floor_hours: Annotated[int, msgspec.Meta(ge=24)]
    share: _Share
    days: Annotated[int, msgspec.Meta(ge=28)]
    margin: Annotated[float, msgspec.Meta(ge=1)]
    needed: _Count
    needed_days: _Count
    longest_days: _Count
    patience_hours: _Count
    patience_margin: Annotated[float, msgspec.Meta(ge=1)]

    @property
    def floor(self) -> timedelta:
        """Nobody is silent before that."""
        return timedelta(hours=self.floor_hours)

    def patience(self, usual: timedelta) -> timedelta:
        """How long a device is left alone while its person is heard by others."""
        return max(timedelta(hours=self.patience_hours), usual * self.patience_margin)

    def limit(self, usual: timedelta | None) -> timedelta | None:
        """After how long a quiet is unusual for whom `usual` is usual; None where that cannot be told."""
        if usual is None:
            return None
        found = max(self.floor, usual * self.margin)
        return found if found <= timedelta(days=self.longest_days) else None


class Witness(_Part, frozen=True, kw_only=True):
    """What proves that it is the person who is silent, and not a device."""

    alive_hours: _Count
    battery: Annotated[int, msgspec.Meta(ge=0, le=100)]

    @property
    def alive(self) -> timedelta:
        """Within which a device was heard that lives."""
        return timedelta(hours=self.alive_hours)


class Listening(_Part, frozen=True, kw_only=True):
    """When a gateway can be said to listen."""

    stale_minutes: _Count
    restart_minutes: _Count
    deaf_hours: _Count
    gap_hours: _Count
    report_hours: _Count
    clock_seconds: _Count
    backlog: _Count

    @property
    def stale(self) -> timedelta:
        """A gateway not heard for so long is not there."""
        return timedelta(minutes=self.stale_minutes)

    @property
    def restart(self) -> timedelta:
        """A pause up to this long is no break."""
        return timedelta(minutes=self.restart_minutes)

    @property
    def deaf(self) -> timedelta:
        """After so long without any advertisement a gateway is deaf."""
        return timedelta(hours=self.deaf_hours)

    @property
    def gap(self) -> timedelta:
        """A gateway that heard nothing for so long may have been deaf."""
        return timedelta(hours=self.gap_hours)

    @property
    def report(self) -> timedelta:
        """After so long somebody should look after a gateway."""
        return timedelta(hours=self.report_hours)

    @property
    def clock(self) -> timedelta:
        """Further apart two clocks are in doubt."""
        return timedelta(seconds=self.clock_seconds)


class Drop(_Part, frozen=True, kw_only=True):
    """When somebody moves so much less than they usually do in this season."""

    below: _Share
    recovered: _Share
    days: _Count
    window: _Count
    needed: _Count
    usual_least: _Count
    town_people: _Count
    storm: _Share
    stale_days: _Count
    lasting_days: _Count

    @property
    def lasting(self) -> timedelta:
        """A drop that lasts longer is the new usual."""
        return timedelta(days=self.lasting_days)


class Rules(_Part, frozen=True, kw_only=True):
    """Every number of watching over."""

    silence: Silence
    witness: Witness
    gateway: Listening
    drop: Drop


@cache
def rules() -> Rules:
    """The rules as the file has them; a file that cannot be is refused as a ValidationError."""
    return msgspec.toml.decode(files("engine").joinpath("watching.toml").read_bytes(), type=Rules)
