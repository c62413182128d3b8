"""`phr kpi` on a real store: counted as an oracle counts the same city, and never a small number in any output."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
import typer
from sqlalchemy import Connection, Engine, insert
from typer.testing import CliRunner, Result

from cli.exits import Exit
from cli.kpi import kpi
from engine.clinical import Fact
from engine.consent import Event
from engine.kpi import ALL, Report, definitions, report, years_until
from engine.municipalities import REGION
from engine.sealing import Seal
from engine.store import audit, repo_consents, repo_facts, repo_kpi
from engine.store.database import open_engine, read, write
from engine.store.instants import to_micros
from engine.store.repo_facts import By
from engine.store.tables import ADVICE, ADVICE_EVENT
from engine.store.tables_desk import WEB_SESSION
from simulators.city.people import Inhabitant, Town, holds, inhabitants
from simulators.city.settle import settle
from tests.flow import stores
from tests.flow.commands import refused, told
from tests.stores import migrated_file

store = stores.store
ZONE = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
TOWN = Town(people=260, seed=4, weighings=5)
TOWNS = ("062049", "064262", "064289", "064611")
app = typer.Typer()
app.command()(kpi)


def answers(one: Inhabitant) -> dict[str, str]:
    """What somebody of the city told on the questionnaire; who is older told something that is not counted."""
    rng = Random(one.id)
    return {"habit.skips-breakfast": rng.choice("01"), "habit.exercise": rng.choice("01")} if rng.random() < 0.7 else {}


def fill(engine: Engine) -> list[Inhabitant]:
    """The city, its answers, what some of them were advised, and who looked at their page this month."""
    people = list(inhabitants(TOWN))
    with write(engine) as connection:
        settle(connection, TOWN, Seal(bytes(32)), NOW)
        told_at = NOW - timedelta(days=40)
        facts = [
            Fact(resident=one.id, code=code, value=value, at=told_at, recorded_at=told_at)
            for one in people for code, value in answers(one).items()
        ]  # fmt: skip
        repo_facts.append(connection, facts, By("desk", "test"), told_at, Random(1))
        for number, one in enumerate(people):
            if number % 3 == 0:
                _advise(connection, one, number)
            if number % 4 == 0:
                seen = NOW - timedelta(days=20 if number % 8 else 50)
                _look(connection, one, seen)
    return people


def _advise(connection: Connection, one: Inhabitant, number: int) -> None:
    name, at = f"a-{number:013d}", to_micros(NOW - timedelta(days=10))
    row = dict.fromkeys(
        ("topic", "rule_id", "severity", "rank", "text_ja", "text_en", "evidence", "snapshot_hash"), "x"
    )
    connection.execute(insert(ADVICE), row | {
        "id": name, "resident_id": one.id, "rule_version": 1, "text_version": 1, "state": "delivered", "version": 4,
        "created_at": at, "updated_at": at, "municipality_code": one.town,
    })  # fmt: skip
    steps = (("approved", "delivered"), ("delivered", "delivered"), ("open", "approved"))
    for before, after in steps:
        connection.execute(insert(ADVICE_EVENT), {
            "advice_id": name, "at": at, "actor": "engine", "os_user": "t", "command": "x", "from_state": before,
            "to_state": after, "version": 1,
        })  # fmt: skip


def _look(connection: Connection, one: Inhabitant, seen: datetime) -> None:
    connection.execute(insert(WEB_SESSION), {
        "hash": one.id, "subject": one.id, "identity": "{}", "csrf": one.id, "language": "ja", "started": 0,
        "seen": to_micros(seen), "ends": 0, "locked": False,
    })  # fmt: skip


def counts(people: list[Inhabitant]) -> Counter[tuple[str, ...]]:
    """The same figures, told anew from what the city was made of."""
    found: Counter[tuple[str, ...]] = Counter()
    for number, one in enumerate(people):
        found["items", one.town] += number % 3 == 0
        if not holds(one, "record", None, NOW) or (one.died is not None and one.died <= NOW):
            continue
        for place in (one.town, ALL):
            measured = any(NOW - timedelta(days=30) <= each.at <= NOW for each in one.weighings)
            found["registered", "2026", place] += 1
            found["active", place] += measured or (number % 4 == 0 and number % 8 != 0)
            found["advised", place] += number % 3 == 0
            for name, yes in outcomes(one).items():
                found["of", name, place] += 1
                found["yes", name, place] += yes
    return found


def outcomes(one: Inhabitant) -> dict[str, bool]:
    found = {}
    if one.joined <= NOW - timedelta(days=210):
        since, until = one.joined + timedelta(days=180), one.joined + timedelta(days=210)
        found["measuring-6-months"] = any(since <= each.at < until for each in one.weighings)
    if not holds(one, "open-statistics", None, NOW):
        return found
    today = NOW.astimezone(ZONE).date()
    age = today.year - one.born.year - ((today.month, today.day) < (one.born.month, one.born.day))
    sound = [each for each in one.weighings if each.doubt is None and NOW - timedelta(days=183) <= each.at < NOW]
    if one.person.sex == "male" and age >= 20 and sound and one.height_cm:
        kg = max(sound, key=lambda each: each.at).kg
        mass = (kg / (one.height_cm / 100) ** 2).quantize(Decimal("0.1"), ROUND_HALF_UP)
        found["bmi-25-men"] = mass >= 25
    said = answers(one)
    if 20 <= age < 30 and said:
        found["no-breakfast-20s"] = said["habit.skips-breakfast"] == "1"
    if 40 <= age < 60 and said:
        found["exercise-40s-50s"] = said["habit.exercise"] == "1"
    return found


def reported(engine: Engine, now: datetime = NOW) -> Report:
    known = definitions()
    years = years_until(known.plan, now.astimezone(ZONE).date())
    asked = repo_kpi.Question(now=now, zone=ZONE, years=years, outcomes=known.outcome)
    with read(engine) as connection:
        people, delivered = list(repo_kpi.people(connection, asked)), repo_kpi.delivered(connection, asked)
    return report(people, delivered, TOWNS, years, known.plan, now, known.outcome)


def test_every_figure_is_the_one_told_anew_from_the_city(store: Engine) -> None:
    want, found = counts(fill(store)), reported(store)
    assert 150 < want["registered", "2026", ALL] < 260
    printed = 0
    for key, said in found.figures.items():
        true = want[key] if key[0] != "items" or key[1] != ALL else sum(want["items", town] for town in TOWNS)
        if isinstance(said, int):
            assert said == true, key
            printed += 1
        else:
            assert (said == "<10") == (true < 10), key
    assert printed >= 15, "the report says something"
    assert {key[1] for key in found.figures if key[0] == "of" and found.figures[key] != "<10"} >= {
        "bmi-25-men", "exercise-40s-50s", "measuring-6-months",
    }  # fmt: skip


def test_whoever_takes_their_consent_back_is_in_no_figure_from_that_moment(home: Engine) -> None:
    store, people = home, list(inhabitants(TOWN))
    before = reported(store)
    men = [one for one in people if outcomes(one).get("bmi-25-men") is not None and holds(one, "record", None, NOW)]
    men = [one for one in men if one.died is None]
    with write(store) as connection:
        for one in men[:20]:
            said = Event(resident=one.id, purpose="open-statistics", granted=False, at=NOW, text_hash="x")
            repo_consents.append(connection, said, os_user="test")
    after = reported(store)
    assert after.shown("of", "bmi-25-men", ALL) == int(str(before.shown("of", "bmi-25-men", ALL))) - 20
    assert after.now(ALL) == before.now(ALL), "they are registered all the same"
    with write(store) as connection:
        for one in men[:20]:
            said = Event(resident=one.id, purpose="record", granted=False, at=NOW, text_hash="x")
            repo_consents.append(connection, said, os_user="test")
    assert reported(store).now(ALL) == int(str(before.now(ALL))) - 20


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a store with the city in it, filled once."""
    path = tmp_path_factory.mktemp("city") / "engine.sqlite"
    engine = migrated_file(path)
    fill(engine)
    engine.dispose()
    return path.read_bytes()


