"""Two residents of one home with something of every kind that a program can read, and words that tell whose it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select

from engine.care_entries import SORTS, Coding, Entry
from engine.clinical import Fact, Source
from engine.grants import Grant, draft
from engine.store import audit, repo_entries, repo_facts, repo_grants, repo_releases, repo_staff
from engine.store.audit import Link
from engine.store.database import open_engine, read, write
from engine.store.filing import By
from engine.store.repo_facts import By as FactBy
from engine.store.repo_staff import Member
from engine.store.tables import ADVICE, READING
from engine.store.tables_bridge import API_GRANT, CARE_ENTRY
from engine.store.tables_clinical import FACT
from engine.web.app import create_app
from engine.web.links import Links
from fhir_bridge.api import PREFIX, refusal_of, router_of
from tests.homes import HANAKO, TARO
from tests.stores import furnished_file
from tests.web.desks import NOW
from tests.web.resident_home import DAY, delivered, hear, reading

BASE = "http://127.0.0.1/fhir"
DESK = FactBy("s-nursenursenur", "t")
EVIDENCE: dict[str, Any] = {
    "as_of": "2026-11-20T18:00:00+09:00", "signals": {}, "red_flags": [],
    "goal": {"kind": "steps", "figures": {"goal": "6,000", "mean": "4,000"}, "rules": ["R-PA-1"]},
}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """Whose data they are: slot on the scale, values nobody else has, words that nobody else may read."""

    id: str
    slot: int
    kg: str
    hba1c: str
    word: str


HERS, HIS = Person(HANAKO, 1, "51.30", "6.1", "ハナコノ"), Person(TARO, 2, "88.70", "9.7", "タロウノ")
# Told by a laboratory yesterday, and by a hospital without a doctor's word: the page does not show them yet.
UNSEEN_VALUE, UNSEEN_WORD = "13.9", "マダミセナイ"


def furnish(engine: Engine) -> None:
    """Everything of both, and the nurse who signed."""
    member = Member(
        id=DESK.actor, login="suzuki", name="鈴木 保健師", roles=frozenset({"nurse"}), municipalities=frozenset({"062049"}),
        created_at=NOW - 90 * DAY,
    )  # fmt: skip
    with write(engine) as connection:
        assert isinstance(repo_staff.add(connection, member, By("admin", "t")), Member)
    for one in (HERS, HIS):
        hear(engine, *_readings(one))
        with write(engine) as connection:
            stored = repo_facts.append(connection, _facts(one), DESK, NOW - 30 * DAY, Random(one.slot)).stored
            condition = next(fact for fact in stored if fact.code == "has.diabetes")
            repo_releases.release(connection, condition.id, DESK, NOW - 20 * DAY)
            repo_facts.append(connection, [_unseen(one)], DESK, NOW - DAY, Random(10 + one.slot))
            told = repo_entries.append(connection, _entries(one), DESK, NOW - 30 * DAY, Random(20 + one.slot))
            for entry in told:
                if entry.name != UNSEEN_WORD:
                    repo_releases.release(connection, entry.id, DESK, NOW - 20 * DAY)
        delivered(engine, one.word[:3].translate(_LATIN) + "goal", resident_id=one.id, text_ja=f"{one.word}ジョゲン。",
                  evidence=EVIDENCE)  # fmt: skip


_LATIN = str.maketrans("ハナコタロウ", "hnktru")


def _readings(one: Person) -> list[Any]:
    made = [reading(one.slot, ago / 2 + 0.1, body_weight=one.kg) for ago in range(40)]
    made += [reading(one.slot, ago + 0.2, systolic="131", diastolic="78", pulse_rate="66") for ago in range(10)]
    return [*made, *(reading(one.slot, ago + 0.3, steps_day="5210") for ago in range(5))]


def _facts(one: Person) -> list[Fact]:
    at = NOW - 40 * DAY
    said: list[tuple[str, str, str | None, Source]] = [
        ("lab.hba1c", one.hba1c, "%", "lab"), ("bp.office.systolic", "142", "mm[Hg]", "checkup"),
        ("bp.office.diastolic", "88", "mm[Hg]", "checkup"), ("height", "160.0", "cm", "nurse"),
        ("has.diabetes", "1", None, "hospital"), ("med.insulin", "1", None, "resident"),
        ("allergy.to-food", "1", None, "resident"), ("wish.goal", "steps", None, "resident"),
        ("older75.01", "good", None, "resident"),
    ]  # fmt: skip
    return [
        Fact(resident=one.id, code=code, value=value, unit=unit, at=at, recorded_at=NOW - 30 * DAY, source=source,
             actor=DESK.actor, channel="desk")
        for code, value, unit, source in said
    ]  # fmt: skip


def _unseen(one: Person) -> Fact:
    return Fact(resident=one.id, code="lab.hba1c", value=UNSEEN_VALUE, unit="%", at=NOW - 2 * DAY, recorded_at=NOW - DAY,
                source="lab", actor=DESK.actor, channel="desk")  # fmt: skip


def _entries(one: Person) -> list[Entry]:
    names = [*(f"{one.word}{sort}" for sort in SORTS), UNSEEN_WORD]
    return [
        Entry(
            resident=one.id, sort=SORTS[number % len(SORTS)], name=name, detail=f"{one.word}ショウサイ",
            codes=(Coding(system="http://hl7.org/fhir/sid/icd-10", code="E11.9", display="2型糖尿病"),) if number == 1 else (),
            at=NOW - 60 * DAY, origin="choukai-net", remote=f"Thing/{one.id}-{number}", version="1",
            recorded_at=NOW - 30 * DAY,
        )
        for number, name in enumerate(names)
    ]  # fmt: skip


def ids_of(engine: Engine, one: Person) -> set[str]:
    """The id of every row that is this person's, and words and values nobody else has."""
    found = {one.id, one.word, f'"value":{one.kg}', f'"value":{one.hba1c}'}
    with read(engine) as connection:
        for table in (READING, FACT, CARE_ENTRY, ADVICE, API_GRANT):
            found |= set(connection.execute(select(table.c.id).where(table.c.resident_id == one.id)).scalars())
    return found


