"""Pulling a record: over real HTTP with every fault of the stand-in, and from a server that answers what it should not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, select

from engine.care_entries import current
from engine.care_links import end
from engine.clinical import Fact
from engine.store import audit, repo_entries, repo_facts, repo_links, repo_outbox, repo_pulled
from engine.store.database import read, write
from engine.store.repo_facts import By
from engine.store.tables_bridge import FACT_ORIGIN, PULLED
from fhir_bridge.client_answers import Answer, Failure, Page
from fhir_bridge.pull import Pulled
from simulators.hospital.abilities import Abilities
from simulators.hospital.faults import Fault
from simulators.hospital.network import Hospital
from simulators.hospital.serving import serving
from tests.homes import HANAKO, TARO
from tests.linked_home import (
    BY,
    LDL,
    NET,
    SYSTEM,
    Bridge,
    Shelf,
    agree,
    agreed,
    bridged,
    condition,
    known,
    lab,
    link_of,
    medicine,
    patient,
)

BASE = "https://net.example/fhir"
STRANGE = ("9Z999000001906202", "なぞの検査", "%")


@pytest.fixture
def hospital() -> Iterator[Hospital]:
    made = Hospital(Abilities(page=2, most_page=2))
    made.admit(patient("p1", "1001"))
    made.admit(patient("p2", "1002"))
    with serving(made):
        yield made


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with agreed(tmp_path / "engine.sqlite", patient="p1") as made:
        yield made


@pytest.fixture
def bridge(engine: Engine, hospital: Hospital, tmp_path: Path) -> Iterator[Bridge]:
    with bridged(engine, hospital, tmp_path) as made:
        yield made


@pytest.fixture
def shelf(engine: Engine, tmp_path: Path) -> tuple[Shelf, Bridge]:
    made = Shelf("Observation")
    return made, Bridge(engine, made, BASE, tmp_path)


def of_hanako(bridge: Bridge) -> Pulled:
    found = [one for one in bridge.pull().people if one.resident == HANAKO]
    assert len(found) == 1
    return found[0]


def stock(hospital: Hospital) -> None:
    """A record of several pages."""
    hospital.keep(lab("o1", "7.10"))
    hospital.keep(lab("o2", "142", LDL))
    hospital.keep(lab("o3", "1.0", STRANGE))
    hospital.keep(lab("o4", "6.20", effectiveDateTime="2025-10-01"))
    hospital.keep(lab("x1", "9.90", of="p2"))
    hospital.keep(condition("c1", "E119", "2型糖尿病"))
    hospital.keep(medicine("m1", "3961008F1020", "グリメピリド錠1mg"))


ALL = {
    "lab.hba1c": ["6.20", "7.10"], "lab.ldl": ["142"], "has.diabetes": ["1"], "med.sulfonylurea": ["1"],
    "med.glucose-lowering": ["1"],
}  # fmt: skip


def test_a_record_comes_whole_and_a_second_pull_brings_nothing(
    bridge: Bridge, hospital: Hospital, engine: Engine
) -> None:
    stock(hospital)
    first, second = of_hanako(bridge), of_hanako(bridge)
    assert (first.kept, first.facts, first.entries, first.stopped) == (6, 6, 2, {})
    assert (second.kept, second.facts, second.taken_back, second.entries) == (0, 0, 0, 0)
    assert known(engine) == ALL
    with read(engine) as connection:
        assert {entry.name for entry in repo_entries.of(connection, HANAKO)} == {"2型糖尿病", "グリメピリド錠1mg"}
        ties = {row.remote for row in connection.execute(select(FACT_ORIGIN))}
        assert ties == {f"{x}" for x in ("Observation/o1", "Observation/o2", "Observation/o4", "Condition/c1",
                                         "MedicationRequest/m1")}  # fmt: skip
        raw = connection.execute(select(PULLED.c.raw).where(PULLED.c.remote_id == "o1")).scalar_one()
        assert '"value":7.10' in raw.replace(" ", ""), "every digit is kept"
        facts = repo_facts.of_one(connection, HANAKO)
        assert {(fact.source, fact.actor, fact.channel) for fact in facts if fact.code.startswith("lab.")} == {
            ("lab", NET, f"bridge.{NET}")
        }
        assert [debt.key for debt in repo_outbox.take(connection, "evaluate", limit=9)] == [HANAKO]
        acts = [entry.action for entry in audit.entries(connection, subject=HANAKO)]
        assert acts.count("import-bridge") == 4
        assert audit.verify(connection) is None
        unknown = repo_pulled.unknown(connection, NET)
        assert [(one.code, one.display, one.count) for one in unknown] == [(STRANGE[0], "なぞの検査", 1)]
        reached = {one.type: one.reached for one in repo_pulled.cursors(connection, NET, HANAKO)}
        assert reached["Observation"] is not None
        assert reached["AllergyIntolerance"] is None
    asked = [line.target for line in hospital.ledger.received if line.target.startswith("/fhir/Observation?")]
    assert ["_lastUpdated=ge" in target for target in asked if "_page" not in target] == [False, True]


def test_a_pull_through_every_fault_has_everything_once(bridge: Bridge, hospital: Hospital, engine: Engine) -> None:
    stock(hospital)
    kinds: list[dict[str, Any]] = [
        {"kind": "drop"}, {"kind": "cut"}, {"kind": "status", "status": 503}, {"kind": "garbage"},
        {"kind": "status", "status": 429}, {"kind": "slow", "seconds": 0.01},
        {"kind": "drop", "after": True},
    ]  # fmt: skip
    hospital.faults.change_weather(*((0.06, Fault(**kind)) for kind in kinds))
    for _ in range(40):
        if not bridge.pull().stopped and not of_hanako(bridge).stopped:
            break
    hospital.faults.change_weather()
    bridge.at += timedelta(minutes=10)
    assert of_hanako(bridge).stopped == {}
    assert known(engine) == ALL
    assert sum(hospital.ledger.faults().values()) >= 5


def test_corrected_withdrawn_and_corrected_back_values_stand_as_the_hospital_last_said(
    bridge: Bridge, hospital: Hospital, engine: Engine
) -> None:
    for value, status, stands in (
        ("7.10", "final", ["7.10"]), ("7.40", "corrected", ["7.40"]), ("7.10", "amended", ["7.10"]),
        ("7.10", "entered-in-error", None), ("7.10", "final", ["7.10"]),
    ):  # fmt: skip
        hospital.keep(lab("o1", value, status=status))
        bridge.pull()
        assert known(engine).get("lab.hba1c") == stands, (value, status)
    wrong = condition("c1", "E119", "2型糖尿病")
    hospital.keep(wrong)
    bridge.pull()
    wrong["verificationStatus"] = {"coding": [{"code": "entered-in-error"}]}
    del wrong["clinicalStatus"]
    hospital.keep(wrong)
    bridge.pull()
    with read(engine) as connection:
        rows = repo_entries.of(connection, HANAKO)
    assert [row.status for row in rows] == ["active", "wrong"]
    assert current(rows, bridge.clock()) == []
    assert "has.diabetes" not in known(engine)


def test_what_a_person_took_back_the_network_does_not_bring_again(
    bridge: Bridge, hospital: Hospital, engine: Engine
) -> None:
    hospital.keep(lab("o1", "7.10"))
    bridge.pull()
    with write(engine) as connection:
        fact = repo_facts.of_one(connection, HANAKO)[0]
        repo_facts.retract(connection, fact.id, By("s-nurse", "tester"), "page", bridge.clock(), Random(1))
    hospital.keep(lab("o1", "7.10", status="amended"))
    done = of_hanako(bridge)
    assert (done.facts, done.held_back, known(engine)) == (0, 1, {})
    hospital.keep(lab("o1", "7.20", status="amended"))
    assert of_hanako(bridge).facts == 1


def test_the_same_value_from_a_nurse_stays_beside_the_networks(
    bridge: Bridge, hospital: Hospital, engine: Engine
) -> None:
    at = datetime.fromisoformat("2026-10-01T09:00:00+09:00")
    told = Fact(
        resident=HANAKO, code="lab.hba1c", value="7.10", unit="%", at=at, source="nurse", recorded_at=bridge.clock()
    )
    with write(engine) as connection:
        repo_facts.append(connection, [told], BY, bridge.clock(), Random(1))
    hospital.keep(lab("o1", "7.10"))
    bridge.pull()
    assert known(engine)["lab.hba1c"] == ["7.10", "7.10"]
    hospital.keep(lab("o1", "7.10", status="entered-in-error"))
    bridge.pull()
    with read(engine) as connection:
        left = {row.id: row for row in repo_facts.of_one(connection, HANAKO) if row.retracts is None}
        gone = {row.retracts for row in repo_facts.of_one(connection, HANAKO)}
    assert [row.source for name, row in left.items() if name not in gone] == ["nurse"]


class Overheard:
    """The network's client, of which the resident hears: at the n-th answer the consent is taken back."""

    def __init__(self, bridge: Bridge, at: int) -> None:
        self.inner, self.bridge, self.left, self.answers = bridge.server, bridge, at, 0
        self.abilities, self.fetch = bridge.server.abilities, bridge.server.fetch

    def read(self, kind: str, id_: str) -> Answer | Failure:
        told: Answer | Failure = self._hears(self.inner.read(kind, id_))
        return told

    def pages(self, kind: str, params: Any) -> Iterator[Page | Failure]:
        yield from (self._hears(page) for page in self.inner.pages(kind, params))

    def _hears(self, told: Any) -> Any:
        self.answers += 1
        if self.answers == self.left:
            agree(self.bridge.engine, HANAKO, granted=False, at=self.bridge.clock())
        return told


