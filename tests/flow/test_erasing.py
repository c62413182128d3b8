"""Erasing an account: nothing of the person is left in any file of any house we run, and nobody else misses anything."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, select, text, update

from engine.closing import Closing
from engine.closing_files import FOLDERS, remove
from engine.closing_store import ask_to_close, erase, scrub_all
from engine.contract import wire
from engine.contract.topics import up
from engine.contract.wire import Binding, DeviceNote
from engine.names import search_key
from engine.sealing import seal_of
from engine.service import Facts, handle
from engine.service_forgetting import tell
from engine.service_link import Delivery
from engine.store import repo_closing, repo_devices, repo_forget, repo_interests, repo_outbox, repo_residents
from engine.store.database import open_engine, read, write
from engine.store.erasing_tables import ERASED, KEPT, NOBODYS
from engine.store.filing import By
from engine.store.repo_shows import BLANK
from engine.store.rows import Row
from engine.store.tables import AUDIT, BINDING, CONSENT, MEASUREMENT, OUTBOX, READING, REFUSAL, RESIDENT
from engine.store.tables import GATEWAY as GATEWAY_ROW
from engine.store.tables import HOUSEHOLD as HOUSEHOLD_ROW
from engine.store.tables_desk import FAMILY_MEMBER, SAVED_VIEW, SIGN_IN_CODE
from tests.homes import DEVICE, GATEWAY, HANAKO, HOUSEHOLD, NOW, OTHER_GATEWAY, TARO, weighing
from tests.planted import Planter, dump, found_in
from tests.stores import furnished_database, furnished_file

BY = By("s-nurse", "tester")
DAY = timedelta(days=1)
WEIGHINGS = 200


@dataclass
class Town:
    """A store with two people, what was planted of each, and the PHR_HOME around it."""

    engine: Engine
    home: Path
    gone: Planter
    stays: Planter
    digits: list[str]

    def close(self, *, days: int = 0) -> Closing:
        seal = seal_of(self.home)
        with write(self.engine) as connection:
            person = repo_residents.get(connection, HANAKO)
            assert person is not None
            asked = ask_to_close(connection, person, NOW, BY, seal, days=days)
        assert isinstance(asked, Closing)
        done = erase(self.engine, HANAKO, asked.due_at, BY, seal, lambda one: remove(self.home, one))
        assert isinstance(done, Closing)
        return done


def _say(engine: Engine, payloads: list[bytes], at: timedelta = timedelta()) -> None:
    with write(engine) as connection:
        topic = up(GATEWAY, "reading")
        handle(connection, Facts(), [Delivery(1, one, 1, topic, said) for one, said in enumerate(payloads)], NOW + at)


def _plant(engine: Engine, home: Path, *, whole: bool = True) -> Town:
    seal = seal_of(home)
    gone = Planter(HANAKO, "a", repo_interests.pseudonym(seal, HANAKO))
    stays = Planter(TARO, "c", repo_interests.pseudonym(seal, TARO))
    digits = [f"62.{30_000_000 + 7_919 * number}" for number in range(WEIGHINGS)]
    for start in range(0, WEIGHINGS, 50):
        said = [wire.encode_reading(weighing(number, digits[number])) for number in range(start, start + 50)]
        _say(engine, [wire.encode_batch(said)])
    digits.append("62.19191919")
    refused = weighing(9_000, digits[-1])  # from next week: its content is kept
    _say(engine, [wire.encode_reading(one) for one in (refused, weighing(WEIGHINGS, "71.5", slot=2))])
    with write(engine) as connection:
        for one in (gone, stays) if whole else ():
            one.everywhere(connection, times=5)
    for folder in FOLDERS:
        for one in (gone, stays):
            place = home / folder / one.resident / "report"
            place.mkdir(parents=True)
            (place / "0-scan").write_text(one.word(), encoding="utf-8")
    return Town(engine, home, gone, stays, digits)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    home = tmp_path / "phr"
    home.mkdir()
    made = _plant(furnished_file(home / "engine.sqlite"), home)
    yield made
    made.engine.dispose()


@pytest.fixture
def measured(tmp_path: Path) -> Iterator[Town]:
    """The same with nothing but what people measured, so that the home's doors can be used on."""
    home = tmp_path / "phr"
    home.mkdir()
    made = _plant(furnished_file(home / "engine.sqlite"), home, whole=False)
    yield made
    made.engine.dispose()


@pytest.fixture
def postgresql(postgres: str, tmp_path: Path) -> Iterator[Town]:
    with furnished_database(postgres) as url:
        engine = open_engine(url)
        try:
            yield _plant(engine, tmp_path)
        finally:
            engine.dispose()


