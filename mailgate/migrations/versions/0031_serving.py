"""Which run of the machine an SQLite file is served in, so that a loss of power is noticed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.create_table(
        "serving",
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("boot_id", name="pk_serving"),
        comment="The run of the machine (its boot id) in which a gateway serves an SQLite file, while it does",
        sqlite_with_rowid=False,
    )
