"""The city's lists in the real store and the files for it: what is taken, what waits, what goes out, and what never."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, delete, event
from typer.testing import CliRunner, Result

from cli import exchange as command
from cli.exits import Exit
from engine import exchange_csv, protection
from engine.exchange_csv import Torn
from engine.exchange_deciding import Decision, Done, decide
from engine.exchange_folder import Place, Ran, run
from engine.exchange_giving import Gave, Giving, give
from engine.exchange_mapping import shipped
from engine.exchange_rows import Said, cells_of
from engine.exchange_taking import Given, Report, take
from engine.protection import Protection
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store import (
    audit,
    protecting,
    repo_consents,
    repo_contacts,
    repo_exchange,
    repo_life,
    repo_residents,
)
from engine.store.database import open_engine, read, write
from engine.store.erasing import erase_rows, scope_of
from engine.store.filing import By
from engine.store.tables_desk import CONTACT
from engine.store.tables_exchange import EXCHANGE_LINE
from engine.store.tables_following import APPOINTMENT, GUIDANCE_CASE
from tests.flow.commands import refused, told
from tests.flow.furnished import engine, store
from tests.homes import HANAKO, HOUSEHOLD, NOW, TARO, consent
from tests.stores import furnished_file
from tests.web.resident_home import hear, reading

__all__ = ["engine", "store"]
pytestmark = pytest.mark.flow
TOWN, NURSE, CITY = "062049", By("s-nursenursenur", "test"), By("city", "test")
A, B = shipped()["example-a"], shipped()["example-b"]
DAY = timedelta(days=1)
HERE = Said(
    number="1001", family="山田", given="花子", family_kana="ヤマダ", given_kana="ハナコ", birth=date(1951, 5, 5),
    sex="female", state="lives", address="酒田市本町1-1", insured="123",
)  # fmt: skip
ELSE = msgspec.structs.replace(HERE, number="2002", given="次郎", given_kana="ジロウ", birth=date(1980, 1, 1))


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Engine]:
    made = furnished_file(tmp_path / "engine.sqlite")
    yield made
    made.dispose()


def content(*people: Said) -> bytes:
    how = A.residents
    made = exchange_csv.write(cells_of(people, how), A, how.columns, how.ending)
    assert isinstance(made, bytes), made
    return made


def listed(store: Engine, *people: Said, after: int = 0, dry: bool = False) -> Report:
    """Tonight's list, `after` so many nights."""
    now = NOW + after * DAY
    given = Given(name=f"juki_{now:%Y%m%d}.csv", content=content(*people), town=TOWN, mapping=A, by=CITY)
    made = take(store, given, now, Random(1), dry=dry)
    assert isinstance(made, Report), made
    return made


def link(store: Engine, said: Said = HERE, resident: str = HANAKO) -> None:
    with write(store) as connection:
        person = repo_residents.get(connection, resident)
        assert person is not None
        same = msgspec.structs.replace(
            person, address=said.address, insured_number=said.insured, version=person.version + 1
        )
        repo_residents.edit(connection, same, NOW, actor="t", os_user="t")
        repo_exchange.link(connection, TOWN, resident, said, NURSE, NOW)


def says(**changes: Any) -> Said:
    return msgspec.structs.replace(HERE, **changes)


def waits(store: Engine) -> list[repo_exchange.Proposal]:
    with read(store) as connection:
        return repo_exchange.proposals(connection, None)


def answer(store: Engine, answer: Any, after: int = 1, **more: Any) -> Done | Refusal:
    [one] = waits(store)
    decision = Decision(seq=one.seq, version=one.version, answer=answer, by=NURSE, **more)
    with write(store) as connection:
        return decide(connection, decision, NOW + after * DAY, Random(100 + after))


def person(store: Engine, name: str = HANAKO) -> Any:
    with read(store) as connection:
        return repo_residents.get(connection, name)


def sorts(store: Engine, name: str = HANAKO) -> list[str]:
    with read(store) as connection:
        return [one.sort for one in repo_life.situation(connection, name).standing]


