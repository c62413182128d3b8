"""Somebody else's SQLite file, read only and trusted with nothing: tables by name, no views, no code of theirs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from engine.imports.model import FileError

_BATCH: Final = 2_000


class ForeignDatabase:
    """Reads the plain tables of an opened file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._names = frozenset(
            name for (name,) in _fetch(connection, "SELECT name FROM sqlite_master WHERE type = 'table'")
        )

    def names(self) -> frozenset[str]:
        """The names of its tables; views, which may compute for ever, are none."""
        return self._names

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The columns of every row in the order they were written, empty tuples when no column is asked for.

        Raises FileError newer-format when a table or column is not there, damaged-database when the file breaks off.
        """
        known = {row[1] for row in _fetch(self._connection, f"PRAGMA table_xinfo({_quoted(table)})")}
        missing = set(columns) - known
        if table not in self._names or missing:
            raise FileError("newer-format", f"{table} has no column {', '.join(sorted(missing)) or 'at all'}")
        names = ", ".join(_quoted(column) for column in columns)
        query = f"SELECT {names or 'NULL'} FROM {_quoted(table)} ORDER BY rowid"  # noqa: S608 - quoted names of the file
        for row in _fetch(self._connection, query):
            yield row if columns else ()


@contextmanager
def opened(path: Path) -> Iterator[ForeignDatabase]:
    """The file as a foreign database; raises FileError damaged-database when it is none."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        yield ForeignDatabase(connection)
    except sqlite3.Error as error:
        raise FileError("damaged-database", f"not a whole SQLite file: {error}") from error
    finally:
        connection.close()


def _fetch(connection: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    try:
        cursor = connection.execute(query)
        while rows := cursor.fetchmany(_BATCH):
            yield from rows
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise FileError("damaged-database", f"the SQLite file is damaged: {error}") from error


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
