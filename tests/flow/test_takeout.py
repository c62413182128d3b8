"""Everything of mine as one file, and that file brought into an empty house: the same records, byte for byte."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.observation import Observation
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select

from engine.clinical import Fact
from engine.consent import Event, permits, say
from engine.interests import codes
from engine.locale import LANGUAGES
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
    repo_places,
    repo_requests,
    repo_residents,
    repo_responses,
)
from engine.store.database import check, open_engine, read, write
from engine.store.filing import By
from engine.store.rows import Row
from engine.store.tables_rights import CONSENT_SOURCE
from engine.takeout import BUNDLE, MANIFEST, NOT_REPEATED, OBSERVATIONS, ROWS, Manifest
from engine.takeout_opening import Opened, opened
from engine.takeout_store import write_takeout
from engine.takeout_taking import Taken, take
from fhir_bridge.takeout import bundle_of
from tests.homes import HANAKO, HOUSEHOLD, TARO
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


@pytest.fixture(scope="module")
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
        told = item("k", resident_id=HANAKO, id="a-kkkkkkkkkkkkk", state="delivered", decided_by="s-nurse",
                    reason="看護師の覚え書き", created_at=NOW - DAY, updated_at=NOW - DAY)  # fmt: skip
        repo_advice.add(connection, told, rank(told, NOW), actor="engine", os_user="tester")
        repo_responses.say(connection, told.id, HANAKO, "useful", NOW)
        known = repo_facts.of_one(connection, HANAKO)
        repo_entries.tie(connection, [fact.id for fact in known], "choukai-net", "Observation/1", "3")
        signed = repo_consents.history(connection, HANAKO)[2]
        connection.execute(insert(CONSENT_SOURCE), {
            "seq": signed.seq, "resident_id": HANAKO, "sort": "paper", "reference": "0001", "sha256": "0" * 64,
            "by": "s-nurse", "at": 1})  # fmt: skip
    yield made
    made.dispose()


@pytest.fixture(scope="module")
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


def _rows(engine: Engine) -> int:
    with read(engine) as connection:
        return sum(len(connection.execute(select(table)).all()) for table in Row.metadata.tables.values())


def test_what_was_taken_out_and_brought_in_is_taken_out_again_byte_for_byte(house: Engine, empty: Engine) -> None:
    content, manifest = taken_out(house, HERE)
    done = brought_in(empty, content, keep_consents=True)
    assert isinstance(done, Taken), done
    assert {name for name in ROWS if not done.counts.get(name)} == set()

    again, _ = taken_out(empty, THERE)
    first, second = files_of(content), files_of(again)
    assert first.keys() == second.keys()
    differ = {name for name in first if first[name] != second[name]}
    assert differ <= NOT_REPEATED, differ
    assert [one.name for one in manifest.files if one.name in {BUNDLE, OBSERVATIONS}] == [OBSERVATIONS, BUNDLE]
    assert check(empty) == []


@pytest.mark.needs_postgresql
def test_records_of_one_kind_of_database_come_into_the_other_and_back(
    house: Engine, elsewhere: Engine, empty: Engine
) -> None:
    content, _ = taken_out(house, HERE)
    assert isinstance(brought_in(elsewhere, content, keep_consents=True), Taken)
    there, _ = taken_out(elsewhere, THERE)
    assert isinstance(brought_in(empty, there, keep_consents=True), Taken)
    rows = [{name: raw for name, raw in files_of(one).items() if name.startswith("rows/")}
            for one in (content, there, taken_out(empty, THERE)[0])]  # fmt: skip
    assert rows[0] == rows[1] == rows[2]
    assert check(elsewhere) == []


def test_the_bundle_is_the_same_but_for_who_answers_for_advice(house: Engine, empty: Engine) -> None:
    content, _ = taken_out(house, HERE)
    assert isinstance(brought_in(empty, content, keep_consents=True), Taken)
    before, after = (_resources(files_of(one)) for one in (content, taken_out(empty, THERE)[0]))
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


def test_words_of_staff_and_of_others_are_in_no_take_out(house: Engine) -> None:
    content, _ = taken_out(house, HERE)
    whole = b"".join(files_of(content).values()).decode()
    assert "看護師の覚え書き" not in whole
    assert TARO not in whole
    assert repo_interests.pseudonym(HERE, HANAKO) not in whole


def test_nothing_agreed_to_elsewhere_holds_here_but_being_recorded(house: Engine, empty: Engine) -> None:
    done = brought_in(empty, taken_out(house, HERE)[0])
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


def test_a_person_is_brought_in_once(house: Engine, empty: Engine) -> None:
    content, _ = taken_out(house, HERE)
    assert isinstance(brought_in(empty, content), Taken)
    count = _rows(empty)
    for engine in (empty, house):
        refused = brought_in(engine, content)
        assert isinstance(refused, Refusal)
        assert refused.code == "id-taken"
    assert _rows(empty) == count


def test_a_file_never_moves_somebody_into_a_home_that_is_here(house: Engine, empty: Engine) -> None:
    content, _ = taken_out(house, HERE)
    with write(empty) as connection:
        for home in (HOUSEHOLD, "h-zzzzzzzzzzzzz"):
            repo_places.add_household(connection, repo_places.Household(id=home, municipality_code="062049"), NOW)
    refused = brought_in(empty, content)
    assert isinstance(refused, Refusal)
    assert refused.code == "household-taken"
    moved = brought_in(empty, content, household="h-zzzzzzzzzzzzz")
    assert isinstance(moved, Taken)
    assert moved.household == "h-zzzzzzzzzzzzz"
    again = files_of(taken_out(empty, THERE)[0])
    kept = {
        name: raw
        for name, raw in files_of(content).items()
        if name in {"rows/reading.ndjson", "rows/measurement.ndjson"}
    }
    assert kept == {name: again[name] for name in kept}


def _forged(content: bytes, change: Callable[[dict[str, bytes]], object], *, seal: bool = True) -> bytes:
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


def _swap(name: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], object]:
    def change(files: dict[str, bytes]) -> None:
        assert old in files[name], name
        files[name] = files[name].replace(old, new, 1)

    return change


FORGED: dict[str, tuple[str, Callable[[dict[str, bytes]], object], bool]] = {
    "a changed number": ("changed", _swap("rows/measurement.ndjson", b'"60.00"', b'"61.00"'), False),
    "a file that is missing": ("missing-file", lambda files: files.pop("rows/fact.ndjson"), False),
    "a file of no list": ("unlisted-file", lambda files: files.update({"rows/more.ndjson": b""}), False),
    "a path out of it": ("unsafe-path", lambda files: files.update({"../engine.sqlite": b"x"}), False),
    "no list": ("not-ours", lambda files: files.pop(MANIFEST), False),
    "a later version": ("newer", _swap(MANIFEST, b'"version": 1', b'"version": 2'), False),
    "another's reading": ("bad-record", _swap("rows/reading.ndjson", HANAKO.encode(), TARO.encode()), True),
    "another's consent": ("bad-record", _swap("rows/consent.ndjson", HANAKO.encode(), TARO.encode()), True),
    "advice that waits": ("bad-record", _swap("rows/advice.ndjson", b'"delivered"', b'"approved"'), True),
    "no number": ("bad-record", _swap("rows/measurement.ndjson", b'"60.00"', b'"sixty"'), True),
    "no column": ("bad-record", _swap("rows/fact.ndjson", b'"code"', b'"coda"'), True),
    "a fact nobody can read": ("bad-record", _swap("rows/fact.ndjson", b'"checkup"', b'"dreamed"'), True),
    "an interest nobody offers": ("bad-record", _swap("rows/interest.ndjson", codes()[0].encode(), b"gambling"), True),
    "no line of JSON": ("bad-record", _swap("rows/request.ndjson", b"{", b"["), True),
    "a yes of tomorrow": ("bad-record", _swap("rows/consent.ndjson", b'"at":1', b'"at":9'), True),
}

WHERE = {
    "another's reading": "reading, line 1: foreign", "another's consent": "consent, line 1: foreign",
    "advice that waits": "advice, line 1: state", "no number": "measurement, line", "no column": "fact, line 1: columns",
    "a fact nobody can read": "cannot be read", "an interest nobody offers": "interest: unknown",
    "no line of JSON": "request", "a yes of tomorrow": "consent, line 1: value",
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_changed_or_made_up_file_is_refused_with_its_reason_and_leaves_nothing(
    house: Engine, empty: Engine, name: str
) -> None:
    code, change, seal = FORGED[name]
    content = _forged(taken_out(house, HERE)[0], change, seal=seal)
    before = _rows(empty)
    refused = brought_in(empty, content)
    assert isinstance(refused, Refusal), refused
    assert refused.code == code, refused
    assert code != "bad-record" or refused.message.startswith((WHERE[name], "cannot be read again")), refused
    assert _rows(empty) == before


def test_a_bomb_is_refused_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("manifest.json", "w") as raw:
        for _ in range(70):
            raw.write(b"0" * (1 << 20))
    with bomb.open("rb") as stream:
        refused = opened(stream)
    assert isinstance(refused, Refusal)
    assert refused.code == "zip-bomb"


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04 nothing", b"%PDF-1.7"])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    refused = opened(io.BytesIO(content))
    assert isinstance(refused, Refusal)
    assert refused.code == "damaged-zip"


def test_an_archive_tells_in_both_languages_what_it_is(house: Engine) -> None:
    files = files_of(taken_out(house, HERE)[0])
    assert all(len(files[f"README.{lang}.txt"].decode().splitlines()) > 5 for lang in LANGUAGES)
    assert isinstance(opened(io.BytesIO(taken_out(house, HERE)[0])), Opened)


_ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=9), st.lists(st.none(), max_size=1),
    st.sampled_from(["delivered", "accepted", TARO, HANAKO, HOUSEHOLD, "record", "62.30", "-1", "\0", "\ud800", 0, -1]),
)  # fmt: skip


@given(data=st.data())
@settings(max_examples=12)
def test_whatever_one_record_says_it_is_taken_whole_or_refused_with_a_reason_and_leaves_nothing(
    whole: bytes, data: st.DataObject
) -> None:
    table = data.draw(st.sampled_from(ROWS))

    def spoil(files: dict[str, bytes]) -> None:
        lines = files[f"rows/{table}.ndjson"].splitlines()
        number = data.draw(st.integers(0, len(lines) - 1))
        record = json.loads(lines[number])
        name = data.draw(st.sampled_from([*record, "more"]))
        way = data.draw(st.sampled_from(["value", "without", "twice"]))
        if way == "value":
            record[name] = data.draw(_ODD)
        elif way == "without":
            record.pop(name, None)
        else:
            lines.append(lines[number])
        lines[number] = json.dumps(record).encode()
        files[f"rows/{table}.ndjson"] = b"".join(line + b"\n" for line in lines)

    found = opened(io.BytesIO(_forged(whole, spoil)))
    assert isinstance(found, Opened)
    with tempfile.TemporaryDirectory() as folder:
        engine = migrated_file(Path(folder) / "there.sqlite")
        before = _rows(engine)
        done = take(engine, found, LATER, BY, THERE)
        if isinstance(done, Refusal):
            assert done.code in {"bad-record", "unknown-municipality"}, done
            assert _rows(engine) == before
        else:
            # What was taken can be shown and taken out again.
            taken_out(engine, THERE)
        engine.dispose()