def hide(store: Engine, name: str = HANAKO) -> None:
    with write(store) as connection:
        made = protection.drafted(id="m-measuremeasu2", resident=name, seen="市の証明書", until=None, by="n", now=NOW)
        assert isinstance(made, Protection)
        protecting.begin(connection, made, NURSE, NOW, leave_home=False)


def test_a_list_links_nobody_and_keeps_nothing_of_who_does_not_take_part(store: Engine) -> None:
    first = listed(store, HERE, ELSE)
    assert (first.counts["proposed"], first.counts["others"], first.counts["taken"]) == (1, 1, 0)
    assert person(store).address is None
    with read(store) as connection:
        assert repo_exchange.numbers(connection, TOWN) == []
        [one] = repo_exchange.proposals(connection, None)
        assert (one.resident, one.sort, one.said) == (HANAKO, "link", HERE)
        assert "ジロウ" not in repr(repo_exchange.runs(connection))
    assert isinstance(answer(store, "accept"), Done)
    assert (person(store).address, person(store).insured_number) == ("酒田市本町1-1", "123")
    with read(store) as connection:
        [one] = repo_exchange.proposals(connection, None, states=("accepted",))
        assert one.said is None
    again = listed(store, HERE, ELSE)
    assert again.already
    assert listed(store, HERE, ELSE, after=1).counts["unchanged"] == 1


def test_what_a_dry_run_says_is_what_happens_and_it_leaves_nothing(store: Engine) -> None:
    link(store)
    changed = says(address="酒田市中町2-2", family="鈴木", family_kana="スズキ", state="dead", on=date(2026, 11, 20))
    before = person(store)
    dry = listed(store, changed, dry=True)
    assert person(store) == before
    with read(store) as connection:
        assert repo_exchange.runs(connection) == []
    assert msgspec.structs.replace(listed(store, changed)) == dry
    assert [(act.became, act.what) for act in dry.acts] == [("taken", ("name", "kana", "address", "death"))]
    assert (person(store).family_name, person(store).status) == ("鈴木", "deceased")
    assert sorts(store) == ["death"]
    with read(store) as connection:
        assert audit.verify(connection) is None


def test_who_was_refused_is_not_proposed_again_until_the_list_says_something_else(alone: Engine) -> None:
    listed(alone, HERE)
    assert isinstance(answer(alone, "unlink"), Done)
    assert listed(alone, HERE, after=1).counts["others"] == 1
    assert waits(alone) == []
    assert listed(alone, says(address="酒田市中町2-2"), after=2).counts["proposed"] == 1


def test_a_death_with_readings_since_waits_for_a_person_and_ends_when_the_city_corrects_it(alone: Engine) -> None:
    link(alone)
    hear(alone, reading(1, 0.5, body_weight="62.0"))
    dead = says(state="dead", on=date(2026, 11, 1))
    assert [act.reason for act in listed(alone, dead).acts] == ["readings-since"]
    assert listed(alone, dead, after=1).counts["waits"] == 1
    assert listed(alone, HERE, after=2).counts["unchanged"] == 1
    assert (waits(alone), sorts(alone)) == ([], [])
    listed(alone, dead, after=3)
    done = answer(alone, "accept", after=3)
    assert isinstance(done, Done), done
    assert (sorts(alone), person(alone).status) == (["death"], "deceased")


def test_what_a_person_kept_stays_kept_and_what_moved_back_is_asked(alone: Engine) -> None:
    link(alone)
    gone = says(state="moved-out", on=date(2026, 11, 18), to="131016")
    assert listed(alone, gone).counts["taken"] == 1
    assert person(alone).status == "moved"
    back = says(on=date(2026, 11, 25), address="酒田市中町2-2")
    assert [act.what for act in listed(alone, back, after=4).acts] == [("back",)]
    assert isinstance(answer(alone, "accept", after=4), Done)
    assert (person(alone).status, person(alone).address) == ("active", "酒田市中町2-2")
    assert listed(alone, back, after=5).counts["unchanged"] == 1
    dead = msgspec.structs.replace(back, state="dead", on=date(2026, 12, 30))
    listed(alone, dead, after=6)
    assert isinstance(answer(alone, "keep", after=6), Done)
    assert listed(alone, dead, after=7).counts["unchanged"] == 1
    assert (waits(alone), person(alone).status) == ([], "active")


