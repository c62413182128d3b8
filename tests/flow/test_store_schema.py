"""The schema and the doors of the store, on both databases."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import IntegrityError

from engine.store import repo_places
from engine.store.database import (
    StoreError,
    check,
    differences,
    insert_new,
    migrate,
    open_engine,
    read,
    revision,
    upsert,
    write,
)
from engine.store.migrations import HEAD
from engine.store.rows import Row
from engine.store.tables import BAD_MESSAGE, MEASUREMENT, OUTBOX, RESIDENT
from tests.flow.stores import NOW, home, store
from tests.servers import database

__all__ = ["home", "store"]
pytestmark = pytest.mark.flow


def test_the_migrations_make_exactly_the_tables_of_the_program(store: Engine) -> None:
    with read(store) as connection:
        assert differences(connection) == []
    assert check(store) == []
    assert revision(store) == HEAD


def test_a_difference_between_program_and_database_is_noticed(store: Engine) -> None:
    with write(store) as connection:
        connection.execute(text("ALTER TABLE tally ADD COLUMN extra TEXT"))
        connection.execute(text("DROP INDEX ix_gateway_household_id"))
    with read(store) as connection:
        words = " ".join(problem.detail for problem in differences(connection))
    assert "extra" in words
    assert "ix_gateway_household_id" in words


def test_migrating_again_changes_nothing_and_the_region_is_known(store: Engine) -> None:
    migrate(store)
    with read(store) as connection:
        assert repo_places.municipalities(connection) == {
            "062049": "酒田市",
            "064262": "三川町",
            "064289": "庄内町",
            "064611": "遊佐町",
        }


def test_opening_a_database_that_is_up_to_date_never_waits_for_a_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'engine.sqlite'}"
    mine, other = open_engine(url), open_engine(url)
    migrate(mine)
    with write(mine):
        migrate(other)
        assert revision(other) == HEAD
    mine.dispose()
    other.dispose()


def test_a_database_of_a_later_program_is_refused_and_left_alone(store: Engine) -> None:
    with write(store) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError) as refused:
        migrate(store)
    assert refused.value.code == "newer"
    assert revision(store) == "9999"


def test_every_constraint_has_a_name_of_its_own() -> None:
    tables = Row.metadata.tables.values()
    names = [str(item.name) for table in tables for item in table.constraints]
    names += [str(item.name) for table in tables for item in table.indexes]
    assert len(set(names)) == len(names)
    assert all(name.startswith(("pk_", "fk_", "uq_", "ix_")) and len(name) <= 63 for name in names)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE consent SET granted = (1 = 1)", "consent is append-only"),
        ("UPDATE advice_event SET actor = 'x'", "advice_event is append-only"),
        ("UPDATE audit SET actor = 'x'", "audit is append-only"),
        ("DELETE FROM audit", "audit is append-only"),
    ],
)
def test_the_database_itself_refuses_to_rewrite_what_is_appended(home: Engine, statement: str, words: str) -> None:
    from tests.flow.store_rows import append_one_of_each

    with write(home) as connection:
        append_one_of_each(connection)
    with pytest.raises(Exception, match=words), write(home) as connection:
        connection.execute(text(statement))


def test_a_reference_to_nothing_is_refused(store: Engine) -> None:
    rows = {"id": "g", "household_id": "h-none", "label": "", "created_at": 0}
    with pytest.raises(IntegrityError), write(store) as connection:
        connection.execute(text("INSERT INTO gateway VALUES (:id, :household_id, :label, :created_at)"), rows)


def test_decimals_and_microseconds_come_back_digit_for_digit(store: Engine) -> None:
    row: dict[str, object] = {
        "reading_id": "x",
        "kind": "body-weight",
        "resident_id": None,
        "household_id": "h",
        "device_id": "d",
    }
    row |= {"measured_at": 2**53 + 1, "value": "62.30", "unit": "kg", "device_value": "62.300", "device_unit": "kg"}
    with write(store) as connection:
        connection.execute(insert(MEASUREMENT), row)
    with read(store) as connection:
        found = connection.execute(select(MEASUREMENT)).mappings().one()
    assert (found["value"], found["device_value"], found["measured_at"]) == ("62.30", "62.300", 2**53 + 1)


def test_rows_that_are_there_already_are_passed_over_and_counted(store: Engine) -> None:
    rows = [{"topic": "t", "key": str(n), "at": n} for n in range(5)]
    with write(store) as connection:
        assert insert_new(connection, OUTBOX, rows[:3]) == 3
        assert insert_new(connection, OUTBOX, rows) == 2
        assert insert_new(connection, OUTBOX, []) == 0


def test_an_upsert_replaces_what_is_there_or_applies_what_it_is_told(store: Engine) -> None:
    row = {"sha256": "a", "gateway_id": "g", "code": "malformed", "size": 1, "count": 1, "at": 1}
    with write(store) as connection:
        upsert(connection, BAD_MESSAGE, [row])
        upsert(connection, BAD_MESSAGE, [row | {"size": 9}])
        upsert(connection, BAD_MESSAGE, [row], count=BAD_MESSAGE.c.count + 1)
        found = connection.execute(select(BAD_MESSAGE)).mappings().one()
    assert (found["size"], found["count"]) == (9, 2)


def test_what_fails_leaves_nothing_behind(store: Engine) -> None:
    def half() -> None:
        with write(store) as connection:
            connection.execute(insert(OUTBOX), {"topic": "t", "key": "k", "at": 0})
            raise KeyError("the rest")

    with pytest.raises(KeyError):
        half()
    with read(store) as connection:
        assert connection.execute(select(OUTBOX)).all() == []


def test_writers_that_read_first_take_turns_and_none_is_lost(store: Engine) -> None:
    rounds, writers = 20, 4
    with write(store) as connection:
        connection.execute(insert(OUTBOX), {"topic": "n", "key": "n", "at": 0})

    def count_up() -> None:
        for _ in range(rounds):
            with write(store) as connection:
                query = select(OUTBOX.c.at).with_for_update()
                seen = connection.execute(query).scalar_one()
                connection.execute(OUTBOX.update().values(at=seen + 1))

    threads = [threading.Thread(target=count_up) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with read(store) as connection:
        assert connection.execute(select(OUTBOX.c.at)).scalar_one() == rounds * writers


def test_a_reader_sees_one_moment_and_does_not_wait_for_a_writer(store: Engine) -> None:
    with write(store) as writer:
        writer.execute(insert(OUTBOX), {"topic": "t", "key": "k", "at": 0})
        with read(store) as reader:
            assert reader.execute(select(OUTBOX)).all() == []


@pytest.mark.needs_postgresql
@pytest.mark.xdist_group("pg")
def test_several_processes_may_migrate_one_new_database_at_once(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with database(request.getfixturevalue("postgres")) as url:
        for place in (f"sqlite:///{tmp_path / 'new.sqlite'}", url):
            engines = [open_engine(place) for _ in range(3)]
            failures: list[Exception] = []

            def run(engine: Engine, failures: list[Exception] = failures) -> None:
                try:
                    migrate(engine)
                except Exception as error:  # noqa: BLE001 - whatever it is, the assertion below shows it
                    failures.append(error)

            threads = [threading.Thread(target=run, args=(engine,)) for engine in engines]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert failures == []
            assert check(engines[0]) == []
            for engine in engines:
                engine.dispose()


def test_the_sqlite_file_is_durable_enforced_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine.sqlite"
    path.touch(mode=0o644)
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    with read(engine) as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in _PRAGMAS]
        modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("engine.sqlite*")}
    engine.dispose()
    assert found == list(_PRAGMAS.values())
    assert modes == {0o600}


_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "busy_timeout": 10_000,
    "wal_autocheckpoint": 16_000,
}


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "url"),
        ("nonsense", "url"),
        ("mysql://host/db", "url"),
        ("postgresql+asyncpg://host/db", "url"),
        ("postgresql://host:notaport/db", "url"),
        ("sqlite:////nowhere/at/all/engine.sqlite", "unreachable"),
        ("postgres://phr@127.0.0.1:1/phr", "unreachable"),
        ("postgresql://phr@127.0.0.1:1/phr", "unreachable"),
    ],
)
def test_a_database_that_cannot_be_opened_is_a_typed_error(url: str, code: str) -> None:
    with pytest.raises(StoreError) as refused:
        migrate(open_engine(url))
    assert refused.value.code == code


@pytest.mark.needs_postgresql
@pytest.mark.xdist_group("pg")
def test_a_server_that_goes_away_is_unreachable_and_found_again(request: pytest.FixtureRequest) -> None:
    with database(request.getfixturevalue("postgres")) as url:
        engine, other = open_engine(url), open_engine(url)
        migrate(engine)

        def cut_off() -> None:
            with write(engine) as connection:
                mine = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
                with write(other) as killer:
                    killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
                connection.execute(insert(OUTBOX), {"topic": "t", "key": "k", "at": 0})

        with pytest.raises(StoreError) as lost:
            cut_off()
        assert lost.value.code == "unreachable"
        with read(engine) as connection:
            assert connection.execute(select(OUTBOX)).all() == []
        engine.dispose()
        other.dispose()


def test_a_writer_that_waits_too_long_is_told_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.database.BUSY_MS", 1)
    first, second = (open_engine(f"sqlite:///{tmp_path / 'engine.sqlite'}") for _ in range(2))
    migrate(first)
    with write(first), pytest.raises(StoreError) as refused, write(second):
        pass
    first.dispose()
    second.dispose()
    assert refused.value.code == "busy"


def test_an_error_never_shows_the_password() -> None:
    with pytest.raises(StoreError) as refused:
        migrate(open_engine("postgresql://phr:s3cret@127.0.0.1:1/phr"))
    assert "s3cret" not in str(refused.value)


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "engine.sqlite"
    path.write_bytes(b"this is no database at all, though it is long enough to be looked at" * 20)
    with pytest.raises(StoreError) as refused:
        migrate(open_engine(f"sqlite:///{path}"))
    assert refused.value.code == "damaged"


def test_a_store_that_was_never_migrated_says_so(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'engine.sqlite'}")
    assert [problem.code for problem in check(engine)] == ["revision"]
    assert revision(engine) is None
    engine.dispose()


def test_check_finds_measurements_without_a_reading(home: Engine) -> None:
    row: dict[str, object] = {
        "reading_id": "x",
        "kind": "spo2",
        "resident_id": None,
        "household_id": "h",
        "device_id": "d",
    }
    row |= {"measured_at": 0, "value": "97", "unit": "%", "device_value": "97", "device_unit": "%"}
    with write(home) as connection:
        connection.execute(insert(MEASUREMENT), row)
    assert [problem.code for problem in check(home)] == ["orphan"]


def test_names_outside_the_basic_plane_survive_both_databases(home: Engine) -> None:
    with read(home) as connection:
        found = connection.execute(select(RESIDENT.c.family_name, RESIDENT.c.created_at)).all()
    assert {row.family_name for row in found} == {"髙橋", "𠮷田"}
    assert {row.created_at for row in found} == {int(NOW.timestamp()) * 1_000_000 + 123456}
