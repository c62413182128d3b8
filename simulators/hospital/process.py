"""The hospital's process as seen from a harness: start it, give it orders, kill it, start it again where it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import msgspec

from simulators.hospital.abilities import Abilities
from simulators.hospital.faults import Fault
from simulators.hospital.tokens import Client
from simulators.served import ServedError, ServedProcess


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All that a hospital's process is started with; every start begins the script and the weather anew."""

    abilities: Abilities = Abilities()
    clients: tuple[Client, ...] = ()
    script: tuple[Fault, ...] = ()
    weather: tuple[tuple[float, Fault], ...] = ()
    seed: int = 0


class HospitalError(ServedError):
    """The hospital's process did not come up or refused an order; the message is what it said."""


class HospitalProcess(ServedProcess):
    """A hospital in its own process; the journal in `state` and the port stay across `kill` and `start`."""

    module: ClassVar[str] = "simulators.hospital"
    error: ClassVar[type[ServedError]] = HospitalError

    def __init__(self, settings: Settings, state: Path) -> None:
        super().__init__(settings, state)

    @property
    def base(self) -> str:
        """The address of the FHIR interface."""
        return f"{self.origin}/fhir"

    def order(self, what: str, said: dict[str, Any] | None = None, *, kind: str = "Observation") -> dict[str, Any]:
        """Give an order of `hospital.control` (`totals`, `struck`, `consent` …); raises HospitalError."""
        told: dict[str, Any] = self.ask(what if said is not None else f"{what}?kind={kind}", said)
        return told
