"""What deleting leaves behind in the files of a database, and how it goes: log, free pages, old copies of rows.

SQLite: the log is emptied and the file written anew, so that no byte of a deleted row is in either. PostgreSQL: the
tables are written anew and the statistics of their columns taken anew; its write-ahead segments and backups are the
operator's, who keeps them for as long as they say.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec
from sqlalchemy import text

from engine.store.database import Engine, StoreError, translated
from engine.store.rows import Row

# pg_statistic keeps the commonest values of every column.
_STATISTICS: Final = "pg_catalog.pg_statistic"
_MAY_CHECKPOINT: Final = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"


class Scrubbed(msgspec.Struct, frozen=True):
    """Whether nothing of what was deleted is left in the files; `code` says why not: busy."""

    done: bool
    code: str = ""


def scrub(engine: Engine, tables: Collection[str]) -> Scrubbed:
    """Writes the database anew without what was deleted; readers go on, writers wait.

    SQLite has one file; on PostgreSQL only these `tables` are written anew. Not done, `busy`, while somebody still
    reads what was there before: to be tried again.
    """
    try:
        return _sqlite(engine) if engine.dialect.name == "sqlite" else _postgresql(engine, tables)
    except StoreError as error:
        if error.code == "busy":
            return Scrubbed(False, "busy")
        raise


def _sqlite(engine: Engine) -> Scrubbed:
    with translated(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        raw = connection.connection.cursor()
        try:
            raw.execute("PRAGMA secure_delete = ON")
            first = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if first[0]:
                return Scrubbed(False, "busy")
            raw.execute("VACUUM")
            last = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            raw.close()
    return Scrubbed(not last[0], "busy" if last[0] else "")


def _postgresql(engine: Engine, tables: Collection[str]) -> Scrubbed:
    with translated(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Else a reader of yesterday would hold up the readings of a whole town behind it.
        connection.execute(text("SET lock_timeout = '10s'"))
        for name in sorted(Row.metadata.tables.keys() & set(tables)):
            connection.execute(text(f'VACUUM (FULL, ANALYZE) "{name}"'))
        connection.execute(text(f"VACUUM (FULL) {_STATISTICS}"))
        if connection.execute(text(_MAY_CHECKPOINT)).scalar():
            # The files of the former tables are emptied at the next one.
            connection.execute(text("CHECKPOINT"))
        connection.execute(text("RESET lock_timeout"))
    return Scrubbed(True)
