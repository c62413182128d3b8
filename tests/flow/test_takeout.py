"""Everything of mine as one file, and that file brought into an empty house: the same records, byte for byte."""

from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.observation import Observation
from sqlalchemy import Engine

from engine.consent import permits
from engine.locale import LANGUAGES
from engine.refusal import Refusal
from engine.store import (
    repo_consents,
    repo_interests,
    repo_places,
)
from engine.store.database import check, read, write
from engine.takeout import BUNDLE, MANIFEST, OBSERVATIONS, ROWS
from engine.takeout_opening import Opened, opened
from engine.takeout_taking import Taken
from tests.flow.takeouts import (
    HERE,
    LATER,
    NOW,
    THERE,
    brought_in,
    elsewhere,
    empty,
    files_of,
    forged,
    house,
    rows_in,
    swap,
    taken_out,
    whole,
)
from tests.homes import HANAKO, HOUSEHOLD, TARO

__all__ = ["elsewhere", "empty", "house", "whole"]
# What says who did something in words of the house it was made in, or names the instant it was made at.
SPOKEN = {MANIFEST, BUNDLE, "tables/advice.csv", "tables/seen.csv", "tables/exceptional.csv"}
# What a town gave and did: read there, and no points, loan, letter or appointment of this town.
GIVEN = {f"tables/{name}.csv" for name in
         ("points", "teams", "programmes", "followed", "appointments", "letters", "loans", "watching")}  # fmt: skip


def test_what_was_taken_out_and_brought_in_is_taken_out_again_byte_for_byte(house: Engine, empty: Engine) -> None:
    content, manifest = taken_out(house, HERE)
    done = brought_in(empty, content, keep_consents=True)
    assert isinstance(done, Taken), done
    assert {name for name in ROWS if not done.counts.get(name)} == set()

    again, _ = taken_out(empty, THERE)
    first, second = files_of(content), files_of(again)
    assert first.keys() == second.keys()
    differ = {name for name in first if first[name] != second[name]}
    assert differ <= SPOKEN | GIVEN, differ
    assert {name: len(second[name].splitlines()) for name in GIVEN} == dict.fromkeys(GIVEN, 1), (
        "a head and nothing else"
    )
    assert [one.name for one in manifest.files if one.name in {BUNDLE, OBSERVATIONS}] == [OBSERVATIONS, BUNDLE]
    assert check(empty) == []


@pytest.mark.needs_postgresql
def test_records_of_one_kind_of_database_come_into_the_other_and_back(
    whole: bytes, elsewhere: Engine, empty: Engine
) -> None:
    assert isinstance(brought_in(elsewhere, whole, keep_consents=True), Taken)
    there, _ = taken_out(elsewhere, THERE)
    assert isinstance(brought_in(empty, there, keep_consents=True), Taken)
    rows = [{name: raw for name, raw in files_of(one).items() if name.startswith("rows/")}
            for one in (whole, there, taken_out(empty, THERE)[0])]  # fmt: skip
    assert rows[0] == rows[1] == rows[2]
    assert check(elsewhere) == []


def test_the_bundle_is_the_same_but_for_who_answers_for_advice(whole: bytes, empty: Engine) -> None:
    assert isinstance(brought_in(empty, whole, keep_consents=True), Taken)
    before, after = (_resources(files_of(one)) for one in (whole, taken_out(empty, THERE)[0]))
    named = {"Practitioner", "Communication", "Provenance", "CarePlan", "Goal"}
    assert {kind for kind, _ in before} >= {"Patient", "Consent", "Condition", "MedicationRequest", "Observation"}
    assert {key: body for key, body in before.items() if key[0] not in named} == {
        key: body for key, body in after.items() if key[0] not in named
    }


def _resources(files: dict[str, bytes]) -> dict[tuple[str, str], dict[str, Any]]:
    entries = json.loads(files[BUNDLE])["entry"]
    bodies = [json.loads(json.dumps(one["resource"])) for one in entries]
    for body in bodies:
        body.get("meta", {}).pop("lastUpdated", None)
    return {(body["resourceType"], body["id"]): body for body in bodies}