def test_one_of_a_home_who_moves_is_asked_where_the_devices_stay(alone: Engine) -> None:
    link(alone)
    moved = says(address="酒田市中町2-2", on=date(2026, 11, 19))
    assert [act.what for act in listed(alone, moved).acts] == [("move",)]
    missing = answer(alone, "accept")
    assert isinstance(missing, Refusal)
    assert missing.code == "no-home"
    assert isinstance(answer(alone, "accept", home="none"), Done)
    assert (person(alone).household_id, person(alone).address) == (None, "酒田市中町2-2")
    assert sorts(alone) == ["moved-within"]
    assert person(alone, TARO).household_id == HOUSEHOLD


def test_a_whole_home_that_moves_goes_along(alone: Engine) -> None:
    taro = msgspec.structs.replace(HERE, number="1002", given="太郎", birth=date(1976, 5, 5))
    link(alone)
    link(alone, taro, TARO)
    street = "酒田市中町2-2"
    there = (says(address=street), msgspec.structs.replace(taro, address=street))
    assert listed(alone, *there).counts["taken"] == 2
    assert (person(alone).household_id, person(alone, TARO).address) == (HOUSEHOLD, street)


def test_a_number_that_is_somebody_elses_by_now_changes_nobody(alone: Engine) -> None:
    link(alone)
    other = msgspec.structs.replace(ELSE, number="1001", address="酒田市光ケ丘9-9")
    assert [act.what for act in listed(alone, other).acts] == [("identity",)]
    assert person(alone).address == "酒田市本町1-1"
    assert isinstance(answer(alone, "unlink"), Done)
    with read(alone) as connection:
        assert repo_exchange.numbers(connection, TOWN) == []


def test_behind_a_doubt_that_is_answered_the_rest_of_the_row_is_not_forgotten(alone: Engine) -> None:
    link(alone)
    dead = says(birth=date(1951, 5, 6), state="dead", on=date(2026, 11, 18))
    assert [act.what for act in listed(alone, dead).acts] == [("identity",)]
    done = answer(alone, "accept")
    assert isinstance(done, Done)
    assert done.act is not None
    assert (done.act.what, sorts(alone), person(alone).birth_date) == (("death",), ["death"], date(1951, 5, 6))
    assert listed(alone, dead, after=1).counts["unchanged"] == 1


def test_a_new_number_of_a_known_person_is_a_question_and_then_their_only_one(alone: Engine) -> None:
    link(alone)
    new = says(number="7007")
    report = listed(alone, new)
    assert [act.what for act in report.acts] == [("link",)]
    assert [name for name, _ in report.missing] == [HANAKO]
    assert isinstance(answer(alone, "accept"), Done)
    with read(alone) as connection:
        assert [one.number for one in repo_exchange.numbers(connection, TOWN)] == ["7007"]


def test_who_is_not_on_a_whole_list_is_told_of_and_nothing_else_follows(alone: Engine) -> None:
    link(alone)
    before = person(alone)
    assert listed(alone, ELSE).missing == ((HANAKO, date(2026, 11, 21)),)
    assert listed(alone, ELSE, after=1).missing == ((HANAKO, date(2026, 11, 21)),)
    assert person(alone) == before
    assert listed(alone, HERE, after=2).missing == ()
    with read(alone) as connection:
        assert repo_exchange.missing(connection, None) == []


def test_of_whom_the_city_said_that_they_left_it_may_be_silent_and_they_may_come_back_from_the_next_town(
    alone: Engine,
) -> None:
    link(alone)
    listed(alone, says(state="moved-out", on=date(2026, 11, 18), to="064611"))
    assert isinstance(answer(alone, "accept", home="none"), Done)
    assert (person(alone).municipality_code, person(alone).status) == ("064611", "active")
    assert listed(alone, ELSE, after=2).missing == ()
    back = says(on=date(2026, 11, 23), address="酒田市中町2-2")
    assert [(act.what, act.reason) for act in listed(alone, back, after=3).acts] == [(("move",), "back-here")]
    assert isinstance(answer(alone, "accept", after=3, home="none"), Done)
    assert (person(alone).municipality_code, person(alone).address) == (TOWN, "酒田市中町2-2")
    assert listed(alone, back, after=4).counts["unchanged"] == 1


