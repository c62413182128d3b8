"""People with accounts, codes and cards, made as the desk makes them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from random import Random

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine

from engine import passwords
from engine.access import Role
from engine.consent import Event
from engine.contract.ids import new_id
from engine.identity_staff import about_totp
from engine.sealing import seal_of
from engine.store import repo_codes, repo_consents, repo_family, repo_staff
from engine.store.database import write
from engine.store.filing import By
from engine.store.repo_codes import Issued, Kind
from engine.store.repo_staff import Keys, Member
from tests.homes import HANAKO

PASSWORD = "つゆ草と青い傘と雨"  # eight characters would not do; NFKC leaves these as they are
PASSWORD += "あがり2026"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
BY = By("test", "test")
LIGHT = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def hashed() -> str:
    return passwords.hash_of(PASSWORD)


def employ(
    engine: Engine,
    now: datetime,
    *roles: Role,
    login: str = "suzuki",
    name: str = "鈴木 保健師",
    towns: Collection[str] = ("062049",),
) -> Member:
    """Somebody with an account, a password and an authenticator."""
    member = Member(
        id=new_id("s", Random(login)), login=login, name=name, roles=frozenset(roles), municipalities=frozenset(towns),
        created_at=now,
    )  # fmt: skip
    with write(engine) as connection:
        stored = repo_staff.add(connection, member, BY)
        assert isinstance(stored, Member)
        sealed = seal_of(None).seal(SECRET, about_totp(member.id))
        repo_staff.keep_keys(connection, member.id, Keys(password_hash=hashed(), totp_secret=sealed))
    return member


def totp(now: datetime, *, steps: int = 0) -> str:
    """What the authenticator shows at that moment, or some steps of 30 seconds from it."""
    return pyotp.TOTP(SECRET).at(now, counter_offset=steps)


def entry(now: datetime, login: str = "suzuki", **more: str) -> dict[str, str]:
    """The staff form, filled in rightly unless `more` says otherwise."""
    return {"way": "staff", "login": login, "password": PASSWORD, "totp": totp(now)} | more


def hand_over(engine: Engine, subject: str, now: datetime, kind: Kind = "code", seed: int = 1) -> Issued:
    with write(engine) as connection:
        return repo_codes.issue(connection, subject, kind, now, BY, Random(seed))


def relative(engine: Engine, now: datetime, resident: str = HANAKO, name: str = "山田 次郎") -> repo_family.Member:
    """A family member whom a resident lets look."""
    with write(engine) as connection:
        member = repo_family.add(connection, name, "長男", "ja", now, Random(name))
        said = Event(resident=resident, purpose="family-view", granted=True, at=now, recipient=member.id)
        repo_consents.append(connection, said, os_user="test")
        return member


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing: what is tested is who gets in, not how long that takes."""
    monkeypatch.setattr(passwords, "_HASHER", LIGHT)
    monkeypatch.setattr(passwords, "_DUMMY", [])