def test_whenever_consent_is_taken_back_nothing_is_asked_or_kept_any_more(
    bridge: Bridge, hospital: Hospital, engine: Engine, tmp_path: Path
) -> None:
    for number in range(6):
        hospital.keep(lab(f"o{number}", "7.10", effectiveDateTime=f"2026-10-0{number + 1}"))
    hospital.keep(condition("c1", "E119", "2型糖尿病"))
    # The patient is read first, then three pages of values, then nothing of reports, then the illness.
    for number, (values, illness) in enumerate([(0, 0), (0, 0), (2, 0), (4, 0), (6, 0), (6, 0), (6, 1)]):
        server = Overheard(bridge, number + 1)
        wary = Bridge(engine, server, bridge.base, tmp_path, bridge.clock())
        wary.rng = bridge.rng
        stopped = wary.pull().people[0].stopped
        assert list(stopped.values()) == ["no-consent"]
        assert server.answers == number + 1
        found = known(engine)
        assert (len(found.get("lab.hba1c", [])), len(found.get("has.diabetes", []))) == (values, illness)
        bridge.at = max(bridge.at, wary.at)
        assert wary.pull().people[0].stopped == {"": "no-consent"}
        assert server.answers == number + 1
        agree(engine, HANAKO, at=bridge.clock())