def test_a_list_of_changes_misses_nobody_and_by_its_mapping_one_bad_row_costs_a_list(alone: Engine) -> None:
    link(alone)
    how = msgspec.structs.replace(A.residents, whole=False, reject="file")
    changes_only = msgspec.structs.replace(A, residents=how)
    given = Given(name="juki_20261121.csv", content=content(ELSE), town=TOWN, mapping=changes_only, by=CITY)
    made = take(alone, given, NOW, Random(1))
    assert isinstance(made, Report)
    assert (made.missing, made.counts["others"]) == ((), 1)
    bad = content(says(address="酒田市中町2-2"), ELSE).replace(b"2002", b"1001")
    torn = take(alone, msgspec.structs.replace(given, name="juki_20261122.csv", content=bad), NOW, Random(1))
    assert isinstance(torn, Torn)
    assert (torn.code, torn.line) == ("rejected", 2)
    assert person(alone).address == "酒田市本町1-1"
    with read(alone) as connection:
        assert len(repo_exchange.runs(connection)) == 1


def test_whose_row_cannot_be_read_is_not_told_to_be_missing(alone: Engine) -> None:
    link(alone)
    raw = content(HERE, ELSE).replace("花子".encode("cp932"), b"\x81 ", 1)
    given = Given(name="juki_20261121.csv", content=raw, town=TOWN, mapping=A, by=CITY)
    made = take(alone, given, NOW, Random(1))
    assert isinstance(made, Report)
    assert ([fault.code for fault in made.refused], made.missing) == (["bad-encoding"], ())


def test_the_place_of_somebody_hidden_is_taken_nowhere_whoever_hides_them(alone: Engine) -> None:
    link(alone)
    hide(alone)
    secret = "鶴岡市かくれ町7-7"
    report = listed(alone, says(address=secret, insured="9"))
    assert (person(alone).address, person(alone).insured_number) == ("酒田市本町1-1", "9")
    assert [act.what for act in report.acts] == [("insured",)]
    taro = msgspec.structs.replace(HERE, number="1002", given="太郎", birth=date(1976, 5, 5))
    link(alone, taro, TARO)
    hidden = msgspec.structs.replace(taro, address=secret, shielded=True)
    assert [act.what for act in listed(alone, says(address=secret), hidden, after=1).acts] == [
        ("insured",),
        ("shield",),
    ]
    done = answer(alone, "accept")
    assert isinstance(done, Refusal)
    assert done.code == "not-shielded"
    with alone.connect() as connection:
        dump = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]
    assert secret not in dump
    assert isinstance(answer(alone, "keep"), Done)
    assert listed(alone, says(address=secret), hidden, after=2).counts["proposed"] == 0


def test_consents_are_as_they_were_whatever_a_list_says(alone: Engine) -> None:
    with read(alone) as connection:
        before = repo_consents.events_of(connection, [HANAKO, TARO], "nurse-review")
    listed(alone, HERE)
    answer(alone, "accept")
    listed(alone, says(address="酒田市中町2-2"), after=1)
    with read(alone) as connection:
        assert repo_consents.events_of(connection, [HANAKO, TARO], "nurse-review") == before


def contact(store: Engine, number: int = 0, name: str = HANAKO) -> str:
    at = NOW - 2 * DAY + timedelta(minutes=number)
    with write(store) as connection:
        made = repo_contacts.add(
            connection, resident=name, by="s-nursenursenur", how="phone", outcome="reached", text="血圧 秘密",
            now=at, rng=Random(number), os_user="t",
        )  # fmt: skip
    return made.id


def giving(folder: Path) -> Giving:
    return Giving(town=TOWN, mapping=B, folder=folder, by=CITY)


def give_out(store: Engine, folder: Path, after: int = 0) -> Gave:
    gave = give(store, giving(folder), NOW + after * DAY)
    assert isinstance(gave, Gave), gave
    return gave


