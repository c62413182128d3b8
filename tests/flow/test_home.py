"""A whole simulated home, every part in its own process: late starts, kills, and the demo's own counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import text

from engine.activity import day_totals
from engine.store import repo_history, repo_residents
from engine.store.census import census
from engine.store.database import read
from simulators.crash import DEVICES, OWNERS, campaign, settle_in
from simulators.home import SimulatedHome, wait_until
from simulators.household import Household
from simulators.series import fitbit_household

pytestmark = [pytest.mark.flow]


def run_phr(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PHR_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "cli", *words], env=environ, capture_output=True, text=True, timeout=150, check=False
    )


@pytest.mark.xdist_group("home")
def test_thirty_kills_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    found = campaign(tmp_path, kills=30, seed=20261121)
    assert sum(found.killed.values()) == 30
    assert min(found.killed[role] for role in ("gateway", "broker", "engine")) >= 5
    assert found.heard >= 100
    assert (found.lost, found.duplicated, found.unsettled) == (0, 0, 0)
    assert (found.refused, found.unassigned) == (0, 0)
    assert found.stored >= found.heard


@pytest.mark.xdist_group("home")
@pytest.mark.parametrize("program", ["mosquitto", "amqtt"])
def test_an_engine_that_starts_late_still_knows_whose_each_slot_is(
    tmp_path: Path, program: Literal["mosquitto", "amqtt"]
) -> None:
    rng = Random(5)
    home = SimulatedHome(tmp_path, Household(zone="Asia/Tokyo", devices=DEVICES[:2]), rng, program=program)
    home.bind(settle_in(home, OWNERS, rng))
    home.devices.start()
    home.gateway.start()
    try:
        at = datetime.now(UTC) - timedelta(hours=2)
        for minute in range(5):
            when = (at + timedelta(minutes=minute)).isoformat()
            home.devices.ask("measure", "scale", at=when, values={"weight": f"6{minute}.30"})
        assert wait_until(lambda: home.waiting() == 5, 30)
        home.engine.start()
        assert wait_until(lambda: home.waiting() == 0, 30)
        with read(home.store) as connection:
            found = census(connection)
        assert (found.accepted, found.unassigned, found.duplicated) == (5, 0, 0)
    finally:
        home.__exit__(None, None, None)


def furnished(root: Path, household: Household, owners: tuple[str, ...] = OWNERS, gateways: int = 1) -> SimulatedHome:
    rng = Random(9)
    home = SimulatedHome(root, household, rng, gateways=gateways)
    home.bind(settle_in(home, owners, rng))
    return home


def all_listen(home: SimulatedHome) -> bool:
    logs = [home.root_of(gateway) / "gateway.log" for gateway in home.gateway_ids]
    return all(log.exists() and "gateway_started" in log.read_text() for log in logs)


def settled(home: SimulatedHome) -> bool:
    devices = home.devices.ask("stats")["devices"].values()
    return sum(int(device["pending"]) for device in devices) + home.waiting() == 0


@pytest.mark.xdist_group("home")
def test_one_weighing_heard_by_two_gateways_is_one_row_and_two_weighings_are_two(tmp_path: Path) -> None:
    scale = msgspec.structs.replace(DEVICES[-1], heard_after=1.5)
    assert scale.kind == "xiaomi-scale"
    for stuck in (False, True):
        root = tmp_path / str(stuck)
        root.mkdir()
        household = Household(zone="Asia/Tokyo", devices=(msgspec.structs.replace(scale, stuck=stuck),))
        with furnished(root, household, gateways=2) as home:
            # A broadcast counts as heard by one gateway; here both must be there to hear it.
            assert wait_until(lambda home=home: all_listen(home), 30)  # type: ignore[misc]
            for kilos in ("61.30", "61.35"):
                order = {"weight": kilos, "impedance": "512"}
                assert home.devices.ask("measure", "advert-scale", values=order)["heard"]
            assert wait_until(lambda home=home: settled(home), 30)  # type: ignore[misc]
            with read(home.store) as connection:
                found = census(connection, kinds={"body-weight"})
                rows = connection.execute(text("SELECT outcome, count FROM tally WHERE count > 0")).all()
                heard: dict[str, int] = {row[0]: row[1] for row in rows}
        assert found.accepted == 2, heard
        assert found.duplicated == 0
        assert sorted(str(key[3]) for key in found.measurements) == ["61.3", "61.35"]
        # Both gateways spoke: the second one's word was recognised as the same measurement.
        assert heard["duplicate"] == 2


@pytest.mark.xdist_group("home")
def test_a_fitbit_volunteer_s_real_days_and_weights_come_out_as_day_totals_and_weights(tmp_path: Path) -> None:
    zone = ZoneInfo("Asia/Tokyo")
    whole = fitbit_household(datetime.now(UTC), zone)
    devices = tuple(
        msgspec.structs.replace(device, heard_after=0.15, records=device.records[-15:-1]) for device in whole.devices
    )
    household = msgspec.structs.replace(whole, devices=devices)
    with furnished(tmp_path, household, owners=("first",)) as home:
        for device in devices:
            assert home.devices.ask("play", device.name, count=len(device.records))["heard"] == len(device.records)
        home.devices.ask("now")
        assert wait_until(lambda: settled(home), 60)
        with read(home.store) as connection:
            (person,) = repo_residents.listed(connection)
            points = repo_history.history(connection, person.id, ["steps-total", "body-weight"], 0, 2**62)
            found = census(connection)
    truth = {record.at.astimezone(zone).date(): record.values["steps"] for record in household.device("band").records}
    assert {day: str(total) for day, total in day_totals(points["steps-total"], zone).items()} == truth
    weights = [record.values["weight"] for record in household.device("advert-scale").records]
    assert [point.value for point in points["body-weight"]] == [Decimal(weight) for weight in weights]
    assert (found.duplicated, found.unassigned, found.refused) == (0, 0, 0)


@pytest.mark.xdist_group("home")
def test_the_demo_ends_by_itself_and_loses_nothing(tmp_path: Path) -> None:
    done = run_phr(tmp_path / "demo", "demo", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["heard"] == summary["stored"] == summary["published"] > 150
    assert (summary["lost"], summary["duplicated"], summary["unassigned"]) == (0, 0, 0)
    assert summary["refused"] == 1
    assert summary["observations"] > 300
    assert summary["advice_open"] >= 3
    assert "no-consent 1" in done.stdout
    assert '"value": 69.80' in done.stdout
    queue = json.loads(run_phr(tmp_path / "demo", "advice", "list", "--json").stdout)
    assert len(queue["advice"]) == summary["advice_open"]


@pytest.mark.xdist_group("home")
def test_a_folder_that_is_not_the_demo_s_is_never_emptied(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    done = run_phr(tmp_path, "demo")
    assert done.returncode == 2
    assert "[not-a-demo]" in done.stderr
    assert (tmp_path / "precious").read_text() == "mine"