def test_the_bundle_and_every_observation_are_fhir(whole: bytes) -> None:
    files = files_of(whole)
    bundle = Bundle.model_validate_json(files[BUNDLE])
    assert bundle.type == "collection"
    entries = bundle.entry or []
    urls = {entry.fullUrl for entry in entries}
    assert len(urls) == len(entries) > 10
    observations = [Observation.model_validate_json(line) for line in files[OBSERVATIONS].splitlines()]
    assert len(observations) > 28


def test_words_of_staff_and_of_others_are_in_no_take_out(whole: bytes) -> None:
    said = b"".join(files_of(whole).values()).decode()
    assert "看護師の覚え書き" not in said
    assert TARO not in said
    assert repo_interests.pseudonym(HERE, HANAKO) not in said


def test_people_of_the_other_house_are_nobody_here_also_where_consents_are_kept(whole: bytes, empty: Engine) -> None:
    """Whoever writes an id that is here into a file does not see the record by it."""
    change = swap(
        "rows/consent.ndjson", b'"family-view","recipient":"m-aaaaaaaaaaaaa","kind":null,"granted":false',
        b'"family-view","recipient":"m-aaaaaaaaaaaaa","kind":null,"granted":true',
    )  # fmt: skip
    done = brought_in(empty, forged(whole, change), keep_consents=True)
    assert isinstance(done, Taken)
    assert done.ended == ("family-view",)
    with read(empty) as connection:
        events = repo_consents.history(connection, HANAKO)
    assert not permits(events, "family-view", "m-aaaaaaaaaaaaa", None, LATER).granted
    assert permits(events, "care-share", "choukai-net", None, LATER).granted


def test_nothing_agreed_to_elsewhere_holds_here_but_being_recorded(
    house: Engine, whole: bytes, empty: Engine
) -> None:  # fmt: skip
    done = brought_in(empty, whole)
    assert isinstance(done, Taken)
    assert set(done.ended) == {"advice", "nurse-review", "care-share", "interest-link", "open-statistics"}
    with read(empty) as connection:
        events = repo_consents.history(connection, HANAKO)
        liked = repo_interests.of(connection, repo_interests.pseudonym(THERE, HANAKO))
    held = [purpose for purpose in {event.purpose for event in events}
            if permits(events, purpose, None, None, LATER).granted]  # fmt: skip
    assert held == ["record"]
    assert not permits(events, "care-share", "choukai-net", None, LATER).granted
    assert liked == ()
    with read(house) as connection:
        before = repo_consents.history(connection, HANAKO)
    nameless = [msgspec.structs.replace(event, seq=0) for event in events]
    assert nameless[: len(before)] == [msgspec.structs.replace(event, seq=0) for event in before]


def test_a_person_is_brought_in_once(house: Engine, whole: bytes, empty: Engine) -> None:
    assert isinstance(brought_in(empty, whole), Taken)
    count = rows_in(empty)
    for engine in (empty, house):
        refused = brought_in(engine, whole)
        assert isinstance(refused, Refusal)
        assert refused.code == "id-taken"
    assert rows_in(empty) == count


def test_a_file_never_moves_somebody_into_a_home_that_is_here(whole: bytes, empty: Engine) -> None:
    with write(empty) as connection:
        for home in (HOUSEHOLD, "h-zzzzzzzzzzzzz"):
            repo_places.add_household(connection, repo_places.Household(id=home, municipality_code="062049"), NOW)
    refused = brought_in(empty, whole)
    assert isinstance(refused, Refusal)
    assert refused.code == "household-taken"
    moved = brought_in(empty, whole, household="h-zzzzzzzzzzzzz")
    assert isinstance(moved, Taken)
    assert moved.household == "h-zzzzzzzzzzzzz"
    again = files_of(taken_out(empty, THERE)[0])
    kept = {
        name: raw for name, raw in files_of(whole).items() if name in {"rows/reading.ndjson", "rows/measurement.ndjson"}
    }
    assert kept == {name: again[name] for name in kept}


def test_an_archive_tells_in_both_languages_what_it_is(whole: bytes) -> None:
    files = files_of(whole)
    assert all(len(files[f"README.{lang}.txt"].decode().splitlines()) > 5 for lang in LANGUAGES)
    assert isinstance(opened(io.BytesIO(whole)), Opened)
