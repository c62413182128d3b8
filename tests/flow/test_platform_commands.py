"""`phr release publish`, `verify`, `withdraw` and `phr bridge run`, with a real release of a made-up city."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.bridge import app as bridge_app
from cli.exits import Exit
from cli.release import app
from engine.store.database import migrate, open_engine, read
from engine.store.repo_statistics import releases
from fhir_bridge.platform_trial import read_stored
from fhir_bridge.privacy_release import Release
from simulators.city.people import Town
from simulators.city.stores import furnish
from simulators.platform.audit import CELL, RELEASE, broken_promises, misuses
from simulators.platform.audit import told as heard
from simulators.platform.broker import Platform as Broker
from simulators.platform.faults import BrokerFault
from simulators.platform.serving import serving
from simulators.platform_count import count, strangers
from simulators.platform_stock import personal_texts
from tests.bridge.platform_world import PHR, held, keep_trial
from tests.flow.commands import refused, told

pytestmark = [pytest.mark.flow, pytest.mark.timeout(120)]
Phr = Callable[..., Result]


@pytest.fixture
def broker() -> Iterator[Broker]:
    with serving(Broker(clients=(PHR,))) as made:
        yield made


@pytest.fixture(scope="module")
def prepared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a city of 340 whose first half-year can be published."""
    home = tmp_path_factory.mktemp("home")
    store = open_engine(f"sqlite:///{home / 'engine.sqlite'}")
    migrate(store)
    furnish(store, Town(people=340, weighings=1, histories=False))
    store.dispose()
    return home


