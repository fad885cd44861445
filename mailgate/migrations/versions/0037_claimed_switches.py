"""One gateway of several makes a planned switch of the school year."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    op.add_column("year_switch", sa.Column("claimed_until", sa.BigInteger(), nullable=True))
