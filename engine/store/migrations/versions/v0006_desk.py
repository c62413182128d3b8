"""The desk: accounts, sessions, notes, requests, standing approvals, messages; and an item's place in the queue."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from engine.names import kana_key
from engine.store.instants import from_micros, to_micros

revision: Final = "0006"
down_revision: Final = "0005"
branch_labels: Final = None
depends_on: Final = None

# What was said or done is followed by another row, never rewritten.
_APPENDED: Final = ("staff_note", "contact", "break_glass", "standing_use", "fact_release")
# Working microseconds until an item of each severity is late; a severity not listed waits as long as a routine one.
_DUE: Final = {"emergency": 900, "urgent": 7_200, "prompt": 86_400, "soon": 259_200, "routine": 604_800}
_TIER: Final = {"emergency": 0, "urgent": 1, "prompt": 2, "soon": 3, "routine": 4}
_SHELF: Final = {
    "open": "open", "claimed": "open", "escalated": "open", "approved": "held", "draft": "later", "snoozed": "later",
}  # fmt: skip

_RESIDENT: Final = ("id", "municipality_code")
_ADVICE: Final = (
    "id", "resident_id", "state", "severity", "created_at", "municipality_code", "shelf", "tier", "place", "due_at",
    "needs_contact",
)  # fmt: skip


def _text(name: str, *, null: bool = False) -> Any:
    return sa.Column(name, sa.Text(), nullable=null)


def _whole(name: str, *, null: bool = False) -> Any:
    return sa.Column(name, sa.BigInteger(), nullable=null)


def _flag(name: str) -> Any:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _serial() -> Any:
    return sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False)


def _reference(table: str, column: str, other: str, key: str = "id") -> Any:
    return sa.ForeignKeyConstraint([column], [f"{other}.{key}"], name=f"fk_{table}_{column}_{other}")


def upgrade() -> None:
    """Creates the tables, empty, and gives every item of the queue its place in it."""
    _people()
    _care()
    _signatures()
    _pages()
    _messages()
    for table in _APPENDED:
        _guard(table)
    _places()
    for name in ("batch", "text_ja", "text_en"):
        op.add_column("advice_event", sa.Column(name, sa.Text(), nullable=True))
    op.create_index("ix_advice_event_at", "advice_event", ["at"])
    _order()
    op.create_index("ix_audit_subject_seq", "audit", ["subject", "seq"])


def _people() -> None:
    op.create_table(
        "team", _text("id"), _text("municipality_code"), _text("name"), _whole("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_team"), _reference("team", "municipality_code", "municipality",
        "code"),
    )  # fmt: skip
    op.create_table(
        "staff", _text("id"), _text("login"), _text("name"), _text("roles"), _text("municipalities"),
        _text("team_id", null=True), _text("password_hash", null=True), _text("totp_secret", null=True),
        _whole("totp_step"), _whole("failed"), _whole("locked_until", null=True), _flag("active"),
        _flag("single_keys"), _text("language"), _whole("created_at"), _whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_staff"), _reference("staff", "team_id", "team"),
        sa.UniqueConstraint("login", name="uq_staff_login"),
    )  # fmt: skip
    op.create_table(
        "family_member", _text("id"), _text("name"), _text("relation"), _text("language"), _whole("created_at"),
        _whole("ended_at", null=True), sa.PrimaryKeyConstraint("id", name="pk_family_member"),
    )  # fmt: skip
    op.create_table(
        "web_session", _text("hash"), _text("subject"), _text("identity"), _text("csrf"), _text("language"),
        _whole("started"), _whole("seen"), _whole("ends"), _flag("locked"), sa.PrimaryKeyConstraint("hash",
        name="pk_web_session"),
    )  # fmt: skip
    op.create_index("ix_web_session_csrf", "web_session", ["csrf"])
    op.create_index("ix_web_session_subject", "web_session", ["subject"])
    op.create_table(
        "sign_in_code", _text("hash"), _text("id"), _text("kind"), _text("subject"), _text("issued_by"),
        _whole("issued_at"), _whole("until"), _whole("used_at", null=True), _whole("revoked_at", null=True),
        _whole("failed"), sa.PrimaryKeyConstraint("hash", name="pk_sign_in_code"), sa.UniqueConstraint("id",
        name="uq_sign_in_code_id"),
    )  # fmt: skip
    op.create_index("ix_sign_in_code_subject", "sign_in_code", ["subject"])
    op.create_table(
        "break_glass", _text("id"), _text("staff_id"), _text("resident_id"), _text("reason"), _whole("at"),
        _whole("until"), sa.PrimaryKeyConstraint("id", name="pk_break_glass"), _reference("break_glass",
        "resident_id", "resident"),
    )  # fmt: skip
    op.create_index("ix_break_glass_resident_id_at", "break_glass", ["resident_id", "at"])
    op.create_index("ix_break_glass_staff_id", "break_glass", ["staff_id"])
    op.create_table(
        "resident_team", _text("resident_id"), _text("team_id", null=True), _text("staff_id", null=True),
        _whole("at"), _text("by"), sa.PrimaryKeyConstraint("resident_id", name="pk_resident_team"),
        _reference("resident_team", "resident_id", "resident"), _reference("resident_team", "team_id", "team"),
    )  # fmt: skip
    op.create_index("ix_resident_team_staff_id", "resident_team", ["staff_id"])
    op.create_index("ix_resident_team_team_id", "resident_team", ["team_id"])


def _care() -> None:
    op.create_table(
        "staff_note", _text("id"), _text("resident_id"), _text("advice_id", null=True), _text("kind"),
        _text("author"), _whole("at"), _text("text"), sa.PrimaryKeyConstraint("id", name="pk_staff_note"),
        _reference("staff_note", "resident_id", "resident"),
    )  # fmt: skip
    op.create_index("ix_staff_note_advice_id", "staff_note", ["advice_id"])
    op.create_index("ix_staff_note_resident_id_at", "staff_note", ["resident_id", "at"])
    op.create_table(
        "contact", _text("id"), _text("resident_id"), _text("advice_id", null=True), _text("by"), _whole("at"),
        _text("how"), _text("outcome"), _text("text"), sa.PrimaryKeyConstraint("id", name="pk_contact"),
        _reference("contact", "resident_id", "resident"),
    )  # fmt: skip
    op.create_index("ix_contact_advice_id", "contact", ["advice_id"])
    op.create_index("ix_contact_resident_id_at", "contact", ["resident_id", "at"])
    op.create_table(
        "request", _text("id"), _text("resident_id"), _text("municipality_code"), _text("kind"), _text("about",
        null=True), _text("text"), _text("desk"), _whole("due_at"), _text("state"), _whole("created_at"),
        _whole("closed_at", null=True), _text("closed_by", null=True), _text("answer", null=True),
        _whole("version"), sa.PrimaryKeyConstraint("id", name="pk_request"), _reference("request",
        "resident_id", "resident"),
    )  # fmt: skip
    op.create_index("ix_request_desk_state_due_at", "request", ["desk", "state", "due_at"])
    op.create_index("ix_request_resident_id_created_at", "request", ["resident_id", "created_at"])


def _signatures() -> None:
    op.create_table(
        "standing_approval", _text("id"), _text("municipality_code"), _text("rule_id"), _whole("rule_version"),
        _whole("text_version"), _text("digest"), _text("population"), _text("signed_by"), _whole("signed_at"),
        _whole("until"), _whole("daily_cap"), _whole("sample_percent"), _text("state"), _whole("ended_at", null=True),
        _text("ended_by", null=True), _text("reason", null=True), _whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_standing_approval"), _reference("standing_approval",
        "municipality_code", "municipality", "code"),
    )  # fmt: skip
    op.create_index("ix_standing_approval_state_rule_id", "standing_approval", ["state", "rule_id"])
    op.create_table(
        "standing_use", _text("advice_id"), _text("approval_id"), _whole("at"), _flag("sampled"),
        sa.PrimaryKeyConstraint("advice_id", name="pk_standing_use"), _reference("standing_use", "approval_id",
        "standing_approval"),
    )  # fmt: skip
    op.create_index("ix_standing_use_approval_id_at", "standing_use", ["approval_id", "at"])
    op.create_table(
        "urgent_text", _text("id"), _text("municipality_code"), _text("rule_id"), _whole("rule_version"),
        _whole("text_version"), _text("digest"), _text("signed_by"), _whole("signed_at"), _whole("ended_at", null=True),
        _text("ended_by", null=True), sa.PrimaryKeyConstraint("id", name="pk_urgent_text"),
        _reference("urgent_text", "municipality_code", "municipality", "code"),
    )  # fmt: skip


def _pages() -> None:
    op.create_table(
        "saved_view", _text("staff_id"), _text("name"), _text("query"), _whole("at"),
        sa.PrimaryKeyConstraint("staff_id", "name", name="pk_saved_view"),
    )  # fmt: skip
    op.create_table(
        "advice_seen", _text("advice_id"), _text("by"), _whole("version"), _whole("at"),
        sa.PrimaryKeyConstraint("advice_id", "by", name="pk_advice_seen"),
    )  # fmt: skip
    op.create_table(
        "advice_response", _text("advice_id"), _text("resident_id"), _text("said"), _whole("at"),
        sa.PrimaryKeyConstraint("advice_id", name="pk_advice_response"), _reference("advice_response",
        "resident_id", "resident"),
    )  # fmt: skip
    op.create_index("ix_advice_response_resident_id", "advice_response", ["resident_id"])
    op.create_table(
        "disclosure", _text("municipality_code"), _text("data_class"), _text("mode"), _whole("days"),
        _text("by"), _whole("at"), sa.PrimaryKeyConstraint("municipality_code", "data_class",
        name="pk_disclosure"), _reference("disclosure", "municipality_code", "municipality", "code"),
    )  # fmt: skip
    op.create_table(
        "fact_release", _text("fact_id"), _text("by"), _whole("at"), sa.PrimaryKeyConstraint("fact_id",
        name="pk_fact_release"),
    )  # fmt: skip


def _messages() -> None:
    op.create_table(
        "address", _text("id"), _text("owner"), _text("channel"), _text("address"), _text("digest"),
        _whole("verified_at", null=True), _whole("created_at"), _whole("failed_at", null=True),
        sa.PrimaryKeyConstraint("id", name="pk_address"), sa.UniqueConstraint("channel", "digest",
        name="uq_address_channel_digest"),
    )  # fmt: skip
    op.create_index("ix_address_owner_channel", "address", ["owner", "channel"])
    op.create_table(
        "notice", _serial(), _text("recipient"), _text("kind"), _text("about"), _text("channel"),
        _flag("urgent"), _text("state"), _whole("due_at"), _whole("attempts"), _whole("sent_at", null=True),
        _text("error", null=True), _whole("created_at"), sa.PrimaryKeyConstraint("seq", name="pk_notice"),
        sa.UniqueConstraint("recipient", "kind", "about", name="uq_notice_recipient_kind_about"),
        sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_index("ix_notice_state_due_at", "notice", ["state", "due_at"])


def _order() -> None:
    """The key by which people are listed in kana order, also of those who are there already."""
    text = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
    op.add_column("resident", sa.Column("kana_key", text, nullable=False, server_default="-"))
    table = sa.table("resident", *map(sa.column, ("id", "family_kana", "given_kana", "kana_key")))
    known = op.get_bind().execute(sa.select(table.c.id, table.c.family_kana, table.c.given_kana)).all()
    for name, family, given in known:
        op.execute(sa.update(table).where(table.c.id == name).values(kana_key=kana_key(family, given)))
    op.create_index(
        "ix_resident_municipality_code_kana_key_id", "resident", ["municipality_code", "kana_key", "id"]
    )  # fmt: skip


def _places() -> None:
    """The place in the queue as columns: what waits already gets it from its severity and age."""
    for column in (
        sa.Column("municipality_code", sa.Text(), nullable=False, server_default="-"),
        sa.Column("shelf", sa.Text(), nullable=False, server_default="done"),
        sa.Column("tier", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("place", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("due_at", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("needs_contact", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("assigned_to", sa.Text(), nullable=True),
        sa.Column("escalated_by", sa.Text(), nullable=True),
    ):
        op.add_column("advice", column)
    advice, resident = sa.table("advice", *map(sa.column, _ADVICE)), sa.table("resident", *map(sa.column, _RESIDENT))
    whose = sa.select(resident.c.municipality_code).where(resident.c.id == advice.c.resident_id).scalar_subquery()
    due = sa.cast(sa.case(_DUE, value=advice.c.severity, else_=604_800), sa.BigInteger())
    op.execute(
        sa.update(advice).values(
            municipality_code=whose, shelf=sa.case(_SHELF, value=advice.c.state, else_="done"),
            tier=sa.case(_TIER, value=advice.c.severity, else_=0), place=advice.c.created_at,
            due_at=sa.cast(advice.c.created_at, sa.BigInteger()) + due * 1_000_000,
        )
    )  # fmt: skip
    # Nobody noted until now that these were reached: they stand before the nurses until somebody does.
    alive = advice.c.severity.in_(("urgent", "emergency")) & advice.c.state.in_(tuple(_SHELF))
    op.execute(sa.update(advice).where(alive).values(needs_contact=sa.true(), shelf="open"))
    _due_in_office_hours(advice)
    columns = ("tier", "place", "id")
    op.create_index(
        "ix_advice_shelf_municipality_code_tier_place_id", "advice", ["shelf", "municipality_code", *columns]
    )
    op.create_index(
        "ix_advice_shelf_municipality_code_due_at_id", "advice", ["shelf", "municipality_code", "due_at", "id"]
    )
    op.create_index("ix_advice_assigned_to", "advice", ["assigned_to"])
    op.create_index("ix_resident_search_key_id", "resident", ["search_key", "id"])
    op.create_index("ix_advice_shelf_tier_place_id", "advice", ["shelf", *columns])
    op.create_index("ix_advice_rule_id_rule_version_state", "advice", ["rule_id", "rule_version", "state"])


def _due_in_office_hours(advice: Any) -> None:
    """What waits already is late when anything else would be: nights, weekends and holidays do not count."""
    columns = (advice.c.id, advice.c.created_at, advice.c.severity, advice.c.municipality_code)
    waiting = op.get_bind().execute(sa.select(*columns).where(advice.c.shelf != "done")).all()
    if not waiting:
        return
    from engine.officehours import due_at

    for name, created, severity, town in waiting:
        due = to_micros(due_at(from_micros(created), severity, town))
        op.execute(sa.update(advice).where(advice.c.id == name).values(due_at=due))


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
