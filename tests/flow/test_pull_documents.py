"""Documents a network points to: fetched once if small and known, filed under the person they name or under nobody."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from engine.care_entries import current
from engine.store import repo_entries, repo_pulled
from engine.store.database import read, write
from fhir_bridge.client_answers import Blob, Failure
from fhir_bridge.pull import Pulled
from tests.bridge.written_imports import cda
from tests.homes import HANAKO
from tests.linked_home import BY, NET, Bridge, Shelf, agreed, known

BASE = "https://net.example/fhir"
HERS = cda([("3D046000001906202", "HbA1c", "%", "6.4")], name="ヤマダ　ハナコ", birth="19510505", sex="2")
HIS = cda([("3D046000001906202", "HbA1c", "%", "9.9")], name="ケンシン　タロウ")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with agreed(tmp_path / "engine.sqlite", patient="p1") as made:
        yield made


@pytest.fixture
def shelf(engine: Engine, tmp_path: Path) -> tuple[Shelf, Bridge]:
    made = Shelf("DocumentReference")
    return made, Bridge(engine, made, BASE, tmp_path)


def pointing(name: str, *attachments: dict[str, Any], **changes: Any) -> dict[str, Any]:
    body = {
        "resourceType": "DocumentReference", "id": name, "status": "current", "subject": {"reference": "Patient/p1"},
        "type": {"text": "特定健診結果"}, "date": "2026-10-01T09:00:00+09:00",
        "content": [{"attachment": one} for one in attachments],
    }  # fmt: skip
    return body | changes


def inside(data: bytes, content_type: str = "application/xml") -> dict[str, Any]:
    return {"contentType": content_type, "data": base64.b64encode(data).decode()}


def pull(shelf: Shelf, bridge: Bridge, *bodies: dict[str, Any]) -> Pulled:
    for body in bodies:
        shelf.editions.append((body, str(len(shelf.editions) + 1), bridge.clock()))
    return bridge.pull().people[0]


def outcomes(engine: Engine) -> dict[str, str | None]:
    with read(engine) as connection:
        return {one.id: one.state for one in repo_pulled.attachments(connection, NET, HANAKO)}


def test_a_checkup_that_came_inside_is_filed_once_and_its_original_is_kept(
    shelf: tuple[Shelf, Bridge], engine: Engine, tmp_path: Path
) -> None:
    made, bridge = shelf
    assert dict(pull(made, bridge, pointing("d1", inside(HERS))).documents) == {"filed": 1}
    assert known(engine)["lab.hba1c"] == ["6.4"]
    assert [path.read_bytes() for path in (tmp_path / "originals").rglob("*") if path.is_file()] == [HERS]
    assert pull(made, bridge).documents == {}
    assert outcomes(engine) == {"d1.0": "filed"}
    with read(engine) as connection:
        entries = current(repo_entries.of(connection, HANAKO), bridge.clock())
    assert any(entry.sort == "document" and entry.remote == "DocumentReference/d1" for entry in entries)


def test_an_attachment_behind_an_address_is_fetched_as_itself_or_as_a_binary(
    shelf: tuple[Shelf, Bridge], engine: Engine
) -> None:
    made, bridge = shelf
    wrapped = {"resourceType": "Binary", "contentType": "application/xml", "data": base64.b64encode(HERS).decode()}
    made.blobs = {
        "Binary/1": Blob("application/xml", HERS),
        "Binary/2": Blob("application/fhir+json", json.dumps(wrapped).encode()),
    }
    xml = {"contentType": "text/xml"}
    done = pull(made, bridge, pointing("d1", xml | {"url": "Binary/1"}, xml | {"url": "Binary/2"}))
    assert dict(done.documents) == {"filed": 2}
    assert known(engine)["lab.hba1c"] == ["6.4"]
    assert made.fetched == ["Binary/1", "Binary/2"]


def test_what_is_not_read_is_said_and_not_asked_for_again(shelf: tuple[Shelf, Bridge], engine: Engine) -> None:
    made, bridge = shelf
    xml = {"contentType": "application/xml"}
    made.blobs = {
        "Binary/big": Blob("application/xml", b"<" * (6 << 20)),
        "Binary/bad": Blob("application/fhir+json", b'{"resourceType":"Binary","data":"A$%"}'),
    }
    document = pointing(
        "d1", inside(HIS), {"contentType": "application/pdf", "url": "Binary/pdf"}, xml | {"url": "Binary/none"},
        xml | {"url": "Binary/big"}, xml | {"url": "Binary/huge", "size": 9_000_000}, xml,
        xml | {"url": "Binary/bad"}, inside(b"<ClinicalDocument"), inside(b"\x00\x01"),
    )  # fmt: skip
    pull(made, bridge, document)
    assert outcomes(engine) == {
        "d1.0": "other-person", "d1.1": "other-form", "d1.2": "not-found", "d1.3": "too-large", "d1.4": "too-large",
        "d1.5": "no-attachment", "d1.6": "damaged-base64", "d1.7": "damaged-xml", "d1.8": "unknown-form",
    }  # fmt: skip
    assert known(engine) == {}
    assert pull(made, bridge).documents == {}
    assert made.fetched == ["Binary/none", "Binary/big", "Binary/bad"]


def test_a_network_that_fails_is_asked_for_the_rest_next_time(shelf: tuple[Shelf, Bridge], engine: Engine) -> None:
    made, bridge = shelf
    xml = {"contentType": "application/xml", "url": "Binary/1"}
    fetch = made.fetch
    made.fetch = lambda *_, **__: Failure(kind="retry", code="server", status=503)  # type: ignore[method-assign]
    done = pull(made, bridge, pointing("d1", inside(HIS), xml))
    assert (done.stopped, outcomes(engine)) == ({"Attachment": "server"}, {"d1.0": "other-person"})
    made.fetch, made.blobs = fetch, {"Binary/1": Blob("application/xml", HERS)}  # type: ignore[method-assign]
    assert dict(pull(made, bridge).documents) == {"filed": 1}


def test_a_document_of_a_mistaken_link_goes_with_it(shelf: tuple[Shelf, Bridge], engine: Engine) -> None:
    made, bridge = shelf
    pull(made, bridge, pointing("d1", inside(HERS)))
    with write(engine) as connection:
        facts, entries = repo_pulled.take_back(connection, NET, HANAKO, "mistaken-2", BY, bridge.clock(), Random(1))
    assert facts >= 1
    assert entries >= 1
    assert known(engine) == {}
    with read(engine) as connection:
        assert current(repo_entries.of(connection, HANAKO), bridge.clock()) == []


@pytest.mark.parametrize(
    "void",
    [
        {"status": "entered-in-error"}, {"docStatus": "entered-in-error"},
        {"meta": {"tag": [{"system": "http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication",
                           "code": "UNINFORMED"}]}},
    ],
    ids=["status", "docStatus", "withheld"],
)  # fmt: skip
def test_a_document_that_counts_no_more_takes_back_what_it_said(
    void: dict[str, Any], shelf: tuple[Shelf, Bridge], engine: Engine
) -> None:
    made, bridge = shelf
    pull(made, bridge, pointing("d1", inside(HERS)))
    done = pull(made, bridge, pointing("d1", inside(HERS), **void))
    assert dict(done.documents) == {"withdrawn": 1}
    assert known(engine) == {}
    with read(engine) as connection:
        assert current(repo_entries.of(connection, HANAKO), bridge.clock()) == []
    assert pull(made, bridge).documents == {}


def test_an_attachment_that_never_comes_holds_no_other_up(
    shelf: tuple[Shelf, Bridge], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, bridge = shelf
    made.blobs = {"Binary/2": Blob("application/xml", HERS)}
    asked: list[str] = []

    def fetch(url: str, most: int, accept: str = "*/*") -> Blob | Failure:
        asked.append(accept)
        broken = Failure(kind="retry", code="server", status=500)
        return broken if url == "Binary/1" else Shelf.fetch(made, url, most, accept)

    monkeypatch.setattr(made, "fetch", fetch)
    bodies = [
        pointing(f"d{number}", {"contentType": said, "url": f"Binary/{number}"})
        for number, said in ((1, "application/xml"), (2, "application/xml\t;charset=json"))
    ]
    done = pull(made, bridge, *bodies)
    assert (dict(done.documents), done.stopped) == ({"filed": 1}, {"Attachment": "server"})
    assert known(engine)["lab.hba1c"] == ["6.4"]
    assert asked == ["application/xml", "*/*"], "no header of theirs"
    assert pull(made, bridge).stopped == {"Attachment": "server"}, "it is tried again"
    assert len(asked) == 3
