"""Scopes and grants: what a program may be given, and that anything else is refused before it opens something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from engine.grants import (
    GROUPS,
    NARROWED,
    READABLE,
    Grant,
    Scope,
    draft,
    groups_of,
    hash_of,
    new_token,
    scope_of,
    scopes_of,
)
from engine.refusal import Refusal
from fhir_bridge.api_parameters import TABLE

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def made(*scopes: str, days: int = 30, name: str = "血圧手帳") -> Grant | Refusal:
    return draft(name, scopes, days, NOW, resident="r-hanakohanako2", issued_by="r-hanakohanako2")


def test_what_can_be_granted_is_exactly_what_the_api_serves() -> None:
    assert set(READABLE) == set(TABLE)
    assert all(names <= TABLE[kind].keys() for kind, names in NARROWED.items())


def test_every_group_of_the_page_is_made_of_scopes_there_are() -> None:
    for name, scopes in GROUPS.items():
        grant = made(*scopes)
        assert isinstance(grant, Grant)
        assert groups_of(grant) == (name,)
        assert len(scopes_of(grant)) == len(scopes)
        assert groups_of(msgspec.structs.replace(grant, scopes=("patient/Goal.r",))) == ("other",)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("patient/*.rs", Scope("*", read=True, search=True)),
        ("patient/Goal.r", Scope("Goal", read=True, search=False)),
        ("patient/Goal.s", Scope("Goal", read=False, search=True)),
        ("patient/Patient.read", Scope("Patient", read=True, search=True)),
        ("patient/Observation.rs?category=http://x|laboratory&code=4548-4",
         Scope("Observation", True, True, (("category", "http://x|laboratory"), ("code", "4548-4")))),
    ],
)  # fmt: skip
def test_scopes_of_smart_are_read(text: str, scope: Scope) -> None:
    assert scope_of(text) == scope


@pytest.mark.parametrize(
    "text",
    ["", "patient/*.cruds", "patient/Observation.write", "user/*.rs", "system/*.rs", "patient/Task.rs", "patient/*.rs?code=1",
     "patient/Goal.rs?category=x", "patient/Observation.rs?date=2026", "patient/Observation.rs?category=",
     "patient/Observation.rs?", "patient/observation.rs", "openid", "patient/Observation.rs?x"],
)  # fmt: skip
def test_whatever_else_is_no_scope(text: str) -> None:
    assert isinstance(scope_of(text), Refusal)


def test_a_grant_needs_a_name_a_scope_and_an_end_within_a_year() -> None:
    said = [made("patient/*.rs", name=" "), made(), made("patient/*.rs", days=366), made("patient/*.rs", days=0),
            made("patient/Task.rs"), made(*[f"patient/Observation.rs?code={n:0400}" for n in range(9)])]  # fmt: skip
    assert [one.code for one in said if isinstance(one, Refusal)] == [
        "empty", "no-scope", "bad-days", "bad-days", "bad-scope", "too-long",
    ]  # fmt: skip


def test_a_grant_holds_from_its_day_until_its_end_or_its_revocation() -> None:
    grant = made("patient/*.rs patient/Goal.rs", "patient/*.rs", days=1)
    assert isinstance(grant, Grant)
    assert grant.scopes == ("patient/*.rs", "patient/Goal.rs")
    assert [grant.holds(NOW + timedelta(hours=hours)) for hours in (-1, 0, 23, 24)] == [False, True, True, False]
    assert not msgspec.structs.replace(grant, revoked_at=NOW).holds(NOW)


def test_a_scope_this_program_does_not_know_any_more_opens_nothing() -> None:
    grant = made("patient/Goal.rs")
    assert isinstance(grant, Grant)
    assert scopes_of(msgspec.structs.replace(grant, scopes=("patient/Goal.rs", "patient/Robot.rs"))) == (
        Scope("Goal", read=True, search=True),
    )


def test_tokens_are_long_random_and_kept_as_hashes() -> None:
    tokens = {new_token(Random(seed)) for seed in range(50)}
    assert len(tokens) == 50
    assert {len(token) for token in tokens} == {len("minato_") + 43}
    assert all(token not in hash_of(token) and len(hash_of(token)) == 64 for token in tokens)
