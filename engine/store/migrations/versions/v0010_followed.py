"""Following up goes to work: appointments and classes, the city's lists, loans, watching over, baths and classes.

The first shape of these tables came before the code that writes them, so no row of theirs can be lost here; where one
stands all the same, nothing is changed.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from engine.store.migrations.columns import flag, reference, serial, small, text_column, unique, whole, whole_key

revision: Final = "0010"
down_revision: Final = "0009"
branch_labels: Final = None
depends_on: Final = None

_REMADE: Final = ("appointment", "city_number", "loan", "watch_alert", "before_after")
_OUT: Final = "returned_at IS NULL"


def upgrade() -> None:
    """Creates the tables, empty; raises RuntimeError where a table that is made anew holds a row."""
    for name in _REMADE:
        if op.get_bind().execute(sa.select(sa.literal(1)).select_from(sa.table(name)).limit(1)).first() is not None:
            raise RuntimeError(f"{name} holds rows that this version does not know how to keep")
        op.drop_table(name)
    _appointments()
    _exchange()
    _loans()
    _watching()


def _appointments() -> None:
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
        whole("class_seq", null=True),
        text_column("state"),
        text_column("reason", null=True),
        whole("reminded_at", null=True),
        text_column("reminded_by", null=True),
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
    op.create_index("ix_appointment_staff_id_starts_at", "appointment", ["staff_id", "starts_at"])
    op.create_index("ix_appointment_class_seq", "appointment", ["class_seq"])
    op.create_table(
        "group_class",
        serial(),
        text_column("municipality_code"),
        text_column("title"),
        text_column("place"),
        text_column("staff_id", null=True),
        whole("starts_at"),
        whole("ends_at"),
        small("capacity"),
        text_column("state"),
        text_column("by"),
        whole("at"),
        whole("version"),
        sa.PrimaryKeyConstraint("seq", name="pk_group_class"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_group_class_municipality_code_state_starts_at", "group_class", ["municipality_code", "state", "starts_at"]
    )


def _exchange() -> None:
    op.create_table(
        "city_number",
        text_column("municipality_code"),
        text_column("number"),
        text_column("resident_id"),
        whole("at"),
        text_column("said"),
        text_column("missing_since", null=True),
        sa.PrimaryKeyConstraint("municipality_code", "number", name="pk_city_number"),
        reference("city_number", "resident_id", "resident"),
    )
    op.create_index("ix_city_number_resident_id", "city_number", ["resident_id"])
    op.create_table(
        "exchange_proposal",
        serial(),
        text_column("municipality_code"),
        text_column("number"),
        text_column("resident_id"),
        text_column("sort"),
        text_column("reason", null=True),
        text_column("said"),
        text_column("digest"),
        text_column("state"),
        whole("at"),
        whole("decided_at", null=True),
        text_column("decided_by", null=True),
        whole("version"),
        sa.PrimaryKeyConstraint("seq", name="pk_exchange_proposal"),
        reference("exchange_proposal", "resident_id", "resident"),
        unique("exchange_proposal", "municipality_code", "number", "resident_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_exchange_proposal_state_municipality_code", "exchange_proposal", ["state", "municipality_code"])
    op.create_index("ix_exchange_proposal_resident_id", "exchange_proposal", ["resident_id"])
    op.create_table(
        "exchange_line",
        serial(),
        text_column("municipality_code"),
        text_column("resident_id"),
        text_column("about"),
        text_column("change"),
        text_column("cells"),
        text_column("file"),
        whole("at"),
        whole("written_at", null=True),
        sa.PrimaryKeyConstraint("seq", name="pk_exchange_line"),
        reference("exchange_line", "resident_id", "resident"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_exchange_line_resident_id", "exchange_line", ["resident_id"])
    op.create_index(
        "ix_exchange_line_municipality_code_about_seq", "exchange_line", ["municipality_code", "about", "seq"]
    )
    op.create_index(
        "ix_exchange_line_written_at_municipality_code", "exchange_line", ["written_at", "municipality_code"]
    )


def _loans() -> None:
    op.create_table(
        "loan",
        serial(),
        text_column("asset"),
        text_column("sort"),
        text_column("address", null=True),
        text_column("device_id", null=True),
        text_column("gateway_id", null=True),
        text_column("resident_id"),
        text_column("municipality_code"),
        whole("lent_at"),
        text_column("lent_by"),
        text_column("due_on"),
        whole("returned_at", null=True),
        text_column("returned_by", null=True),
        text_column("ended", null=True),
        text_column("orders"),
        whole("tell_at", null=True),
        whole("wiped_at", null=True),
        whole("cleared_at", null=True),
        text_column("remark", null=True),
        whole("version"),
        sa.PrimaryKeyConstraint("seq", name="pk_loan"),
        reference("loan", "resident_id", "resident"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_loan_device_id", "loan", ["device_id"])
    op.create_index("ix_loan_gateway_id", "loan", ["gateway_id"])
    op.create_index(
        "ix_loan_out", "loan", ["asset"], unique=True, sqlite_where=sa.text(_OUT), postgresql_where=sa.text(_OUT)
    )
    op.create_index("ix_loan_tell_at", "loan", ["tell_at"])
    op.create_index("ix_loan_resident_id", "loan", ["resident_id"])
    op.create_table(
        "loan_slot",
        whole_key("loan"),
        small("slot"),
        text_column("resident_id"),
        whole("since"),
        sa.PrimaryKeyConstraint("loan", "slot", name="pk_loan_slot"),
        reference("loan_slot", "resident_id", "resident"),
    )
    op.create_index("ix_loan_slot_resident_id", "loan_slot", ["resident_id"])


def _watching() -> None:
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
        whole("ended_at", null=True),
        text_column("ended", null=True),
        whole("version"),
        sa.PrimaryKeyConstraint("seq", name="pk_watch_alert"),
        reference("watch_alert", "resident_id", "resident"),
        unique("watch_alert", "resident_id", "sort", "since"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_watch_alert_state_municipality_code_at", "watch_alert", ["state", "municipality_code", "at"])
    op.create_table(
        "watch_telling",
        whole_key("alert"),
        text_column("recipient"),
        whole("at"),
        text_column("by"),
        whole("back_at", null=True),
        sa.PrimaryKeyConstraint("alert", "recipient", name="pk_watch_telling"),
    )
    op.create_index("ix_watch_telling_recipient_at", "watch_telling", ["recipient", "at"])
    op.create_table(
        "watch_ear",
        text_column("gateway_id"),
        whole("told", null=True),
        whole("started", null=True),
        whole("adverts"),
        whole("grown", null=True),
        whole("since", null=True),
        text_column("trouble"),
        whole("trouble_since", null=True),
        flag("away"),
        sa.PrimaryKeyConstraint("gateway_id", name="pk_watch_ear"),
    )
    op.create_table(
        "before_after",
        serial(),
        text_column("resident_id"),
        text_column("sort"),
        text_column("place"),
        whole("started_at"),
        whole("ended_at", null=True),
        text_column("felt"),
        whole("at"),
        text_column("by"),
        text_column("asked", null=True),
        whole("taken_back_at", null=True),
        whole("version"),
        sa.PrimaryKeyConstraint("seq", name="pk_before_after"),
        reference("before_after", "resident_id", "resident"),
        unique("before_after", "resident_id", "started_at"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_before_after_ended_at", "before_after", ["ended_at"])


def downgrade() -> None:
    """Never: a backup is the way back."""
    raise RuntimeError("restore a backup instead of downgrading")
