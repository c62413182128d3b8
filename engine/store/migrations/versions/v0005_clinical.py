"""Facts of residents (check-ups, answers, conditions), fitted trends, and the weather of a municipality."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"
branch_labels: Final = None
depends_on: Final = None


def _text(name: str, *, null: bool = False) -> Any:
    return sa.Column(name, sa.Text(), nullable=null)


def _whole(name: str, *, null: bool = False) -> Any:
    return sa.Column(name, sa.BigInteger(), nullable=null)


def _reference(table: str, column: str, other: str, key: str = "id") -> Any:
    return sa.ForeignKeyConstraint([column], [f"{other}.{key}"], name=f"fk_{table}_{column}_{other}")


def upgrade() -> None:
    """Creates the tables, empty: nothing is known of anybody before somebody says so."""
    op.create_table(
        "fact", _text("id"), _text("resident_id"), _text("code"), _text("value"), _text("unit", null=True),
        _whole("at"), _whole("until", null=True), _text("source"), _text("actor"), _text("channel"),
        _whole("recorded_at"), _text("retracts", null=True), _text("raw", null=True),
        sa.PrimaryKeyConstraint("id", name="pk_fact"), _reference("fact", "resident_id", "resident"),
    )  # fmt: skip
    op.create_index("ix_fact_resident_id_code_at", "fact", ["resident_id", "code", "at"])
    op.create_table(
        "trend_fit", _text("resident_id"), _text("kind"), _text("parameters"), _whole("fitted_at"), _whole("readings"),
        sa.PrimaryKeyConstraint("resident_id", "kind", name="pk_trend_fit"),
        _reference("trend_fit", "resident_id", "resident"),
    )  # fmt: skip
    op.create_table(
        "weather", _text("municipality_code"), _text("day"), _text("wbgt_max", null=True), _text("snow_cm", null=True),
        _text("source"), _whole("recorded_at"), sa.PrimaryKeyConstraint("municipality_code", "day", name="pk_weather"),
        _reference("weather", "municipality_code", "municipality", "code"),
    )  # fmt: skip
    _guard()


def _guard() -> None:
    """A fact is followed by another or taken back by a row, never rewritten; erasing a person stays possible."""
    words = "fact is append-only"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER fact_update_refused BEFORE UPDATE ON fact BEGIN SELECT RAISE(ABORT, '{words}'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION fact_update_refused() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{words}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER fact_update_refused BEFORE UPDATE ON fact FOR EACH ROW EXECUTE FUNCTION fact_update_refused()"
    )


def downgrade() -> None:
    """Never: a backup is the way back."""
    raise RuntimeError("restore a backup instead of downgrading")
