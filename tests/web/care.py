"""People of a second town, and things the pages of the caseload show: for the tests of those pages."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

import msgspec
from sqlalchemy import Engine

from engine.clinical import Fact
from engine.consent import Event, say
from engine.contract.reading import Value
from engine.entering import Entry, Moment, enter
from engine.picture import zone_of
from engine.store import filing, repo_consents, repo_facts, repo_places, repo_residents, repo_staff
from engine.store.database import write
from engine.store.repo_facts import By
from engine.store.repo_staff import Member
from tests.homes import HANAKO, TARO, consent, resident

NURSE, OTHER, WATCHER, HELP = "s-nursenursenur", "s-othernurseaab", "s-watcherwatche", "s-helpdeskhelpd"
STRANGER = "r-strangerstran"
YUZA = "064611"
BY = By(NURSE, "test")


def staff(engine: Engine, now: datetime) -> None:
    """Two nurses of Sakata and one of Yuza in the list of accounts."""
    people = ((NURSE, "鈴木 春", "062049"), (OTHER, "佐藤 夏", "062049"), ("s-yuzanurseyuza", "高橋 秋", YUZA))
    with write(engine) as connection:
        for number, (name, called, town) in enumerate(people):
            member = Member(
                id=name, login=f"nurse{number}", name=called, roles=frozenset({"nurse"}),
                municipalities=frozenset({town}), created_at=now,
            )  # fmt: skip
            assert not hasattr(repo_staff.add(connection, member, filing.By(NURSE, "test")), "code")


def stranger(engine: Engine, now: datetime) -> str:
    """Somebody of another town, who agreed to everything there."""
    person = msgspec.structs.replace(
        resident(STRANGER, "次郎", date(1960, 1, 2)), household_id=None, municipality_code=YUZA,
        family_name="よその", family_kana="ヨソノ", given_kana="ジロウ",
    )  # fmt: skip
    with write(engine) as connection:
        repo_places.seed_municipalities(connection)
        repo_residents.add(connection, person, now, actor="test", os_user="test")
        for purpose in ("record", "advice", "nurse-review"):
            repo_consents.append(connection, consent(person.id, purpose), os_user="test")
    return person.id


def withdraw(engine: Engine, name: str, purpose: str, now: datetime) -> None:
    """A consent taken back just now."""
    with write(engine) as connection:
        repo_consents.append(connection, consent(name, purpose, granted=False, at=now), os_user="test")


def watched_by(engine: Engine, name: str, watcher: str, now: datetime, *, granted: bool = True) -> None:
    """The resident lets this very person watch over them, or no longer."""
    draft = {"resident": name, "purpose": "watch-over", "granted": granted, "at": now, "recipient": watcher}
    said = say(msgspec.convert(draft, Event))
    assert isinstance(said, Event)
    with write(engine) as connection:
        repo_consents.append(connection, said, os_user="test")


def weighed(engine: Engine, name: str, now: datetime, kg: list[str]) -> None:
    """One weighing a day, the last of them yesterday."""
    with write(engine) as connection:
        person = repo_residents.get(connection, name)
        assert person is not None
        for ago, weight in enumerate(reversed(kg), 1):
            moment = Moment(now - timedelta(days=ago), told=True)
            entry = Entry(
                person=person, values=(Value("body-weight", weight, "kg"),), moment=moment,
                zone=zone_of(connection, person), actor="test", os_user="test",
            )  # fmt: skip
            enter(connection, entry, now)


def told(engine: Engine, name: str, at: datetime, *facts: tuple[str, str, str | None]) -> list[str]:
    """Facts of a check-up; their ids."""
    made = [
        Fact(resident=name, code=code, value=value, unit=unit, at=at, source="checkup", actor="import",
             channel="import", recorded_at=at)
        for code, value, unit in facts
    ]  # fmt: skip
    with write(engine) as connection:
        return [fact.id for fact in repo_facts.append(connection, made, BY, at, Random(str(at))).stored]


__all__ = ["HANAKO", "TARO", "Decimal"]
