"""A reading of nobody is given to the person somebody names, and to nobody else."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli import inbox as inbox_cli
from cli.exits import Exit
from cli.output import Fail
from engine.contract import topics, wire
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import audit, inbox, repo_consents, repo_history
from engine.store.database import migrate, open_engine, read, write
from tests.flow.stores import store
from tests.homes import GATEWAY, HANAKO, NOW, TARO, consent, furnish, weighing
from tests.servers import postgres

__all__ = ["postgres", "store"]
NOBODYS = weighing(1, "61.20", slot=9)


def hear(engine: Engine) -> None:
    furnish(engine)
    payload = wire.encode_reading(NOBODYS)
    with write(engine) as connection:
        repo_consents.append(connection, consent(TARO, "record", granted=False, at=NOW), os_user="test")
        handle(connection, Facts(), [Delivery(1, 1, 1, topics.up(GATEWAY, "reading"), payload)], NOW)


def give(engine: Engine, reading: str, resident: str) -> str | None:
    with write(engine) as connection:
        refusal = inbox.assign(connection, reading, resident, NOW, actor="nurse", os_user="test")
    return refusal.code if refusal else None


def test_a_reading_of_nobody_becomes_its_owner_s_with_its_time_and_digits(store: Engine) -> None:
    hear(store)
    with read(store) as connection:
        (found,) = inbox.waiting(connection)
    assert (found.id, found.slot, found.values) == (NOBODYS.id, 9, (("body-weight", "61.20", "kg"),))
    assert give(store, NOBODYS.id, HANAKO) is None
    with read(store) as connection:
        (point,) = repo_history.history(connection, HANAKO, ["body-weight"], 0, 2**62)["body-weight"]
        assert inbox.waiting(connection) == []
        assert audit.verify(connection) is None
    assert (str(point.value), point.at, point.certainty) == ("61.20", NOBODYS.measured_at, "sure")


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


def test_what_has_an_owner_is_not_given_away_again(store: Engine) -> None:
    hear(store)
    assert give(store, NOBODYS.id, HANAKO) is None
    assert give(store, NOBODYS.id, HANAKO) == "already-assigned"


def test_the_commands_list_and_assign(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("PHR_HOME", str(tmp_path))
    engine = open_engine(f"sqlite:///{tmp_path}/engine.sqlite")
    migrate(engine)
    hear(engine)
    engine.dispose()
    listed = CliRunner().invoke(inbox_cli.app, ["list", "--json"])
    assert [item["id"] for item in json.loads(listed.stdout)["readings"]] == [NOBODYS.id]
    assert "61.20 kg" in CliRunner().invoke(inbox_cli.app, ["list"]).stdout
    assert CliRunner().invoke(inbox_cli.app, ["assign", NOBODYS.id, "--resident", HANAKO]).exit_code == 0
    again = CliRunner().invoke(inbox_cli.app, ["assign", NOBODYS.id, "--resident", HANAKO])
    assert isinstance(again.exception, Fail)
    assert again.exception.exit_code == Exit.ALREADY
