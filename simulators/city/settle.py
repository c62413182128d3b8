"""A made-up city written into a store in bulk: the rows its gateways, desk and residents would have left there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Table, func, insert, select

from engine.consent_texts import text_hash
from engine.contract.ids import base32
from engine.interests import MOST, OWN
from engine.names import kana_key
from engine.people import Resident, Sex, search_key_of
from engine.sealing import Seal
from engine.situation import Detail
from engine.store import audit, repo_interests
from engine.store.database import insert_rows
from engine.store.instants import to_micros
from engine.store.repo_places import ZONE, seed_municipalities
from engine.store.tables import CONSENT, GATEWAY, HOUSEHOLD, MEASUREMENT, READING, RESIDENT
from engine.store.tables_rights import LIFE_EVENT, ONE_ID
from engine.store.tallies import note_people_changed
from simulators.city.people import Inhabitant, Town, Weighing, inhabitants

ISSUER: Final = "https://id.example.jp"
CLIENT: Final = "phr"
_MANY: Final = 1_000
_LENGTH: Final = 26


class Settled(msgspec.Struct, frozen=True):
    """How much was written."""

    people: int
    homes: int
    consents: int
    weighings: int


def is_empty(connection: Connection) -> bool:
    """Whether nobody lives in the store."""
    return connection.execute(select(func.count()).select_from(RESIDENT)).scalar_one() == 0


def settle(connection: Connection, town: Town, seal: Seal, now: datetime) -> Settled:
    """Writes everybody of `town` into a store without them, in the caller's transaction, with one audit entry."""
    seed_municipalities(connection)
    counts = [0, 0, 0, 0]
    seen: set[str] = set()
    for people in _parts(inhabitants(town)):
        homes = {one.home: one for one in people if one.home not in seen}
        seen |= homes.keys()
        _insert(connection, HOUSEHOLD, [_home(one) for one in homes.values()])
        _insert(connection, GATEWAY, [_gateway(one) for one in homes.values()])
        _insert(connection, RESIDENT, [_resident(one) for one in people])
        said = [row for one in people for row in _said(one)]
        _insert(connection, CONSENT, said)
        _insert(connection, LIFE_EVENT, [_death(one, one.died) for one in people if one.died is not None])
        _insert(connection, ONE_ID, [_one_id(one, one.subject) for one in people if one.subject is not None])
        weighed = weigh(connection, people)
        counts = [old + new for old, new in zip(counts, (len(people), len(homes), len(said), weighed), strict=True)]
    repo_interests.keep_many(connection, seal, liked(inhabitants(town), now))
    note_people_changed(connection)
    entry = audit.Entry(
        at=to_micros(now), actor="simulator", os_user="simulator", action="simulate-city", subject="city",
        detail_hash=audit.detail_hash(msgspec.to_builtins(town)),
    )  # fmt: skip
    audit.append(connection, entry)
    return Settled(*counts)


def liked(people: Iterable[Inhabitant], now: datetime) -> Iterator[tuple[str, Sequence[str]]]:
    """What is still held of who likes what: a no, once said, deleted it, and nobody chose again."""
    for one in people:
        said = [word for word in one.said if word.purpose == "interest-link" and word.recipient is not None]
        own = [word for word in said if word.recipient == OWN and word.at <= now]
        if one.person.interests and own and all(word.granted for word in own):
            yield one.id, one.person.interests[:MOST]


def weigh(connection: Connection, people: Iterable[Inhabitant]) -> int:
    """Writes what these people's scales told, and what else there is of weights; how many."""
    readings: list[tuple[Any, ...]] = []
    values: list[tuple[Any, ...]] = []
    for one in people:
        for number, weighing in enumerate(one.weighings):
            name = base32(hashlib.sha256(f"{one.id} {number}".encode()).digest(), _LENGTH)
            readings.append(_reading(one, weighing, name))
            kg = str(weighing.kg)
            at = to_micros(weighing.at)
            values.append((name, "body-weight", one.id, one.home, _near(one, "d"), at, kg, "kg", kg, "kg"))
    insert_rows(connection, READING, readings)
    insert_rows(connection, MEASUREMENT, values)
    return len(readings)


