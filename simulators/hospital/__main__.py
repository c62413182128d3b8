"""`python -m simulators.hospital`: the hospital in a process of its own; says its origin when it listens."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from pathlib import Path

from simulators.hospital.faults import Faults
from simulators.hospital.network import Hospital
from simulators.hospital.process import Settings
from simulators.hospital.serving import serving
from simulators.served import run_served


def _make(settings: Settings, journal: Path) -> Hospital:
    faults = Faults(*settings.script, weather=settings.weather, seed=settings.seed)
    return Hospital(settings.abilities, clients=settings.clients, journal=journal, faults=faults)


def _serve(hospital: Hospital, port: int) -> AbstractContextManager[object]:
    return serving(hospital, port=port)


if __name__ == "__main__":
    sys.exit(run_served("simulators.hospital", Settings, _make, _serve))
