"""What the city says in the tests: its people, its lists, and a resident it knows by a number."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from sqlalchemy import Engine

from engine import exchange_csv, protection
from engine.exchange_deciding import Decision, Done, decide
from engine.exchange_giving import Gave, Giving, give
from engine.exchange_mapping import shipped
from engine.exchange_rows import Said, cells_of
from engine.exchange_taking import Given, Report, take
from engine.protection import Protection
from engine.refusal import Refusal
from engine.store import (
    protecting,
    repo_contacts,
    repo_exchange,
    repo_life,
    repo_residents,
)
from engine.store.database import read, write
from engine.store.filing import By
from tests.homes import HANAKO, NOW

TOWN, NURSE, CITY = "062049", By("s-nursenursenur", "test"), By("city", "test")
A, B = shipped()["example-a"], shipped()["example-b"]
DAY = timedelta(days=1)
HERE = Said(
    number="1001", family="山田", given="花子", family_kana="ヤマダ", given_kana="ハナコ", birth=date(1951, 5, 5),
    sex="female", state="lives", address="酒田市本町1-1", insured="123",
)  # fmt: skip
ELSE = msgspec.structs.replace(HERE, number="2002", given="次郎", given_kana="ジロウ", birth=date(1980, 1, 1))


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
