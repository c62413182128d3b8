"""The same pull from a server nobody here wrote, and into the other database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from engine.store import audit, repo_entries, repo_pulled
from engine.store.database import open_engine, read, write
from engine.store.tables_bridge import PULLED
from fhir_bridge.client import Client
from fhir_bridge.client_answers import Answer
from fhir_bridge.client_network import Network
from fhir_bridge.linking import look_up
from simulators.hospital.network import Hospital
from simulators.hospital.serving import serving
from tests.homes import HANAKO
from tests.linked_home import (
    BY,
    LDL,
    NET,
    Bridge,
    agree,
    bridged,
    condition,
    known,
    lab,
    link_of,
    medicine,
    named,
    patient,
)
from tests.stores import furnished_database, furnished_file
from tests.third_party import fhir_router

RECORD = (
    lab("o1", "7.10"), lab("o2", "142", LDL), lab("o3", "6.20", effectiveDateTime="2025-10-01"),
    condition("c1", "E119", "2型糖尿病"), medicine("m1", "3961008F1020", "グリメピリド錠1mg"),
)  # fmt: skip
ALL = {
    "lab.hba1c": ["6.20", "7.10"], "lab.ldl": ["142"], "has.diabetes": ["1"], "med.sulfonylurea": ["1"],
    "med.glucose-lowering": ["1"],
}  # fmt: skip


def sent(client: Client, body: dict[str, Any]) -> None:
    raw = msgspec.json.Encoder(decimal_format="number").encode(body)
    told = client.put(body["resourceType"], body["id"], raw)
    assert isinstance(told, Answer), told


@pytest.mark.xdist_group("node")
def test_a_third_party_server_is_matched_and_pulled_with_the_same_questions(tmp_path: Path) -> None:
    engine = furnished_file(tmp_path / "engine.sqlite")
    agree(engine, HANAKO)
    named(engine, HANAKO, "1001")
    with fhir_router() as base, Client(Network(name=NET, base=base)) as client:
        for body in (patient("p1", "1001"), patient("p2", "1002"), *RECORD, lab("x1", "9.90", of="p2")):
            sent(client, body)
        bridge = Bridge(engine, client, base, tmp_path)
        done = bridge.pull()
        assert (link_of(engine).remote_id, done.people[0].stopped, done.people[0].left) == ("p1", {}, {})
        # That server keeps numbers as floats.
        assert known(engine) == ALL | {"lab.hba1c": ["6.2", "7.1"]}
        sent(client, lab("o1", "7.40", status="corrected"))
        again = bridge.pull().people[0]
        assert (again.kept, again.facts, again.taken_back) == (1, 1, 1)
        assert sorted(known(engine)["lab.hba1c"]) == ["6.2", "7.4"]
    engine.dispose()


@pytest.fixture
def other(postgres: str) -> Iterator[Engine]:
    with furnished_database(postgres) as url:
        made = open_engine(url)
        yield made
        made.dispose()


@pytest.mark.needs_postgresql
@pytest.mark.xdist_group("pg")
def test_the_other_database_takes_links_editions_and_their_taking_back(other: Engine, tmp_path: Path) -> None:
    agree(other, HANAKO)
    named(other, HANAKO, "1001")
    hospital = Hospital()
    hospital.admit(patient("p1", "1001"))
    with serving(hospital), bridged(other, hospital, tmp_path) as bridge:
        for body in RECORD:
            hospital.keep(body)
        look_up(bridge.reach, HANAKO)
        assert link_of(other).state == "linked"
        for _ in range(2):
            assert bridge.pull().people[0].stopped == {}
        assert known(other) == ALL
        hospital.keep(lab("o1", "7.10", status="entered-in-error"))
        bridge.pull()
        assert known(other)["lab.hba1c"] == ["6.20"]
        with write(other) as connection:
            assert repo_pulled.take_back(connection, NET, HANAKO, "mistaken-2", BY, bridge.clock(), Random(1)) == (5, 2)
        with read(other) as connection:
            assert connection.execute(select(PULLED)).first() is None
            assert {entry.status for entry in repo_entries.of(connection, HANAKO)} == {"active", "wrong"}
            assert audit.verify(connection) is None
        assert known(other) == {}
