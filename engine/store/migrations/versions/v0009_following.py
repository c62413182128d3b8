"""Following up: cases, appointments, letters, the city's lists, loans, watching over, points, learning."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from engine.store.migrations.columns import flag, guard, reference, serial, small, text_column, unique, whole

revision: Final = "0009"
down_revision: Final = "0008"
branch_labels: Final = None
depends_on: Final = None

# What was done or earned is followed by another row, never rewritten.
_APPENDED: Final = ("case_event", "point_entry", "exchange_run")
_OPEN: Final = "state = 'open'"
_OUT: Final = "returned_at IS NULL"


def upgrade() -> None:
    """Creates the tables, empty."""
    _cases()
    _letters()
    _things()
    _points()
    for table in _APPENDED:
        guard(table)


def _cases() -> None:
    op.create_table(
        "guidance_case",
        text_column("id"),
        text_column("resident_id"),
        text_column("municipality_code"),
        text_column("programme"),
        text_column("basis"),
        text_column("goal", null=True),
        text_column("staff_id", null=True),
        text_column("interviewed_on", null=True),
        text_column("next_on", null=True),
        text_column("state"),
        whole("opened_at"),
        text_column("opened_by"),
        whole("ended_at", null=True),
        text_column("ended_by", null=True),
        text_column("reason", null=True),
        whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_guidance_case"),
        reference("guidance_case", "resident_id", "resident"),
    )
    op.create_index(
        "ix_guidance_case_municipality_code_state_next_on", "guidance_case", ["municipality_code", "state", "next_on"]
    )
    op.create_index(
        "ix_guidance_case_open",
        "guidance_case",
        ["resident_id", "programme"],
        unique=True,
        sqlite_where=sa.text(_OPEN),
        postgresql_where=sa.text(_OPEN),
    )
    op.create_index("ix_guidance_case_staff_id_state_next_on", "guidance_case", ["staff_id", "state", "next_on"])
    op.create_table(
        "case_event",
        serial(),
        text_column("case_id"),
        text_column("sort"),
        whole("at"),
        text_column("by"),
        text_column("detail"),
        small("points"),
        sa.PrimaryKeyConstraint("seq", name="pk_case_event"),
        reference("case_event", "case_id", "guidance_case"),
    )
    op.create_index("ix_case_event_case_id_seq", "case_event", ["case_id", "seq"])
    op.create_table(
        "appointment",
        serial(),
        text_column("resident_id"),
        text_column("case_id", null=True),
        text_column("municipality_code"),
        text_column("sort"),
        whole("starts_at"),
        whole("ends_at"),
        text_column("place"),
        text_column("staff_id", null=True),
        text_column("state"),
        whole("reminded_at", null=True),
        text_column("by"),
        whole("at"),
        whole("version"),
        sa.PrimaryKeyConstraint("seq", name="pk_appointment"),
        reference("appointment", "resident_id", "resident"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_appointment_municipality_code_state_starts_at", "appointment", ["municipality_code", "state", "starts_at"]
    )
    op.create_index("ix_appointment_resident_id_starts_at", "appointment", ["resident_id", "starts_at"])
    op.create_table(
        "referral",
        text_column("advice_id"),
        text_column("resident_id"),
        text_column("municipality_code"),
        text_column("state"),
        whole("delivered_at"),
        text_column("ask_on"),
        small("asked"),
        text_column("seen_on", null=True),
        whole("answered_at", null=True),
        text_column("by", null=True),
        whole("version"),
        sa.PrimaryKeyConstraint("advice_id", name="pk_referral"),
        reference("referral", "advice_id", "advice"),
        reference("referral", "resident_id", "resident"),
    )
    op.create_index("ix_referral_resident_id", "referral", ["resident_id"])
    op.create_index("ix_referral_state_ask_on", "referral", ["state", "ask_on"])


def _letters() -> None:
    op.create_table(
        "letter_batch",
        serial(),
        text_column("municipality_code"),
        text_column("sort"),
        text_column("period"),
        small("letters"),
        small("pages"),
        text_column("sha256"),
        text_column("by"),
        whole("at"),
        sa.PrimaryKeyConstraint("seq", name="pk_letter_batch"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "letter",
        serial(),
        whole("batch"),
        text_column("resident_id"),
        text_column("sort"),
        text_column("about"),
        text_column("code"),
        text_column("said"),
        text_column("state"),
        whole("made_at"),
        whole("printed_at", null=True),
        whole("sent_at", null=True),
        whole("returned_at", null=True),
        whole("replied_at", null=True),
        text_column("reason", null=True),
        whole("version"),
        sa.PrimaryKeyConstraint("seq", name="pk_letter"),
        reference("letter", "resident_id", "resident"),
        unique("letter", "code"),
        unique("letter", "resident_id", "sort", "about"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_letter_batch", "letter", ["batch"])
    op.create_index("ix_letter_state", "letter", ["state"])
    op.create_table(
        "city_number",
        text_column("municipality_code"),
        text_column("number"),
        text_column("resident_id"),
        whole("at"),
        sa.PrimaryKeyConstraint("municipality_code", "number", name="pk_city_number"),
        reference("city_number", "resident_id", "resident"),
    )
    op.create_index("ix_city_number_resident_id", "city_number", ["resident_id"])
    op.create_table(
        "exchange_run",
        serial(),
        text_column("municipality_code"),
        text_column("direction"),
        text_column("mapping"),
        text_column("sha256"),
        small("rows"),
        text_column("refused"),
        whole("reached", null=True),
        text_column("by"),
        whole("at"),
        sa.PrimaryKeyConstraint("seq", name="pk_exchange_run"),
        unique("exchange_run", "municipality_code", "direction", "sha256"),
        sqlite_autoincrement=True,
    )


def _things() -> None:
    op.create_table(
        "loan",
        serial(),
        text_column("asset"),
        text_column("sort"),
        text_column("device_id", null=True),
        text_column("gateway_id", null=True),
        text_column("resident_id"),
        text_column("municipality_code"),
        whole("lent_at"),
        text_column("lent_by"),
        text_column("due_on"),
        whole("returned_at", null=True),
        text_column("returned_by", null=True),
        whole("wiped_at", null=True),
        text_column("remark", null=True),
        whole("version"),
        sa.PrimaryKeyConstraint("seq", name="pk_loan"),
        reference("loan", "resident_id", "resident"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_loan_out", "loan", ["asset"], unique=True, sqlite_where=sa.text(_OUT), postgresql_where=sa.text(_OUT)
    )
    op.create_index("ix_loan_resident_id", "loan", ["resident_id"])
    op.create_table(
        "watch_alert",
        serial(),
        text_column("resident_id"),
        text_column("municipality_code"),
        text_column("sort"),
        whole("since"),
        whole("at"),
        text_column("evidence"),
        text_column("state"),
        whole("decided_at", null=True),
        text_column("decided_by", null=True),
        text_column("reason", null=True),
        whole("version"),
        sa.PrimaryKeyConstraint("seq", name="pk_watch_alert"),
        reference("watch_alert", "resident_id", "resident"),
        unique("watch_alert", "resident_id", "sort", "since"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_watch_alert_state_municipality_code_at", "watch_alert", ["state", "municipality_code", "at"])
    op.create_table(
        "before_after",
        serial(),
        text_column("resident_id"),
        text_column("sort"),
        text_column("place"),
        text_column("before_reading"),
        text_column("after_reading", null=True),
        whole("at"),
        text_column("by"),
        sa.PrimaryKeyConstraint("seq", name="pk_before_after"),
        reference("before_after", "resident_id", "resident"),
        unique("before_after", "before_reading"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_before_after_resident_id_at", "before_after", ["resident_id", "at"])


def _points() -> None:
    op.create_table(
        "point_entry",
        serial(),
        text_column("resident_id"),
        text_column("rule_id"),
        small("rule_version"),
        text_column("sort"),
        text_column("about"),
        small("turn"),
        text_column("on"),
        small("points"),
        whole("at"),
        sa.PrimaryKeyConstraint("seq", name="pk_point_entry"),
        reference("point_entry", "resident_id", "resident"),
        unique("point_entry", "resident_id", "rule_id", "about", "turn"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_point_entry_resident_id_on", "point_entry", ["resident_id", "on"])
    op.create_table(
        "point_team",
        serial(),
        text_column("municipality_code"),
        text_column("sort"),
        text_column("name"),
        text_column("by"),
        whole("at"),
        sa.PrimaryKeyConstraint("seq", name="pk_point_team"),
        unique("point_team", "municipality_code", "name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "point_member",
        serial(),
        whole("team"),
        text_column("resident_id"),
        text_column("since"),
        text_column("until", null=True),
        sa.PrimaryKeyConstraint("seq", name="pk_point_member"),
        reference("point_member", "resident_id", "resident"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_point_member_resident_id", "point_member", ["resident_id"])
    op.create_index("ix_point_member_team", "point_member", ["team"])
    op.create_table(
        "point_pot",
        sa.Column("team", sa.BigInteger(), autoincrement=False, nullable=False),
        text_column("month"),
        sa.Column("points", sa.Integer(), nullable=True),
        whole("at"),
        sa.PrimaryKeyConstraint("team", "month", name="pk_point_pot"),
    )
    op.create_table(
        "learning_choice",
        serial(),
        text_column("resident_id"),
        whole("at"),
        text_column("actions"),
        text_column("probabilities"),
        text_column("chosen"),
        text_column("features"),
        flag("shadow"),
        text_column("advice_id", null=True),
        whole("delivered_at", null=True),
        whole("reward_due"),
        text_column("reward", null=True),
        whole("rewarded_at", null=True),
        sa.PrimaryKeyConstraint("seq", name="pk_learning_choice"),
        reference("learning_choice", "resident_id", "resident"),
        unique("learning_choice", "resident_id", "at"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_learning_choice_reward_due_reward", "learning_choice", ["reward_due", "reward"])
    op.create_table(
        "learning_model",
        serial(),
        whole("at"),
        text_column("actions"),
        text_column("mean"),
        text_column("covariance"),
        small("people"),
        small("choices"),
        sa.PrimaryKeyConstraint("seq", name="pk_learning_model"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Never: a backup is the way back."""
    raise RuntimeError("restore a backup instead of downgrading")
