"""The broker's process as seen from a harness: start it, give it orders, kill it, start it again where it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import msgspec

from simulators.platform.broker import Abilities
from simulators.platform.faults import BrokerFault
from simulators.platform.tokens import Client
from simulators.served import ServedError, ServedProcess


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All that a broker's process is started with; every start begins the script and the weather anew."""

    abilities: Abilities = Abilities()
    clients: tuple[Client, ...] = ()
    script: tuple[BrokerFault, ...] = ()
    weather: tuple[tuple[float, BrokerFault], ...] = ()
    seed: int = 0


class PlatformError(ServedError):
    """The broker's process did not come up or refused an order; the message is what it said."""


class PlatformProcess(ServedProcess):
    """A broker in its own process; the journal in `state` and the port stay across `kill` and `start`."""

    module: ClassVar[str] = "simulators.platform"
    error: ClassVar[type[ServedError]] = PlatformError

    def __init__(self, settings: Settings, state: Path) -> None:
        super().__init__(settings, state)

    def order(self, what: str, said: Any = None) -> Any:
        """Give an order of `platform.control` (`totals`, `changes`, `told`, `faults` …); raises PlatformError."""
        return self.ask(what, said)