def test_every_table_has_exactly_one_word_about_what_becomes_of_it() -> None:
    erased = {table.name for table in ERASED}
    assert erased | KEPT.keys() | NOBODYS.keys() == Row.metadata.tables.keys()
    assert len(erased) + len(KEPT) + len(NOBODYS) == len(Row.metadata.tables)


def test_a_thousand_planted_words_are_found_nowhere_after_erasing_and_everywhere_before(town: Town) -> None:
    words = [*town.gone.words, *town.digits]
    assert len(words) > 1_000
    before = found_in(town.home, words)
    assert set().union(*before.values()) == set(words), "the search finds what is there"

    town.close()
    assert scrub_all(town.engine, NOW).done

    assert found_in(town.home, words) == {}
    assert set().union(*found_in(town.home, town.stays.words).values()) == set(town.stays.words)
    with read(town.engine) as connection:
        closing = repo_closing.get(connection, HANAKO)
        assert repo_closing.unscrubbed(connection) == []
    assert closing is not None
    assert closing.scrubbed_at == NOW
    assert closing.sent


def test_plain_deleting_leaves_words_in_the_files_which_the_search_finds(town: Town, tmp_path: Path) -> None:
    with write(town.engine) as connection:
        connection.execute(text("PRAGMA secure_delete = OFF"))
        connection.execute(delete(MEASUREMENT).where(MEASUREMENT.c.resident_id == HANAKO))
    with town.engine.connect() as connection:
        connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = shutil.copytree(town.home, tmp_path / "copy")
    assert found_in(copy, town.digits), "otherwise the test above proves nothing"


def test_scrubbing_waits_for_whoever_still_reads_what_was_there(town: Town) -> None:
    with read(town.engine) as connection:
        assert connection.execute(select(MEASUREMENT.c.value).limit(1)).scalar() is not None
        done = _closed_by_another_process(town)
        assert not done
    assert scrub_all(town.engine, NOW).done
    assert found_in(town.home, town.gone.words) == {}


def _closed_by_another_process(town: Town) -> bool:
    town.close()
    # The reader will not end by waiting: whoever scrubs says so at once and comes again.
    other = open_engine(f"{town.engine.url}")
    with other.connect() as connection:
        connection.connection.execute("PRAGMA busy_timeout = 50")
    try:
        return scrub_all(other, NOW).done
    finally:
        other.dispose()


def test_erasing_one_person_changes_nothing_of_the_other(town: Town) -> None:
    with read(town.engine) as connection:
        everything = dump(connection)
    gone = town.gone
    mine = (HANAKO, gone.pseudonym, gone.advice, gone.fact, gone.reading, gone.member, *gone.words, *town.digits)
    town.close()
    with read(town.engine) as connection:
        after = dump(connection)
    for name, rows in everything.items():
        kept = [row for row in rows if row in after[name]]
        lost = [row for row in rows if row not in after[name]]
        assert kept == after[name], f"{name}: nothing new, nothing changed"
        assert all(any(word in repr(row) for word in mine) for row in lost), (name, lost)


def test_the_audit_holds_ids_and_hashes_only(town: Town) -> None:
    town.close()
    with read(town.engine) as connection:
        rows = [tuple(row) for row in connection.execute(select(AUDIT))]
    said = repr(rows)
    assert not [word for word in [*town.gone.words, *town.digits, "山田", "花子"] if word in said]
    assert {"account-close", "account-erase"} <= {row.action for row in _audited(town.engine)}


def _audited(engine: Engine) -> list[Any]:
    with read(engine) as connection:
        return list(connection.execute(select(AUDIT)))


def test_what_the_erased_person_measured_and_arrives_late_is_refused_unread(measured: Town) -> None:
    measured.close()
    early, late = (
        weighing(500, "62.77777777"),
        weighing(501, "62.88888888", measured_at=NOW + DAY, received_at=NOW + DAY),
    )
    broken = b'{"v":1,"id":"' + b"a" * 26 + b'","device":"' + early.device.encode() + b'","values":"62.99999999"}'
    _say(measured.engine, [wire.encode_reading(early), wire.encode_reading(late), broken], 2 * DAY)
    with read(measured.engine) as connection:
        codes = connection.execute(select(REFUSAL.c.code, REFUSAL.c.content).order_by(REFUSAL.c.seq.desc()).limit(3))
        assert {(row.code, row.content or None) for row in codes} == {("forgotten", None), ("malformed", None)}
        assert connection.execute(select(READING.c.id).where(READING.c.id.in_([early.id, late.id]))).first() is None
    assert scrub_all(measured.engine, NOW).done
    assert found_in(measured.home, ["62.77777777", "62.88888888", "62.99999999"]) == {}


