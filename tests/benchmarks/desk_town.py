"""A town for the desk's benchmark: 40,000 residents and 10,000 open items, of real drafts, put in by bulk inserts."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Engine, Table, insert, select

from engine.contract.ids import ALPHABET, LENGTH
from engine.ranking import rank
from engine.store import repo_advice
from engine.store.database import Connection, read, write
from engine.store.instants import to_micros
from engine.store.tables import ADVICE, ADVICE_EVENT, CONSENT, MEASUREMENT, READING, RESIDENT
from tests.homes import HANAKO, TARO
from tests.web.seeding import seed

RESIDENTS: Final = 40_000
ITEMS: Final = 10_000
# Residents with readings of their own: those whose items are opened. The others' rows are never asked for.
MEASURED: Final = 600
FAMILIES: Final = (
    ("山田", "ヤマダ"),
    ("佐藤", "サトウ"),
    ("鈴木", "スズキ"),
    ("高橋", "タカハシ"),
    ("齋藤", "サイトウ"),
)
GIVEN: Final = (("花子", "ハナコ"), ("太郎", "タロウ"), ("和子", "カズコ"), ("正", "タダシ"), ("幸子", "サチコ"))
Rows = list[dict[str, Any]]


def furnish_town(engine: Engine, residents: int = RESIDENTS, items: int = ITEMS, measured: int = MEASURED) -> list[str]:
    """Fills a migrated store; the ids of the items whose residents have readings, in no order."""
    now, rng = datetime.now(UTC), random.Random(5)
    seed(engine, now)
    with read(engine) as connection:
        drafts = {one.resident_id: one for one in repo_advice.listed(connection)}
        readings = {who: _rows(connection, READING, who) for who in drafts}
        values = {who: _rows(connection, MEASUREMENT, who) for who in drafts}
        person = dict(connection.execute(select(RESIDENT).where(RESIDENT.c.id == HANAKO)).mappings().one())
        consents = _rows(connection, CONSENT, HANAKO)
    names = [_id("r", number) for number in range(residents)]
    people = [person | _someone(name, rng) for name in names]
    said: Rows = []
    for name in names:
        said += [{key: value for key, value in row.items() if key != "seq"} | {"resident_id": name} for row in consents]
    _insert(engine, RESIDENT, people)
    _insert(engine, CONSENT, said)
    waiting: Rows = []
    copied: dict[str, Rows] = {"reading": [], "measurement": []}
    for number in range(items):
        draft = drafts[(HANAKO, TARO)[number % 2]]
        own, evidence = names[number % residents], msgspec.json.encode(draft.evidence, order="sorted").decode()
        if number < measured:
            evidence = _copy(copied, readings[draft.resident_id], values[draft.resident_id], own, evidence)
        waiting.append(_item(number, draft, own, evidence, now - timedelta(minutes=rng.randrange(60 * 24 * 14))))
    _insert(engine, READING, copied["reading"])
    _insert(engine, MEASUREMENT, copied["measurement"])
    _insert(engine, ADVICE, waiting)
    _insert(engine, ADVICE_EVENT, [_born(row) for row in waiting])
    return [str(row["id"]) for row in waiting[:measured]]


def _id(letter: str, number: int) -> str:
    digits = ""
    for _ in range(LENGTH):
        number, rest = divmod(number, len(ALPHABET))
        digits = ALPHABET[rest] + digits
    return f"{letter}-{digits}"


def _someone(name: str, rng: random.Random) -> dict[str, Any]:
    (family, family_kana), (given, given_kana) = rng.choice(FAMILIES), rng.choice(GIVEN)
    return {
        "id": name, "family_name": family, "given_name": given, "family_kana": family_kana, "given_kana": given_kana,
        "search_key": f"{family_kana}{given_kana}", "birth_date": f"{rng.randrange(1930, 1995)}-05-05",
    }  # fmt: skip


def _item(number: int, draft: Any, resident: str, evidence: str, at: datetime) -> dict[str, Any]:
    """A draft of the engine as somebody else's, of a severity as they are spread in a town."""
    severity = "prompt" if number % 40 == 0 else "soon" if number % 8 == 0 else "routine"
    own = msgspec.structs.replace(draft, severity=severity, created_at=at, updated_at=at)
    place = rank(own, at)
    fields = {key: value for key, value in msgspec.structs.asdict(own).items() if key != "evidence"}
    return fields | {
        "id": _id("a", number), "resident_id": resident, "state": "open", "version": 1, "evidence": evidence,
        "created_at": to_micros(at), "updated_at": to_micros(at), "municipality_code": "062049", "shelf": "open",
        "tier": place.key[0], "place": place.key[1], "due_at": to_micros(at + timedelta(days=3)),
        "needs_contact": False, "assigned_to": None, "rank": msgspec.json.encode(place).decode(), "supersedes": None,
    }  # fmt: skip


def _copy(copied: dict[str, Rows], readings: Rows, values: Rows, own: str, evidence: str) -> str:
    """The same readings as another person's, and the evidence that names them."""
    renamed = {str(row["id"]): f"{row['id'][:-13]}{own[2:]}" for row in readings}
    copied["reading"] += [row | {"id": renamed[row["id"]], "resident_id": own} for row in readings]
    copied["measurement"] += [row | {"reading_id": renamed[row["reading_id"]], "resident_id": own} for row in values]
    for old, new in renamed.items():
        evidence = evidence.replace(old, new)
    return evidence


def _born(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "advice_id": row["id"], "at": row["created_at"], "actor": "engine", "os_user": "bench", "command": "create",
        "from_state": None, "to_state": "open", "version": 1, "reason": None, "batch": None,
    }  # fmt: skip


def _rows(connection: Connection, table: Table, resident: str) -> Rows:
    found = connection.execute(select(table).where(table.c.resident_id == resident)).mappings()
    return [dict(row) for row in found]


def _insert(engine: Engine, table: Table, rows: Rows) -> None:
    for start in range(0, len(rows), 10_000):
        with write(engine) as connection:
            connection.execute(insert(table), rows[start : start + 10_000])