@pytest.fixture
def home(city: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("PHR_HOME", str(tmp_path))
    path = tmp_path / "engine.sqlite"
    path.write_bytes(city)
    path.chmod(0o600)
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


def run(*words: str) -> Result:
    return CliRunner().invoke(app, [*words])


def test_no_output_holds_a_count_below_ten(home: Engine, tmp_path: Path) -> None:
    sheet, page = tmp_path / "kpi.csv", tmp_path / "kpi.html"
    said = told(run("--json", "--csv", str(sheet), "--html", str(page), "--by", "佐藤"))
    assert said["files"] == [str(page), str(sheet)]
    figures = json.dumps({key: said[key] for key in ("towns", "region")})
    counts = re.findall(r'"(?:registrants|active|advised|advice_delivered|of|yes)": ([^,}\]]+)', figures)
    assert '"<10"' in counts
    assert all(one in {'"<10"', '"withheld"'} or int(one) >= 10 for one in counts)
    rows = list(csv.DictReader(io.StringIO(sheet.read_bytes().decode("utf-8-sig"))))
    assert {row["市町名"] for row in rows} == {"酒田市", "三川町", "庄内町", "遊佐町", "全域"}
    cells = [row[name] for row in rows for name in ("人数", "母数")]
    assert all(one in {"", "<10", "*"} or int(one) >= 10 for one in cells)
    cells = re.findall(r"<td>([^<]*)</td>", page.read_text(encoding="utf-8"))
    assert all(
        one in {"", "-", "10未満", "秘匿"} or one.endswith("%") or int(one.replace(",", "")) >= 10 for one in cells
    )
    assert sheet.stat().st_mode & 0o077 == 0
    with read(home) as connection:
        acts = [(one.actor, one.subject) for one in audit.entries(connection, limit=10_000) if one.action == "kpi"]
    assert acts == [("佐藤", ALL)]


def test_a_towns_own_report_says_what_the_whole_one_says_of_it_and_no_more(home: Engine, tmp_path: Path) -> None:
    whole = told(run("--json"))
    page = tmp_path / "kpi.html"
    for town in TOWNS[1:2]:
        own = told(run("--json", "--municipality", town, "--html", str(page)))
        assert own["towns"] == {town: whole["towns"][town]}
        assert "region" not in own
        others = [name for code, name in REGION.items() if code != town]
        assert not any(f">{name}<" in page.read_text(encoding="utf-8") for name in others)
    plain = run("--municipality", "062049")
    assert plain.exit_code == 0
    assert "plan" not in plain.stdout
    with read(home) as connection:
        subjects = [one.subject for one in audit.entries(connection, limit=10_000) if one.action == "kpi"]
    assert subjects == [ALL, *TOWNS[1:2], "062049"]


def test_the_plan_begins_where_the_operator_says(home: Engine) -> None:
    said = told(run("--json", "--plan-from", "2025"))
    assert [(one["year"], one["target"]) for one in said["plan"]][:2] == [(2025, 50), (2026, 150)]
    assert len(said["region"]["years"]) >= 2
    assert home is not None
    words = run("--plan-from", "2025").stdout
    assert "plan 150" in words or "目標 150" in words


def test_what_cannot_be_is_refused(home: Engine, tmp_path: Path) -> None:
    assert refused(run("--municipality", "131016")) == (Exit.USAGE, "foreign-municipality")
    assert refused(run("--html", str(tmp_path / "none" / "kpi.html"))) == (Exit.CONFIGURATION, "cannot-write")
    assert home is not None


def test_years_before_and_after_the_plan_show_the_present_one() -> None:
    plan = definitions().plan
    assert years_until(plan, date(2026, 3, 31)) == (2025,)
    assert years_until(plan, date(2026, 4, 1)) == (2026,)
    assert years_until(plan, date(2029, 3, 31)) == (2026, 2027, 2028)
    assert years_until(plan, date(2033, 4, 1)) == (2026, 2027, 2028, 2029, 2030, 2033)