def test_whoever_gets_the_slot_next_has_what_is_measured_from_then_on(measured: Town) -> None:
    measured.close()
    with write(measured.engine) as connection:
        note = DeviceNote(device=DEVICE, profile="sig-weight", bindings=(Binding(1, TARO),))
        repo_devices.note(connection, HOUSEHOLD, note, NOW + DAY)
    before, after = weighing(600, "70.1"), weighing(601, "70.2", measured_at=NOW + 2 * DAY, received_at=NOW + 2 * DAY)
    _say(measured.engine, [wire.encode_reading(before), wire.encode_reading(after)], 3 * DAY)
    with read(measured.engine) as connection:
        stored = connection.execute(select(READING.c.id, READING.c.resident_id).where(
            READING.c.id.in_([before.id, after.id]))).all()  # fmt: skip
    assert [tuple(row) for row in stored] == [(after.id, TARO)]


def test_a_scale_that_was_all_theirs_weighs_the_others_from_then_on(measured: Town) -> None:
    with write(measured.engine) as connection:
        connection.execute(delete(BINDING))
        note = DeviceNote(device=DEVICE, profile="sig-weight", bindings=(Binding(None, HANAKO),))
        repo_devices.note(connection, HOUSEHOLD, note, NOW)
    measured.close()
    before = weighing(600, "70.1", slot=None)
    after = weighing(601, "84.2", slot=None, measured_at=NOW + 2 * DAY, received_at=NOW + 2 * DAY)
    _say(measured.engine, [wire.encode_reading(before), wire.encode_reading(after)], 3 * DAY)
    with read(measured.engine) as connection:
        stored = connection.execute(select(READING.c.id).where(READING.c.id.in_([before.id, after.id]))).scalars().all()
    assert stored == [after.id], "no reading of Taro's is lost"


def test_what_another_engine_stored_beside_the_erasing_is_swept_before_the_files_are_cleared(measured: Town) -> None:
    with read(measured.engine) as connection:
        rows = [dict(row) for row in connection.execute(
            select(MEASUREMENT).where(MEASUREMENT.c.resident_id == HANAKO).limit(1)).mappings()]  # fmt: skip
    measured.close()
    with write(measured.engine) as connection:
        connection.execute(insert(MEASUREMENT), rows)
    assert scrub_all(measured.engine, NOW).done
    assert found_in(measured.home, measured.digits) == {}


def test_what_two_people_share_stays_and_what_names_one_alone_goes(measured: Town) -> None:
    both, own = "m-bothbothbothb", "m-onlyonlyonlyo"
    with write(measured.engine) as connection:
        for member, who in ((both, HANAKO), (both, TARO), (own, HANAKO)):
            said = {"resident_id": who, "purpose": "family-view", "recipient": member, "granted": True, "at": 1,
                    "actor": who, "channel": "page", "text_hash": "0"}  # fmt: skip
            connection.execute(insert(CONSENT), said)
        for member in (both, own):
            row = {"id": member, "name": "次郎", "relation": "長男", "language": "ja", "created_at": 1}
            connection.execute(insert(FAMILY_MEMBER), row)
            code = {"hash": member, "id": member.replace("m-", "i-"), "kind": "card", "subject": member,
                    "issued_by": "s-nurse", "issued_at": 1, "until": 9, "failed": 0}  # fmt: skip
            connection.execute(insert(SIGN_IN_CODE), code)
        for name, query in (("全員", "q=山田&state=open"), ("あの人", "q=花子"), ("はなこ", "state=open")):
            view = {"staff_id": "s-nurse", "name": name, "query": query, "at": 1}
            connection.execute(insert(SAVED_VIEW), view)
        for number, content in enumerate(["not JSON 62.7", '{"device":"d-elsewhereelse","user_slot":1}']):
            row = {"reading_id": f"{number}" * 26, "gateway_id": GATEWAY, "code": "malformed", "content": content,
                   "digest": f"{number}", "at": 1}  # fmt: skip
            connection.execute(insert(REFUSAL), row)
        change = update(RESIDENT).where(RESIDENT.c.id == TARO).values(search_key=search_key("山田太郎"))
        connection.execute(change)
    measured.close()
    with read(measured.engine) as connection:
        assert connection.execute(select(FAMILY_MEMBER.c.id)).scalars().all() == [both]
        assert connection.execute(select(SIGN_IN_CODE.c.subject)).scalars().all() == [both]
        assert connection.execute(select(SAVED_VIEW.c.name)).scalars().all() == ["全員"]
        malformed = select(REFUSAL.c.content).where(REFUSAL.c.code == "malformed").order_by(REFUSAL.c.seq)
        assert connection.execute(malformed).scalars().all() == [None, '{"device":"d-elsewhereelse","user_slot":1}']


