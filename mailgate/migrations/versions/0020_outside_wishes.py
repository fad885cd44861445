"""Relatives who want to be told at an address outside that a message came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "outside_wish",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("notified_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person_id"),
        comment="A relative who wants to be told at an address outside that a message came; notified_at: when that was "
        "last",
        sqlite_with_rowid=False,
    )
