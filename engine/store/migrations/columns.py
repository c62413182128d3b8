"""What the migrations build tables of: kinds of columns, named constraints, and the guard of what is only appended."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op


def text_column(name: str, *, null: bool = False) -> Any:
    """A text of any length."""
    return sa.Column(name, sa.Text(), nullable=null)


def whole(name: str, *, null: bool = False) -> Any:
    """A whole number of 64 bits."""
    return sa.Column(name, sa.BigInteger(), nullable=null)


def small(name: str) -> Any:
    """A whole number of 32 bits."""
    return sa.Column(name, sa.Integer(), nullable=False)


def flag(name: str) -> Any:
    """Yes or no."""
    return sa.Column(name, sa.Boolean(), nullable=False)


def serial() -> Any:
    """The number the database counts by itself."""
    return sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False)


def whole_key(name: str) -> Any:
    """A whole number of 64 bits that is given, as part of a key."""
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def reference(table: str, column: str, other: str) -> Any:
    """A column that names a row of another table by its id."""
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def unique(table: str, *columns: str) -> Any:
    """Columns that together stand once."""
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def guard(table: str) -> None:
    """Lets nobody change a row of the table; deleting is another matter."""
    name, words = f"{table}_update_refused", f"{table} is append-only"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{words}'); END")
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{words}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