def grant(engine: Engine, *scopes: str, who: str = HANAKO, days: int = 30, name: str = "血圧手帳") -> tuple[str, Grant]:
    """A token and its grant, given by the resident."""
    with write(engine) as connection:
        made = draft(name, scopes or ("patient/*.rs",), days, NOW, resident=who, issued_by=who)
        assert isinstance(made, Grant), made
        issued = repo_grants.issue(connection, made, By(who, "t"), Random(f"{name}{who}{scopes}"))
    assert isinstance(issued, repo_grants.Issued)
    return issued.token, issued.grant


def opened(engine: Engine, clock: Sequence[Any] = (NOW,)) -> FastAPI:
    """The API alone; the clock is the first of `clock`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(router_of(engine, lambda: clock[0], os_user="t"))
    return app


def whole(engine: Engine, folder: Path, clock: Sequence[Any] = (NOW,)) -> FastAPI:
    """The API among the pages, behind their guard, as it is served."""
    api = router_of(engine, lambda: clock[0], os_user="t")
    return create_app(
        engine, Links(folder / "links"), lambda: clock[0], os_user="t", extras=[api], apart={PREFIX: refusal_of}
    )


def visitor(app: FastAPI, token: str | None) -> httpx.AsyncClient:
    """A program that holds a token."""
    heads = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"{BASE}/", headers=heads)


def looks(engine: Engine, actor: str) -> list[Link]:
    """What the audit chain says that somebody did."""
    with read(engine) as connection:
        assert audit.verify(connection) is None
        return [link for link in audit.entries(connection, limit=10_000) if link.actor == actor]


async def every(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    """All resources of a search, page by page."""
    found: list[dict[str, Any]] = []
    url: str | None = path
    while url:
        answer = await client.get(url)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [one["resource"] for one in page.get("entry", ())]
        assert page["total"] >= len(found)
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        assert url is None or url.startswith(f"{BASE}/")
    return found


@dataclass
class World:
    """The store, its clock, and a program that may read everything of HANAKO."""

    engine: Engine
    clock: list[datetime]
    token: str
    grant: str
    program: httpx.AsyncClient

    def other(self, token: str | None) -> httpx.AsyncClient:
        return visitor(opened(self.engine, self.clock), token)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("fhir") / "engine.sqlite"
    engine = furnished_file(path)
    furnish(engine)
    engine.dispose()
    return path.read_bytes()


@pytest.fixture
async def world(filled: bytes, tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "engine.sqlite").write_bytes(filled)
    engine = open_engine(f"sqlite:///{tmp_path / 'engine.sqlite'}")
    token, held = grant(engine)
    clock = [NOW]
    async with visitor(opened(engine, clock), token) as program:
        yield World(engine, clock, token, held.id, program)
    engine.dispose()


def outcome(answer: httpx.Response) -> str:
    """The code of the one issue of an OperationOutcome."""
    assert answer.headers["content-type"].startswith("application/fhir+json"), answer.text
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    [issue] = body["issue"]
    assert issue["severity"] == "error"
    code: str = issue["code"]
    return code
