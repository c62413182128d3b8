"""`phr import` over a real database: the same intake, nothing twice, consent first, and damage that loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.exits import Exit
from cli.export import app as export_app
from cli.imports import app
from cli.output import Fail
from engine import taking
from engine.contract.reading import Reading
from engine.intake import accept
from engine.signals import step_days
from engine.store import audit, repo_consents, repo_outbox, repo_residents, tallies
from engine.store.database import read, write
from engine.store.households import households_of
from engine.store.instants import to_micros
from engine.store.readings import EVALUATE, Heard, recent_of, remember, write_batch
from engine.store.repo_history import history
from tests.flow.import_files import apple_zip, health_connect_zip, sample, zipped
from tests.homes import GATEWAY, HANAKO, NOW, TARO, consent, resident, weighing
from tests.stores import furnished_file

pytestmark = pytest.mark.flow
TOKYO = ZoneInfo("Asia/Tokyo")
MORNING = datetime(2024, 11, 19, 22, 5, tzinfo=UTC)
ROWS = "SELECT r.id, r.resident_id, r.source, r.provenance, r.certainty, r.time_quality, r.measured_at, m.kind, m.value, m.unit FROM reading r JOIN measurement m ON m.reading_id = r.id ORDER BY r.id, m.kind"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    return opened(tmp_path / "phr", monkeypatch)


def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    folder.mkdir()
    monkeypatch.setenv("PHR_HOME", str(folder))
    return furnished_file(folder / "engine.sqlite")


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, bytes], Path]:
    def write_file(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write_file


def run(form: str, path: Path, *more: str, person: str = HANAKO) -> Result:
    return CliRunner().invoke(app, [form, str(path), "--resident", person, *more])


def told(done: Result) -> dict[str, Any]:
    assert done.stdout, done.exception
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refusal(done: Result) -> tuple[int, str]:
    assert isinstance(done.exception, Fail), done.output
    return done.exception.exit_code, done.exception.code


def rows(engine: Engine) -> list[tuple[Any, ...]]:
    with read(engine) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(ROWS)]


def hear(engine: Engine, *readings: Reading) -> None:
    """What the gateway delivers, through the same functions as the service."""
    with write(engine) as connection:
        home = households_of(connection, [GATEWAY], NOW)[GATEWAY]
        recent, heard = recent_of(connection, readings), []
        for reading in readings:
            outcome = accept(reading, GATEWAY, home, recent, NOW)
            remember(recent, GATEWAY, outcome)
            heard.append(Heard(GATEWAY, home.id, outcome))
        write_batch(connection, heard, [], NOW)


def test_an_import_is_stored_as_the_residents_own_in_the_households_zone(
    engine: Engine, put: Callable[[str, bytes], Path]
) -> None:
    done = told(run("csv", put("o.csv", sample("omron-scale.csv")), "--json"))
    assert (done["accepted"], done["duplicate"], done["refused"], done["faults"]) == (2, 0, {}, {})
    stored = rows(engine)
    weights = [row for row in stored if row[7] == "body-weight"]
    assert [(row[1:6], row[8]) for row in weights if row[6] == to_micros(MORNING)] == [
        ((HANAKO, "import", "imported", "sure", "device"), "62.30")
    ]
    with read(engine) as connection:
        assert repo_outbox.owes(connection, EVALUATE)
        assert audit.entries(connection, subject=HANAKO)[-1].action == "import-csv"
        assert audit.verify(connection) is None


@pytest.mark.parametrize(
    ("form", "name", "data"),
    [
        ("csv", "o.csv", lambda _: sample("omron-scale.csv")),
        ("csv", "diary.csv", lambda _: sample("diary.csv").decode().encode("cp932")),
        ("openscale", "s.csv", lambda _: sample("openscale.csv")),
        ("apple-health", "export.zip", lambda _: apple_zip()),
        ("health-connect", "hc.zip", health_connect_zip),
    ],
)
def test_importing_again_changes_nothing(
    engine: Engine,
    put: Callable[[str, bytes], Path],
    tmp_path: Path,
    form: str,
    name: str,
    data: Callable[[Path], bytes],
) -> None:
    path = put(name, data(tmp_path))
    first = told(run(form, path, "--json"))
    before = rows(engine)
    again = told(run(form, path, "--json"))
    assert first["accepted"] > 0
    assert (again["accepted"], again["duplicate"]) == (0, first["accepted"] + first["duplicate"])
    assert rows(engine) == before


def test_what_the_scale_has_sent_already_is_not_stored_twice(engine: Engine, put: Callable[[str, bytes], Path]) -> None:
    heard = msgspec.structs.replace(weighing(1), measured_at=MORNING + timedelta(seconds=31))
    hear(engine, heard)
    done = told(run("csv", put("o.csv", sample("omron-scale.csv")), "--json"))
    assert done["accepted"] == 2
    weights = [
        row
        for row in rows(engine)
        if row[7] == "body-weight" and row[6] // 60_000_000 == to_micros(MORNING) // 60_000_000
    ]
    assert [row[0] for row in weights] == [heard.id]
    # The parts the broadcast did not carry came in, and a second time they are known.
    assert any(row[7] == "body-fat" for row in rows(engine))
    assert told(run("csv", put("o.csv", sample("omron-scale.csv")), "--json"))["duplicate"] == 2


def test_two_programs_that_tell_of_one_weighing_are_one_weighing(
    engine: Engine, put: Callable[[str, bytes], Path]
) -> None:
    run("csv", put("o.csv", sample("omron-scale.csv")))
    run("openscale", put("s.csv", sample("openscale.csv")))
    run("apple-health", put("e.xml", sample("apple-health.xml", APP="OMRON connect")))
    run("csv", put("w.csv", sample("withings-weight.csv")))
    weights = [row for row in rows(engine) if row[7] == "body-weight" and row[6] >= to_micros(MORNING)]
    assert len(weights) == 1


def test_another_value_in_the_same_minute_is_another_measurement(
    engine: Engine, put: Callable[[str, bytes], Path]
) -> None:
    hear(engine, msgspec.structs.replace(weighing(1, "62.90"), measured_at=MORNING))
    run("csv", put("o.csv", sample("omron-scale.csv")))
    assert sorted(row[8] for row in rows(engine) if row[7] == "body-weight" and row[6] == to_micros(MORNING)) == [
        "62.30",
        "62.90",
    ]


def test_without_consent_not_even_the_file_is_opened(engine: Engine) -> None:
    with write(engine) as connection:
        repo_consents.append(
            connection, consent(HANAKO, "record", granted=False, at=NOW - timedelta(days=1)), os_user="t"
        )
    assert refusal(run("csv", Path("/nowhere/at/all.csv"))) == (Exit.NO_CONSENT, "no-consent")
    assert rows(engine) == []


def test_a_kind_that_is_withheld_is_not_kept(engine: Engine, put: Callable[[str, bytes], Path]) -> None:
    event = msgspec.structs.replace(
        consent(HANAKO, "record", granted=False, at=NOW - timedelta(days=1)), kind="body-weight"
    )
    with write(engine) as connection:
        repo_consents.append(connection, event, os_user="t")
    done = told(run("csv", put("w.csv", sample("withings-weight.csv")), "--json"))
    assert done["refused"] == {"no-consent": 1}
    assert "62.45" not in json.dumps(done)
    assert {row[7] for row in rows(engine)} & {"body-weight"} == set()
    with read(engine) as connection:
        kept = connection.exec_driver_sql("SELECT content FROM refusal WHERE code = 'no-consent'").scalars().all()
    assert kept == [None]


def test_consent_withdrawn_while_a_file_is_read_stops_it(
    engine: Engine, put: Callable[[str, bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "BATCH", 2)
    path = put("e.xml", sample("apple-health.xml", APP="x"))
    real = taking._store
    calls: list[int] = []

    def store(connection: Any, *arguments: Any, **more: Any) -> None:
        if len(calls) == 1:
            event = consent(HANAKO, "record", granted=False, at=datetime.now(UTC) - timedelta(seconds=1))
            repo_consents.append(connection, event, os_user="t")
        calls.append(1)
        real(connection, *arguments, **more)

    monkeypatch.setattr(taking, "_store", store)
    assert refusal(run("apple-health", path)) == (Exit.NO_CONSENT, "no-consent")
    assert len({row[0] for row in rows(engine)}) == 2


def test_an_import_that_was_killed_is_finished_by_running_it_again(
    engine: Engine, put: Callable[[str, bytes], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = put("e.zip", apple_zip())
    run("apple-health", path)
    expected = rows(engine)
    other = opened(tmp_path / "other", monkeypatch)
    monkeypatch.setattr(taking, "BATCH", 3)
    real, calls = taking._store, []

    def store(*arguments: Any, **more: Any) -> None:
        real(*arguments, **more)
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(taking, "_store", store)
    assert run("apple-health", path).exit_code != 0
    assert 0 < len({row[0] for row in rows(other)}) < len({row[0] for row in expected})
    assert told(run("apple-health", path, "--json"))["damage"] is None
    assert rows(other) == expected


def test_a_file_that_breaks_off_leaves_what_came_before_and_the_rest_can_follow(
    engine: Engine, put: Callable[[str, bytes], Path]
) -> None:
    whole = sample("apple-health.xml", APP="x")
    cut = run("apple-health", put("cut.xml", whole[: whole.index(b"<Correlation")]), "--json")
    assert cut.exit_code == Exit.DAMAGED
    damage = told(cut)
    assert damage["damage"]["code"] == "damaged-xml"
    assert damage["accepted"] == 7
    rest = told(run("apple-health", put("whole.xml", whole), "--json"))
    assert (rest["duplicate"], rest["damage"]) == (7, None)
    assert {"steps-day", "sleep-duration"} <= set(rest["kinds"])


def test_a_dry_run_says_what_would_happen_and_leaves_no_trace(
    engine: Engine, put: Callable[[str, bytes], Path]
) -> None:
    path = put("e.zip", apple_zip())
    trial = told(run("apple-health", path, "--dry-run", "--json"))
    with read(engine) as connection:
        assert rows(engine) == []
        assert not repo_outbox.owes(connection, EVALUATE)
        assert not any(outcome == "accepted" for outcome, _ in tallies.counts(connection))
        assert [entry.action for entry in audit.entries(connection, subject=HANAKO)].count("import-apple-health") == 0
    real = told(run("apple-health", path, "--json"))
    assert trial.pop("dry_run") is True
    assert real.pop("dry_run") is False
    assert trial == real


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_how_a_file_is_cut_into_batches_changes_nothing(
    engine: Engine, put: Callable[[str, bytes], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int
) -> None:
    path = put("e.zip", apple_zip())
    whole = told(run("apple-health", path, "--json"))
    expected = rows(engine)
    other = opened(tmp_path / "other", monkeypatch)
    monkeypatch.setattr(taking, "BATCH", size)
    pieces = told(run("apple-health", path, "--json"))
    assert rows(other) == expected
    assert pieces == whole


def test_our_own_export_comes_back_as_what_is_there_already(
    engine: Engine, put: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    hear(engine, *(weighing(number) for number in range(3)))
    run("csv", put("d.csv", sample("diary.csv")))
    before = rows(engine)
    out = tmp_path / "e.ndjson"
    CliRunner().invoke(export_app, ["fhir", "--resident", HANAKO, "--out", str(out)])
    done = told(run("fhir", out, "--json"))
    assert (done["accepted"], done["refused"], done["faults"]) == (0, {}, {})
    assert done["duplicate"] == len({row[0] for row in before})
    assert rows(engine) == before


def test_our_own_export_makes_an_empty_store_say_the_same(
    engine: Engine, put: Callable[[str, bytes], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("csv", put("d.csv", sample("diary.csv")))
    run("apple-health", put("e.zip", apple_zip()))
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    CliRunner().invoke(export_app, ["fhir", "--resident", HANAKO, "--out", str(first)])
    opened(tmp_path / "new", monkeypatch)
    assert told(run("fhir", first, "--json"))["refused"] == {}
    CliRunner().invoke(export_app, ["fhir", "--resident", HANAKO, "--out", str(second)])
    assert sorted(second.read_bytes().splitlines()) == sorted(first.read_bytes().splitlines())
    assert len(first.read_bytes().splitlines()) > 15


def test_the_steps_of_a_band_and_of_its_export_are_one_count(engine: Engine, tmp_path: Path) -> None:
    noon = datetime(2024, 11, 18, 3, 0, tzinfo=UTC)
    totals = [
        msgspec.structs.replace(
            weighing(number, f"{steps}"), id=weighing(number, f"{steps} steps").id, measured_at=noon + timedelta(hours=number),
            values=(msgspec.structs.replace(weighing(1).values[0], kind="steps-total", value=str(steps), unit="{steps}"),),
        )
        for number, steps in ((0, 1000), (2, 3400))
    ]  # fmt: skip
    hear(engine, *totals)
    out = tmp_path / "e.ndjson"
    CliRunner().invoke(export_app, ["fhir", "--resident", HANAKO, "--out", str(out)])
    assert told(run("fhir", out, "--json"))["duplicate"] == 1
    more = sample("zepp-activity.csv").replace(b"2024-11-19", b"2024-11-18")
    (tmp_path / "z.csv").write_bytes(more)
    run("csv", tmp_path / "z.csv")
    with read(engine) as connection:
        found = history(connection, HANAKO, ["steps-total", "steps-day"], 0, to_micros(NOW))
    assert {day.isoformat(): int(steps) for day, steps in step_days(found, TOKYO).items()} == {
        "2024-11-18": 6400, "2024-11-20": 5400,
    }  # fmt: skip


def test_a_day_that_many_count_is_exported_as_one_summary(engine: Engine, tmp_path: Path) -> None:
    files = {"csv": "zepp-activity.csv", "apple-health": "apple-health.xml"}
    for form, name in files.items():
        (tmp_path / name).write_bytes(sample(name, APP="x"))
        run(form, tmp_path / name)
    out = tmp_path / "e.ndjson"
    CliRunner().invoke(export_app, ["fhir", "--resident", HANAKO, "--out", str(out)])
    found = [json.loads(line) for line in out.read_bytes().splitlines()]
    steps = {
        o["identifier"][0]["value"]: o["valueQuantity"]["value"] for o in found if o["code"]["text"] == "歩数(1日)"
    }
    assert steps == {f"{HANAKO}.steps-day.2024-11-19": 6400, f"{HANAKO}.steps-day.2024-11-20": 5400}
    assert len([o for o in found if o["code"]["text"] == "歩数(1日)"]) == 2
    again = told(run("fhir", out, "--json"))
    assert (again["accepted"], again["refused"]) == (0, {})


def test_somebody_elses_export_is_not_filed_under_this_resident(engine: Engine, tmp_path: Path) -> None:
    hear(engine, weighing(1, "80.10", slot=2))
    out = tmp_path / "taro.ndjson"
    CliRunner().invoke(export_app, ["fhir", "--resident", TARO, "--out", str(out)])
    done = run("fhir", out, "--json")
    assert done.exit_code == Exit.REFUSED
    assert told(done)["faults"] == {"another-person": 1}
    confirmed = run("fhir", out, "--subject", f"Patient/{TARO}", "--json")
    assert told(confirmed)["refused"] == {"another-person": 1}
    assert {row[1] for row in rows(engine)} == {TARO}


def test_a_reading_that_changed_under_its_id_is_a_conflict(engine: Engine, tmp_path: Path) -> None:
    hear(engine, weighing(1))
    out = tmp_path / "e.ndjson"
    CliRunner().invoke(export_app, ["fhir", "--resident", HANAKO, "--out", str(out)])
    out.write_bytes(out.read_bytes().replace(b"62.30", b"61.30"))
    assert told(run("fhir", out, "--json"))["refused"] == {"conflict": 1}
    assert [row[8] for row in rows(engine) if row[7] == "body-weight"] == ["62.30"]


def test_a_conflict_about_a_withheld_kind_keeps_no_value(engine: Engine, tmp_path: Path) -> None:
    hear(engine, weighing(1))
    out = tmp_path / "e.ndjson"
    CliRunner().invoke(export_app, ["fhir", "--resident", HANAKO, "--out", str(out)])
    out.write_bytes(out.read_bytes().replace(b"62.30", b"61.30"))
    event = msgspec.structs.replace(consent(HANAKO, "record", granted=False, at=NOW), kind="body-weight")
    with write(engine) as connection:
        repo_consents.append(connection, event, os_user="t")
    assert told(run("fhir", out, "--json"))["refused"] == {"no-consent": 1}
    with read(engine) as connection:
        assert connection.exec_driver_sql("SELECT content FROM refusal").scalars().all() == [None]


def test_times_that_cannot_be_and_values_that_cannot_be_are_refused_and_listed(
    engine: Engine, put: Callable[[str, bytes], Path]
) -> None:
    text = "日付,体重,体脂肪率\n2012/11/20 07:05,62.3,\n2199/11/20 07:05,62.3,\n2024/11/20 07:05,620,24.1\n2024/11/19 07:05,0,\n"
    done = told(run("csv", put("d.csv", text.encode()), "--json"))
    assert done["refused"] == {"past": 1, "future": 1, "implausible": 1}
    assert done["dropped"] == {"body-weight": 1}
    assert [(problem["line"], problem["code"]) for problem in done["problems"]] == [
        (2, "past"), (3, "future"), (4, "implausible"), (5, "implausible"),
    ]  # fmt: skip


def test_a_resident_without_a_household_can_bring_a_file(engine: Engine, put: Callable[[str, bytes], Path]) -> None:
    alone = msgspec.structs.replace(
        resident("r-alonealonealo", "ひとり", datetime(1950, 1, 1, tzinfo=UTC).date()), household_id=None
    )
    with write(engine) as connection:
        repo_residents.add(connection, alone, NOW, actor="t", os_user="t")
        repo_consents.append(connection, consent(alone.id, "record"), os_user="t")
    done = told(run("csv", put("o.csv", sample("omron-scale.csv")), "--json", person=alone.id))
    assert done["accepted"] == 2
    assert {row[1] for row in rows(engine)} == {alone.id}


@pytest.mark.parametrize(
    ("form", "data", "more", "expected"),
    [
        ("csv", b"a,b\n1,2\n", (), (Exit.USAGE, "no-mapping")),
        ("csv", b"a,b\n1,2\n", ("--mapping", "omron-connect"), (Exit.USAGE, "no-header")),
        ("csv", b"a,b\n1,2\n", ("--mapping", "nothing.toml"), (Exit.USAGE, "no-mapping")),
        ("apple-health", b"PK\x03\x04junk", (), (Exit.DAMAGED, "damaged-zip")),
        ("apple-health", b"<a/>", (), (Exit.USAGE, "not-apple-health")),
        ("health-connect", b"SQLite format 3\0junk", (), (Exit.DAMAGED, "damaged-database")),
        ("health-connect", zipped(aDOTdb=b"SQLite format 3\0junk"), (), (Exit.DAMAGED, "damaged-database")),
        ("health-connect", b"[]", (), (Exit.USAGE, "not-fitbit")),
        ("fhir", b"{", (), (Exit.DAMAGED, "damaged-json")),
        ("openscale", b"", (), (Exit.USAGE, "no-header")),
    ],
)
def test_a_file_that_is_not_what_was_named_is_refused_with_a_code(
    engine: Engine,
    put: Callable[[str, bytes], Path],
    form: str,
    data: bytes,
    more: tuple[str, ...],
    expected: tuple[int, str],
) -> None:
    assert refusal(run(form, put("file", data), *more)) == expected
    assert rows(engine) == []


def test_who_and_where_are_checked(engine: Engine, put: Callable[[str, bytes], Path]) -> None:
    path = put("o.csv", sample("omron-scale.csv"))
    assert refusal(run("csv", path, person="r-nobodynobody2")) == (Exit.NOT_FOUND, "unknown-resident")
    assert refusal(run("csv", path.with_name("gone.csv"))) == (Exit.NOT_FOUND, "cannot-read")
    assert refusal(run("csv", path.parent)) == (Exit.NOT_FOUND, "cannot-read")
    empty = run("csv", put("e.csv", b"date,steps\n"))
    assert empty.exit_code == Exit.NOT_FOUND


def test_people_are_told_in_their_language_what_came_in_and_what_did_not(
    engine: Engine,
    put: Callable[[str, bytes], Path],
    monkeypatch: pytest.MonkeyPatch,
    golden: Callable[[str, str], None],
) -> None:
    path = put("e.xml", sample("apple-health.xml", APP="HealthPlanet"))
    said = []
    for lang in ("ja", "en"):
        monkeypatch.setenv("PHR_LANG", lang)
        done = run("apple-health", path, "--dry-run")
        said.append(f"[{lang}]\n{done.stdout}---\n{done.stderr}")
    golden("imports/report.txt", "\n".join(said))
