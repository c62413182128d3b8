"""What is held of a resident, read from the store: the same on both databases, and no more than their page shows."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from random import Random

import msgspec
import pytest
from sqlalchemy import Engine

from engine.care_entries import Entry
from engine.clinical import Fact
from engine.contract import wire
from engine.contract.topics import up
from engine.contract.wire import Health
from engine.people import Resident
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import filing, repo_entries, repo_facts, repo_gateways, repo_releases, repo_residents
from engine.store.database import read, write
from engine.store.repo_facts import By
from fhir_bridge.bundle import encode
from fhir_bridge.holdings import TYPES, Holdings, holdings_of
from fhir_bridge.resources import STAFF_ONLY, Resource, resources_of
from fhir_bridge.resources.entries import name_of
from tests.flow.furnished import store
from tests.homes import DEVICE, GATEWAY, HANAKO, NOW, TARO, weighing
from tests.stores import furnished_file
from tests.web.desks import item, put

__all__ = ["store"]
pytestmark = pytest.mark.flow
DAY = timedelta(days=1)
NURSE = By("s-nursenursenur", "test")


def told(code: str, value: str, source: str, **more: object) -> Fact:
    raw = {"resident": HANAKO, "code": code, "value": value, "at": NOW - 30 * DAY, "source": source, "actor": "test",
           "recorded_at": NOW - 2 * DAY}  # fmt: skip
    return msgspec.convert(raw | more, Fact)


def entry(remote: str, name: str, who: str = HANAKO, **more: object) -> Entry:
    raw = {"resident": who, "sort": "condition", "name": name, "origin": "choukai-net", "remote": remote, "version": "1",
           "recorded_at": NOW - 2 * DAY}  # fmt: skip
    return msgspec.convert(raw | more, Entry)


def live(engine: Engine) -> None:
    """Weighings of both, facts and entries of every class, advice that was told and advice that waits."""
    readings = [*(weighing(number) for number in range(3)), *(weighing(number, "72.00", 2) for number in range(3, 5))]
    payload = wire.encode_batch([wire.encode_reading(one) for one in readings])
    with write(engine) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], NOW)
        repo_gateways.note(connection, GATEWAY, Health(at=NOW, version="0.9.1", uptime=60, journal=0), NOW)
        rows = [told("has.ckd", "1", "hospital"), told("lab.hba1c", "6.9", "lab"), told("lab.ldl", "140", "checkup"),
                told("lab.hba1c", "9.9", "lab", resident=TARO)]  # fmt: skip
        repo_facts.append(connection, rows, NURSE, NOW - 2 * DAY, Random(1))
        things = [
            entry("Condition/1", "2型糖尿病"),
            entry("Condition/2", "高血圧症"),
            entry("Condition/9", "痛風", TARO),
        ]
        repo_entries.append(connection, things, NURSE, NOW - 2 * DAY, Random(2))
    put(
        engine, item("told", resident_id=HANAKO, state="delivered", decided_by=NURSE.actor, severity="soon"),
        item("waits", resident_id=HANAKO), item("other", state="delivered", decided_by=NURSE.actor, severity="soon"),
    )  # fmt: skip


def held(engine: Engine, *, disclosed: bool, at: datetime = NOW, **more: object) -> Holdings:
    with read(engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert isinstance(person, Resident)
        return holdings_of(connection, person, at, disclosed=disclosed, **more)  # type: ignore[arg-type]


def made(holdings: Holdings) -> dict[str, Resource]:
    return {f"{one.type}/{one.id}": one for type_ in TYPES for one in resources_of(type_, holdings)}


def test_staff_hold_everything_of_one_person_and_nothing_of_the_neighbour(store: Engine) -> None:
    live(store)
    found = made(held(store, disclosed=False))
    whole = b"\n".join(encode(one.body) for one in found.values()).decode()
    assert {one.type for one in found.values()} >= STAFF_ONLY - {"DetectedIssue"}
    for mine in ("62.30", "2型糖尿病", "高血圧症", '"value":6.9', "has.ckd", "a-waitsaaaaaaaa"):
        assert mine in whole, mine
    for foreign in ("72.00", "痛風", '"value":9.9', "a-otheraaaaaaaa", TARO):
        assert foreign not in whole, foreign
    [gateway] = [one.body for name, one in found.items() if name == f"Device/{GATEWAY}"]
    assert gateway["version"][0]["value"] == "0.9.1"
    assert found[f"Device/{DEVICE}"].body["specialization"][0]["systemType"]["coding"][0]["code"] == "528399"


def test_the_models_of_r4_read_whatever_a_store_makes(tmp_path: Path) -> None:
    engine = furnished_file(tmp_path / "engine.sqlite")
    live(engine)
    for disclosed in (False, True):
        for one in made(held(engine, disclosed=disclosed)).values():
            model = getattr(import_module(f"fhir.resources.R4B.{one.type.lower()}"), one.type)
            assert model.model_validate_json(encode(one.body)).id == one.id


def test_the_resident_holds_what_their_page_shows_and_the_rest_in_its_time(store: Engine) -> None:
    live(store)

    def seen(at: datetime = NOW) -> str:
        return b"\n".join(encode(one.body) for one in made(held(store, disclosed=True, at=at)).values()).decode()

    hidden = {"2型糖尿病", "高血圧症", '"code":"has.ckd"', '"value":6.9', "a-waitsaaaaaaaa"}
    assert {word for word in hidden if word in seen()} == set()
    assert not {one.type for one in made(held(store, disclosed=True)).values()} & STAFF_ONLY
    assert '"value":140' in seen()
    assert "a-toldaaaaaaaaa" in seen()
    assert '"value":6.9' in seen(NOW + 6 * DAY)
    with write(store) as connection:
        diabetes = next(one for one in repo_entries.of(connection, HANAKO) if one.name == "2型糖尿病")
        assert repo_releases.release(connection, diabetes.id, NURSE, NOW)
        assert repo_releases.released_to(connection, HANAKO) == {diabetes.id: NOW}
        assert repo_releases.released_to(connection, TARO) == {}
    assert {word for word in hidden if word in seen()} == {"2型糖尿病"}
    # A reader who asks for news gets what could be seen only now, however old it is.
    released = made(held(store, disclosed=True))[f"Condition/{name_of(diabetes)}"]
    assert released.last_updated == NOW


def test_what_a_type_does_not_need_is_not_read(store: Engine) -> None:
    live(store)
    only = held(store, disclosed=True, types=("Patient", "Condition"))
    assert (only.measured, only.advice, only.consents, only.devices, only.chain) == ((), (), (), (), ())
    assert len(only.facts) == 1
    with pytest.raises(KeyError):
        held(store, disclosed=True, types=("Immunization",))


def test_a_reading_is_news_again_when_it_becomes_somebody_elses(store: Engine) -> None:
    live(store)
    moved = weighing(3, "72.00", 2).id
    with write(store) as connection:
        assert isinstance(
            filing.assign(connection, moved, HANAKO, NOW + DAY, filing.By("s-nurse", "test")), filing.Filed
        )
    found = held(store, disclosed=False, at=NOW + 2 * DAY)
    assert found.arrived[moved] == NOW + DAY
    assert {at for name, at in found.arrived.items() if name != moved} == {NOW}
    assert "72.00" in b"".join(encode(one.body) for one in resources_of("Observation", found)).decode()


def test_a_person_edited_is_news_and_so_is_the_body_mass_index_that_rests_on_the_height(store: Engine) -> None:
    live(store)
    with write(store) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        taller = msgspec.structs.replace(person, height_cm=None, phone="0234-00-0000", version=person.version + 1)
        assert isinstance(repo_residents.edit(connection, taller, NOW + DAY, actor="test", os_user="test"), Resident)
    found = held(store, disclosed=True, at=NOW + 2 * DAY)
    [patient] = resources_of("Patient", found)
    assert patient.last_updated == NOW + DAY
    assert "0234" not in encode(patient.body).decode()


def test_an_edition_that_was_told_in_error_stays_as_an_error_under_its_id(store: Engine) -> None:
    live(store)
    with write(store) as connection:
        first = next(one for one in repo_entries.of(connection, HANAKO) if one.name == "高血圧症")
        wrong = msgspec.structs.replace(first, version="2", status="wrong", recorded_at=NOW - DAY)
        repo_entries.append(connection, [wrong], NURSE, NOW - DAY, Random(5))
    name = f"Condition/{name_of(first)}"
    told_ = made(held(store, disclosed=False))[name]
    assert told_.body["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert told_.last_updated == NOW - DAY
    # Who never saw it is not told that it was wrong.
    assert name not in made(held(store, disclosed=True))
