"""Alembic migrations; `engine.store.database.migrate` runs them without an alembic.ini."""
