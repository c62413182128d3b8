"""The first tables.

What is appended stays as it was written: the database itself refuses to change a consent, a step of a piece of
advice or a link of the audit chain, and to remove a link. (A person's erasure removes their consents and advice.)
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None
branch_labels: Final = None
depends_on: Final = None

_APPENDED: Final = (("consent", "UPDATE"), ("advice_event", "UPDATE"), ("audit", "UPDATE"), ("audit", "DELETE"))


def upgrade() -> None:
    """Creates every table, index and guard."""
    _create_people()
    _create_consents()
    _create_devices()
    _create_readings()
    _create_counts()
    _create_advice()
    for table, verb in _APPENDED:
        _guard(table, verb)


def downgrade() -> None:
    """Never: a backup is the way back, a downgrade would drop people's records."""
    raise RuntimeError("restore a backup instead of downgrading")


def _guard(table: str, verb: str) -> None:
    name, words = f"{table}_{verb.lower()}_refused", f"{table} is append-only"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{words}'); END")
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{words}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _columns(kind: Any, names: tuple[str, ...], null: bool) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=null, autoincrement=False) for name in names]


def _text(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return _columns(sa.Text(), names, null)


def _whole(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return _columns(sa.BigInteger(), names, null)


def _small(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return _columns(sa.Integer(), names, null)


def _real(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return _columns(sa.Float(), names, null)


def _flag(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return _columns(sa.Boolean(), names, null)


def _serial() -> sa.Column[Any]:
    return sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def _reference(table: str, column: str, other: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.{target}"], name=op.f(f"fk_{table}_{column}_{other}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def _create_people() -> None:
    op.create_table(
        "municipality",
        *_text("code", "name", "zone"),
        _key("municipality", "code"),
    )
    op.create_table(
        "household",
        *_text("id", "municipality_code", "zone"),
        *_whole("created_at"),
        _key("household", "id"),
        _reference("household", "municipality_code", "municipality", "code"),
    )
    op.create_table(
        "gateway",
        *_text("id", "household_id", "label"),
        *_whole("created_at"),
        _key("gateway", "id"),
        _reference("gateway", "household_id", "household", "id"),
    )
    _index("gateway", "household_id")
    op.create_table(
        "resident",
        *_text("id"),
        *_text("household_id", null=True),
        *_text("municipality_code", "family_name", "given_name", "family_kana", "given_kana"),
        *_text("alias", null=True),
        *_text("birth_date", "sex"),
        *_text("height_cm", "height_on", "address", "phone", "insured_number", null=True),
        *_text("language", "channel"),
        *_text("emergency_contact", null=True),
        *_text("status", "search_key"),
        *_whole("created_at", "version"),
        _key("resident", "id"),
        _reference("resident", "household_id", "household", "id"),
        _reference("resident", "municipality_code", "municipality", "code"),
    )
    _index("resident", "household_id")
    _index("resident", "municipality_code")


def _create_consents() -> None:
    op.create_table(
        "consent",
        _serial(),
        *_text("resident_id", "purpose"),
        *_text("recipient", "kind", null=True),
        *_flag("granted"),
        *_whole("at"),
        *_whole("until", null=True),
        *_text("actor", "channel", "text_hash"),
        _key("consent", "seq"),
        _reference("consent", "resident_id", "resident", "id"),
    )
    _index("consent", "resident_id", "seq")


def _create_devices() -> None:
    op.create_table(
        "device",
        *_text("id", "household_id", "profile"),
        *_text("maker", "model", "serial", "firmware", null=True),
        *_small("battery", null=True),
        *_flag("experimental"),
        *_whole("first_seen", "last_seen"),
        _key("device", "id"),
        _reference("device", "household_id", "household", "id"),
    )
    _index("device", "household_id")
    op.create_table(
        "binding",
        *_text("device_id"),
        *_small("slot"),
        *_text("resident_id"),
        *_whole("since"),
        _key("binding", "device_id", "slot"),
        _reference("binding", "device_id", "device", "id"),
        _reference("binding", "resident_id", "resident", "id"),
    )
    _index("binding", "resident_id")
    op.create_table(
        "gateway_state",
        *_text("gateway_id", "state", "health"),
        *_whole("at"),
        _key("gateway_state", "gateway_id"),
    )


def _create_readings() -> None:
    op.create_table(
        "reading",
        *_text("id", "household_id", "gateway_id", "device_id"),
        *_text("resident_id", "certainty", null=True),
        *_text("outcome", "profile"),
        *_text("firmware", null=True),
        *_text("source", "provenance"),
        *_small("user_slot", null=True),
        *_whole("sequence", null=True),
        *_real("quality", null=True),
        *_whole("measured_at"),
        *_text("time_quality"),
        *_whole("period_start", null=True),
        *_whole("received_at", "stored_at"),
        *_text("digest"),
        *_flag("experimental"),
        _key("reading", "id"),
    )
    _index("reading", "device_id", "measured_at")
    _index("reading", "household_id", "received_at")
    _index("reading", "resident_id", "measured_at")
    op.create_table(
        "measurement",
        *_text("reading_id", "kind"),
        *_text("resident_id", null=True),
        *_text("household_id", "device_id"),
        *_whole("measured_at"),
        *_text("value", "unit", "device_value", "device_unit"),
        _key("measurement", "reading_id", "kind"),
    )
    _index("measurement", "device_id", "kind", "measured_at")
    _index("measurement", "resident_id", "kind", "measured_at")


def _create_counts() -> None:
    op.create_table(
        "alias",
        *_text("reading_id", "of"),
        *_whole("at"),
        _key("alias", "reading_id"),
    )
    op.create_table(
        "refusal",
        _serial(),
        *_text("reading_id", "gateway_id", "code"),
        *_text("content", null=True),
        *_text("digest"),
        *_whole("at"),
        _key("refusal", "seq"),
        _unique("refusal", "reading_id", "code", "digest"),
    )
    op.create_table(
        "bad_message",
        *_text("sha256", "gateway_id", "code"),
        *_whole("size", "count", "at"),
        _key("bad_message", "sha256"),
    )
    op.create_table(
        "tally",
        *_text("outcome", "code"),
        *_whole("count"),
        _key("tally", "outcome", "code"),
    )
    op.create_table(
        "outbox",
        _serial(),
        *_text("topic", "key"),
        *_whole("at"),
        _key("outbox", "seq"),
        _unique("outbox", "topic", "key"),
        sqlite_autoincrement=True,
    )


def _create_advice() -> None:
    op.create_table(
        "advice",
        *_text("id", "resident_id", "topic", "rule_id"),
        *_whole("rule_version", "text_version"),
        *_text("state"),
        *_whole("version"),
        *_text("severity", "rank", "text_ja", "text_en", "evidence", "snapshot_hash"),
        *_whole("created_at", "updated_at"),
        *_whole("held_until", null=True),
        *_text("decided_by", "reason", "supersedes", null=True),
        _key("advice", "id"),
        _reference("advice", "resident_id", "resident", "id"),
    )
    _index("advice", "resident_id", "topic")
    _index("advice", "state", "updated_at")
    op.create_table(
        "advice_event",
        _serial(),
        *_text("advice_id"),
        *_whole("at"),
        *_text("actor", "os_user", "command"),
        *_text("from_state", null=True),
        *_text("to_state"),
        *_whole("version"),
        *_text("reason", null=True),
        _key("advice_event", "seq"),
        _reference("advice_event", "advice_id", "advice", "id"),
    )
    _index("advice_event", "advice_id", "seq")
    op.create_table(
        "audit",
        _serial(),
        *_whole("at"),
        *_text("actor", "os_user", "action", "subject", "detail_hash", "prev", "hash"),
        _key("audit", "seq"),
        _unique("audit", "prev"),
        sqlite_autoincrement=True,
    )
