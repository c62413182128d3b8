"""An index of what waits for a person's word; slots remember from when on they are somebody else's than before.

With the index the inbox of a town never reads all its readings.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"
branch_labels: Final = None
depends_on: Final = None
_WAITS: Final = "outcome = 'unassigned' OR certainty = 'assumed'"


def upgrade() -> None:
    """Creates the index; of the slots bound so far nobody knows whether they were somebody else's."""
    op.execute("UPDATE binding SET since = 0")
    op.create_index(
        "ix_reading_waiting", "reading", ["household_id", "measured_at"],
        sqlite_where=sa.text(_WAITS), postgresql_where=sa.text(_WAITS),
    )  # fmt: skip


def downgrade() -> None:
    """Never: a backup is the way back."""
    raise RuntimeError("restore a backup instead of downgrading")
