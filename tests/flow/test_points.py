"""Points from real readings in the real store: given, taken back, barred without a word, and pots that tell nobody."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, delete, select
from typer.testing import CliRunner, Result

from cli import points as command
from cli.exits import Exit
from cli.output import Fail
from engine.clinical import Fact
from engine.life_store import Done, record
from engine.life_typed import Typed
from engine.life_typed import read as read_typed
from engine.points import Entry, balance, book
from engine.points_counting import count, count_all
from engine.points_pots import tell_all
from engine.points_statement import Statement, redeem, statement
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store import audit, filing, repo_consents, repo_facts, repo_point_teams, repo_points, repo_residents
from engine.store.database import Connection, read, write
from engine.store.erasing import erase_rows, scope_of
from engine.store.repo_facts import By
from engine.store.tables_points import POINT_ENTRY
from tests.flow.commands import refused, told
from tests.flow.furnished import alone, engine, store
from tests.homes import HANAKO, TARO, consent, resident
from tests.stores import furnished_file
from tests.web.desks import NOW
from tests.web.resident_home import hear, reading

__all__ = ["alone", "engine", "store"]
pytestmark = pytest.mark.flow
WHO, DAY = By("s-nursenursenur", "test"), timedelta(days=1)


def counted(store: Engine, name: str = HANAKO, now: datetime = NOW) -> Statement:
    with write(store) as connection:
        person = repo_residents.get(connection, name)
        assert person is not None
        count(connection, person, now)
        return statement(book(), repo_points.of(connection, name), now.date())


def ledger(store: Engine, name: str = HANAKO) -> list[Entry]:
    with read(store) as connection:
        return repo_points.of(connection, name)


def live(store: Engine, *, kg: float = 62.0, days: int = 24, seed: int = 1) -> None:
    """Weeks of Hanako with gaps: weighings, pressures, steps of days on which she walked, a check-up, pages read."""
    rng = Random(seed)
    said = []
    for ago in range(1, days):
        if rng.random() < 0.7:
            said.append(reading(1, ago, body_weight=f"{kg + rng.random():.2f}"))
        if rng.random() < 0.4:
            said.append(reading(1, ago + 0.1, systolic="124", diastolic="78"))
        if rng.random() < 0.6:
            said.append(reading(1, ago + 0.05, steps_day=f"{rng.choice((3000, 7500))}"))
    hear(store, *said)
    fact(store, "lab.hba1c", "5.4", "checkup", ago=40)
    with write(store) as connection:
        for ago in (9, 3):
            repo_points.note(connection, "me-advice-list", HANAKO, By(HANAKO, "web"), NOW - ago * DAY)


def fact(store: Engine, code: str, value: str, source: Any = "nurse", ago: float = 60, who: str = HANAKO) -> None:
    at = NOW - ago * DAY
    one = Fact(resident=who, code=code, value=value, at=at, recorded_at=at, source=source, actor="t", channel="page")
    with write(store) as connection:
        repo_facts.append(connection, [one], WHO, at, Random(int(ago)))


def by_rule(found: Statement) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in found.lines:
        sums[line.rule] = sums.get(line.rule, 0) + line.times
    return sums


def test_what_somebody_did_is_counted_once_on_both_databases(store: Engine) -> None:
    hear(store, *(reading(1, ago, body_weight="62.0") for ago in (1, 2, 2.1, 5)), reading(1, 0.01, body_weight="62.0"))
    hear(store, reading(1, 3, steps_day="6000"), reading(1, 4, steps_day="5999"), reading(2, 4, steps_day="9000"))
    fact(store, "lab.hba1c", "5.4", "checkup")
    with write(store) as connection:
        repo_points.note(connection, "records-view", HANAKO, By(HANAKO, "web"), NOW - 8 * DAY)
        repo_points.note(connection, "records-view", HANAKO, WHO, NOW - 15 * DAY)
    # Today is not over, a nurse's look is nobody's learning, Taro's steps are his.
    assert by_rule(counted(store)) == {"measured": 3, "walked": 1, "read": 1, "check-up": 1}
    before = ledger(store)
    assert counted(store).balance == 3 * 2 + 3 + 5 + 100
    assert ledger(store) == before
    assert by_rule(counted(store, TARO)) == {"walked": 1}


def test_weight_and_how_it_changes_make_no_difference(tmp_path: Path) -> None:
    ledgers = []
    for number, kg in enumerate((48.0, 119.0)):
        one = furnished_file(tmp_path / f"{number}.sqlite")
        live(one, kg=kg)
        counted(one)
        ledgers.append(ledger(one))
        one.dispose()
    assert ledgers[0] == ledgers[1]
    assert len(ledgers[0]) > 10


def test_a_reading_that_was_somebody_elses_takes_its_points_back_and_gives_them_to_whose_it_is(alone: Engine) -> None:
    mine, also = reading(1, 2, body_weight="62.0"), reading(1, 3, body_weight="62.1")
    hear(alone, mine, also)
    assert counted(alone).balance == 4
    with write(alone) as connection:
        assert not isinstance(filing.assign(connection, mine.id, TARO, NOW, filing.By("n", "t")), Refusal)
        assert not isinstance(filing.discard(connection, also.id, NOW, filing.By("n", "t")), Refusal)
    found = counted(alone)
    assert (found.balance, found.lines) == (0, ())
    assert [entry.points for entry in ledger(alone)] == [2, 2, -2, -2]
    assert counted(alone, TARO).balance == 2
    with write(alone) as connection:
        assert not isinstance(filing.assign(connection, mine.id, HANAKO, NOW, filing.By("n", "t")), Refusal)
    assert counted(alone).balance == 2
    assert counted(alone, TARO).balance == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_doctors_limit_takes_moving_away_and_nothing_else_and_gives_no_reason(tmp_path: Path, seed: int) -> None:
    free, barred = (furnished_file(tmp_path / f"{name}.sqlite") for name in ("free", "barred"))
    for one in (free, barred):
        live(one, seed=seed)
    fact(barred, "has.doctor-limit", "1")
    first, second = counted(free), counted(barred)
    assert dict(first.sorts)["moving"] > 0 == dict(second.sorts)["moving"]
    assert [line for line in first.lines if line.rule != "walked"] == list(second.lines)
    assert [entry for entry in ledger(free) if entry.sort != "moving"] == ledger(barred)
    for one in (free, barred):
        one.dispose()


def test_a_limit_that_begins_later_keeps_what_was_given(alone: Engine) -> None:
    hear(alone, reading(1, 10, steps_day="7000"), reading(1, 2, steps_day="7000"))
    assert by_rule(counted(alone, now=NOW - 8 * DAY)) == {"walked": 1}
    fact(alone, "has.doctor-limit", "1", ago=5)
    assert by_rule(counted(alone)) == {"walked": 1}


def test_a_stay_in_hospital_that_is_written_down_late_costs_nothing_that_was_theirs(alone: Engine) -> None:
    """What the scale at home said meanwhile was somebody else's; a page read in hospital gives nothing, nor takes."""
    hear(alone, *(reading(1, ago, body_weight="62.0") for ago in (13, 12, 8)))
    with write(alone) as connection:
        repo_points.note(connection, "records-view", HANAKO, By(HANAKO, "web"), NOW - 15 * DAY)
    assert by_rule(counted(alone)) == {"measured": 3, "read": 1}
    with write(alone) as connection:
        _happens(connection, "hospital", f"{(NOW - 15 * DAY).date()}")
        repo_points.note(connection, "records-view", HANAKO, By(HANAKO, "web"), NOW - 8 * DAY)
    assert by_rule(counted(alone)) == {"read": 1}