def _parts(people: Iterator[Inhabitant]) -> Iterator[list[Inhabitant]]:
    while part := list(islice(people, _MANY)):
        yield part


def _reading(one: Inhabitant, weighing: Weighing, name: str) -> tuple[Any, ...]:
    """The row of one weighing, in the order of the table's columns."""
    doubt, at = weighing.doubt, to_micros(weighing.at)
    provenance = {"typed": "self-reported", "filed": "imported"}.get(doubt or "", "bonded")
    source = {"typed": "manual", "filed": "import"}.get(doubt or "", "ble")
    certainty = "assumed" if doubt == "assumed" else "sure"
    return (
        name, one.home, _near(one, "g"), _near(one, "d"), one.id, certainty, "accepted", "sig-weight", None, source,
        provenance, 1, None, 0.4 if doubt == "camera" else None, at, "unknown" if doubt == "undated" else "device",
        None, at, at, name, doubt == "unproven", None,
    )  # fmt: skip


def _near(one: Inhabitant, role: str) -> str:
    """The gateway (g) or scale (d) of somebody's home."""
    return role + one.home[1:]


def _home(one: Inhabitant) -> dict[str, Any]:
    return {"id": one.home, "municipality_code": one.town, "zone": ZONE, "created_at": to_micros(one.joined)}


def _gateway(one: Inhabitant) -> dict[str, Any]:
    return {"id": _near(one, "g"), "household_id": one.home, "label": "", "created_at": to_micros(one.joined)}


def _resident(one: Inhabitant) -> dict[str, Any]:
    sex: Sex = "male" if one.person.sex == "male" else "female"
    who = Resident(
        id=one.id, household_id=one.home, municipality_code=one.town, family_name=one.family[0],
        given_name=one.given[0], family_kana=one.family[1], given_kana=one.given[1], birth_date=one.born,
        sex=sex, height_cm=one.height_cm, height_on=one.joined.date(),
        status="active" if one.died is None else "deceased",
    )  # fmt: skip
    texts = {
        "birth_date": one.born.isoformat(), "height_on": one.joined.date().isoformat(),
        "height_cm": None if one.height_cm is None else str(one.height_cm), "search_key": search_key_of(who),
        "kana_key": kana_key(who.family_kana, who.given_kana), "created_at": to_micros(one.joined),
    }  # fmt: skip
    return msgspec.structs.asdict(who) | texts


def _said(one: Inhabitant) -> Iterator[dict[str, Any]]:
    for word in one.said:
        yield {
            "resident_id": one.id, "purpose": word.purpose, "recipient": word.recipient, "kind": None,
            "granted": word.granted, "at": to_micros(word.at),
            "until": None if word.until is None else to_micros(word.until), "actor": one.id, "channel": "page",
            "text_hash": text_hash(word.purpose),
        }  # fmt: skip


def _death(one: Inhabitant, died: datetime) -> dict[str, Any]:
    detail = msgspec.json.encode(Detail(begun=True, over=True)).decode()
    return {
        "id": "f" + one.id[1:], "resident_id": one.id, "sort": "death", "since": to_micros(died), "until": None,
        "detail": detail, "by": "simulator", "at": to_micros(died), "taken_back_at": None, "taken_back_by": None,
        "reason": None, "version": 1,
    }  # fmt: skip


def _one_id(one: Inhabitant, subject: str) -> dict[str, Any]:
    return {
        "issuer": ISSUER, "client_id": CLIENT, "subject": subject, "holder": one.id, "how": "page", "by": one.id,
        "at": to_micros(one.joined), "ended_at": None, "ended_by": None, "reason": None,
    }  # fmt: skip


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)
