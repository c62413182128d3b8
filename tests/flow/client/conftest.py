"""A hospital stand-in with one patient, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fhir_bridge.client import Client
from simulators.hospital.abilities import Abilities as Make
from simulators.hospital.network import Hospital
from simulators.hospital.serving import serving
from tests.bridge.client_world import (
    HANAKO,
    reach,
)


@pytest.fixture
def hospital() -> Iterator[Hospital]:
    made = Hospital(Make(entries=20, page=3))
    made.admit(HANAKO)
    with serving(made):
        yield made


@pytest.fixture
def client(hospital: Hospital) -> Iterator[Client]:
    with reach(hospital.base) as made:
        yield made