def lines(folder: Path) -> list[dict[str, str]]:
    return [
        row
        for path in sorted(folder.glob("phr-*.csv"))
        for row in csv.DictReader(path.read_text("utf-8-sig").splitlines())
    ]


def test_the_city_is_told_each_thing_once_and_its_corrections_and_no_word_of_it(store: Engine, tmp_path: Path) -> None:
    link(store)
    one, _ = contact(store, 1), contact(store, 2)
    # Taro stands on no list: nothing of him goes out.
    contact(store, 3, TARO)
    case = {"id": "o-casecasecase2", "resident_id": HANAKO, "municipality_code": TOWN, "programme": "active",
            "basis": "秘密", "goal": "秘密", "state": "open", "opened_at": 1_790_000_000_000_000, "opened_by": "n",
            "version": 1}  # fmt: skip
    kept = {"resident_id": HANAKO, "municipality_code": TOWN, "sort": "check-up", "starts_at": 1_795_000_000_000_000,
            "ends_at": 1_795_000_001_000_000, "place": "秘密", "state": "kept", "by": "n", "at": 1, "version": 1}  # fmt: skip
    with write(store) as connection:
        connection.execute(GUIDANCE_CASE.insert(), case)
        connection.execute(APPOINTMENT.insert(), [kept, kept | {"state": "missed"}, kept | {"sort": "visit"}])
    out = tmp_path / "out"
    out.mkdir()
    assert give_out(store, out).counts == {"new": 4, "changed": 0, "removed": 0}
    assert give_out(store, out).files == {}
    rows = lines(out)
    assert {(row["type"], row["content"], row["outcome"], row["resident_number"]) for row in rows} == {
        ("contact", "phone", "reached", "1001"), ("programme", "active", "open", "1001"),
        ("appointment", "check-up", "kept", "1001"),
    }  # fmt: skip
    text = "".join(path.read_text("utf-8-sig") for path in out.iterdir())
    assert not any(word in text for word in ("秘密", "山田", "本町", HANAKO, TARO))
    with write(store) as connection:
        connection.execute(delete(CONTACT).where(CONTACT.c.id == one))
        connection.execute(GUIDANCE_CASE.update().values(state="ended", ended_at=1_795_000_000_000_000, reason="moved"))
    assert give_out(store, out, after=1).counts == {"new": 0, "changed": 1, "removed": 1}
    last = lines(out)[-2:]
    assert {(row["change"], row["record"]) for row in last} == {
        ("removed", f"contact:{one}"), ("changed", "case:o-casecasecase2"),
    }  # fmt: skip
    assert give_out(store, out, after=2).files == {}
    assert len({row["line"] for row in lines(out)}) == 6


def test_after_a_no_nothing_more_goes_out_also_not_what_waited(alone: Engine, tmp_path: Path) -> None:
    link(alone)
    contact(alone, 1)
    give_out(alone, tmp_path)
    contact(alone, 2)
    # A folder that is gone: the line is made, its file is not.
    with pytest.raises(OSError, match="No such file"):
        give(alone, giving(tmp_path / "gone"), NOW)
    with write(alone) as connection:
        repo_consents.append(connection, consent(HANAKO, "nurse-review", granted=False, at=NOW), os_user="t")
    assert give_out(alone, tmp_path, after=1).files == {}
    assert len(lines(tmp_path)) == 1
    with write(alone) as connection:
        repo_consents.append(connection, consent(HANAKO, "nurse-review", at=NOW + DAY), os_user="t")
    assert give_out(alone, tmp_path, after=2).counts["new"] == 1
    assert len({row["record"] for row in lines(tmp_path)}) == 2


def test_an_erased_account_leaves_neither_number_nor_line_nor_question(alone: Engine, tmp_path: Path) -> None:
    link(alone)
    contact(alone, 1)
    give_out(alone, tmp_path)
    listed(alone, says(birth=date(1951, 5, 6)))
    assert len(waits(alone)) == 1
    with write(alone) as connection:
        erase_rows(connection, scope_of(connection, HANAKO, Seal(b"k" * 32)))
        assert connection.execute(EXCHANGE_LINE.select()).first() is None
        assert repo_exchange.numbers(connection, TOWN) == []
    assert waits(alone) == []


