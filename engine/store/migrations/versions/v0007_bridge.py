"""Other houses: links to a network's patients, what was sent and came, programs that may read, emergency cards."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0007"
down_revision: Final = "0006"
branch_labels: Final = None
depends_on: Final = None

# What was told or read is followed by another row, never rewritten.
_APPENDED: Final = ("care_entry", "fact_origin", "pulled", "emergency_read")
_LINKED: Final = "state = 'linked'"


def _text(name: str, *, null: bool = False) -> Any:
    return sa.Column(name, sa.Text(), nullable=null)


def _whole(name: str, *, null: bool = False) -> Any:
    return sa.Column(name, sa.BigInteger(), nullable=null)


def _small(name: str) -> Any:
    return sa.Column(name, sa.Integer(), nullable=False)


def _serial() -> Any:
    return sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False)


def _reference(table: str, column: str, other: str) -> Any:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def _unique(table: str, *columns: str) -> Any:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def upgrade() -> None:
    """Creates the tables, empty."""
    _exchange()
    _told()
    _opened()
    for table in _APPENDED:
        _guard(table)


def _exchange() -> None:
    op.create_table(
        "care_link",
        _text("resident_id"),
        _text("network"),
        _text("system"),
        _text("value"),
        _text("remote_id", null=True),
        _text("state"),
        _text("reason", null=True),
        _text("found", null=True),
        _text("by"),
        _whole("at"),
        _whole("version"),
        sa.PrimaryKeyConstraint("resident_id", "network", name="pk_care_link"),
        _reference("care_link", "resident_id", "resident"),
    )
    op.create_index("ix_care_link_network_state", "care_link", ["network", "state"])
    op.create_index(
        "ix_care_link_patient",
        "care_link",
        ["network", "remote_id"],
        unique=True,
        sqlite_where=sa.text(_LINKED),
        postgresql_where=sa.text(_LINKED),
    )
    op.create_table(
        "pulled",
        _text("network"),
        _text("type"),
        _text("remote_id"),
        _text("version"),
        _text("resident_id"),
        _whole("last_updated", null=True),
        _text("raw"),
        _text("state", null=True),
        _whole("received_at"),
        sa.PrimaryKeyConstraint("network", "type", "remote_id", "version", name="pk_pulled"),
        _reference("pulled", "resident_id", "resident"),
    )
    op.create_index("ix_pulled_resident_id_type", "pulled", ["resident_id", "type"])
    op.create_table(
        "pull_cursor",
        _text("network"),
        _text("resident_id"),
        _text("type"),
        _whole("reached", null=True),
        _whole("at"),
        _text("error", null=True),
        sa.PrimaryKeyConstraint("network", "resident_id", "type", name="pk_pull_cursor"),
        _reference("pull_cursor", "resident_id", "resident"),
    )
    op.create_table(
        "push",
        _serial(),
        _text("network"),
        _text("type"),
        _text("identifier"),
        _small("turn"),
        _text("resident_id"),
        _text("patient"),
        _text("reading_id"),
        _text("device_id"),
        _text("kind"),
        _whole("measured_at"),
        _text("wants"),
        _text("says", null=True),
        _text("state"),
        _whole("due_at"),
        _small("attempts"),
        _text("remote_id", null=True),
        _text("version", null=True),
        _text("digest", null=True),
        _text("code", null=True),
        _text("outcome", null=True),
        _whole("created_at"),
        _whole("updated_at"),
        _whole("sent_at", null=True),
        _whole("confirmed_at", null=True),
        sa.PrimaryKeyConstraint("seq", name="pk_push"),
        _unique("push", "network", "type", "identifier"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_push_network_resident_id_state", "push", ["network", "resident_id", "state"])
    op.create_index("ix_push_network_state_due_at", "push", ["network", "state", "due_at"])
    op.create_index("ix_push_reading_id", "push", ["reading_id"])
    op.create_table(
        "network_state",
        _text("network"),
        _text("said"),
        _whole("at"),
        sa.PrimaryKeyConstraint("network", name="pk_network_state"),
    )


def _told() -> None:
    op.create_table(
        "care_entry",
        _text("id"),
        _text("resident_id"),
        _text("sort"),
        _text("name"),
        _text("codes"),
        _text("status"),
        _text("detail"),
        _whole("at", null=True),
        _whole("until", null=True),
        _text("source"),
        _text("actor"),
        _text("origin"),
        _text("remote"),
        _text("version"),
        _whole("recorded_at"),
        sa.PrimaryKeyConstraint("id", name="pk_care_entry"),
        _reference("care_entry", "resident_id", "resident"),
        _unique("care_entry", "resident_id", "origin", "remote", "version"),
    )
    op.create_index("ix_care_entry_resident_id_sort", "care_entry", ["resident_id", "sort"])
    op.create_table(
        "fact_origin",
        _text("fact_id"),
        _text("origin"),
        _text("remote"),
        _text("version"),
        sa.PrimaryKeyConstraint("fact_id", name="pk_fact_origin"),
    )
    op.create_index("ix_fact_origin_origin_remote", "fact_origin", ["origin", "remote"])
    op.create_table(
        "unknown_code",
        _text("origin"),
        _text("system"),
        _text("code"),
        _text("reason"),
        _text("display"),
        _whole("count"),
        _whole("first_at"),
        _whole("last_at"),
        sa.PrimaryKeyConstraint("origin", "system", "code", "reason", name="pk_unknown_code"),
    )


def _opened() -> None:
    op.create_table(
        "api_grant",
        _text("id"),
        _text("hash"),
        _text("resident_id"),
        _text("name"),
        _text("scopes"),
        _text("issued_by"),
        _whole("issued_at"),
        _whole("until"),
        _whole("used_at", null=True),
        _whole("revoked_at", null=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_grant"),
        _reference("api_grant", "resident_id", "resident"),
        _unique("api_grant", "hash"),
    )
    op.create_index("ix_api_grant_resident_id", "api_grant", ["resident_id"])
    op.create_table(
        "emergency_card",
        _text("id"),
        _text("hash"),
        _text("resident_id"),
        _text("sort"),
        _text("issued_by"),
        _whole("issued_at"),
        _whole("until"),
        _whole("revoked_at", null=True),
        sa.PrimaryKeyConstraint("id", name="pk_emergency_card"),
        _reference("emergency_card", "resident_id", "resident"),
        _unique("emergency_card", "hash"),
    )
    op.create_index("ix_emergency_card_resident_id", "emergency_card", ["resident_id"])
    op.create_table(
        "emergency_read",
        _text("id"),
        _text("card_id"),
        _text("resident_id"),
        _text("name"),
        _text("place"),
        _text("reason"),
        _whole("at"),
        _whole("until"),
        sa.PrimaryKeyConstraint("id", name="pk_emergency_read"),
        _reference("emergency_read", "resident_id", "resident"),
    )
    op.create_index("ix_emergency_read_resident_id_at", "emergency_read", ["resident_id", "at"])


def _guard(table: str) -> None:
    name, words = f"{table}_update_refused", f"{table} is append-only"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{words}'); END")
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{words}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def downgrade() -> None:
    """Never: a backup is the way back."""
    raise RuntimeError("restore a backup instead of downgrading")
