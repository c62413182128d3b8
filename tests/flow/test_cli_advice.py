"""`phr today`, `trend` and `advice` on a real store: words, JSON, exit codes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli.commands import register
from cli.exits import Exit
from cli.main import app
from cli.output import Fail
from engine.contract import wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.topics import up
from engine.evaluate import evaluate, settle
from engine.review import HOLD
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import repo_advice, repo_residents
from engine.store.database import write
from engine.store.tables import READING
from tests.homes import DEVICE, GATEWAY, TARO
from tests.stores import furnished_file

pytestmark = [pytest.mark.flow]
DAY = timedelta(days=1)
if not app.registered_groups:
    register(app)


def reading(at: datetime, **values: tuple[str, str]) -> Reading:
    parts = tuple(Value(kind.replace("_", "-"), number, unit) for kind, (number, unit) in values.items())
    name = reading_id(DEVICE, 2, at.isoformat(), repr(values).encode())
    return Reading(
        id=name, device=DEVICE, profile="sig-weight", provenance="bonded", user_slot=2, measured_at=at,
        time_quality="device", received_at=at, values=parts,
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The store of a PHR_HOME with four weeks of weights, evaluated."""
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))
    (tmp_path / "phr").mkdir()
    engine = furnished_file(tmp_path / "phr" / "engine.sqlite")
    now = datetime.now(UTC)
    weights = [reading(now - ago * DAY - HOLD, body_weight=(f"{84 + ago * 0.1:.2f}", "kg")) for ago in range(28)]
    payload = wire.encode_batch([wire.encode_reading(one) for one in weights])
    with write(engine) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], now)
        evaluate(connection, TARO, now)
    return engine


def phr(*words: str) -> str:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def refused(*words: str) -> Fail:
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, Fail)
    return done.exception


def waiting() -> dict[str, Any]:
    [item] = json.loads(phr("advice", "list", "--json"))["advice"]
    assert isinstance(item, dict)
    return item


def test_a_draft_is_listed_shown_signed_and_only_then_seen_by_the_resident(store: Engine) -> None:
    item = waiting()
    assert (item["topic"], item["state"], item["severity"]) == ("weight", "open", "routine")
    shown = json.loads(phr("advice", "show", item["id"], "--json"))
    assert shown["evidence"]["signals"]["bmi"]["value"] == "28.4"
    assert item["id"] in phr("advice", "list")
    assert "食事摂取基準" in phr("advice", "show", item["id"])
    assert "BMI" not in phr("today", "--resident", TARO)

    assert refused("advice", "approve", item["id"], "--by", "suzuki").code == "questions-open"
    signed = json.loads(phr("advice", "approve", item["id"], "--by", "suzuki", "--asked", "all", "--json"))
    assert signed["state"] == "approved"
    assert json.loads(phr("today", "--resident", TARO, "--json"))["advice"] is None, "it is still held"
    with write(store) as connection:
        settle(connection, datetime.now(UTC) + HOLD)
        [event] = [e for e in repo_advice.events(connection, item["id"]) if e.command == "approve"]
    assert event.actor == "suzuki"
    told = json.loads(phr("today", "--resident", TARO, "--json"))
    assert told["advice"] == item["id"]
    assert (told["sentence"], told["next"]) == ("体重の ことを 保健師と 話しましょう。",) * 2
    assert told["number"].startswith("いまの 体重は およそ 84.")
    in_english = phr("--lang", "en", "today", "--resident", TARO).splitlines()[0]
    assert in_english == "Please talk with the nurse about your weight."


def test_a_red_flag_that_may_be_another_s_is_asked_for_again_without_its_value(store: Engine) -> None:
    now = datetime.now(UTC)
    cuff = reading(now - DAY, systolic=("191", "mm[Hg]"), diastolic=("95", "mm[Hg]"))
    payload = wire.encode_batch([wire.encode_reading(cuff)])
    with write(store) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], now)
        connection.execute(READING.update().where(READING.c.id == cuff.id).values(certainty="assumed", posterior=0.9))
    told, words = phr("today", "--resident", TARO, "--json"), phr("today", "--resident", TARO)
    assert "191" not in told + words
    assert json.loads(told)["unconfirmed"] == [
        {"reading": cuff.id, "posterior": 0.9, "values": [], "measure_again": True}
    ]
    assert "もういちど 測って" in words
    assert len(words.splitlines()) == len(set(words.splitlines())), "no line twice"


