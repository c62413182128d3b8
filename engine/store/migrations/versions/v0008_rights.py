"""Rights of a resident and statistics of the city: one ID, who acts, life events, closing, releases and their cost."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0008"
down_revision: Final = "0007"
branch_labels: Final = None
depends_on: Final = None

# What was charged or proved is followed by another row, never rewritten.
_APPENDED: Final = ("release_charge", "consent_source", "publishing_unit")
_OPEN: Final = "ended_at IS NULL"


def _text(name: str, *, null: bool = False) -> Any:
    return sa.Column(name, sa.Text(), nullable=null)


def _whole(name: str, *, null: bool = False) -> Any:
    return sa.Column(name, sa.BigInteger(), nullable=null)


def _small(name: str) -> Any:
    return sa.Column(name, sa.Integer(), nullable=False)


def _flag(name: str) -> Any:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _serial() -> Any:
    return sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False)


def _whole_key(name: str) -> Any:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def _reference(table: str, column: str, other: str) -> Any:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def _unique(table: str, *columns: str) -> Any:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def upgrade() -> None:
    """Creates the tables, empty."""
    _identity()
    _lives()
    _closing()
    _statistics()
    for table in _APPENDED:
        _guard(table)


def _identity() -> None:
    op.create_table(
        "one_id",
        _serial(),
        _text("issuer"),
        _text("client_id"),
        _text("subject"),
        _text("holder"),
        _text("how"),
        _text("by"),
        _whole("at"),
        _whole("ended_at", null=True),
        _text("ended_by", null=True),
        _text("reason", null=True),
        sa.PrimaryKeyConstraint("seq", name="pk_one_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_one_id_holder",
        "one_id",
        ["holder", "issuer", "client_id"],
        unique=True,
        sqlite_where=sa.text(_OPEN),
        postgresql_where=sa.text(_OPEN),
    )
    op.create_index(
        "ix_one_id_subject",
        "one_id",
        ["issuer", "client_id", "subject"],
        unique=True,
        sqlite_where=sa.text(_OPEN),
        postgresql_where=sa.text(_OPEN),
    )
    op.create_table(
        "sign_in_flow",
        _text("hash"),
        _text("purpose"),
        _text("holder", null=True),
        _text("nonce"),
        _text("verifier"),
        _text("browser"),
        _text("onward"),
        _whole("at"),
        _whole("until"),
        sa.PrimaryKeyConstraint("hash", name="pk_sign_in_flow"),
    )
    op.create_index("ix_sign_in_flow_until", "sign_in_flow", ["until"])
    op.create_table(
        "one_id_session",
        _text("hash"),
        _text("issuer"),
        _text("subject"),
        _text("sid", null=True),
        _text("acr", null=True),
        _whole("at"),
        sa.PrimaryKeyConstraint("hash", name="pk_one_id_session"),
    )
    op.create_index("ix_one_id_session_issuer_sid", "one_id_session", ["issuer", "sid"])
    op.create_index("ix_one_id_session_issuer_subject", "one_id_session", ["issuer", "subject"])
    op.create_table(
        "logout_token",
        _text("hash"),
        _whole("until"),
        sa.PrimaryKeyConstraint("hash", name="pk_logout_token"),
    )
    op.create_index("ix_logout_token_until", "logout_token", ["until"])


def _lives() -> None:
    op.create_table(
        "acting",
        _text("id"),
        _text("resident_id"),
        _text("actor"),
        _text("basis"),
        _text("scope"),
        _text("seen"),
        _text("agreed_by", null=True),
        _whole("since"),
        _whole("until", null=True),
        _text("by"),
        _whole("at"),
        _whole("ended_at", null=True),
        _text("ended_by", null=True),
        _text("reason", null=True),
        _whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_acting"),
        _reference("acting", "resident_id", "resident"),
    )
    op.create_index("ix_acting_actor_since", "acting", ["actor", "since"])
    op.create_index("ix_acting_resident_id_since", "acting", ["resident_id", "since"])
    op.create_table(
        "protection",
        _text("id"),
        _text("resident_id"),
        _whole("since"),
        _whole("until", null=True),
        _text("seen"),
        _text("by"),
        _whole("at"),
        _whole("ended_at", null=True),
        _text("ended_by", null=True),
        _whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_protection"),
        _reference("protection", "resident_id", "resident"),
    )
    op.create_index("ix_protection_resident_id_since", "protection", ["resident_id", "since"])
    op.create_table(
        "life_event",
        _text("id"),
        _text("resident_id"),
        _text("sort"),
        _whole("since"),
        _whole("until", null=True),
        _text("detail"),
        _text("by"),
        _whole("at"),
        _whole("taken_back_at", null=True),
        _text("taken_back_by", null=True),
        _text("reason", null=True),
        _whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_life_event"),
        _reference("life_event", "resident_id", "resident"),
    )
    op.create_index("ix_life_event_resident_id_since", "life_event", ["resident_id", "since"])
    op.create_index("ix_life_event_sort_since", "life_event", ["sort", "since"])
    op.create_table(
        "consent_source",
        _whole_key("seq"),
        _text("resident_id"),
        _text("sort"),
        _text("reference"),
        _text("sha256"),
        _text("by"),
        _whole("at"),
        sa.PrimaryKeyConstraint("seq", name="pk_consent_source"),
        _reference("consent_source", "resident_id", "resident"),
    )
    op.create_index("ix_consent_source_resident_id", "consent_source", ["resident_id"])
    op.create_index("ix_consent_source_sort_reference", "consent_source", ["sort", "reference"])


def _closing() -> None:
    op.create_table(
        "closure",
        _text("resident_id"),
        _text("state"),
        _whole("asked_at"),
        _text("asked_by"),
        _text("channel"),
        _whole("due_at"),
        _whole("erased_at", null=True),
        _whole("scrubbed_at", null=True),
        _text("counts", null=True),
        sa.PrimaryKeyConstraint("resident_id", name="pk_closure"),
    )
    op.create_index("ix_closure_state", "closure", ["state"])
    op.create_table(
        "forget_order",
        _text("gateway_id"),
        _text("resident_id"),
        _text("correlation"),
        _text("state"),
        _whole("due_at"),
        _whole("attempts"),
        _whole("ordered_at"),
        _whole("answered_at", null=True),
        _text("answer", null=True),
        sa.PrimaryKeyConstraint("gateway_id", "resident_id", name="pk_forget_order"),
    )
    op.create_index("ix_forget_order_correlation", "forget_order", ["correlation"], unique=True)
    op.create_index("ix_forget_order_state_due_at", "forget_order", ["state", "due_at"])


def _statistics() -> None:
    op.create_table(
        "publishing_unit",
        _text("code"),
        _text("municipalities"),
        _whole("population"),
        _text("source"),
        _text("first_period"),
        _text("by"),
        _whole("at"),
        sa.PrimaryKeyConstraint("code", name="pk_publishing_unit"),
    )
    op.create_table(
        "release_charge",
        _serial(),
        _text("unit"),
        _text("period"),
        _text("tables"),
        _text("epsilon"),
        _text("drawn"),
        sa.PrimaryKeyConstraint("seq", name="pk_release_charge"),
        _unique("release_charge", "unit", "period"),
    )
    op.create_table(
        "statistics_release",
        _text("id"),
        _text("unit"),
        _text("period"),
        _text("content"),
        _text("sha256"),
        _text("state"),
        _flag("test"),
        _text("by"),
        _whole("prepared_at"),
        _whole("complete_at", null=True),
        _whole("verified_at", null=True),
        _whole("withdrawn_at", null=True),
        _text("reason", null=True),
        _whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_statistics_release"),
        _unique("statistics_release", "unit", "period"),
    )
    op.create_index("ix_statistics_release_state", "statistics_release", ["state"])
    op.create_table(
        "release_batch",
        _serial(),
        _text("release_id"),
        _small("ordinal"),
        _text("part"),
        _text("body"),
        _text("sha256"),
        _text("state"),
        _whole("due_at"),
        _small("attempts"),
        _text("code", null=True),
        _text("outcome", null=True),
        _whole("created_at"),
        sa.PrimaryKeyConstraint("seq", name="pk_release_batch"),
        _unique("release_batch", "release_id", "ordinal"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_release_batch_state_due_at", "release_batch", ["state", "due_at"])
    op.create_table(
        "held_interest",
        _text("pseudonym"),
        _text("code"),
        _small("place"),
        sa.PrimaryKeyConstraint("pseudonym", "code", name="pk_held_interest"),
    )


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
