"""What goes out to the city, a night's run that is killed anywhere, and the commands."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, delete, event
from typer.testing import CliRunner, Result

from cli import exchange as command
from cli.exits import Exit
from engine import exchange_csv
from engine.exchange_folder import Place, Ran, run
from engine.exchange_giving import give
from engine.exchange_rows import cells_of
from engine.sealing import Seal
from engine.store import (
    audit,
    repo_consents,
    repo_exchange,
    repo_residents,
)
from engine.store.database import open_engine, read, write
from engine.store.erasing import erase_rows, scope_of
from engine.store.tables_desk import CONTACT
from engine.store.tables_exchange import EXCHANGE_LINE
from engine.store.tables_following import APPOINTMENT, GUIDANCE_CASE
from tests.flow.commands import refused, told
from tests.flow.exchange_home import (
    CITY,
    DAY,
    ELSE,
    HERE,
    TOWN,
    B,
    contact,
    content,
    give_out,
    giving,
    lines,
    link,
    listed,
    says,
    waits,
)
from tests.flow.furnished import alone, engine, store
from tests.homes import HANAKO, NOW, TARO, consent
from tests.stores import furnished_file

__all__ = ["alone", "engine", "store"]
pytestmark = pytest.mark.flow


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
    # More than a store can count.
    assert [call(*words).exit_code for words in (("show", "9" * 20), ("decide", "9" * 20, "accept"))] == [
        Exit.USAGE
    ] * 2
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
