"""Opening the engine's database: SQLite by default, PostgreSQL by URL, and the migrations of both."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError

from engine.store.migrations import HEAD
from engine.store.rows import Row
from engine.store.tables import READING as _READING  # noqa: F401 - so that the metadata is whole
from engine.store.tables_bridge import PUSH as _PUSH  # noqa: F401 - so that the metadata is whole
from engine.store.tables_clinical import FACT as _FACT  # noqa: F401 - so that the metadata is whole
from engine.store.tables_desk import STAFF as _STAFF  # noqa: F401 - so that the metadata is whole
from engine.store.tables_exchange import EXCHANGE_RUN as _EXCHANGE  # noqa: F401 - so that the metadata is whole
from engine.store.tables_following import LETTER as _LETTER  # noqa: F401 - so that the metadata is whole
from engine.store.tables_loans import LOAN as _LOAN  # noqa: F401 - so that the metadata is whole
from engine.store.tables_points import POINT_ENTRY as _POINT  # noqa: F401 - so that the metadata is whole
from engine.store.tables_rights import ONE_ID as _ONE_ID  # noqa: F401 - so that the metadata is whole
from engine.store.tables_spots import SPOT as _SPOT  # noqa: F401 - so that the metadata is whole
from engine.store.tables_statistics import STATISTICS_RELEASE as _RELEASE  # noqa: F401 - so that the metadata is whole

# Other parts of the engine name these types without importing the library.
__all__ = [
    "BUSY_MS", "CHECKPOINT_PAGES", "Connection", "Engine", "Problem", "StoreError", "check", "dialect_insert",
    "differences", "insert_new", "insert_rows", "migrate", "open_engine", "read", "revision", "translated", "upsert",
    "write",
]  # fmt: skip
BUSY_MS: Final = 10_000
# The stock 1,000 pages checkpoint several times in one batch of readings; 16,000 pages are 64 MB of log at most.
CHECKPOINT_PAGES: Final = 16_000
# Any fixed number: it keeps two processes from migrating one PostgreSQL database at the same time.
_MIGRATION_LOCK: Final = 0x70687201


class StoreError(Exception):
    """The database cannot be used; `code` is stable: url, driver, unreachable, damaged, busy, newer or failed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Problem(msgspec.Struct, frozen=True):
    """One thing `check` found wrong: integrity, foreign-key, schema, revision, orphan or audit."""

    code: str
    detail: str


def open_engine(url: str) -> Engine:
    """An engine on `sqlite:///file` or `postgresql://…` (also `postgres://`, through psycopg 3); nothing is migrated.

    A SQLite file is created with mode 0600. Raises StoreError `url`, `driver` or `unreachable`.
    """
    target = _target(url)
    if target.get_backend_name() == "sqlite":
        return _open_sqlite(target)
    try:
        return create_engine(target, pool_pre_ping=True)
    except ImportError as error:
        raise StoreError("driver", f"the PostgreSQL driver is not installed: {error}") from error


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write: committed at the end, rolled back on any exception, which passes through.

    SQLite takes its one write lock at the start, so that what was read inside cannot have changed at commit.
    """
    with translated(), engine.begin() as connection:
        yield connection


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """A consistent view that never waits for a writer; nothing written inside stays."""
    options: dict[str, Any] = {"reading": True}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with translated(), engine.connect() as connection:
        yield connection.execution_options(**options)


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the database inside become StoreError; constraint violations, which are bugs, pass unchanged."""
    try:
        yield
    except OperationalError as error:
        raise StoreError(_code_of(error), _words(error)) from error
    except DBAPIError as error:
        if "not a database" in str(error.orig) or "malformed" in str(error.orig):
            raise StoreError("damaged", _words(error)) from error
        if error.connection_invalidated or isinstance(error, InterfaceError):
            raise StoreError("unreachable", _words(error)) from error
        raise