def _happens(connection: Connection, sort: Any, since: str) -> None:
    person = repo_residents.get(connection, HANAKO)
    assert person is not None
    rng = SystemRandom()
    ready = read_typed(connection, person, Typed(sort=sort, since=since), WHO.actor, NOW, rng)
    assert not isinstance(ready, Refusal), ready
    assert isinstance(record(connection, person, ready, WHO, NOW, rng), Done)


def test_without_a_yes_to_the_record_nothing_more_is_counted(alone: Engine) -> None:
    hear(alone, reading(1, 2, body_weight="62.0"))
    with write(alone) as connection:
        said = consent(HANAKO, "record", granted=False, at=NOW - DAY / 2)
        repo_consents.append(connection, said, os_user="test")
    assert counted(alone).balance == 0


def test_the_nights_round_counts_everybody_and_one_whom_it_cannot_count_holds_up_nobody(
    alone: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(alone, reading(1, 2, body_weight="62.0"), reading(2, 2, body_weight="80.0"))

    def odd(connection: Connection, resident: str, *rest: Any) -> Any:
        if resident == HANAKO:
            raise ZeroDivisionError
        return real(connection, resident, *rest)

    real = repo_points.measured_days
    monkeypatch.setattr(repo_points, "measured_days", odd)
    assert count_all(alone, NOW).given == 1
    monkeypatch.undo()
    assert count_all(alone, NOW).given == 1
    assert count_all(alone, NOW).given == 0


def test_what_is_erased_leaves_no_row_of_points_behind(alone: Engine) -> None:
    hear(alone, reading(1, 2, body_weight="62.0"))
    counted(alone)
    number = _team(alone)
    with write(alone) as connection:
        _join(connection, HANAKO, number, NOW.date())
        erase_rows(connection, scope_of(connection, HANAKO, Seal(b"k" * 32)))
        assert connection.execute(select(POINT_ENTRY)).first() is None
        assert repo_point_teams.members(connection, number, NOW.date(), NOW.date()) == []


def _team(store: Engine, name: str = "みなと町内会") -> int:
    with write(store) as connection:
        made = repo_point_teams.add(connection, "062049", "neighbourhood", name, WHO, NOW)
        assert isinstance(made, repo_point_teams.Team)
        again = repo_point_teams.add(connection, "062049", "workplace", name, WHO, NOW)
        assert isinstance(again, Refusal)
    return made.number


def _join(connection: Connection, name: str, number: int, day: date) -> None:
    person = repo_residents.get(connection, name)
    assert person is not None
    assert not isinstance(repo_point_teams.join(connection, person, number, day, WHO, NOW), Refusal)


def _neighbours(store: Engine, number: int, count: int) -> list[str]:
    """So many members since the summer, with points of October."""
    names = [f"r-neighbour{chr(97 + place) * 4}" for place in range(count)]
    with write(store) as connection:
        for place, name in enumerate(names):
            person = msgspec.structs.replace(resident(name, f"人{place}", date(1950, 1, 1)), household_id=None)
            repo_residents.add(connection, person, NOW - 100 * DAY, actor="t", os_user="t")
            _join(connection, name, number, date(2026, 8, 1))
            made = [
                Entry(rule="measured", version=1, sort="measuring", about=f"2026-10-{day:02}", turn=0,
                      on=date(2026, 10, day), points=2)
                for day in range(1, 21)
            ]  # fmt: skip
            repo_points.add(connection, name, made, NOW - 20 * DAY)
    return names


def test_a_pot_is_told_once_and_stands_when_members_leave_or_are_erased_on_both_databases(store: Engine) -> None:
    number, small = _team(store), _team(store, "はま町内会")
    names = _neighbours(store, number, 12)
    assert tell_all(store, NOW, Random(1)) > 0
    with write(store) as connection:
        pots = repo_point_teams.pots(connection, [number, small])
        october, september = [
            {pot.month: pot.points for pot in pots[number]}[month] for month in ("2026-10", "2026-09")
        ]
        assert october is not None
        # Noise hides one member of twelve, who gave 40 each.
        assert (october % 10, september) == (0, september)
        assert {pot.points for pot in pots[small]} == {None}
        for name in names[:6]:
            assert repo_point_teams.leave(connection, name, number, date(2026, 11, 20), WHO, NOW) is None
        connection.execute(delete(POINT_ENTRY).where(POINT_ENTRY.c.resident_id == names[7]))
    assert tell_all(store, NOW, Random(2)) == 0
    with read(store) as connection:
        assert repo_point_teams.pots(connection, [number, small]) == pots
    assert tell_all(store, NOW + 40 * DAY, Random(3)) > 0
    with read(store) as connection:
        later = {pot.month: pot.points for pot in repo_point_teams.pots(connection, [number])[number]}
    assert later["2026-11"] is None, "six are too few"


def test_points_nobody_handed_in_end_with_the_next_fiscal_year_on_both_databases(store: Engine) -> None:
    fact(store, "lab.hba1c", "5.4", "checkup", ago=40)
    hear(store, reading(1, 1, body_weight="62.0"))
    assert counted(store).balance == 102
    last, over = datetime(2028, 3, 31, 12, tzinfo=NOW.tzinfo), datetime(2028, 4, 1, 12, tzinfo=NOW.tzinfo)
    soon = counted(store, now=last).soon
    assert soon is not None
    assert (soon.points, soon.until) == (102, last.date())
    before = ledger(store)
    # Before the night has written it down nobody hands in what has ended.
    assert isinstance(redeem(book(), before, 100, over.date(), Random(1)), Refusal)
    assert statement(book(), before, over.date()).balance == 0
    found = counted(store, now=over)
    assert (found.balance, found.ended, found.soon) == (0, ((2026, 102),), None)
    assert [(one.sort, one.points) for one in ledger(store)[len(before) :]] == [("expired", -102)]
    assert counted(store, now=over + 300 * DAY) == found


def run(*words: str) -> Result:
    return CliRunner().invoke(command.app, list(words), standalone_mode=True)


def test_the_commands_count_tell_hand_in_and_export_without_a_name(engine: Engine, tmp_path: Path) -> None:
    now = datetime.now(tz=NOW.tzinfo)
    fact(engine, "lab.hba1c", "5.4", "checkup", ago=(NOW - now) / DAY + 2)
    assert told(run("evaluate", "--json"))["given"] >= 1
    assert told(run("evaluate", HANAKO, "--json"))["given"] == 0
    assert told(run("statement", HANAKO, "--json"))["balance"] == 100
    assert "100" in run("statement", HANAKO).stdout
    made = told(run("redeem", HANAKO, "100", "--json"))
    assert refused(run("redeem", HANAKO, "100")) == (Exit.REFUSED, "not-enough")
    assert refused(run("redeem", HANAKO, "99")) == (Exit.USAGE, "odd-points")
    file = tmp_path / "city.csv"
    day = made["on"]
    assert told(run("export", day, day, str(file), "--municipality", "062049", "--json"))["vouchers"] == 1
    rows = list(csv.reader(file.read_text("utf-8").splitlines()))
    assert rows == [["code", "municipality", "on", "points"], [made["code"], "062049", day, "100"]]
    assert HANAKO not in file.read_text("utf-8")
    assert refused(run("export", day, day, str(file))) == (Exit.ALREADY, "file-exists")
    assert refused(run("export", "yesterday", day, str(tmp_path / "b.csv"))) == (Exit.USAGE, "unreadable-date")
    assert refused(run("evaluate", "--since", "2026-04-01")) == (Exit.USAGE, "needs-resident")
    assert balance(ledger(engine)) == 0
    with read(engine) as connection:
        acts = {entry.action for entry in audit.entries(connection)}
    assert {"points-redeem", "points-view", "export-points"} <= acts


def test_the_commands_make_a_team_and_let_residents_in_and_out(engine: Engine) -> None:
    number = f"{told(run('teams', 'add', '062049', 'workplace', '港の会社', '--json'))['team']}"
    assert refused(run("teams", "add", "062049", "workplace", "港の会社")) == (Exit.ALREADY, "taken")
    assert refused(run("teams", "add", "062049", "club", "会")) == (Exit.USAGE, "unknown-sort")
    assert refused(run("teams", "add", "131016", "club", "会"))[1] == "unknown-sort"
    assert refused(run("teams", "join", HANAKO, "99")) == (Exit.NOT_FOUND, "unknown-team")
    assert run("teams", "join", HANAKO, number).exit_code == 0
    assert refused(run("teams", "join", HANAKO, number)) == (Exit.REFUSED, "closed-team")
    assert told(run("teams", "tell", "--json"))["told"] >= 2
    [team] = told(run("teams", "list", "--json"))["teams"]
    assert {pot["points"] for pot in team["pots"]} == {None}
    assert HANAKO not in run("teams", "list").stdout
    assert run("teams", "leave", HANAKO, number).exit_code == 0
    assert refused(run("teams", "leave", HANAKO, number)) == (Exit.NOT_FOUND, "no-member")
    assert isinstance(run("statement", "r-nobodynobody2").exception, Fail)
