"""Rights of a resident and statistics of the city: one ID, who acts, life events, closing, releases and their cost."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from engine.store.migrations.columns import flag, guard, reference, serial, small, text_column, unique, whole, whole_key

revision: Final = "0008"
down_revision: Final = "0007"
branch_labels: Final = None
depends_on: Final = None

# What was charged or proved is followed by another row, never rewritten.
_APPENDED: Final = ("release_charge", "consent_source", "publishing_unit")
_OPEN: Final = "ended_at IS NULL"


def upgrade() -> None:
    """Creates the tables, empty."""
    _identity()
    _lives()
    _closing()
    _statistics()
    for table in _APPENDED:
        guard(table)


def _identity() -> None:
    op.create_table(
        "one_id",
        serial(),
        text_column("issuer"),
        text_column("client_id"),
        text_column("subject"),
        text_column("holder"),
        text_column("how"),
        text_column("by"),
        whole("at"),
        whole("ended_at", null=True),
        text_column("ended_by", null=True),
        text_column("reason", null=True),
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
        text_column("hash"),
        text_column("purpose"),
        text_column("holder", null=True),
        text_column("nonce"),
        text_column("verifier"),
        text_column("browser"),
        text_column("onward"),
        whole("at"),
        whole("until"),
        sa.PrimaryKeyConstraint("hash", name="pk_sign_in_flow"),
    )
    op.create_index("ix_sign_in_flow_until", "sign_in_flow", ["until"])
    op.create_table(
        "one_id_session",
        text_column("hash"),
        text_column("issuer"),
        text_column("subject"),
        text_column("sid", null=True),
        text_column("acr", null=True),
        whole("at"),
        sa.PrimaryKeyConstraint("hash", name="pk_one_id_session"),
    )
    op.create_index("ix_one_id_session_issuer_sid", "one_id_session", ["issuer", "sid"])
    op.create_index("ix_one_id_session_issuer_subject", "one_id_session", ["issuer", "subject"])
    op.create_table(
        "logout_token",
        text_column("hash"),
        whole("until"),
        sa.PrimaryKeyConstraint("hash", name="pk_logout_token"),
    )
    op.create_index("ix_logout_token_until", "logout_token", ["until"])


def _lives() -> None:
    op.create_table(
        "acting",
        text_column("id"),
        text_column("resident_id"),
        text_column("actor"),
        text_column("basis"),
        text_column("scope"),
        text_column("seen"),
        text_column("agreed_by", null=True),
        whole("since"),
        whole("until", null=True),
        text_column("by"),
        whole("at"),
        whole("ended_at", null=True),
        text_column("ended_by", null=True),
        text_column("reason", null=True),
        whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_acting"),
        reference("acting", "resident_id", "resident"),
    )
    op.create_index("ix_acting_actor_since", "acting", ["actor", "since"])
    op.create_index("ix_acting_resident_id_since", "acting", ["resident_id", "since"])
    op.create_table(
        "protection",
        text_column("id"),
        text_column("resident_id"),
        whole("since"),
        whole("until", null=True),
        text_column("seen"),
        text_column("by"),
        whole("at"),
        whole("ended_at", null=True),
        text_column("ended_by", null=True),
        whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_protection"),
        reference("protection", "resident_id", "resident"),
    )
    op.create_index("ix_protection_resident_id_since", "protection", ["resident_id", "since"])
    op.create_table(
        "life_event",
        text_column("id"),
        text_column("resident_id"),
        text_column("sort"),
        whole("since"),
        whole("until", null=True),
        text_column("detail"),
        text_column("by"),
        whole("at"),
        whole("taken_back_at", null=True),
        text_column("taken_back_by", null=True),
        text_column("reason", null=True),
        whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_life_event"),
        reference("life_event", "resident_id", "resident"),
    )
    op.create_index("ix_life_event_resident_id_since", "life_event", ["resident_id", "since"])
    op.create_index("ix_life_event_sort_since", "life_event", ["sort", "since"])
    op.create_table(
        "consent_source",
        whole_key("seq"),
        text_column("resident_id"),
        text_column("sort"),
        text_column("reference"),
        text_column("sha256"),
        text_column("by"),
        whole("at"),
        sa.PrimaryKeyConstraint("seq", name="pk_consent_source"),
        reference("consent_source", "resident_id", "resident"),
    )
    op.create_index("ix_consent_source_resident_id", "consent_source", ["resident_id"])
    op.create_index("ix_consent_source_sort_reference", "consent_source", ["sort", "reference"])


def _closing() -> None:
    op.create_table(
        "closure",
        text_column("resident_id"),
        text_column("state"),
        whole("asked_at"),
        text_column("asked_by"),
        text_column("channel"),
        whole("due_at"),
        whole("erased_at", null=True),
        whole("scrubbed_at", null=True),
        text_column("counts", null=True),
        sa.PrimaryKeyConstraint("resident_id", name="pk_closure"),
    )
    op.create_index("ix_closure_state", "closure", ["state"])
    op.create_table(
        "forget_order",
        text_column("gateway_id"),
        text_column("resident_id"),
        text_column("correlation"),
        text_column("state"),
        whole("due_at"),
        whole("attempts"),
        whole("ordered_at"),
        whole("answered_at", null=True),
        text_column("answer", null=True),
        sa.PrimaryKeyConstraint("gateway_id", "resident_id", name="pk_forget_order"),
    )
    op.create_index("ix_forget_order_correlation", "forget_order", ["correlation"], unique=True)
    op.create_index("ix_forget_order_state_due_at", "forget_order", ["state", "due_at"])


def _statistics() -> None:
    op.create_table(
        "publishing_unit",
        text_column("code"),
        text_column("municipalities"),
        whole("population"),
        text_column("source"),
        text_column("first_period"),
        text_column("by"),
        whole("at"),
        sa.PrimaryKeyConstraint("code", name="pk_publishing_unit"),
    )
    op.create_table(
        "release_charge",
        serial(),
        text_column("unit"),
        text_column("period"),
        text_column("tables"),
        text_column("epsilon"),
        text_column("drawn"),
        sa.PrimaryKeyConstraint("seq", name="pk_release_charge"),
        unique("release_charge", "unit", "period"),
    )
    op.create_table(
        "statistics_release",
        text_column("id"),
        text_column("unit"),
        text_column("period"),
        text_column("content"),
        text_column("sha256"),
        text_column("state"),
        flag("test"),
        text_column("by"),
        whole("prepared_at"),
        whole("complete_at", null=True),
        whole("verified_at", null=True),
        whole("withdrawn_at", null=True),
        text_column("reason", null=True),
        whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_statistics_release"),
        unique("statistics_release", "unit", "period"),
    )
    op.create_index("ix_statistics_release_state", "statistics_release", ["state"])
    op.create_table(
        "release_batch",
        serial(),
        text_column("release_id"),
        small("ordinal"),
        text_column("part"),
        text_column("body"),
        text_column("sha256"),
        text_column("state"),
        whole("due_at"),
        small("attempts"),
        text_column("code", null=True),
        text_column("outcome", null=True),
        whole("created_at"),
        sa.PrimaryKeyConstraint("seq", name="pk_release_batch"),
        unique("release_batch", "release_id", "ordinal"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_release_batch_state_due_at", "release_batch", ["state", "due_at"])
    op.create_table(
        "held_interest",
        text_column("pseudonym"),
        text_column("code"),
        small("place"),
        sa.PrimaryKeyConstraint("pseudonym", "code", name="pk_held_interest"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Never: a backup is the way back."""
    raise RuntimeError("restore a backup instead of downgrading")
