"""A whole simulated home, every part in its own process: late starts, kills, and the demo's own counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from engine.store.census import census
from engine.store.database import read
from simulators.crash import DEVICES, OWNERS, campaign, settle_in
from simulators.home import SimulatedHome, wait_until
from simulators.household import Household

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
def test_an_engine_that_starts_late_still_knows_whose_each_slot_is(tmp_path: Path) -> None:
    rng = Random(5)
    home = SimulatedHome(tmp_path, Household(zone="Asia/Tokyo", devices=DEVICES[:2]), rng)
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
