"""`phr audit`: whatever is done to the chain, by whoever has the database's password, is found and named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import typer
from sqlalchemy import Connection, Engine, delete, select, text, update
from typer.testing import CliRunner

from cli.audit import app
from cli.exits import Exit
from engine.sealing import Seal, seal_of
from engine.store import anchors, audit
from engine.store.database import read, write
from engine.store.tables import AUDIT
from tests.flow.furnished import engine, store

__all__ = ["engine", "store"]
pytestmark = [pytest.mark.flow]
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
COLUMNS = ("at", "actor", "os_user", "action", "subject", "detail_hash", "prev", "hash")


def run(*words: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(_root(), [*words, "--json"])
    return done.exit_code, json.loads(done.stdout.splitlines()[-1])


def _root() -> typer.Typer:
    root = typer.Typer()
    root.add_typer(app, name="audit")
    return root


def extend(connection: Connection, length: int = 12) -> None:
    for number in range(length):
        entry = audit.Entry(
            at=number, actor="s-a", os_user="o", action="x", subject=f"r-{number}", detail_hash="d" * 64
        )
        audit.append(connection, entry)


def unlocked(connection: Connection) -> None:
    for verb in ("update", "delete"):
        table = " ON audit" if connection.dialect.name == "postgresql" else ""
        connection.execute(text(f"DROP TRIGGER IF EXISTS audit_{verb}_refused{table}"))


def forge(connection: Connection, rng: Random) -> str:
    """One tampering: a flipped bit, a lost row, two rows that change places, or everything from a row on cut off."""
    rows = [dict(row) for row in connection.execute(select(AUDIT).order_by(AUDIT.c.seq)).mappings()]
    kind, row = rng.choice(["flip", "flip", "flip", "delete", "reorder", "cut", "remake"]), rng.choice(rows)
    here = AUDIT.c.seq == row["seq"]
    if kind == "flip":
        column = rng.choice([name for name in COLUMNS if row[name] != ""])
        connection.execute(update(AUDIT).where(here).values({column: flipped(row[column], rng)}))
        return f"flip {column} of {row['seq']}"
    if kind == "delete":
        connection.execute(delete(AUDIT).where(here))
    elif kind == "cut":
        connection.execute(delete(AUDIT).where(AUDIT.c.seq >= row["seq"]))
    elif kind == "reorder":
        other = rng.choice([one for one in rows if one["seq"] != row["seq"]])
        # The unique `prev` lets no two rows hold the same one even for a moment.
        connection.execute(update(AUDIT).where(here).values(prev="x"))
        swapped = {column: row[column] for column in COLUMNS}
        connection.execute(update(AUDIT).where(AUDIT.c.seq == other["seq"]).values(swapped))
        connection.execute(update(AUDIT).where(here).values({column: other[column] for column in COLUMNS}))
    else:
        remake(connection, row["seq"], rows)
    return f"{kind} {row['seq']}"


def remake(connection: Connection, seq: int, rows: list[dict[str, Any]]) -> None:
    """Change an entry and compute every hash after it anew, as the program itself would have."""
    prev = ""
    for row in rows:
        if row["seq"] < seq:
            prev = row["hash"]
            continue
        fields = {name: row[name] for name in audit.Entry.__struct_fields__}
        if row["seq"] == seq:
            fields["actor"] = "s-somebodyelse"
            prev = row["prev"]
        made = audit.link_hash(prev, audit.Entry(**fields))
        values = fields | {"prev": prev, "hash": made}
        connection.execute(update(AUDIT).where(AUDIT.c.seq == row["seq"]).values(values))
        prev = made


def flipped(value: str | int, rng: Random) -> str | int:
    """The value with one bit the other way round; in a text one of the low five, so that it stays a text."""
    if isinstance(value, int):
        return value ^ (1 << rng.randrange(40))
    place = rng.randrange(len(value))
    return value[:place] + chr(ord(value[place]) ^ (1 << rng.randrange(5))) + value[place + 1 :]


def test_any_tampering_up_to_the_last_anchor_is_found(store: Engine, tmp_path: Path) -> None:
    rng, seal = Random(20261121), Seal(b"k" * 32)
    with write(store) as connection:
        extend(connection)
        unlocked(connection)
        anchors.anchor(connection, tmp_path, seal, NOW)
        extend(connection)
        anchors.anchor(connection, tmp_path, seal, NOW + timedelta(hours=1))
    with read(store) as connection:
        assert anchors.verify(connection, tmp_path, seal) is None
    with write(store) as connection:
        for _ in range(300):
            before = connection.begin_nested()
            done = forge(connection, rng)
            assert anchors.verify(connection, tmp_path, seal) is not None, done
            before.rollback()
        assert anchors.verify(connection, tmp_path, seal) is None


def test_what_is_cut_off_or_made_anew_is_named(engine: Engine, tmp_path: Path) -> None:
    home = tmp_path / "phr"
    with write(engine) as connection:
        extend(connection)
        unlocked(connection)
    code, said = run("audit", "anchor")
    assert code == Exit.DONE
    [line] = (home / "audit-heads").read_text(encoding="ascii").splitlines()
    assert line.split(" ")[1:3] == [str(said["seq"]), said["hash"]]
    assert run("audit", "verify") == (Exit.DONE, {"sound": True, "head": said["seq"]})
    with write(engine) as connection:
        connection.execute(delete(AUDIT).where(AUDIT.c.seq > said["seq"] - 3))
    assert run("audit", "verify") == (Exit.DAMAGED, {"sound": False, "fault": "cut", "seq": said["seq"] - 2})
    with write(engine) as connection:
        extend(connection)
    again = run("audit", "verify")
    assert again == (Exit.DAMAGED, {"sound": False, "fault": "cut", "seq": said["seq"] - 2}), "filling up hides nothing"


def test_an_anchor_that_this_machine_did_not_write_is_named_by_its_line(engine: Engine, tmp_path: Path) -> None:
    run("audit", "anchor")
    run("audit", "anchor")
    place = tmp_path / "phr" / "audit-heads"
    lines = place.read_text(encoding="ascii").splitlines()
    for second in (lines[1].replace(" ", "  "), lines[1][:-1] + ("0" if lines[1][-1] != "0" else "1"), "é", ""):
        place.write_text(f"{lines[0]}\n{second}\n", encoding="utf-8")
        assert run("audit", "verify") == (Exit.DAMAGED, {"sound": False, "fault": "anchors", "seq": 2})
    other = seal_of(tmp_path / "elsewhere")
    with read(engine) as connection:
        fault = anchors.verify(connection, tmp_path / "phr", other)
    assert fault is not None
    assert fault.code == "anchors"


def test_entries_are_shown_newest_first_without_a_value(engine: Engine) -> None:
    code, said = run("audit", "show", "--action", "resident-add", "--limit", "1")
    assert code == Exit.DONE
    [entry] = said["entries"]
    assert entry["subject"] == "r-tarotarotaro3"
    assert "山田" not in json.dumps(entry, ensure_ascii=False)
    assert run("audit", "head")[1]["seq"] >= entry["seq"]