def die_at(step: int, folder: Path, work: Callable[[], None]) -> bool:
    """Does `work` in a process that SIGKILL ends at its `step`-th commit, sync or touch of a file; whether it did."""
    child = os.fork()
    if child == 0:
        left = [step]

        def count(*_: object) -> None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        def heard(name: str, args: tuple[Any, ...]) -> None:
            if name in {"open", "os.rename", "os.remove"} and str(folder) in str(args[0]):
                count()

        def synced(handle: Any) -> None:
            count()
            sync(handle)
            count()

        sync = os.fsync
        os.fsync = synced  # type: ignore[assignment]
        event.listen(Engine, "commit", count)
        sys.addaudithook(heard)
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_killed_at_every_step_a_run_loses_no_list_and_no_line_and_tells_nothing_twice(tmp_path: Path) -> None:
    store = furnished_file(tmp_path / "engine.sqlite")
    link(store)
    store.dispose()
    url = f"sqlite:///{tmp_path / 'engine.sqlite'}"
    folder = tmp_path / "city"
    place = Place(folder=folder, town=TOWN, mapping=B, by=CITY)
    (folder / "in").mkdir(parents=True)
    city: dict[str, bytes] = {}
    made, killed, step, night = list[str](), 0, 0, 0

    def nightly() -> None:
        engine = open_engine(url)
        assert isinstance(run(engine, place, NOW + night * DAY, Random(night)), Ran)
        engine.dispose()

    def collect() -> None:
        """The city reads what is there and throws it away; what comes again under a name is the same."""
        for path in (folder / "out").glob("phr-*.csv"):
            assert city.setdefault(path.name, path.read_bytes()) == path.read_bytes()
            path.unlink()

    while step == killed:
        step, night = step + 1, night + 1
        engine = open_engine(url)
        made.append(contact(engine, step))
        engine.dispose()
        how = B.residents
        street = says(address=f"酒田市中町{step}", family=f"山田{step}", insured=f"{step}")
        taro = msgspec.structs.replace(ELSE, address=f"{step}")
        whole = exchange_csv.write(cells_of([street, taro], how), B, how.columns, how.ending)
        assert isinstance(whole, bytes)
        with write(open_engine(url)) as connection:
            # Alone in the home, so that a move needs nobody's word.
            one = repo_residents.get(connection, TARO)
            assert one is not None
            if one.household_id is not None:
                away = msgspec.structs.replace(one, household_id=None, version=one.version + 1)
                repo_residents.edit(connection, away, NOW, actor="t", os_user="t")
        (folder / "in" / f"residents-{NOW + night * DAY:%Y%m%d}.csv").write_bytes(whole)
        killed += die_at(step, folder, nightly)
        collect()
        nightly()
        collect()
        assert list((folder / "in").iterdir()) == []
        assert [path.name for path in (folder / "refused").iterdir()] == []
        with read(open_engine(url)) as connection:
            now_is = repo_residents.get(connection, HANAKO)
            assert now_is is not None
            assert (now_is.address, now_is.family_name) == (f"酒田市中町{step}", f"山田{step}")
    assert killed >= 15
    rows = [row for one in city.values() for row in csv.DictReader(one.decode("utf-8-sig").splitlines())]
    assert [row["change"] for row in rows] == ["new"] * len(made)
    assert sorted(row["record"] for row in rows) == sorted(f"contact:{one}" for one in made)
    assert len({row["line"] for row in rows}) == len(made)
    with read(open_engine(url)) as connection:
        assert audit.verify(connection) is None
        assert len([one for one in repo_exchange.runs(connection, 500) if one.direction == "in"]) == step


def call(*words: str) -> Result:
    return CliRunner().invoke(command.app, list(words), standalone_mode=True)


