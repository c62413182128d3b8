"""Public measuring spots: cards, visits, and what was guessed wrong."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"
branch_labels: Final = None
depends_on: Final = None


def _text(name: str, *, null: bool = False) -> Any:
    return sa.Column(name, sa.Text(), nullable=null)


def _whole(name: str, *, null: bool = False) -> Any:
    return sa.Column(name, sa.BigInteger(), nullable=null)


def _reference(table: str, column: str, other: str, key: str = "id") -> Any:
    return sa.ForeignKeyConstraint([column], [f"{other}.{key}"], name=f"fk_{table}_{column}_{other}")


def upgrade() -> None:
    """Creates the tables; no home is a spot before somebody says so."""
    op.create_table(
        "spot", _text("household_id"), _whole("created_at"), sa.PrimaryKeyConstraint("household_id", name="pk_spot"),
        _reference("spot", "household_id", "household"),
    )  # fmt: skip
    op.create_table(
        "card", _text("id"), _text("resident_id"), _text("secret_hash"), _text("name", null=True), _whole("issued_at"),
        _whole("revoked_at", null=True), sa.PrimaryKeyConstraint("id", name="pk_card"),
        sa.UniqueConstraint("secret_hash", name="uq_card_secret_hash"), _reference("card", "resident_id", "resident"),
    )  # fmt: skip
    op.create_index("ix_card_resident_id", "card", ["resident_id"])
    op.create_table(
        "visit", _text("id"), _text("gateway_id"), _text("resident_id"), _text("name"), _whole("opened_at"),
        _whole("closes_at"), sa.PrimaryKeyConstraint("id", name="pk_visit"),
        _reference("visit", "gateway_id", "gateway"), _reference("visit", "resident_id", "resident"),
    )  # fmt: skip
    op.create_index("ix_visit_gateway_id_resident_id", "visit", ["gateway_id", "resident_id"])
    serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "wrong_guess", sa.Column("seq", serial, autoincrement=True, nullable=False), _text("spot_id"), _whole("at"),
        sa.PrimaryKeyConstraint("seq", name="pk_wrong_guess"),
        _reference("wrong_guess", "spot_id", "spot", "household_id"),
    )  # fmt: skip
    op.create_index("ix_wrong_guess_spot_id_at", "wrong_guess", ["spot_id", "at"])


def downgrade() -> None:
    """Never: a backup is the way back."""
    raise RuntimeError("restore a backup instead of downgrading")
