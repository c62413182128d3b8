"""Interests and services joined for one release: only where that link was agreed to, and never kept anywhere."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from cli.release import app
from engine.consent import Event
from engine.interests import OWN, codes
from engine.refusal import Refusal
from engine.store import repo_consents, repo_interests
from engine.store.database import open_engine, read, write
from engine.store.rows import Row
from fhir_bridge.aggregate_join import token
from fhir_bridge.privacy_units import Period
from fhir_bridge.releasing import Job, Made, prepared
from fhir_bridge.releasing_tastes import Tastes, tastes_of
from simulators.city.people import FIRST, ZONE, Inhabitant, holds, inhabitants
from simulators.city.rows import SERVICES
from simulators.city.stores import NOW, UNIT, WHO
from tests.city_oracle import coarse, counted, in_order, liked
from tests.city_stores import PLAIN, SEAL, Heard, city_file
from tests.flow.cities import MIXED, SECOND

KEY, JOB_KEY = bytes(range(32)), b"known to this test only, 32 bytes"
ORIGIN = SERVICES[0]
# Its tables are T1, T3 and T4.
THIRD, AFTER = FIRST.next.next, datetime(2027, 10, 5, tzinfo=UTC)


def _line(one: Inhabitant, number: int, period: Period) -> dict[str, object]:
    """What the city hands in of somebody whose subject it knows."""
    mark = token(KEY, one.subject or "", f"{UNIT}:{period}").hex()
    liked = [codes()[number % 10], codes()[(number + 3) % 10]]
    return {"token": mark, "origin": ORIGIN, "interests": liked, "services": sorted(one.person.services)}


def _known() -> list[tuple[int, Inhabitant]]:
    return list(enumerate(one for one in inhabitants(MIXED) if one.subject is not None))


def _handed(period: Period) -> Tastes:
    lines = [_line(one, number, period) for number, one in _known()]
    lines += [{"token": f"{number:064x}", "origin": ORIGIN, "interests": ["walking"]} for number in range(40)]
    found = tastes_of(b"\n".join(json.dumps(line).encode() for line in lines), KEY)
    assert isinstance(found, Tastes)
    return found


@pytest.fixture
def mixed(tmp_path: Path) -> Iterator[Engine]:
    engine = city_file(tmp_path / "engine.sqlite", MIXED)
    yield engine
    engine.dispose()


def _drawn(engine: Engine, job: Job, now: datetime) -> list[int]:
    heard = Heard()
    with write(engine) as connection:
        made = prepared(connection, job, heard, now)
    assert isinstance(made, Made), made
    return heard.counts


def test_the_platforms_word_counts_before_our_own_and_only_where_that_link_was_agreed_to(mixed: Engine) -> None:
    cutoff, wanted = FIRST.cutoff(ZONE), Counter[tuple[int, bool, str]]()
    numbers = {one.id: number for number, one in _known()}
    for one in inhabitants(MIXED):
        if (place := counted(one, FIRST)) is None:
            continue
        if one.id in numbers and holds(one, "interest-link", ORIGIN, cutoff):
            told: tuple[str, ...] = (codes()[numbers[one.id] % 10], codes()[(numbers[one.id] + 3) % 10])
        else:
            told = liked(one, FIRST, NOW)
        wanted.update((*coarse(*place), code) for code in told)
    counts = _drawn(mixed, Job(UNIT, FIRST, WHO, seal=SEAL, tastes=_handed(FIRST)), NOW)
    assert counts[28:] == in_order(wanted)
    assert any(one.id in numbers and not holds(one, "interest-link", ORIGIN, cutoff) for one in inhabitants(MIXED))


def test_a_link_agreed_to_only_after_the_cutoff_joins_nothing_yet(tmp_path: Path) -> None:
    engine, cutoff = city_file(tmp_path / "engine.sqlite"), FIRST.cutoff(ZONE)
    late = next(one for one in inhabitants(PLAIN) if one.person.interests)
    before = _drawn(city_file(tmp_path / "before.sqlite"), Job(UNIT, FIRST, WHO, seal=SEAL), NOW)
    with write(engine) as connection:
        for at, granted in ((cutoff - SECOND, False), (cutoff + SECOND, True)):
            word = Event(resident=late.id, purpose="interest-link", recipient=OWN, granted=granted, at=at)
            repo_consents.append(connection, word, os_user="test", seal=SEAL)
        repo_interests.keep(connection, repo_interests.pseudonym(SEAL, late.id), late.person.interests[:3])
    after = _drawn(engine, Job(UNIT, FIRST, WHO, seal=SEAL), NOW)
    assert after[:28] == before[:28]
    assert sum(before[28:]) - sum(after[28:]) == len(late.person.interests[:3])


def test_pairs_of_services_count_who_uses_both_and_let_both_be_linked_at_most_twice_each(mixed: Engine) -> None:
    cutoff, both, whole = THIRD.cutoff(ZONE), Counter[tuple[str, str]](), 0
    for _, one in _known():
        if counted(one, THIRD) is None:
            continue
        used = [code for code in SERVICES if code in one.person.services and holds(one, "interest-link", code, cutoff)]
        both.update(combinations(used, 2))
        whole += min(2, len(list(combinations(used, 2))))
    job = Job(UNIT, THIRD, WHO, services=SERVICES, seal=SEAL, tastes=_handed(THIRD))
    counts = _drawn(mixed, job, AFTER)
    pairs = counts[28 + 24 :]
    assert len(pairs) == 21
    assert sum(pairs) == whole > 0
    assert all(count <= both[at] for count, at in zip(pairs, combinations(SERVICES, 2), strict=True))


def test_tokens_of_another_release_join_nothing(mixed: Engine) -> None:
    old = _handed(FIRST.next)
    assert _drawn(mixed, Job(UNIT, FIRST, WHO, tastes=old), NOW)[28:] == [0] * 60


def test_nothing_joined_is_found_in_any_file_or_in_what_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """R16: every pair of a person and what they like or use is planted, and found nowhere after the release."""
    home = tmp_path / "phr"
    (home / "web").mkdir(parents=True)
    (home / "web" / "key").write_text((b"city" * 8).hex(), encoding="ascii")
    keep = city_file(home / "engine.sqlite", MIXED)
    keep.connect()  # so that the log beside the database is still there to be searched
    monkeypatch.setenv("PHR_HOME", str(home))
    monkeypatch.setattr("fhir_bridge.releasing.secrets.token_bytes", lambda _size: JOB_KEY)
    caplog.set_level(logging.DEBUG)
    lines = [_line(one, number, FIRST) | {"services": [f"planted-{number}-zq"]} for number, one in _known()]
    handed, key = tmp_path / "tastes.jsonl", tmp_path / "key"
    handed.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    key.write_text(KEY.hex(), encoding="ascii")
    key.chmod(0o600)
    done = CliRunner().invoke(app, ["prepare", str(FIRST), "--tastes", str(handed), "--tastes-key", str(key), "--json"])
    assert done.exit_code == 0, done.output
    release = json.loads(done.stdout)["release"]
    assert [table["id"] for table in release["tables"]] == ["T1", "T2"]
    assert any(cell["count"] for cell in release["tables"][1]["cells"]), "interests were joined"

    said = (done.output + caplog.text).encode()
    files = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert any(path.name.endswith("-wal") for path in files), "the log of the database is among them"
    planted = [str(line["token"]).encode() for line in lines[::5]] + [b"planted-"]
    for one in list(inhabitants(MIXED))[::5]:
        mark = token(JOB_KEY, one.id, f"{UNIT}:{FIRST}")
        planted += [mark, mark.hex().encode()]
    for place, content in {**files, tmp_path / "said": said}.items():
        assert not [mark for mark in planted if mark in content], place
    _no_row_holds_a_person_and_a_code(home / "engine.sqlite")


def _no_row_holds_a_person_and_a_code(path: Path) -> None:
    engine = open_engine(f"sqlite:///{path}")
    names = {one.id for one in inhabitants(MIXED)} | {one.subject for one in inhabitants(MIXED) if one.subject}
    with read(engine) as connection:
        for table in Row.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                values = {value for value in row if isinstance(value, str)}
                assert not (values & names and values & set(codes())), table.name
    engine.dispose()


@pytest.mark.parametrize(
    ("lines", "key", "code"),
    [
        (b"", b"short", "short-key"),
        (b"{}", KEY, "unreadable-tastes"),
        (b'{"token": "%s"}' % (b"0" * 63), KEY, "unreadable-tastes"),
        (b'{"token": "%s\\n"}' % (b"0" * 63), KEY, "unreadable-tastes"),
        (b'{"token": "%s", "name": "x"}' % (b"0" * 64), KEY, "unreadable-tastes"),
        (b'{"token": "%s", "interests": ["walking"]}' % (b"0" * 64), KEY, "unreadable-tastes"),
        # Who agreed to what they chose on our page did not agree to what somebody else says they like.
        (b'{"token": "%s", "origin": "minato-phr", "interests": ["walking"]}' % (b"0" * 64), KEY, "unreadable-tastes"),
        (b'{"token": "%s"}\n{"token": "%s"}' % (b"0" * 64, b"0" * 64), KEY, "same-person-twice"),
        (b"\xff", KEY, "unreadable-tastes"),
        (b'{"token": "%s", "services": ["%s"]}' % (b"0" * 64, b"x" * 20_000), KEY, "unreadable-tastes"),
    ],
)
def test_what_the_city_hands_in_is_read_strictly_and_a_refusal_tells_nothing_of_it(
    lines: bytes, key: bytes, code: str
) -> None:
    found = tastes_of(lines, key)
    assert isinstance(found, Refusal)
    assert found.code == code
    assert "0000" not in found.message
    assert "walking" not in found.message