def migrate(engine: Engine) -> None:
    """Brings the database to this program's revision, the region's municipalities known; several processes may call it.

    A database that is already there is only read, so that looking never waits for a writer. Raises StoreError `newer`
    when a later program has already changed it, else as `translated`.
    """
    with read(engine) as connection:
        if _revision(connection) == HEAD:
            return
    from alembic import command
    from alembic.util.exc import CommandError

    from engine.store.repo_places import seed_municipalities

    with write(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        try:
            command.upgrade(_config(connection), "head")
            seed_municipalities(connection)
        except CommandError as error:
            raise StoreError("newer", f"the database was written by another version of the program: {error}") from error


def revision(engine: Engine) -> str | None:
    """The migration the database is at, None when it was never migrated."""
    with read(engine) as connection:
        return _revision(connection)


def check(engine: Engine) -> list[Problem]:
    """What is wrong with the database, worst first; empty when it is sound. Reads everything: minutes when large."""
    from engine.store.audit import verify

    with read(engine) as connection:
        if _revision(connection) is None:
            return [Problem("revision", "the database was never migrated")]
        if is_outdated(connection):
            # Its tables are those of their time; comparing them with ours would name faults that are none.
            return [Problem("outdated", "an older version wrote it: the next start of the engine migrates it")]
        problems = [*_integrity(connection), *differences(connection), *_orphans(connection)]
        broken = verify(connection)
        if broken is not None:
            problems.append(Problem("audit", f"the chain breaks at entry {broken}"))
        return problems


def is_outdated(connection: Connection) -> bool:
    """Whether an earlier version of this program made the tables."""
    from alembic.script import ScriptDirectory

    script, current = ScriptDirectory.from_config(_config(connection)), _revision(connection)
    return current != script.get_current_head() and current in {step.revision for step in script.walk_revisions()}


def differences(connection: Connection) -> list[Problem]:
    """Where the tables in the database differ from the tables of this program, and a revision that is not the last."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    found = [Problem("schema", _short(change)) for change in compare_metadata(context, Row.metadata)]
    head = ScriptDirectory.from_config(_config(connection)).get_current_head()
    current = context.get_current_revision()
    if current != head:
        found.append(Problem("revision", f"at {current}, this program knows {head}"))
    return found


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Inserts the rows whose keys are not there yet, in bulk, and says how many; all rows name the same columns."""
    if not rows:
        return 0
    statement = dialect_insert(connection, table).on_conflict_do_nothing()
    told = {"preserve_rowcount": True}
    return connection.execute(statement, _in_key_order(table, rows), execution_options=told).rowcount


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """`insert_new` for the hot path: each row has every column in the order of the table, the primary key first.

    The driver gets the tuples as they are; the library's own parameters cost as much as the database's work.
    """
    if rows:
        keys = len(table.primary_key.columns)
        connection.exec_driver_sql(
            _plain_insert(connection.dialect.name, table), sorted(rows, key=itemgetter(slice(keys)))
        )


@lru_cache(maxsize=32)
def _plain_insert(dialect: str, table: Table) -> str:
    mark = "%s" if dialect == "postgresql" else "?"
    names = ", ".join(column.name for column in table.columns)
    return (
        f"INSERT INTO {table.name} ({names}) VALUES ({', '.join([mark] * len(table.columns))}) ON CONFLICT DO NOTHING"  # noqa: S608
    )


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], **changes: Any) -> None:
    """Inserts the rows; where the primary key is there already, sets the other columns to the new values instead.

    `changes` replaces that: column names with an expression each, for example `count=TALLY.c.count + 1`.
    """
    if not rows:
        return
    statement = dialect_insert(connection, table)
    keys = [column.name for column in table.primary_key.columns]
    values = changes or {name: statement.excluded[name] for name in rows[0] if name not in keys}
    statement = statement.on_conflict_do_update(index_elements=keys, set_=values)
    connection.execute(statement, _in_key_order(table, rows))


def dialect_insert(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT on either database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _in_key_order(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows by primary key: two writers that meet in the same keys wait for each other instead of deadlocking."""
    keys = [column.name for column in table.primary_key.columns]
    found = [dict(row) for row in rows]
    return sorted(found, key=lambda row: [row[key] for key in keys]) if all(key in found[0] for key in keys) else found


def _target(url: str) -> URL:
    try:
        target = make_url(url)
        backend = target.get_backend_name()
        driver = target.drivername
        if driver == "postgres" or (backend == "postgresql" and driver in {"postgresql", "postgresql+psycopg"}):
            return target.set(drivername="postgresql+psycopg")
        if driver in {"sqlite", "sqlite+pysqlite"}:
            return target
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise StoreError("url", "the database URL cannot be read; use sqlite:///FILE or postgresql://…") from error
    raise StoreError("url", f"{driver!r} is not a database this program knows; use sqlite:///FILE or postgresql://…")


def _open_sqlite(target: URL) -> Engine:
    if target.database and target.database != ":memory:":
        _protect(Path(target.database))
    engine = create_engine(target, connect_args={"timeout": BUSY_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _protect(path: Path) -> None:
    """Makes the file, or narrows it, to its owner; SQLite gives the log beside it the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise StoreError("unreachable", f"cannot open {path}: {error.strerror}") from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver would begin transactions by itself, and only before the first write; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once, whatever the timeout, if another wrote in between.
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _config(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "engine.store:migrations")
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _integrity(connection: Connection) -> list[Problem]:
    if connection.dialect.name != "sqlite":
        return []
    words = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check"))]
    found = [Problem("integrity", word) for word in words if word != "ok"]
    broken = connection.execute(text("PRAGMA foreign_key_check"))
    return found + [Problem("foreign-key", f"{row[0]} row {row[1]} refers to nothing in {row[2]}") for row in broken]


def _orphans(connection: Connection) -> list[Problem]:
    statement = "SELECT count(*) FROM measurement WHERE reading_id NOT IN (SELECT id FROM reading)"
    count = connection.execute(text(statement)).scalar_one()
    return [Problem("orphan", f"{count} measurements belong to no reading")] if count else []


def _short(change: Any) -> str:
    parts = change if isinstance(change, tuple) else change[0]
    return " ".join(str(part) for part in parts if part is not None)


def _code_of(error: OperationalError) -> str:
    words, state = str(error.orig), getattr(error.orig, "sqlstate", None) or ""
    # Deadlock, serialization failure, lock not available: the same again may succeed.
    if "locked" in words or "busy" in words or state in {"40P01", "40001", "55P03"}:
        return "busy"
    if "malformed" in words:
        return "damaged"
    starts = ("unable to open", "connection", "could not", "attempt to write a readonly", "disk I/O")
    lost = error.connection_invalidated or state.startswith(("08", "57P"))
    return "unreachable" if lost or any(start in words for start in starts) else "failed"


def _words(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]
