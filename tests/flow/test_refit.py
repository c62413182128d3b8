"""The refit pass on a real store: oldest first, resumable, and nobody is touched who has no new reading."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli.engine_refit import refit as refit_command
from engine.contract import wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.topics import up
from engine.refit import Refit, model_of, refit
from engine.series.model import PRIOR
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import repo_fits
from engine.store.database import read, write
from engine.trends import weight_trend
from tests.flow.furnished import store
from tests.homes import DEVICE, GATEWAY, HANAKO, NOW, TARO
from tests.stores import furnished_file

__all__ = ["store"]
pytestmark = [pytest.mark.flow]
DAY = timedelta(days=1)


def weigh(store: Engine, slot: int, days: range, start: float) -> None:
    """A swinging weight of one person, a day each, counted back from NOW."""
    rng = Random(slot)
    readings = []
    for ago in days:
        kg = f"{start + rng.gauss(0, 0.5):.2f}"
        at = NOW - ago * DAY
        name = reading_id(DEVICE, slot, at.isoformat(), kg.encode())
        readings.append(
            Reading(
                id=name, device=DEVICE, profile="sig-weight", provenance="bonded", user_slot=slot, measured_at=at,
                time_quality="device", received_at=at, values=(Value("body-weight", kg, "kg"),),
            )
        )  # fmt: skip
    payload = wire.encode_batch([wire.encode_reading(one) for one in readings])
    with write(store) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], NOW)


def test_the_pass_goes_on_where_it_stopped_and_rests_when_nothing_is_new(store: Engine) -> None:
    assert refit(store, NOW, 10) == Refit(0, 0, more=False)
    weigh(store, 1, range(1, 41), 62.0)
    weigh(store, 2, range(1, 6), 80.0)
    assert refit(store, NOW, 1) == Refit(1, 0, more=True)
    assert refit(store, NOW, 10) == Refit(0, 1, more=False)
    assert refit(store, NOW + DAY, 10) == Refit(0, 0, more=False)
    weigh(store, 2, range(6, 20), 80.0)
    with read(store) as connection:
        assert [one.resident for one in repo_fits.due(connection, "body-weight", 10)] == [TARO]
    assert refit(store, NOW + DAY, 10) == Refit(1, 0, more=False)


def test_who_was_fitted_longest_ago_is_fitted_first(store: Engine) -> None:
    for slot, hours in ((2, 0), (1, 1)):
        weigh(store, slot, range(1, 15), 70.0)
        assert refit(store, NOW + hours * timedelta(hours=1), 1).fitted == 1
    for slot in (1, 2):
        weigh(store, slot, range(20, 22), 70.0)
    with read(store) as connection:
        assert [one.resident for one in repo_fits.due(connection, "body-weight", 10)] == [TARO, HANAKO]


def test_what_was_fitted_is_what_the_trend_is_computed_with(store: Engine) -> None:
    weigh(store, 1, range(1, 61), 62.0)
    weigh(store, 2, range(1, 4), 80.0)
    refit(store, NOW, 10)
    with read(store) as connection:
        own, nobodys = model_of(connection, HANAKO), model_of(connection, TARO)
    assert nobodys is None, "three readings fit nothing"
    assert own is not None
    assert own.walk[0, 0] < PRIOR.walk[1, 0], "a weight that swings around a level does not walk"
    rng = Random(1)
    points = [(NOW - ago * DAY, 62 + rng.gauss(0, 0.5)) for ago in range(60)]
    before, after = weight_trend(points, NOW), weight_trend(points, NOW, own)
    assert after.level is not None
    assert before.level is not None
    assert abs(after.level - 62) <= abs(before.level - 62) + 0.05
    assert after.forecast_7d_low is not None


def test_the_command_says_how_many_were_fitted_and_whether_more_are_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))
    (tmp_path / "phr").mkdir()
    engine = furnished_file(tmp_path / "phr" / "engine.sqlite")
    for slot in (1, 2):
        weigh(engine, slot, range(1, 15), 70.0)
    app = typer.Typer()
    app.command()(refit_command)
    first = CliRunner().invoke(app, ["--limit", "1", "--json"], catch_exceptions=False)
    assert json.loads(first.stdout) == {"fitted": 1, "too_few": 0, "more": True}
    second = CliRunner().invoke(app, [], catch_exceptions=False)
    assert second.stdout == "1 fitted, 0 with too few weighings, nobody else is due\n"
    engine.dispose()
