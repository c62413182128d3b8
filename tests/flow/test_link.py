"""Looking residents up at the stand-in hospital over real HTTP: who is linked, who waits for a person, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine
from typer import Typer
from typer.testing import CliRunner

from cli import bridge_pull
from cli.bridge_link import app
from cli.exits import Exit
from cli.output import Fail
from engine.care_links import accept
from engine.refusal import Refusal
from engine.store import audit, repo_links, repo_outbox
from engine.store.database import read, write
from engine.store.tables import RESIDENT
from fhir_bridge.linking import look_up
from simulators.hospital.faults import Fault
from simulators.hospital.network import Hospital
from simulators.hospital.serving import serving
from tests.homes import HANAKO, TARO
from tests.linked_home import (
    BY,
    NET,
    SINCE,
    SYSTEM,
    Bridge,
    agree,
    agreed,
    bridged,
    known,
    lab,
    link_of,
    linked,
    named,
    patient,
)

MERGED = {"other": {"reference": "Patient/p9"}, "type": "replaced-by"}


@pytest.fixture
def hospital() -> Iterator[Hospital]:
    with serving(Hospital()) as served:
        yield served


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with agreed(tmp_path / "engine.sqlite") as made:
        yield made


@pytest.fixture
def bridge(engine: Engine, hospital: Hospital, tmp_path: Path) -> Iterator[Bridge]:
    with bridged(engine, hospital, tmp_path) as made:
        yield made


def acts(engine: Engine, subject: str = HANAKO) -> list[tuple[str, str]]:
    with read(engine) as connection:
        found = audit.entries(connection, subject=subject)
    return [(entry.action, entry.actor) for entry in found if entry.action.startswith("link-")]


def test_a_resident_beyond_doubt_is_linked_and_every_step_is_in_the_audit(
    bridge: Bridge, hospital: Hospital, engine: Engine
) -> None:
    hospital.admit(patient("p1", "1001"))
    hospital.admit(patient("p2", "1002"))
    named(engine, HANAKO, "1001")
    look_up(bridge.reach, HANAKO)
    link = link_of(engine)
    assert (link.state, link.reason, link.remote_id, link.by) == ("linked", "agreed", "p1", BY.actor)
    assert link.at > SINCE
    assert acts(engine) == [("link-propose", BY.actor), ("link-match", NET)]
    with read(engine) as connection:
        assert audit.verify(connection) is None
        assert [debt.key for debt in repo_outbox.take(connection, "bridge", limit=9)] == [HANAKO]
    assert look_up(bridge.reach, HANAKO) is None


CASES: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "nobody has the number": ([patient("p1", "9999")], "proposed", "no-hit"),
    "two have it": ([patient("p1", "1001"), patient("p2", "1001")], "held", "several"),
    "another reading": ([patient("p1", "1001", name=[{"family": "ヤマダ", "given": ["ハナエ"]}])], "held", "differs"),
    "another birthday": ([patient("p1", "1001", birthDate="1951-05-06")], "held", "differs"),
    "another sex": ([patient("p1", "1001", gender="male")], "held", "differs"),
    "no reading": ([patient("p1", "1001", name=[{"text": "山田 花子"}])], "held", "differs"),
    "dead": ([patient("p1", "1001", deceasedBoolean=True)], "held", "deceased"),
    "no record of the living": ([patient("p1", "1001", active=False)], "held", "inactive"),
    "merged into one who agrees": (
        [patient("p1", "1001", link=[MERGED], active=False), patient("p9", "1009")], "linked", "agreed",
    ),
    "merged twice": (
        [patient("p1", "1001", link=[MERGED]), patient("p9", "1009", link=[MERGED | {"other": {"reference":
         "Patient/p1"}}])], "held", "merged",
    ),
    "two that became one": (
        [patient("p1", "1001", link=[MERGED]), patient("p9", "1001")], "linked", "agreed",
    ),
    "an old number of somebody": (
        [patient("p1", "x", identifier=[{"system": SYSTEM, "value": "1001", "use": "old"}])], "proposed", "no-hit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_the_hospital_says_decides(case: str, bridge: Bridge, hospital: Hospital, engine: Engine) -> None:
    patients, state, reason = CASES[case]
    for one in sorted(patients, key=lambda one: "link" in one):
        hospital.admit(one)
    named(engine, HANAKO, "1001")
    look_up(bridge.reach, HANAKO)
    link = link_of(engine)
    assert (link.state, link.reason) == (state, reason)
    assert (link.remote_id is not None) == (state == "linked")
    if case.startswith("merged into"):
        assert (link.remote_id, link.found[0].asked) == ("p9", "p1")


def test_no_question_leaves_without_our_consent_and_the_networks_own_is_another(
    bridge: Bridge, hospital: Hospital, engine: Engine
) -> None:
    hospital.admit(patient("p1", "1001"), agreed=False)
    named(engine, HANAKO, "1001")
    look_up(bridge.reach, HANAKO)
    assert (link_of(engine).state, link_of(engine).reason) == ("proposed", "no-consent-there")
    agree(engine, HANAKO, granted=False, at=bridge.clock())
    asked = len(hospital.ledger.received)
    refusal = look_up(bridge.reach, HANAKO)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, len(hospital.ledger.received)) == ("no-consent", asked)
    assert link_of(engine).reason == "no-consent"
    agree(engine, HANAKO, at=bridge.clock())
    hospital.consents.change("p1", given=True)
    look_up(bridge.reach, HANAKO)
    assert link_of(engine).state == "linked"


def test_nobody_is_looked_up_who_is_gone_or_no_test_patient_while_only_those_are_exchanged(
    bridge: Bridge, hospital: Hospital, engine: Engine
) -> None:
    hospital.admit(patient("p1", "1001"))
    named(engine, HANAKO, "1001")
    tested = msgspec.structs.replace(bridge.reach, test_patients=frozenset({"9999"}))
    refusal = look_up(tested, HANAKO)
    assert isinstance(refusal, Refusal)
    assert refusal.code == link_of(engine).reason == "not-a-test-patient"
    with write(engine) as connection:
        connection.execute(RESIDENT.update().where(RESIDENT.c.id == HANAKO).values(status="deceased"))
    refusal = look_up(bridge.reach, HANAKO)
    assert isinstance(refusal, Refusal)
    assert refusal.code == link_of(engine).reason == "inactive-here"
    assert (link_of(engine).state, len(hospital.ledger.received)) == ("proposed", 0)


def test_a_network_that_fails_leaves_the_number_where_it_was(
    bridge: Bridge, hospital: Hospital, engine: Engine
) -> None:
    hospital.admit(patient("p1", "1001"))
    named(engine, HANAKO, "1001")
    hospital.faults.add(Fault(kind="status", status=500, where="Patient", times=9))
    look_up(bridge.reach, HANAKO)
    assert (link_of(engine).state, link_of(engine).reason) == ("proposed", "server")


def test_two_residents_are_never_one_patient(bridge: Bridge, hospital: Hospital, engine: Engine) -> None:
    hospital.admit(patient("p1", "1001"))
    linked(engine, TARO, "p1")
    named(engine, HANAKO, "1001")
    look_up(bridge.reach, HANAKO)
    link = link_of(engine)
    assert (link.state, link.reason) == ("held", "taken")
    forced = accept(link, "p1", "確認", "s", bridge.clock())
    assert isinstance(forced, Refusal)
    with write(engine) as connection:
        stored = repo_links.put(
            connection, link_of(engine, TARO).__class__(
                resident=HANAKO, network=NET, system=SYSTEM, value="1001", remote_id="p1", state="linked", by="s",
                at=SINCE, version=link.version,
            ), "match", BY, SINCE,
        )  # fmt: skip
    assert isinstance(stored, Refusal)
    assert stored.code == "taken"


def test_whoever_comes_second_with_a_change_is_told(engine: Engine) -> None:
    link = named(engine, HANAKO, "1001")
    with write(engine) as connection:
        first = repo_links.put(connection, link, "look", BY, SINCE)
        second = repo_links.put(connection, link, "look", BY, SINCE)
    assert not isinstance(first, Refusal)
    assert isinstance(second, Refusal)
    assert second.code == "conflict"


# -- on the command line


@dataclass
class Said:
    """What a command left behind."""

    exit_code: int
    stdout: str


def run(*words: str) -> Said:
    done = CliRunner().invoke(app, list(words))
    if isinstance(done.exception, Fail):
        return Said(done.exception.exit_code, done.stdout)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Said(done.exit_code, done.stdout)


@pytest.fixture
def terminal(engine: Engine, hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PHR_ENGINE_DATABASE", f"sqlite:///{tmp_path / 'engine.sqlite'}")
    monkeypatch.setenv("PHR_BRIDGE_URL", hospital.base)
    monkeypatch.setenv("PHR_BRIDGE_SYSTEM", SYSTEM)
    return engine


@pytest.mark.usefixtures("terminal")
def test_a_doubt_is_shown_decided_and_a_mistake_is_ended(hospital: Hospital) -> None:
    hospital.admit(patient("p1", "1001", gender="male"))
    held = run("propose", HANAKO, "1001", "--by", "佐藤", "--json")
    assert (held.exit_code, json.loads(held.stdout)["state"]) == (Exit.DONE, "held")
    shown = run("show", HANAKO)
    assert "differs: sex" in shown.stdout
    assert "ヤマダ ハナコ" in shown.stdout
    assert run("accept", HANAKO, "--reason", " ").exit_code == Exit.USAGE
    assert run("accept", HANAKO, "--reason", "本人に確認", "--patient", "p7").exit_code == Exit.NOT_FOUND
    accepted = run("accept", HANAKO, "--reason", "本人に確認", "--by", "佐藤", "--json")
    assert json.loads(accepted.stdout)["patient"] == "p1"
    assert run("propose", HANAKO, "2002").exit_code == Exit.ALREADY
    assert "linked" in run("list").stdout
    assert run("end", HANAKO, "--why", "because").exit_code == Exit.USAGE
    ended = run("end", HANAKO, "--why", "wrong-person", "--json")
    assert json.loads(ended.stdout)["reason"] == "wrong-person"
    assert run("show", TARO).exit_code == Exit.NOT_FOUND


@pytest.mark.usefixtures("terminal")
def test_a_list_of_numbers_is_written_down_and_its_bad_lines_are_named(tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    rows = ["resident,number,施設", f"{HANAKO},1001,日本海", "r-aaaaaaaaaaaaa,1002,日本海", f"{TARO},10|02,日本海"]
    file.write_bytes("\r\n".join(rows).encode("cp932"))
    done = run("import", str(file), "--json")
    assert json.loads(done.stdout) == {
        "links": {"proposed": 1},
        "faults": [{"line": 3, "code": "unknown-resident"}, {"line": 4, "code": "bad-number"}],
    }
    assert json.loads(run("import", str(file), "--json").stdout)["links"] == {"proposed": 1}
    file.write_text("id;number\n", encoding="utf-8")
    assert run("import", str(file)).exit_code == Exit.USAGE


def pull(*words: str) -> Said:
    alone = Typer()
    alone.command()(bridge_pull.pull)
    done = CliRunner().invoke(alone, list(words))
    if isinstance(done.exception, Fail):
        return Said(done.exception.exit_code, done.stdout)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Said(done.exit_code, done.stdout)


def test_a_pull_looks_up_who_waits_and_says_what_it_did(terminal: Engine, hospital: Hospital) -> None:
    hospital.admit(patient("p1", "1001"))
    hospital.keep(lab("o1", "7.10"))
    hospital.keep(lab("o2", "1.0", ("9Z999000001906202", "なぞの検査", "%")))
    assert run("propose", HANAKO, "1001", "--later").stdout.split()[2] == "proposed"
    said = json.loads(pull("--json").stdout)
    assert (said["looked_up"], said["stopped"]) == ({HANAKO: "linked"}, None)
    assert [(one["resident"], one["new"], one["facts"]) for one in said["people"]] == [(HANAKO, 2, 1)]
    assert [(one["name"], one["count"]) for one in said["unknown"]] == [("なぞの検査", 1)]
    assert known(terminal) == {"lab.hba1c": ["7.10"]}
    again = pull("--resident", HANAKO)
    assert again.stdout.startswith(f"{HANAKO}  new 0 of 2")
    assert pull("--resident", "r-aaaaaaaaaaaaa").exit_code == Exit.NOT_FOUND


@pytest.mark.usefixtures("terminal")
def test_a_network_that_is_not_there_or_not_configured_ends_a_pull_with_its_code(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.faults.add(Fault(kind="status", status=401, where="metadata", times=9))
    assert pull().exit_code == Exit.NETWORK
    monkeypatch.delenv("PHR_BRIDGE_URL")
    assert pull().exit_code == Exit.CONFIGURATION


@pytest.mark.usefixtures("terminal")
def test_what_is_asked_wrongly_is_said_with_its_code() -> None:
    assert run("propose", HANAKO, "10,01").exit_code == Exit.USAGE
    assert run("propose", "r-aaaaaaaaaaaaa", "1001").exit_code == Exit.NOT_FOUND
    assert run("list", "--state", "lost").exit_code == Exit.USAGE