def test_the_networks_own_consent_is_a_state_not_an_error(bridge: Bridge, hospital: Hospital, engine: Engine) -> None:
    stock(hospital)
    hospital.consents.change("p1", given=False)
    assert of_hanako(bridge).stopped == {"Patient": "no-consent-there"}
    assert known(engine) == {}
    hospital.consents.change("p1", given=True)
    assert of_hanako(bridge).stopped == {}
    assert known(engine) == ALL


def test_a_patient_who_changes_is_not_asked_about_until_a_person_looked(
    bridge: Bridge, hospital: Hospital, engine: Engine
) -> None:
    stock(hospital)
    hospital.keep(patient("p1", "1001", birthDate="1950-01-01"))
    assert of_hanako(bridge).stopped == {"": "changed"}
    assert (link_of(engine).state, link_of(engine).reason, known(engine)) == ("held", "changed", {})
    assert bridge.pull().people == []


def test_a_patient_who_is_not_found_may_be_back_tomorrow_and_one_who_was_deleted_is_not(
    shelf: tuple[Shelf, Bridge], engine: Engine
) -> None:
    made, bridge = shelf
    hers = made.patients.pop("p1")
    assert of_hanako(bridge).stopped == {"Patient": "not-found"}
    made.patients["p1"] = hers
    assert of_hanako(bridge).stopped == {}
    made.read = lambda *_: Failure(kind="gone", code="gone", status=410)  # type: ignore[method-assign]
    assert of_hanako(bridge).stopped == {"": "gone"}
    assert link_of(engine).state == "held"


