"""Who has been here: greylisting (RFC 6647)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "greylist",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_greylist"),
        comment="Digests of networks whose servers came back, and of network, reverse path and recipient of a first "
        "attempt",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_greylist_expires_at", "greylist", ["expires_at"])
