"""A reading of nobody is given to the person somebody names, and to nobody else; every decision can be taken back."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from string import Formatter
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from cli import inbox as inbox_cli
from cli.exits import Exit
from cli.output import Fail
from cli.words_inbox import WORDS
from engine.contract import topics, wire
from engine.contract.reading import Reading, Value
from engine.evaluate import evaluate
from engine.intake import Duplicate
from engine.refusal import Refusal
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import audit, filing, inbox, repo_advice, repo_consents, repo_history
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.tables import READING
from tests.flow.stores import store
from tests.homes import GATEWAY, HANAKO, HOUSEHOLD, NOW, TARO, consent, furnish, weighing
from tests.stores import migrated_file

__all__ = ["store"]
NOBODYS = weighing(1, "61.20", slot=9)
WHO = By("nurse", "test")
PRESSURE = ("systolic", "186"), ("diastolic", "95")


def cuff(number: int, *values: tuple[str, str], **more: object) -> Reading:
    said = tuple(Value(kind, value, "mm[Hg]") for kind, value in values)
    return weighing(number, "0", slot=9, values=said, profile="sig-blood-pressure", **more)


def hear(engine: Engine, *readings: Reading, taro: bool = False) -> None:
    furnish(engine)
    payloads = [wire.encode_reading(reading) for reading in readings or (NOBODYS,)]
    with write(engine) as connection:
        if not taro:
            repo_consents.append(connection, consent(TARO, "record", granted=False, at=NOW), os_user="test")
        heard = [Delivery(1, n, 1, topics.up(GATEWAY, "reading"), payload) for n, payload in enumerate(payloads)]
        handle(connection, Facts(), heard, NOW)


def give(engine: Engine, reading: str, resident: str) -> str | None:
    with write(engine) as connection:
        done = filing.assign(connection, reading, resident, NOW, WHO)
    return done.code if isinstance(done, Refusal) else None


def points(engine: Engine, resident: str) -> list[tuple[str, object, str | None]]:
    with read(engine) as connection:
        found = repo_history.history(connection, resident, ["body-weight"], 0, 2**62)["body-weight"]
    return [(str(point.value), point.at, point.certainty) for point in found]


def test_a_reading_of_nobody_becomes_its_owner_s_with_its_time_and_digits(store: Engine) -> None:
    hear(store)
    with read(store) as connection:
        (found,) = inbox.waiting(connection)
    assert (found.id, found.slot, found.values) == (NOBODYS.id, 9, (("body-weight", "61.20", "kg"),))
    assert give(store, NOBODYS.id, HANAKO) is None
    with read(store) as connection:
        assert inbox.waiting(connection) == []
        assert audit.verify(connection) is None
    assert points(store, HANAKO) == [("61.20", NOBODYS.measured_at, "sure")]


@pytest.mark.parametrize(
    ("reading", "resident", "code"),
    [
        ("z" * 26, HANAKO, "unknown-reading"),
        (NOBODYS.id, TARO, "no-consent"),
        (NOBODYS.id, "r-strangerstra2", "not-in-household"),
    ],
)
def test_it_is_not_given_to_whom_it_cannot_be(store: Engine, reading: str, resident: str, code: str) -> None:
    hear(store)
    assert give(store, reading, resident) == code


def test_it_can_be_given_to_another_and_back_to_nobody(store: Engine) -> None:
    hear(store, taro=True)
    assert [give(store, NOBODYS.id, who) for who in (HANAKO, HANAKO, TARO)] == [None, "already-assigned", None]
    assert (points(store, HANAKO), len(points(store, TARO))) == ([], 1)
    with write(store) as connection:
        done = filing.release(connection, NOBODYS.id, NOW, WHO)
        assert isinstance(done, filing.Filed)
        assert (done.before, done.after) == (TARO, None)
        assert [item.id for item in inbox.waiting(connection)] == [NOBODYS.id]
    assert points(store, TARO) == []


def test_what_is_discarded_is_kept_and_comes_back(store: Engine) -> None:
    hear(store)
    with write(store) as connection:
        assert isinstance(filing.discard(connection, NOBODYS.id, NOW, WHO), filing.Filed)
        assert inbox.waiting(connection) == []
        row = connection.execute(select(READING).where(READING.c.id == NOBODYS.id)).one()
        assert (row.outcome, row.resident_id) == ("discarded", None)
        again = handle(
            connection,
            Facts(),
            [Delivery(1, 9, 1, topics.up(GATEWAY, "reading"), wire.encode_reading(NOBODYS))],
            NOW,
        )
        assert isinstance(again.heard[0].outcome, Duplicate)
    assert give(store, NOBODYS.id, HANAKO) is None
    assert points(store, HANAKO) == [("61.20", NOBODYS.measured_at, "sure")]


def test_advice_built_on_a_reading_goes_with_it(store: Engine) -> None:
    heavy = [weighing(n * 1440 - 20 * 1440, "75.00") for n in range(20)]
    hear(store, *heavy)
    with write(store) as connection:
        (made,) = evaluate(connection, HANAKO, NOW).created
        done = filing.discard(connection, heavy[7].id, NOW, WHO)
        assert isinstance(done, filing.Filed)
        assert done.withdrawn == (made,)
        gone = repo_advice.get(connection, made)
        assert gone is not None
        assert (gone.state, gone.reason) == ("superseded", "reading-moved")
        (fresh,) = evaluate(connection, HANAKO, NOW).created
        item = repo_advice.get(connection, fresh)
        assert item is not None
        assert not filing.built_on(item, heavy[7].id)
        assert filing.built_on(item, heavy[8].id)


def test_a_red_flag_of_nobody_comes_first_and_shows_no_value(store: Engine) -> None:
    plain = [weighing(n, "61.20", slot=9) for n in range(30, 34)]
    hear(store, *plain, cuff(2, *PRESSURE), cuff(5, ("systolic", "150"), ("diastolic", "80")))
    with read(store) as connection:
        first, *rest = inbox.waiting(connection, limit=3)
    assert (first.red_flag, [item.red_flag for item in rest]) == (True, [False, False])
    assert first.id == cuff(2, *PRESSURE).id


@pytest.mark.parametrize(
    ("change", "flagged"),
    [({}, True), ({"quality": 0.9}, False), ({"values": (Value("diastolic", "110", "mm[Hg]"),)}, True)],
)
def test_a_camera_s_red_flag_is_none(store: Engine, change: dict[str, object], flagged: bool) -> None:
    hear(store, msgspec.structs.replace(cuff(2, *PRESSURE), **change))
    with read(store) as connection:
        (found,) = inbox.waiting(connection)
        homes = inbox.red_flags(connection, NOW - timedelta(days=3))
        assert inbox.red_flags(connection, NOW) == {}
    assert found.red_flag is flagged
    assert homes == ({HOUSEHOLD: found.measured_at} if flagged else {})


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """PHR_HOME with a reading of nobody and a red flag."""
    monkeypatch.setenv("PHR_HOME", str(tmp_path))
    engine = migrated_file(Path(f"{tmp_path}/engine.sqlite"))
    hear(engine, NOBODYS, cuff(2, *PRESSURE), taro=True)
    engine.dispose()
    return tmp_path


def run(*words: str) -> Any:
    return CliRunner().invoke(inbox_cli.app, list(words))


@pytest.mark.usefixtures("desk")
def test_the_commands_list_and_decide() -> None:
    red, nobodys = json.loads(run("list", "--json").stdout)["readings"]
    assert (red["red_flag"], red["values"], nobodys["id"]) == (True, [], NOBODYS.id)
    listed = run("list").stdout
    assert "61.20 kg" in listed
    assert "186" not in listed
    for words, outcome in (
        (["assign", NOBODYS.id, "--resident", HANAKO], HANAKO),
        (["assign", NOBODYS.id, "--resident", TARO], TARO),
        (["release", NOBODYS.id], None),
        (["discard", NOBODYS.id], None),
        (["release", NOBODYS.id], None),
        (["assign", NOBODYS.id, "--resident", HANAKO], HANAKO),
    ):
        done = run(*words, "--json")
        assert (done.exit_code, json.loads(done.stdout)["resident"]) == (0, outcome)


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("words", "code", "exits"),
    [
        (["confirm", NOBODYS.id], "nobodys", Exit.REFUSED),
        (["release", NOBODYS.id], "already-nobodys", Exit.ALREADY),
        (["discard", "z" * 26], "unknown-reading", Exit.NOT_FOUND),
        (["assign", NOBODYS.id, "--resident", "r-strangerstra2"], "unknown-resident", Exit.NOT_FOUND),
    ],
)
def test_what_cannot_be_done_says_why(words: list[str], code: str, exits: Exit) -> None:
    failure = run(*words).exception
    assert isinstance(failure, Fail)
    assert (failure.code, failure.exit_code) == (code, exits)


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(("lang", "said"), [("ja", "もういちど 測って ください"), ("en", "Measure again")])
def test_the_home_is_told_to_measure_again_in_its_language(
    monkeypatch: pytest.MonkeyPatch, lang: str, said: str
) -> None:
    monkeypatch.setenv("PHR_LANG", lang)
    assert said in run("list").stdout


@pytest.mark.parametrize("key", sorted(WORDS))
def test_both_languages_name_the_same_things(key: str) -> None:
    japanese, english = ({name for _, name, _, _ in Formatter().parse(text) if name} for text in WORDS[key])
    assert japanese == english
