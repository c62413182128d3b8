"""Alembic migrations; `engine.store.database.migrate` runs them without an alembic.ini."""

from typing import Final

# The last revision: what a database has to be at for a command to go on without loading the migration tool.
HEAD: Final = "0010"