def test_a_mistaken_link_takes_back_all_it_told_and_the_right_person_gets_it(
    bridge: Bridge, hospital: Hospital, engine: Engine
) -> None:
    stock(hospital)
    bridge.pull()
    now = bridge.clock()
    with write(engine) as connection:
        after = end(link_of(engine), "wrong-person", "", BY.actor, now)
        stored = repo_links.put(connection, after, "end", BY, now)  # type: ignore[arg-type]
        assert isinstance(stored, repo_links.Link)
        assert repo_pulled.take_back(connection, NET, HANAKO, "mistaken-2", BY, now, Random(1)) == (6, 2)
        assert repo_pulled.take_back(connection, NET, HANAKO, "mistaken-2", BY, now, Random(1)) == (0, 0)
    assert known(engine) == {}
    with read(engine) as connection:
        assert current(repo_entries.of(connection, HANAKO), bridge.clock()) == []
        assert connection.execute(select(PULLED)).first() is None
    # It was hers after all.
    with write(engine) as connection:
        again = repo_links.put(connection, relinked(link_of(engine)), "match", BY, bridge.clock())
        assert isinstance(again, repo_links.Link)
    bridge.pull()
    assert known(engine) == ALL
    with read(engine) as connection:
        assert len(current(repo_entries.of(connection, HANAKO), bridge.clock())) == 2


def relinked(link: repo_links.Link) -> repo_links.Link:
    import msgspec

    return msgspec.structs.replace(link, state="linked", reason="agreed")


# -- a server that should not be trusted


def test_nothing_of_another_person_is_filed_whatever_the_server_answers(
    shelf: tuple[Shelf, Bridge], engine: Engine
) -> None:
    made, bridge = shelf
    now = bridge.clock()
    others: list[dict[str, Any]] = [
        {"reference": "Patient/p2"}, {"reference": "https://other.example/fhir/Patient/p1"}, {"display": "山田 花子"},
        {"reference": "#p1"}, {"identifier": {"system": SYSTEM, "value": "1002"}}, {"reference": "Group/p1"},
    ]  # fmt: skip
    bodies = [lab(f"x{number}", "9.90", subject=one) for number, one in enumerate(others)]
    missing = lab("x9", "9.90")
    del missing["subject"]
    ours = lab("w1", "9.90", identifier=[{"system": "urn:minato-phr:observation", "value": "abc.body-weight"}])
    odd: list[dict[str, Any]] = [ours, condition("c1", "E119", "糖尿病"), lab("../o1", "9.90")]
    good = [
        lab("g1", "7.10", subject={"reference": f"{BASE}/Patient/p1/_history/2"}),
        lab("g2", "142", LDL, subject={"identifier": {"system": SYSTEM, "value": "1001"}}),
    ]
    made.script = [[(body, "1", now) for body in [*bodies, missing, *odd, *good]]]
    made.script[0][8] = (odd[1] | {"resourceType": "Condition"}, "1", now)
    done = of_hanako(bridge)
    assert dict(done.left) == {"other-patient": 7, "ours": 1, "bad-id": 1}
    assert known(engine) == {"lab.hba1c": ["7.10"], "lab.ldl": ["142"]}
    with read(engine) as connection:
        kept = {row.remote_id for row in connection.execute(select(PULLED))}
    assert kept == {"g1", "g2"}


