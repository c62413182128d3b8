"""`python -m simulators.platform`: the broker in a process of its own; says its origin when it listens."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from pathlib import Path

from simulators.hospital.faults import Faults
from simulators.platform.broker import Platform
from simulators.platform.process import Settings
from simulators.platform.serving import serving
from simulators.served import run_served


def _make(settings: Settings, journal: Path) -> Platform:
    faults = Faults(*settings.script, weather=settings.weather, seed=settings.seed)
    return Platform(settings.abilities, clients=settings.clients, journal=journal, faults=faults)


def _serve(platform: Platform, port: int) -> AbstractContextManager[object]:
    return serving(platform, port=port)


if __name__ == "__main__":
    sys.exit(run_served("simulators.platform", Settings, _make, _serve))
