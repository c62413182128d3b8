"""The bridge against a FHIR server that nobody here wrote, over a bad line: each value there once, in its digits."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from engine.store.database import write
from fhir_bridge.client import Client
from fhir_bridge.client_network import Network
from simulators.hospital.faults import Fault, Faults
from tests.bridge.push_world import NETWORK, World, link, measured, share
from tests.homes import HANAKO, TARO
from tests.stores import furnished_file
from tests.third_party import faulty, fhir_router

pytestmark = [pytest.mark.flow, pytest.mark.xdist_group("node")]
WEATHER = (
    (0.1, Fault(kind="drop", after=True)), (0.1, Fault(kind="drop")), (0.1, Fault(kind="cut", after=True)),
    (0.1, Fault(kind="status", status=503)), (0.1, Fault(kind="status", status=503, after=True)),
    (0.05, Fault(kind="garbage")), (0.05, Fault(kind="garbage", after=True)),
)  # fmt: skip


def test_a_server_of_others_has_each_value_once_whatever_its_line_does(tmp_path: Path) -> None:
    engine = furnished_file(tmp_path / "engine.sqlite")
    faults = Faults(weather=WEATHER, seed=3)
    with fhir_router() as base, faulty(base, faults) as line:
        with Client(Network(name=NETWORK, base=base)) as direct, write(engine) as connection:
            for resident in (HANAKO, TARO):
                patient = direct.create("Patient", b'{"resourceType":"Patient","active":true}')
                link(connection, resident, str(patient.id))  # type: ignore[union-attr]
                share(connection, resident)
        town = World(engine, line)
        readings = [measured(number, user_slot=1 + number % 2) for number in range(10)]
        town.heard(*readings)
        town.push(400)
        town.move(readings[0], TARO)
        town.move(readings[1], None)
        town.push(400)
        with Client(Network(name=NETWORK, base=base)) as direct:
            found = direct.search("Observation", {"_count": "200"})
            assert isinstance(found, list)
    names = Counter(one.body["identifier"][0]["value"] for one in found)
    assert set(names.values()) == {1}
    assert len(names) == 11
    status = {one.body["identifier"][0]["value"]: one.body["status"] for one in found}
    wrong = [f"{readings[0].id}.body-weight", f"{readings[1].id}.body-weight"]
    assert sorted(name for name, said in status.items() if said == "entered-in-error") == sorted(wrong)
    # The server keeps numbers as floats; the value is the same.
    values = {one.body["identifier"][0]["value"]: one.body.get("valueQuantity", {}).get("value") for one in found}
    assert all(float(values[f"{one.id}.body-weight"]) == float(one.values[0].value) for one in readings[2:])
    assert {row.state for row in town.rows()} == {"confirmed"}
    engine.dispose()