def deep(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {"url": "urn:x", "valueString": "x"}
    for _ in range(levels):
        found = {"url": "urn:x", "extension": [found]}
    return found


def test_what_cannot_be_read_is_kept_with_its_reason_and_hurts_nobody(
    shelf: tuple[Shelf, Bridge], engine: Engine
) -> None:
    made, bridge = shelf
    now = bridge.clock()
    bad: dict[str, tuple[dict[str, Any], str]] = {
        "b1": (lab("b1", "7.30", valueString="two values"), "not-fhir"),
        "b2": (lab("b2", "7.30", effectiveDateTime="yesterday"), "not-fhir"),
        "b3": (lab("b3", "7.30", contained=[{"resourceType": "Telepathy"}]), "not-fhir"),
        "b4": (lab("b4", "7.30", extension=[deep(200)]), "too-deep"),
        "b5": (lab("b5", "7.30", note=[{"text": "x" * 5_000_000}]), "too-large"),
        "b6": (lab("b6", "7.30", note=[{"text": "a\u0000b"}]), "bad-text"),
        "b7": (lab("b7", "7.30", code={}), "not-fhir"),
        "b8": ({**lab("b8", "7.30"), "status": None}, "not-fhir"),
    }  # fmt: skip
    made.script = [[*((body, "1", now) for body, _ in bad.values()), (lab("ok", "7.10"), "1", now)]]
    done = of_hanako(bridge)
    assert known(engine) == {"lab.hba1c": ["7.10"]}
    with read(engine) as connection:
        rows = {row.remote_id: row for row in connection.execute(select(PULLED))}
        assert repo_pulled.states(connection, NET)[""] == 1
    assert {name: rows[name].state for name in bad} == {name: reason for name, (_, reason) in bad.items()}
    assert sum(done.unused.values()) == len(bad)
    assert json.loads(rows["b1"].raw)["valueString"] == "two values"
    assert rows["b5"].raw == ""
    # A readable edition of it counts.
    made.script = [[(lab("b1", "7.30"), "2", bridge.clock())]]
    bridge.pull()
    assert known(engine)["lab.hba1c"] == ["7.10", "7.30"]


def test_a_server_that_knows_no_cursor_is_read_whole(shelf: tuple[Shelf, Bridge], engine: Engine) -> None:
    made, bridge = shelf
    made.knows_cursor = made.counts = False
    made.editions = [(lab(f"o{number}", "7.10", effectiveDateTime=f"2026-10-0{number}"), "1", bridge.clock())
                     for number in range(1, 6)]  # fmt: skip
    for _ in range(2):
        assert of_hanako(bridge).stopped == {}
    assert len(known(engine)["lab.hba1c"]) == 5
    assert "_lastUpdated" not in made.asked[-1]


def test_what_slips_through_between_two_pages_is_found_next_time(shelf: tuple[Shelf, Bridge], engine: Engine) -> None:
    made, bridge = shelf
    start = bridge.clock() - timedelta(days=9)
    made.editions = [
        (lab(f"o{n}", "7.10", effectiveDateTime=f"2026-10-0{n}"), "1", start + timedelta(days=n)) for n in range(1, 6)
    ]

    def move_up() -> None:
        made.editions.append((made.editions[0][0], "2", bridge.clock()))
        made.between = lambda: None

    made.between = move_up
    assert of_hanako(bridge).stopped == {"Observation": "incomplete"}
    assert len(known(engine)["lab.hba1c"]) == 4
    with read(engine) as connection:
        cursor = repo_pulled.cursor(connection, NET, HANAKO, "Observation")
    assert cursor is not None
    assert (cursor.reached, cursor.error) == (None, "incomplete")
    assert of_hanako(bridge).stopped == {}
    assert len(known(engine)["lab.hba1c"]) == 5


def test_a_clock_that_runs_years_ahead_hides_nothing(shelf: tuple[Shelf, Bridge], engine: Engine) -> None:
    made, bridge = shelf
    made.editions = [(lab("o1", "7.10"), "1", bridge.clock() + timedelta(days=9999))]
    bridge.pull()
    bridge.at += timedelta(minutes=1)
    made.editions.append((lab("o2", "142", LDL), "1", bridge.clock()))
    bridge.pull()
    assert known(engine) == {"lab.hba1c": ["7.10"], "lab.ldl": ["142"]}


def test_a_type_the_server_does_not_have_is_not_asked_for(shelf: tuple[Shelf, Bridge]) -> None:
    made, bridge = shelf
    bridge.pull()
    assert {one["kind"] for one in made.asked} == {"Observation"}


def test_a_code_is_counted_once_a_resource_however_many_editions_come(
    shelf: tuple[Shelf, Bridge], engine: Engine
) -> None:
    made, bridge = shelf
    for number in range(3):
        made.editions.append((lab("o1", f"{number}.5", STRANGE), str(number), bridge.clock()))
        made.editions.append((lab("o2", f"{number}.5", STRANGE), str(number), bridge.clock()))
        bridge.pull()
    with read(engine) as connection:
        assert [(one.code, one.count) for one in repo_pulled.unknown(connection, NET)] == [(STRANGE[0], 2)]


def test_nobody_who_died_or_moved_away_is_asked_about(shelf: tuple[Shelf, Bridge], engine: Engine) -> None:
    made, bridge = shelf
    from engine.store.tables import RESIDENT

    with write(engine) as connection:
        connection.execute(RESIDENT.update().where(RESIDENT.c.id == HANAKO).values(status="moved"))
    assert of_hanako(bridge).stopped == {"": "inactive"}
    assert made.asked == []
    assert TARO not in {one.resident for one in bridge.pull().people}
