"""A day's balance with the network, the service that pushes by itself, and the commands of the operator."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.bridge import app
from cli.output import Fail
from engine.store import repo_networks
from engine.store.database import read, write
from fhir_bridge.push_reconcile import Balance, reconcile
from fhir_bridge.sync import Chore, serve
from simulators.hospital.faults import Fault
from tests.bridge.push_world import NETWORK, World, measured, world
from tests.homes import NOW, TARO

pytestmark = pytest.mark.flow
# Where measured() puts its readings, in Japan.
DAY = date(2026, 11, 20)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def balance(town: World) -> Balance:
    pusher = town.pusher()
    with pusher.client:
        return reconcile(town.engine, pusher.client, pusher.scope, DAY, town.clock)


def test_a_day_is_even_when_both_houses_have_the_same_and_every_difference_is_named(town: World) -> None:
    readings = [measured(number) for number in range(4)]
    town.heard(*readings, measured(9, user_slot=2))
    town.push()
    even = balance(town)
    assert (even.even, even.confirmed, even.found, even.patients) == (True, 5, 5, 2)
    there = town.there()
    names = [f"{one.id}.body-weight" for one in readings]
    stranger = {name: said for name, said in there[names[0]].items() if name != "id"}
    town.hospital.keep(stranger)
    town.hospital.keep(there[names[1]] | {"status": "entered-in-error"})
    unknown = dict(stranger, identifier=[{"system": "urn:minato-phr:observation", "value": "nobody.knows"}])
    town.hospital.keep(unknown)
    lost = there[names[2]]
    town.hospital.keep(lost | {"identifier": [{"system": "urn:minato-phr:observation", "value": "renamed"}]})
    odd = balance(town)
    assert not odd.even
    assert {(one.code, one.identifier) for one in odd.differences} == {
        ("twice", names[0]), ("other-status", names[1]), ("unknown", "nobody.knows"), ("unknown", "renamed"),
        ("missing", names[2]),
    }  # fmt: skip


def test_nobody_is_asked_about_who_withdrew_and_a_silence_is_no_evenness(town: World) -> None:
    town.heard(measured(1), measured(2, user_slot=2))
    town.push()
    town.says(TARO, "care-share", granted=False)
    town.hospital.faults.add(Fault(kind="status", status=503, where="GET /fhir/Observation"))
    before = len(town.hospital.ledger.received)
    found = balance(town)
    assert (found.unasked, found.failed, found.even) == (1, {"server": 1}, False)
    assert not any("taro" in line.target for line in town.hospital.ledger.received[before:])


def test_the_service_pushes_what_is_owed_by_itself_does_its_chores_and_stops(town: World) -> None:
    told: list[str] = []
    stopping = threading.Event()
    pusher = town.pusher()
    chores = [Chore(name="pull", every=3600, work=lambda: "nobody")]
    service = threading.Thread(
        target=serve, args=(pusher, chores, stopping.is_set, told.append), kwargs={"poll": 0.02}
    )  # fmt: skip
    service.start()
    try:
        for number in range(3):
            town.heard(measured(number))
            end = time.monotonic() + 20
            while len(town.there()) <= number and time.monotonic() < end:
                time.sleep(0.02)
    finally:
        stopping.set()
        service.join(10)
        pusher.client.close()
    assert not service.is_alive()
    assert len(town.there()) == 3
    assert told[0] == "pull: nobody"
    with read(town.engine) as connection:
        last = repo_networks.known(connection, NETWORK).said["last"]
    assert last["push"]["outcome"].endswith("sent")


# -- commands


@pytest.fixture
def phr(town: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("PHR_HOME", str(tmp_path))
    monkeypatch.setenv("PHR_BRIDGE_URL", town.base)
    monkeypatch.setenv("PHR_ENGINE_DATABASE", f"sqlite:///{tmp_path / 'engine.sqlite'}")
    return CliRunner()


def said(phr: CliRunner, *words: str) -> dict[str, Any]:
    told = phr.invoke(app, [*words, "--json"], catch_exceptions=False)
    answer: dict[str, Any] = json.loads(told.stdout.splitlines()[0])
    return answer


def refused(phr: CliRunner, *words: str) -> tuple[int, str]:
    """Exit code and reason code of a command that fails."""
    failure = phr.invoke(app, list(words)).exception
    assert isinstance(failure, Fail)
    return int(failure.exit_code), failure.code


def test_an_operator_sees_what_waits_sends_it_and_reads_what_was_refused(town: World, phr: CliRunner) -> None:
    town.heard(measured(1), measured(2, user_slot=2))
    dry = said(phr, "push", "--dry-run")
    assert dry["count"] == 2
    assert town.there() == {}
    town.hospital.consents.change("taro", given=False)
    assert said(phr, "push")["dead"] == 1
    assert len(town.there()) == 1
    status = said(phr, "status")
    assert status["observations"] == {"confirmed": 1, "dead": 1}
    assert (status["dead"], status["links"], status["breaker"]) == ({"forbidden": 1}, {"linked": 2}, "closed")
    [dead] = said(phr, "dead", "list")["dead"]
    shown = phr.invoke(app, ["dead", "show", str(dead["number"])])
    assert "has not agreed" in shown.stdout
    town.hospital.consents.change("taro", given=True)
    assert said(phr, "dead", "retry", "--code", "forbidden")["owed"] == 1
    assert said(phr, "push")["confirmed"] == 1
    assert said(phr, "reconcile", "--day", DAY.isoformat())["found"] == 2
    assert town.audited("bridge-retry") == [TARO]
    assert "confirmed" in phr.invoke(app, ["status"]).stdout


def test_a_network_that_is_away_keeps_what_is_owed_and_says_so(
    town: World, phr: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.heard(measured(1))
    monkeypatch.setenv("PHR_BRIDGE_URL", "http://127.0.0.1:9/fhir")
    assert refused(phr, "push") == (8, "connect")
    assert said(phr, "status")["observations"] == {"pending": 1}
    while said(phr, "status")["breaker"] == "closed":
        assert refused(phr, "push") == (8, "connect")
    assert said(phr, "status")["open_until"] is not None
    assert refused(phr, "push") == (8, "breaker")
    monkeypatch.setenv("PHR_BRIDGE_URL", "")
    assert refused(phr, "push") == (10, "no-network")
    assert refused(phr, "dead", "show", "99") == (3, "not-dead")
    assert refused(phr, "push", "--since", "yesterday") == (2, "bad-date")
    assert refused(phr, "push", "--resident", TARO) == (2, "no-since")


def test_whatever_keeps_a_push_or_a_pull_from_working_ends_it_with_its_code_in_one_object(
    town: World, phr: CliRunner
) -> None:
    town.heard(measured(1))
    town.hospital.faults.add(Fault(kind="garbage", times=60))
    assert refused(phr, "push") == (8, "garbage")
    assert refused(phr, "pull") == (8, "garbage")
    assert said(phr, "status")["last"]["pull"]["outcome"] == "garbage"
    for words in (("push",), ("sync",), ("pull",), ("reconcile",)):
        told = phr.invoke(app, [*words, "--json"])
        assert (told.exit_code, len(told.stdout.splitlines())) == (8, 1), told.stdout
        assert json.loads(told.stdout)["error"]["code"] == "garbage", words
    assert said(phr, "push")["waiting"] == 1


def test_the_service_as_installed_exchanges_and_ends_when_it_is_told_to(town: World, phr: CliRunner) -> None:
    town.heard(measured(1))
    command = [sys.executable, "-m", "cli", "bridge", "run"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        end = time.monotonic() + 40
        while not town.there() and time.monotonic() < end and service.poll() is None:
            time.sleep(0.05)
        service.send_signal(signal.SIGTERM)
        said = service.communicate(timeout=30)[1].splitlines()
    assert service.returncode == 0, said
    assert said[:2] == ["bridge: ready", "bridge: pull: 2 people"]
    assert any(line.startswith("bridge: reconcile:") for line in said)
    assert said[-1] == "bridge: stopped"
    assert len(town.there()) == 1


def test_a_refusal_can_be_given_up_for_good(town: World, phr: CliRunner) -> None:
    town.hospital.consents.change("hanako", given=False)
    town.heard(measured(1))
    town.push()
    [dead] = said(phr, "dead", "list")["dead"]
    said(phr, "dead", "drop", str(dead["number"]))
    town.hospital.consents.change("hanako", given=True)
    town.now = NOW + timedelta(minutes=5)
    town.push()
    assert town.there() == {}
    with write(town.engine):
        assert [row.state for row in town.rows()] == ["withdrawn"]
