"""Alembic's entry: runs on the connection, and inside the transaction, that `engine.store.database` hands over."""

from __future__ import annotations

from alembic import context

from engine.store.rows import Row

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Row.metadata,
    render_as_batch=True,
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