def test_every_gateway_of_the_home_is_told_to_forget(measured: Town) -> None:
    measured.close()
    with read(measured.engine) as connection:
        orders = repo_forget.of(connection, HANAKO)
    assert {one.gateway for one in orders} == {GATEWAY, OTHER_GATEWAY}
    assert not any(one.alone for one in orders), "Taro lives there"


def test_only_the_emptied_home_is_told_to_forget_everything_and_no_more_once_somebody_moved_in(
    measured: Town,
) -> None:
    """A gateway elsewhere that only heard her, or has her on its mirror, holds other people's readings."""
    engine, (elsewhere, mirror) = measured.engine, ("g-elsewhereelse", "g-mirrormirrorm")
    now, said = NOW + DAY, list[tuple[str, bytes]]()
    with write(engine) as connection:
        home = dict(connection.execute(select(HOUSEHOLD_ROW)).mappings().first() or {})
        connection.execute(insert(HOUSEHOLD_ROW), home | {"id": "h-elsewhereelse"})
        box = dict(connection.execute(select(GATEWAY_ROW)).mappings().first() or {})
        connection.execute(
            insert(GATEWAY_ROW), [box | {"id": one, "household_id": "h-elsewhereelse"} for one in (elsewhere, mirror)]
        )
        one = select(READING.c.id).where(READING.c.resident_id == HANAKO).limit(1).scalar_subquery()
        connection.execute(update(READING).where(READING.c.id == one).values(gateway_id=elsewhere))
        repo_outbox.put(connection, BLANK, [f"{mirror}/{HANAKO}", f"{mirror}/{TARO}"], NOW)
        connection.execute(update(RESIDENT).where(RESIDENT.c.id == TARO).values(household_id=None))
    measured.close()

    def told() -> dict[str, bool]:
        said.clear()
        tell(engine, now, lambda topic, payload: said.append((topic, payload)))
        return {topic.split("/")[2]: json.loads(payload).get("alone", False) for topic, payload in said}

    assert told() == {GATEWAY: True, OTHER_GATEWAY: True, elsewhere: False, mirror: False}
    with write(engine) as connection:
        keys = connection.execute(select(OUTBOX.c.key).where(OUTBOX.c.topic == BLANK)).scalars().all()
        assert keys == [f"{mirror}/{TARO}"]
        connection.execute(update(RESIDENT).where(RESIDENT.c.id == TARO).values(household_id=HOUSEHOLD))
    now += DAY
    assert set(told().values()) == {False}


def test_where_nobody_else_is_registered_the_home_is_emptied_of_what_nobody_owned(tmp_path: Path) -> None:
    home = tmp_path / "phr"
    home.mkdir()
    engine, seal = furnished_file(home / "engine.sqlite"), seal_of(home)
    planter = Planter(HANAKO, "a", repo_interests.pseudonym(seal, HANAKO))
    unknown = weighing(1, "64.64646464", slot=3)
    _say(engine, [wire.encode_reading(unknown), b"\xff no message of anybody \x00"])
    with write(engine) as connection:
        # Taro moved out long ago; what he measured then is his.
        connection.execute(update(RESIDENT).where(RESIDENT.c.id == TARO).values(household_id=None))
        connection.execute(delete(BINDING).where(BINDING.c.resident_id == TARO))
        connection.execute(update(GATEWAY_ROW).values(label="花子の家の箱"))
        planter.everywhere(connection)
    before = found_in(home, ["64.64646464", "花子の家の箱"])
    assert set().union(*before.values()) == {"64.64646464", "花子の家の箱"}
    Town(engine, home, planter, planter, []).close()
    assert scrub_all(engine, NOW).done
    assert found_in(home, [*planter.words, "64.64646464", "花子の家の箱"]) == {}
    with read(engine) as connection:
        assert {row.alone for row in repo_forget.of(connection, HANAKO)} == {True}
        left = dump(connection)
    assert left["device"] == left["bad_message"] == left["reading"] == []
    assert len(left["gateway"]) == 2
    engine.dispose()


@pytest.mark.needs_postgresql
def test_the_tables_and_files_of_postgresql_hold_nothing_either(postgresql: Town) -> None:
    words = [*postgresql.gone.words, *postgresql.digits]
    with postgresql.engine.connect() as connection:
        # The samples of every column are a copy of its values.
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
        root = Path(connection.execute(text("SHOW data_directory")).scalar_one())
        number = connection.execute(text("SELECT oid FROM pg_database WHERE datname = current_database()")).scalar_one()
        connection.execute(text("CHECKPOINT"))
    base = root / "base" / str(number)
    before = found_in(base, postgresql.digits)
    assert set().union(*before.values()) == set(postgresql.digits)
    postgresql.close()
    assert scrub_all(postgresql.engine, NOW).done
    with read(postgresql.engine) as connection:
        left = repr(dump(connection))
    assert not [word for word in words if word in left]
    assert found_in(base, words) == {}
