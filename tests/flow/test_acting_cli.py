"""`phr acting` and `phr protect`: entered, listed and ended at the terminal, and every mistake said by its code."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli import acting, protect
from cli.exits import Exit
from engine.store import repo_acting, repo_protection, repo_residents
from engine.store.database import read, write
from tests.flow.commands import refused, told
from tests.flow.furnished import engine
from tests.homes import HANAKO, NOW, TARO

__all__ = ["engine"]
pytestmark = [pytest.mark.flow]
GRANT = ("acting", "grant", "--resident", HANAKO)
GUARDIAN = (*GRANT, "--basis", "guardian", "--scope", "see", "--scope", "consents", "--paper", "登記事項証明書 第1号")


def run(*words: str) -> Result:
    root = typer.Typer()
    root.add_typer(acting.app, name="acting")
    root.add_typer(protect.app, name="protect")
    return CliRunner().invoke(root, list(words))


def test_somebody_is_entered_listed_and_ended(engine: Engine) -> None:
    made = told(run(*GUARDIAN, "--name", "佐藤 和子", "--json"))
    assert made["law"].startswith("民法")
    assert made["actor"].startswith("m-")
    again = run(*GUARDIAN, "--account", made["actor"])
    assert refused(again) == (Exit.REFUSED, "twice")
    [shown] = told(run("acting", "list", "--resident", HANAKO, "--json"))["acting"]
    assert (shown["id"], shown["holds"], shown["scope"]) == (made["id"], True, ["see", "consents"])
    assert "成年後見人  佐藤 和子" in run("acting", "list", "--resident", HANAKO).stdout
    over = told(run("acting", "end", made["id"], "--why", "mistake", "--json"))
    assert over["reason"] == "mistake"
    [shown] = told(run("acting", "list", "--resident", HANAKO, "--json"))["acting"]
    assert shown["holds"] is False
    assert refused(run("acting", "end", made["id"])) == (Exit.REFUSED, "already-ended")
    assert engine is not None


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((*GRANT, "--basis", "aunt", "--scope", "see", "--paper", "x", "--name", "甲"), (Exit.USAGE, "unknown-basis")),
        (
            (*GRANT, "--basis", "parent", "--scope", "see", "--paper", "x", "--name", "甲"),
            (Exit.REFUSED, "not-a-minor"),
        ),
        (
            (*GRANT, "--basis", "guardian", "--scope", "fly", "--paper", "x", "--name", "甲"),
            (Exit.USAGE, "unknown-scope"),
        ),
        ((*GUARDIAN, "--account", "m-nobodynobodyn"), (Exit.NOT_FOUND, "no-such-account")),
        (GUARDIAN, (Exit.USAGE, "no-account")),
        ((*GUARDIAN, "--name", "甲", "--until", "morgen"), (Exit.USAGE, "unreadable-date")),
        ((*GUARDIAN, "--account", HANAKO), (Exit.REFUSED, "themselves")),
        (("acting", "end", "j-nobodynobodyn"), (Exit.NOT_FOUND, "unknown-acting")),
        (("acting", "end", "j-nobodynobodyn", "--why", "bored"), (Exit.USAGE, "no-reason")),
        (("acting", "list", "--resident", "r-nobodynobodyn"), (Exit.NOT_FOUND, "unknown-resident")),
        (("protect", "set", "--resident", HANAKO, "--paper", " "), (Exit.USAGE, "needs-paper")),
        (
            ("protect", "set", "--resident", HANAKO, "--paper", "x", "--until", "2001-01-01"),
            (Exit.REFUSED, "until-past"),
        ),
        (("protect", "set", "--resident", HANAKO, "--paper", "x", "--until", "soon"), (Exit.USAGE, "unreadable-date")),
        (("protect", "end", "--resident", HANAKO), (Exit.REFUSED, "not-held")),
    ],
)
def test_a_mistake_is_told_by_its_code_and_nothing_is_written(
    engine: Engine, words: tuple[str, ...], code: tuple[int, str]
) -> None:
    assert refused(run(*words)) == code
    with read(engine) as connection:
        assert repo_acting.of_resident(connection, HANAKO) == []
        assert repo_protection.of(connection, HANAKO) == []


def test_a_measure_is_set_renewed_listed_and_ended(engine: Engine) -> None:
    first: dict[str, Any] = told(run("protect", "set", "--resident", HANAKO, "--paper", "申出書 第1号", "--json"))
    with read(engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        other = repo_residents.get(connection, TARO)
    assert person is not None
    assert other is not None
    assert (person.household_id, other.household_id is None) == (None, False)
    again = told(run("protect", "set", "--resident", HANAKO, "--paper", "申出書 第2号", "--json"))
    assert (again["id"], again["version"]) == (first["id"], 2)
    assert [one["resident"] for one in told(run("protect", "list", "--json"))["protections"]] == [HANAKO]
    assert told(run("protect", "list", "--expiring", "--json"))["protections"] == []
    assert HANAKO in run("protect", "list").stdout
    assert told(run("protect", "end", "--resident", HANAKO, "--json"))["ended_at"]
    assert told(run("protect", "list", "--json"))["protections"] == []


def test_who_is_safe_at_home_keeps_it(engine: Engine) -> None:
    told(run("protect", "set", "--resident", HANAKO, "--paper", "申出書 第1号", "--safe-home", "--json"))
    with read(engine) as connection:
        person = repo_residents.get(connection, HANAKO)
    assert person is not None
    assert person.household_id is not None


def test_a_measure_does_not_begin_before_it_is_said_whom_the_telephone_reaches(engine: Engine) -> None:
    with write(engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        known = msgspec.structs.replace(person, phone="0234-26-1111", version=person.version + 1)
        repo_residents.edit(connection, known, NOW, actor="test", os_user="test")
    words = ("protect", "set", "--resident", HANAKO, "--paper", "申出書 第1号")
    for undecided in ((), ("--contacts", "perhaps")):
        assert refused(run(*words, *undecided)) == (Exit.USAGE, "contacts-undecided")
    assert told(run(*words, "--contacts", "clear", "--json"))["version"] == 1
    with read(engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        assert (person.phone, person.household_id) == (None, None)
    assert refused(run("protect", "set", "--resident", HANAKO, "--paper", "x", "--until", "9999-12-31")) == (
        Exit.REFUSED,
        "too-long",
    )
