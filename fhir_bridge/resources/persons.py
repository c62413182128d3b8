"""The person, and the machines that measured and advised them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.metadata import version

from engine.observation_devices import ENGINE_ID, phd_device, phg_device, software_device
from engine.observation_patient import patient_of
from fhir_bridge.holdings import Holdings
from fhir_bridge.resources.made import Body, Resource, resource


def patients(holdings: Holdings) -> Iterator[Resource]:
    """The person: name, birth date, sex; neither address nor telephone."""
    yield resource("Patient", holdings.person.id, holdings.changed, partial(patient_of, holdings.person))


def devices(holdings: Holdings) -> Iterator[Resource]:
    """The sensors and gateways that readings came by, and the program that assembles advice."""
    for one, kinds in holdings.devices:
        yield resource("Device", one.id, one.first_seen, partial(phd_device, one, kinds))
    for name, told in holdings.gateways.items():
        yield resource("Device", name, holdings.changed, partial(phg_device, name, told))
    yield resource("Device", ENGINE_ID, holdings.changed, engine_of)


def engine_of() -> Body:
    """The program itself, with its version."""
    return software_device(version("minato-phr"))
