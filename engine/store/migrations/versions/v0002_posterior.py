"""How sure the numbers were about whose a reading is; NULL where a slot or a person said it."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Adds the column; what is stored was never decided by numbers."""
    op.add_column("reading", sa.Column("posterior", sa.Float(), nullable=True))


def downgrade() -> None:
    """Never: a backup is the way back."""
    raise RuntimeError("restore a backup instead of downgrading")