def test_a_rejection_needs_a_reason_and_can_be_undone(store: Engine) -> None:
    item = waiting()
    assert CliRunner().invoke(app, ["advice", "reject", item["id"], "--by", "suzuki"]).exit_code != 0
    assert refused("advice", "reject", item["id"], "--by", "suzuki", "--reason", "  ").exit_code == Exit.USAGE
    assert "rejected" in phr("advice", "reject", item["id"], "--by", "suzuki", "--reason", "already in care")
    assert not json.loads(phr("advice", "list", "--json"))["advice"]
    assert json.loads(phr("advice", "list", "--all", "--json"))["advice"][0]["state"] == "rejected"
    assert "open" in phr("advice", "undo", item["id"], "--by", "suzuki")


def test_a_decision_on_an_old_version_is_refused(store: Engine) -> None:
    item = waiting()
    late = refused("advice", "approve", item["id"], "--by", "suzuki", "--asked", "all", "--version", "0")
    assert (late.code, late.exit_code) == ("conflict", Exit.REFUSED)


def test_the_terminal_is_no_desk_in_a_city(store: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    item = waiting()
    monkeypatch.setenv("PHR_ENGINE_CITY", "true")
    assert refused("advice", "approve", item["id"], "--by", "suzuki", "--asked", "all").code == "city-mode"


def test_the_trend_says_what_is_sure(store: Engine) -> None:
    found = json.loads(phr("trend", "weight", "--resident", TARO, "--json"))
    assert len(found["days"]) == 28
    assert found["days"][-1]["value"] == "84.00"
    assert found["trend"]["claimed"]
    assert found["trend"]["low"] <= -0.7 <= found["trend"]["high"]
    # Half a kilogram and more lost a week is some hundreds of kcal a day less than before.
    assert found["trend"]["intake"]["low"] <= found["trend"]["intake"]["kcal"] <= -400
    assert found["trend"]["intake"]["high"] >= found["trend"]["intake"]["kcal"] + 130
    table = phr("trend", "weight", "--resident", TARO, "--plain").splitlines()
    assert len(table) == 28
    assert table[-1].endswith("84.00")


def test_a_weight_that_a_rule_forbids_to_show_is_for_machines_only(store: Engine) -> None:
    with write(store) as connection:
        person = repo_residents.get(connection, TARO)
        assert person is not None
        child = msgspec.structs.replace(person, birth_date=date(2012, 5, 5), version=person.version + 1)
        repo_residents.edit(connection, child, datetime.now(UTC), actor="test", os_user="test")
    assert refused("trend", "weight", "--resident", TARO).code == "not-shown"
    assert json.loads(phr("trend", "weight", "--resident", TARO, "--json"))["days"]
    assert refused("trend", "pulse", "--resident", TARO).code == "no-readings"


def test_what_is_not_there_is_said_with_its_exit_code(store: Engine) -> None:
    assert refused("trend", "pulse", "--resident", TARO).exit_code == Exit.NOT_FOUND
    assert refused("trend", "mood", "--resident", TARO).code == "unknown-kind"
    assert refused("trend", "weight", "--resident", "r-nobody").code == "unknown-resident"
    assert refused("advice", "show", "a-nothing").code == "unknown-advice"
    assert refused("today", "--resident", "r-nobody").code == "unknown-resident"


def test_the_plot_has_its_fixed_size_and_no_colour(store: Engine) -> None:
    from datetime import date
    from decimal import Decimal

    from cli.trend import HEIGHT, WIDTH, plot

    drawn = plot([(date(2026, 11, day), Decimal(60 + day)) for day in range(1, 20)], "weight")
    lines = drawn.splitlines()
    assert len(lines) <= HEIGHT
    assert max(len(line) for line in lines) <= WIDTH
    assert "\x1b" not in drawn
    assert "11-01" in drawn


def test_no_trend_is_claimed_from_what_is_only_probably_theirs(store: Engine) -> None:
    sure = json.loads(phr("trend", "weight", "--resident", TARO, "--json"))
    with write(store) as connection:
        connection.execute(READING.update().where(READING.c.resident_id == TARO).values(certainty="assumed"))
    assumed = json.loads(phr("trend", "weight", "--resident", TARO, "--json"))
    assert assumed["days"] == sure["days"], "it is shown"
    assert (sure["trend"]["claimed"], assumed["trend"]["claimed"], assumed["trend"]["level"]) == (True, False, None)