@pytest.fixture
def home(prepared_home: Path, tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "engine.sqlite").write_bytes((prepared_home / "engine.sqlite").read_bytes())
    secret = tmp_path / "secret"
    secret.write_text(PHR.secret)
    secret.chmod(0o600)
    for name, value in {
        "PHR_HOME": str(tmp_path), "PHR_PLATFORM_URL": broker.origin, "PHR_PLATFORM_CLIENT_ID": PHR.id,
        "PHR_PLATFORM_TOKEN_URL": f"{broker.origin}/oauth2/token", "PHR_PLATFORM_SECRET_FILE": str(secret),
        "PHR_PLATFORM_CONTACT": "phr@city.example.jp",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def phr(home: Path) -> Phr:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return run


def kept(home: Path) -> Any:
    store = open_engine(f"sqlite:///{home / 'engine.sqlite'}")
    with read(store) as connection:
        found = releases(connection)
    store.dispose()
    return found


def entities(broker: Broker) -> list[dict[str, Any]]:
    return [
        {**one.key._asdict(), "attributes": {name: kept["value"] for name, kept in one.attributes.items()}}
        for one in broker.entities.everything()
    ]


def drawn_elsewhere(phr: Phr, home: Path, prepared_home: Path) -> str:
    """What a machine without this one's memory draws; of so few cells two draws are now and then the same."""
    for place in home.iterdir():
        if place.name.startswith(("engine.sqlite", "release-draws")):
            place.unlink()
    (home / "engine.sqlite").write_bytes((prepared_home / "engine.sqlite").read_bytes())
    return str(told(phr("prepare", "2026H1", "--json"))["sha256"])


def test_numbers_that_another_house_published_under_the_same_name_are_never_overwritten(
    phr: Phr, home: Path, broker: Broker, prepared_home: Path
) -> None:
    """A second machine with a copy of the store from before the draw: nobody may see two numbers for one cell."""
    told(phr("prepare", "2026H1", "--json"))
    assert told(phr("publish", "2026H1", "--json"))["state"] == "complete"
    first, there = kept(home), entities(broker)
    assert any(drawn_elsewhere(phr, home, prepared_home) != first[0].sha256 for _ in range(30)), "other noise was drawn"
    assert refused(phr("publish", "2026H1")) == (Exit.REFUSED, "other-release")
    [row] = told(phr("list", "--json"))["releases"]
    assert row["refused"] == "other-release"
    assert "(other-release)" in phr("list").output
    assert told(CliRunner().invoke(bridge_app, ["status", "--json"]))["releases"] == {row["id"]: "other-release"}
    assert entities(broker) == there


def test_a_release_of_people_is_published_verified_repaired_and_withdrawn(phr: Phr, home: Path, broker: Broker) -> None:
    assert told(phr("prepare", "2026H1", "--json"))["state"] == "prepared"
    assert broker.ledger.received == [], "nothing leaves before a person says so"
    published = told(phr("publish", "2026H1", "--json"))
    assert (published["state"], published["requests"]) == ("complete", {"taken": 2, "published": 1})
    [counted] = count(kept(home), entities(broker))
    assert counted.sound, counted
    assert strangers(kept(home), entities(broker)) == 0
    assert broken_promises(broker.entities.changes) == []
    assert misuses(broker.ledger.received) == []
    texts = personal_texts(f"sqlite:///{home / 'engine.sqlite'}")
    assert len(texts) > 340
    assert heard(broker.ledger.received, texts) == []
    assert refused(phr("publish", "2026H1")) == (Exit.ALREADY, "already-complete")
    assert told(phr("verify", "2026H1", "--json"))["code"] is None
    # Somebody over there changes one number by one person.
    key = next(key for key in broker.entities.everywhere() if key.type == CELL)
    attributes = dict(broker.entities.get(key) or {})
    attributes["personCount"] = {**attributes["personCount"], "value": 21}
    broker.entities.change(0, key, attributes)
    differs = told(phr("verify", "2026H1", "--json"), Exit.DAMAGED)
    assert (differs["error"]["code"], differs["difference"]["changed"]) == ("cells", [key.id])
    assert told(phr("publish", "2026H1", "--anew", "--json"))["state"] == "complete"
    assert told(phr("verify", "2026H1", "--json"))["code"] is None
    assert told(phr("withdraw", "2026H1", "--reason", "counted twice", "--json"))["state"] == "withdrawn"
    assert {one["personCount"] for one in held(broker, CELL).values()} == {None}
    assert told(phr("verify", "2026H1", "--json"))["code"] is None, "it was taken back whole"
    assert refused(phr("withdraw", "2026H1", "--reason", "again")) == (Exit.ALREADY, "already-withdrawn")
    assert refused(phr("publish", "2026H1")) == (Exit.REFUSED, "withdrawn")


def test_what_the_platform_cannot_take_now_waits_and_what_it_refuses_is_said(phr: Phr, broker: Broker) -> None:
    told(phr("prepare", "2026H1", "--json"))
    broker.faults.add(BrokerFault(kind="status", status=503, where="op/update"))
    waits = told(phr("publish", "2026H1", "--json"), Exit.NETWORK)
    assert (waits["state"], waits["error"]["code"]) == ("loading", "server")
    assert refused(phr("verify", "2026H1")) == (Exit.REFUSED, "not-complete")
    broker.faults.add(BrokerFault(kind="status", status=400, where="op/update"))
    time.sleep(1.1)
    assert refused(phr("publish", "2026H1")) == (Exit.REFUSED, "refused")
    done = phr("publish", "2026H1")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("region-062049-2026H1: complete\nsha256 ")


def test_commands_say_what_is_missing(phr: Phr, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(phr("publish", "2026H1")) == (Exit.NOT_FOUND, "no-release")
    store = open_engine(f"sqlite:///{home / 'engine.sqlite'}")
    keep_trial(store, "2026H2", loading=False)
    store.dispose()
    assert refused(phr("publish", "2026H2")) == (Exit.REFUSED, "test-release")
    monkeypatch.setenv("PHR_PLATFORM_PATH", "/phr/#")
    assert refused(phr("publish", "2026H1")) == (Exit.CONFIGURATION, "bad-path")
    monkeypatch.setenv("PHR_PLATFORM_PATH", "/phr/stats")
    monkeypatch.delenv("PHR_PLATFORM_SECRET_FILE")
    assert refused(phr("publish", "2026H1")) == (Exit.CONFIGURATION, "half-credentials")
    monkeypatch.delenv("PHR_PLATFORM_URL")
    assert refused(phr("verify", "2026H1")) == (Exit.CONFIGURATION, "no-platform")


def test_a_release_prepared_without_a_platform_is_published_when_there_is_one(
    phr: Phr, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PHR_PLATFORM_URL")
    told(phr("prepare", "2026H1", "--json"))
    monkeypatch.setenv("PHR_PLATFORM_URL", broker.origin)
    assert told(phr("publish", "2026H1", "--json"))["state"] == "complete"
    assert [one["releaseStatus"] for one in held(broker, RELEASE).values()] == ["complete"]


def test_words_that_brokers_refuse_stop_a_release_before_it_is_stored(
    phr: Phr, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHR_PLATFORM_DATASET_URL", "https://data.example.jp/?id=5")
    done = phr("prepare", "2026H1")
    assert refused(done)[1] == "forbidden-character"
    assert kept(home) == ()


def test_the_bridge_publishes_as_a_service_with_a_platform_alone(phr: Phr, home: Path, broker: Broker) -> None:
    told(phr("prepare", "2026H1", "--json"))
    broker.faults.add(BrokerFault(kind="status", status=503, where="op/update"))
    told(phr("publish", "2026H1", "--json"), Exit.NETWORK)
    program = [sys.executable, "-m", "cli", "bridge", "run"]
    with subprocess.Popen(program, env=dict(os.environ), stderr=subprocess.PIPE, text=True) as running:
        end = time.monotonic() + 60
        while kept(home)[0].state != "complete" and time.monotonic() < end:
            time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=20)
    assert kept(home)[0].state == "complete", said
    assert running.returncode == 0
    assert "bridge: ready" in said
    assert "region-062049-2026H1 complete published" in said
    assert PHR.secret not in said
    content = read_stored(kept(home)[0].content, kept(home)[0].sha256, test=False)
    assert isinstance(content, Release)
    assert len(held(broker, CELL)) == sum(len(table.cells) for table in content.tables)
