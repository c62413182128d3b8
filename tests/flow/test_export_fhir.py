"""`phr export fhir` over a real database: what was accepted comes out, with BMI and step days, and is on record."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.exits import Exit
from cli.export import app
from cli.output import Fail
from engine.contract.reading import Reading, Value, reading_id
from engine.export import observations_of
from engine.intake import accept
from engine.observations import check
from engine.store import audit, repo_residents
from engine.store.database import read, write
from engine.store.households import households_of
from engine.store.readings import Heard, recent_of, remember, write_batch
from tests.fhir_validator import third_party_findings
from tests.homes import DEVICE, GATEWAY, HANAKO, NOW, TARO, weighing
from tests.observation_cases import TOKYO
from tests.stores import furnished_file

pytestmark = [pytest.mark.flow, pytest.mark.xdist_group("node")]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))
    (tmp_path / "phr").mkdir()
    return furnished_file(tmp_path / "phr" / "engine.sqlite")


def take_in(engine: Engine, readings: Sequence[Reading]) -> None:
    with write(engine) as connection:
        home = households_of(connection, [GATEWAY], NOW)[GATEWAY]
        recent, heard = recent_of(connection, readings), []
        for reading in readings:
            outcome = accept(reading, GATEWAY, home, recent, NOW)
            remember(recent, GATEWAY, outcome)
            heard.append(Heard(GATEWAY, home.id, outcome))
        write_batch(connection, heard, [], NOW)


def of_kinds(number: int, at: datetime, **values: str) -> Reading:
    units = {
        "systolic": "mm[Hg]",
        "diastolic": "mm[Hg]",
        "pulse_rate": "/min",
        "steps_total": "{steps}",
        "bmi": "kg/m2",
    }
    units |= {"body_weight": "kg"}
    said = tuple(Value(kind.replace("_", "-"), value, units[kind]) for kind, value in values.items())
    name = reading_id(DEVICE, 1, f"{number} {sorted(values)}", b"")
    return msgspec.structs.replace(weighing(number), id=name, measured_at=at, received_at=at, values=said)


def run(out: str, *more: str, resident: str = HANAKO) -> Result:
    return CliRunner().invoke(app, ["fhir", "--resident", resident, "--out", out, *more])


def exported(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=Decimal) for line in path.read_bytes().splitlines()]


def kinds(documents: list[dict[str, Any]]) -> list[str]:
    return [document["identifier"][0]["value"].split(".")[1] for document in documents]


def test_everything_accepted_comes_out_with_bmi_and_step_days_and_is_valid(engine: Engine, tmp_path: Path) -> None:
    noon = datetime(2026, 11, 18, 3, 0, tzinfo=UTC)
    readings = [
        weighing(1),
        of_kinds(2, noon, systolic="131", diastolic="84", pulse_rate="66"),
        of_kinds(3, noon, steps_total="1000"),
        of_kinds(4, noon + timedelta(hours=2), steps_total="3400"),
        weighing(5, "80.10", slot=2),
    ]
    take_in(engine, readings)
    out = tmp_path / "hanako.ndjson"
    done = run(str(out), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"observations": 5, "left_out": {}, "file": str(out)}
    documents = exported(out)
    assert sorted(kinds(documents)) == ["blood-pressure", "bmi", "body-weight", "pulse-rate", "steps-day"]
    said = dict(zip(kinds(documents), documents, strict=True))
    assert str(said["body-weight"]["valueQuantity"]["value"]) == "62.30"
    assert str(said["bmi"]["valueQuantity"]["value"]) == "26.8"  # 62.30 / 1.525²
    assert said["bmi"]["derivedFrom"] == [{"reference": f"Observation/{said['body-weight']['id']}"}]
    assert said["steps-day"]["valueQuantity"]["value"] == 2400
    assert said["steps-day"]["status"] == "final"
    assert {document["subject"]["reference"] for document in documents} == {f"Patient/{HANAKO}"}
    assert [check(document) for document in documents] == [[]] * 5
    assert third_party_findings(out.read_bytes().splitlines()) == [[]] * 5


def test_the_file_is_private_and_the_folder_holds_nothing_else(engine: Engine, tmp_path: Path) -> None:
    take_in(engine, [weighing(1)])
    folder = tmp_path / "out"
    folder.mkdir()
    assert run(str(folder / "a.ndjson")).exit_code == 0
    assert run(str(folder / "a.ndjson")).exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["a.ndjson"]
    assert stat.S_IMODE((folder / "a.ndjson").stat().st_mode) == 0o600


def test_days_are_civil_days_of_the_household_and_both_ends_count(engine: Engine, tmp_path: Path) -> None:
    before_midnight = datetime(2026, 11, 18, 14, 59, tzinfo=UTC)
    moments = [before_midnight, before_midnight + timedelta(minutes=2), before_midnight + timedelta(days=1, minutes=2)]
    take_in(engine, [of_kinds(number, at, pulse_rate="60") for number, at in enumerate(moments)])
    done = run(str(tmp_path / "o"), "--since", "2026-11-19", "--until", "2026-11-19")
    assert done.exit_code == 0
    assert [found["effectiveDateTime"] for found in exported(tmp_path / "o")] == ["2026-11-19T00:01:00+09:00"]


def test_the_first_day_of_a_choice_still_counts_its_steps_from_the_evening_before(
    engine: Engine, tmp_path: Path
) -> None:
    evening = datetime(2026, 11, 18, 14, 50, tzinfo=UTC)
    totals = [(evening, "5000"), (evening + timedelta(hours=9), "5600"), (evening + timedelta(hours=18), "9000")]
    take_in(engine, [of_kinds(number, at, steps_total=total) for number, (at, total) in enumerate(totals)])
    run(str(tmp_path / "all"))
    run(str(tmp_path / "one"), "--since", "2026-11-19", "--until", "2026-11-19")
    whole = {found["identifier"][0]["value"]: found for found in exported(tmp_path / "all")}
    (chosen,) = exported(tmp_path / "one")
    assert chosen == whole[f"{HANAKO}.steps-day.2026-11-19"]


def test_a_scale_that_sends_its_own_bmi_is_not_contradicted_under_the_same_identifier(
    engine: Engine, tmp_path: Path
) -> None:
    take_in(engine, [of_kinds(1, NOW - timedelta(hours=3), body_weight="62.30", bmi="27.1")])
    assert run(str(tmp_path / "o")).exit_code == 0
    values = {
        name: found["valueQuantity"]["value"]
        for name, found in zip(kinds(exported(tmp_path / "o")), exported(tmp_path / "o"), strict=True)
    }
    assert values == {"body-weight": Decimal("62.30"), "bmi": Decimal("27.1")}


def test_weights_of_some_weeks_come_with_their_trend_at_the_end_of_the_last_whole_day_chosen(engine: Engine) -> None:
    mornings = [(n, NOW - timedelta(days=20 - n), str(Decimal("62.00") - n * Decimal("0.05"))) for n in range(20)]
    take_in(engine, [of_kinds(n, at, body_weight=value) for n, at, value in mornings])
    last = NOW.astimezone(TOKYO).date() - timedelta(days=1)

    def trends(*span: date | None) -> list[str]:
        with read(engine) as connection:
            person = repo_residents.get(connection, HANAKO)
            assert person is not None
            every = list(observations_of(connection, person, NOW, (span[0], span[1])))
        found = [json.loads(one, parse_float=Decimal) for one in every if b"weight-trend" in one]
        assert [check(json.loads(one)) for one in every] == [[]] * len(every)
        names = {f"Observation/{json.loads(one)['id']}" for one in every}
        assert all(source["reference"] in names for one in found for source in one["derivedFrom"])
        return [one["identifier"][0]["value"] for one in found]

    assert trends(None, None) == [f"{HANAKO}.weight-trend.{last}"]
    assert trends(None, date.max) == [f"{HANAKO}.weight-trend.{last}"]
    assert trends(None, last - timedelta(days=3)) == [f"{HANAKO}.weight-trend.{last - timedelta(days=3)}"]
    assert trends(last + timedelta(days=1), None) == []


def test_without_a_height_there_is_no_bmi(engine: Engine, tmp_path: Path) -> None:
    with write(engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        shorn = msgspec.structs.replace(person, height_cm=None, version=person.version + 1)
        repo_residents.edit(connection, shorn, NOW, actor="test", os_user="test")
    take_in(engine, [weighing(1)])
    assert run(str(tmp_path / "o")).exit_code == 0
    assert kinds(exported(tmp_path / "o")) == ["body-weight"]


def test_a_running_day_a_camera_and_a_guessed_owner_are_preliminary(engine: Engine, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    camera = msgspec.structs.replace(of_kinds(1, NOW - timedelta(hours=1), pulse_rate="60"), quality=0.8)
    guessed = of_kinds(2, NOW - timedelta(hours=2), pulse_rate="61")
    take_in(engine, [camera, guessed, of_kinds(3, min(now, NOW), steps_total="100")])
    with write(engine) as connection:
        connection.exec_driver_sql(f"UPDATE reading SET certainty='assumed' WHERE id='{guessed.id}'")
        micros = int(now.timestamp() * 1_000_000)
        connection.exec_driver_sql(
            f"UPDATE reading SET measured_at={micros} WHERE id IN (SELECT reading_id FROM measurement WHERE kind='steps-total')"
        )
    assert run(str(tmp_path / "o")).exit_code == 0
    assert {found["status"] for found in exported(tmp_path / "o")} == {"preliminary"}


def test_a_hand_written_value_claims_no_device(engine: Engine, tmp_path: Path) -> None:
    take_in(engine, [msgspec.structs.replace(weighing(1), source="manual", provenance="self-reported")])
    run(str(tmp_path / "o"))
    assert all("device" not in found and "extension" not in found for found in exported(tmp_path / "o"))


def test_standard_output_carries_the_observations_and_nothing_else(engine: Engine) -> None:
    take_in(engine, [weighing(1)])
    done = run("-")
    assert [json.loads(line)["resourceType"] for line in done.stdout.splitlines()] == ["Observation"] * 2
    assert "2 observations" in done.stderr


def test_every_export_is_on_record_without_values(engine: Engine, tmp_path: Path) -> None:
    run(str(tmp_path / "o"), resident=TARO)
    with read(engine) as connection:
        assert audit.verify(connection) is None
        last = audit.entries(connection, subject=TARO)[-1]
    assert (last.action, last.subject) == ("export-fhir", TARO)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (["--resident", "r-nobodynobody2", "--out", "o"], Exit.NOT_FOUND, "unknown-resident"),
        (["--resident", HANAKO, "--out", "o", "--since", "21/11/2026"], Exit.USAGE, "bad-date"),
        (["--resident", HANAKO, "--out", "/nowhere/at/all/o"], Exit.USAGE, "cannot-write"),
    ],
)
def test_what_cannot_be_exported_is_refused_with_a_reason(
    engine: Engine, arguments: list[str], exit_code: Exit, code: str
) -> None:
    done = CliRunner().invoke(app, ["fhir", *arguments])
    assert isinstance(done.exception, Fail)
    assert (done.exception.exit_code, done.exception.code) == (exit_code, code)