def test_the_commands_take_ask_decide_and_give(engine: Engine, tmp_path: Path) -> None:
    today = datetime.now(UTC) - DAY
    file = tmp_path / f"juki_{today:%Y%m%d}.csv"
    file.write_bytes(content(HERE, ELSE))
    common = ("--mapping", "example-a", "--json")
    dry = told(call("in", str(file), *common, "--dry-run"))
    assert (dry["counts"]["proposed"], dry["dry_run"]) == (1, True)
    assert told(call("proposals", "--json"))["proposals"] == []
    done = told(call("in", str(file), *common))
    assert done["acts"] == dry["acts"]
    assert told(call("in", str(file), *common))["already"] is True
    assert "taken before" in call("in", str(file), "--mapping", "example-a").stdout
    [one] = told(call("proposals", "--json"))["proposals"]
    assert (one["resident"], one["sort"], one["number"]) == (HANAKO, "link", "1001")
    number = str(one["proposal"])
    assert refused(call("decide", number, "keep")) == (Exit.USAGE, "unknown-answer")
    assert refused(call("decide", "999", "accept")) == (Exit.NOT_FOUND, "unknown-proposal")
    assert told(call("decide", number, "accept", "--json"))["state"] == "accepted"
    assert refused(call("decide", number, "accept")) == (Exit.REFUSED, "conflict")
    [ran] = told(call("list", "--json"))["runs"]
    assert "juki_" in call("show", str(ran["seq"])).stdout
    assert refused(call("show", "77")) == (Exit.NOT_FOUND, "unknown-run")
    contact(engine, 1)
    assert told(call("out", "--to", str(tmp_path), *common, "--dry-run"))["counts"]["new"] == 1
    assert list(told(call("out", "--to", str(tmp_path), *common))["files"].values()) == [1]
    assert told(call("proposals", "--missing", "--json"))["missing"] == []


def test_the_commands_refuse_with_a_reason(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "juki_20261101.csv"
    file.write_bytes(content(HERE)[:-4])
    assert refused(call("in", str(file), "--mapping", "example-a")) == (Exit.REFUSED, "torn")
    assert refused(call("in", str(file), "--mapping", "nobodys")) == (Exit.NOT_FOUND, "unknown-mapping")
    assert refused(call("in", str(file), "--mapping", "example-a", "--town", "131016")) == (
        Exit.NOT_FOUND,
        "unknown-town",
    )
    assert refused(call("in", str(tmp_path / "x"), "--mapping", "example-a")) == (Exit.NOT_FOUND, "unreadable")
    assert refused(call("in", str(file), "--mapping", "example-b")) == (Exit.REFUSED, "wrong-name")
    (tmp_path / "own.toml").write_text("id = 1")
    assert refused(call("in", str(file), "--mapping", str(tmp_path / "own.toml"))) == (
        Exit.CONFIGURATION,
        "bad-mapping",
    )
    link(engine)
    contact(engine)
    assert refused(call("out", "--to", str(tmp_path / "no"), "--mapping", "example-a")) == (Exit.USAGE, "not-written")


def test_a_folder_run_tells_what_it_refused_and_leaves_it_for_a_person(engine: Engine, tmp_path: Path) -> None:
    del engine
    folder = tmp_path / "city"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "juki_20261101.csv").write_bytes(content(HERE))
    (folder / "in" / "juki_20261102.csv").write_bytes(content(HERE)[:-4])
    (folder / "in" / "juki_20261103.csv.part").write_bytes(b"half")
    (folder / "in" / "juki_20261104.csv").symlink_to("/etc/hostname")
    words = ("run", "--folder", str(folder), "--mapping", "example-a")
    assert refused(call(*words)) == (Exit.REFUSED, "refused")
    assert sorted(path.name for path in (folder / "in").iterdir()) == ["juki_20261103.csv.part", "juki_20261104.csv"]
    assert [path.name for path in (folder / "refused").iterdir()] == ["juki_20261102.csv"]
    report = json.loads((folder / "reports" / "juki_20261101.csv.json").read_text("utf-8"))
    assert report["counts"]["proposed"] == 1
    assert "山田" not in json.dumps(report, ensure_ascii=False)
    assert told(call(*words, "--json"))["clean"] is True
    assert "refused" in (folder / "README.txt").read_text("utf-8")
    file = tmp_path / "file"
    file.write_text("")
    assert refused(call("run", "--folder", str(file), "--mapping", "example-a")) == (
        Exit.CONFIGURATION,
        "unusable-folder",
    )
