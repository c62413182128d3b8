"""A house with somebody in it whose everything is taken out, and houses it is brought into."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, insert, select

from engine.clinical import Fact
from engine.consent import Event, say
from engine.interests import codes
from engine.refusal import Refusal
from engine.review import rank
from engine.sealing import Seal
from engine.store import (
    repo_addresses,
    repo_advice,
    repo_consents,
    repo_entries,
    repo_facts,
    repo_interests,
    repo_requests,
    repo_residents,
    repo_responses,
)
from engine.store.database import open_engine, read, write
from engine.store.filing import By
from engine.store.rows import Row
from engine.store.tables_rights import CONSENT_SOURCE
from engine.takeout import MANIFEST, Manifest
from engine.takeout_opening import opened
from engine.takeout_store import write_takeout
from engine.takeout_taking import Taken, take
from fhir_bridge.takeout import bundle_of
from tests.flow.followed_home import follow_up
from tests.homes import HANAKO
from tests.stores import migrated_database, migrated_file
from tests.web import brought, seeding
from tests.web.desks import item

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
BY = By("s-nurse", "tester")
HERE, THERE = Seal(b"h" * 32), Seal(b"t" * 32)
DAY = timedelta(days=1)


def _say(engine: Engine, purpose: str, recipient: str | None = None, *, granted: bool = True) -> None:
    said = say(msgspec.convert({"resident": HANAKO, "purpose": purpose, "granted": granted, "at": NOW - 9 * DAY,
                                "recipient": recipient, "actor": HANAKO, "channel": "page"}, Event))  # fmt: skip
    assert isinstance(said, Event)
    with write(engine) as connection:
        repo_consents.append(connection, said, os_user="tester", seal=HERE)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Hanako with something of every kind; no test here changes anything in it."""
    made = migrated_file(tmp_path_factory.mktemp("house") / "here.sqlite")
    seeding.seed(made, NOW - 2 * DAY)
    _say(made, "open-statistics")
    _say(made, "care-share", "choukai-net")
    _say(made, "family-view", "m-aaaaaaaaaaaaa", granted=False)
    _say(made, "interest-link", "minato-phr")
    with write(made) as connection:
        brought.bring(connection, NOW - DAY)
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        facts = [Fact(resident=HANAKO, code="lab.hba1c", value=value, at=NOW - 30 * DAY, source="checkup", raw=f"{value} ％",
                      recorded_at=NOW - 20 * DAY)
                 for value in ("6.10", "5.90")]  # fmt: skip
        repo_facts.append(connection, facts, repo_facts.By(HANAKO, "tester"), NOW - 20 * DAY, Random(3))
        repo_requests.add(connection, person, "ask", "血圧の 薬は?\n＝SUM(1)", None, NOW - DAY, Random(5))
        repo_interests.keep(connection, repo_interests.pseudonym(HERE, HANAKO), codes()[:2])
        repo_addresses.add(connection, HERE, HANAKO, "mail", "hanako@example.jp", NOW, Random(1), verified=True)
        told = item("k", "soon", resident_id=HANAKO, id="a-kkkkkkkkkkkkk", state="delivered", decided_by="s-nurse",
                    reason="看護師の覚え書き", created_at=NOW - DAY, updated_at=NOW - DAY)  # fmt: skip
        repo_advice.add(connection, told, rank(told, NOW), actor="engine", os_user="tester")
        repo_responses.say(connection, told.id, HANAKO, "useful", NOW)
        follow_up(connection, person, told, NOW)
        known = repo_facts.of_one(connection, HANAKO)
        repo_entries.tie(connection, [fact.id for fact in known], "choukai-net", "Observation/1", "3")
        signed = repo_consents.history(connection, HANAKO)[2]
        connection.execute(insert(CONSENT_SOURCE), {
            "seq": signed.seq, "resident_id": HANAKO, "sort": "paper", "reference": "0001", "sha256": "0" * 64,
            "by": "s-nurse", "at": 1})  # fmt: skip
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def whole(house: Engine) -> bytes:
    """Her take-out."""
    return taken_out(house, HERE)[0]


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Engine]:
    made = migrated_file(tmp_path / "there.sqlite")
    yield made
    made.dispose()


@pytest.fixture
def elsewhere(postgres: str) -> Iterator[Engine]:
    """A house on the other database."""
    with migrated_database(postgres) as url:
        made = open_engine(url)
        yield made
        made.dispose()


def taken_out(engine: Engine, seal: Seal, now: datetime = LATER) -> tuple[bytes, Manifest]:
    target = io.BytesIO()
    with read(engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        made = write_takeout(connection, target, person, now, "ja", seal, bundle_of)
    return target.getvalue(), made


def files_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def brought_in(engine: Engine, content: bytes, **how: Any) -> Taken | Refusal:
    found = opened(io.BytesIO(content))
    return found if isinstance(found, Refusal) else take(engine, found, LATER, BY, THERE, **how)


def rows_in(engine: Engine) -> int:
    with read(engine) as connection:
        return sum(len(connection.execute(select(table)).all()) for table in Row.metadata.tables.values())


def forged(content: bytes, change: Callable[[dict[str, bytes]], object], *, seal: bool = True) -> bytes:
    """The archive with other files; with `seal` its list is made to fit, as whoever forges one would."""
    import hashlib

    files = files_of(content)
    change(files)
    if seal:
        listed = json.loads(files[MANIFEST])
        for one in listed["files"]:
            if one["name"] in files:
                raw = files[one["name"]]
                one |= {"sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
        files[MANIFEST] = json.dumps(listed).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return target.getvalue()


def swap(name: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], object]:
    def change(files: dict[str, bytes]) -> None:
        assert old in files[name], name
        files[name] = files[name].replace(old, new, 1)

    return change
