"""Addresses that the directory has of relatives, for what they want there; whose wish one is, before a merge."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "relative_mail",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("source", "academy", "source_id", "mail")),
        sa.PrimaryKeyConstraint("source", "academy", "source_id", name="pk_relative_mail"),
    )
    op.add_column("outside_wish", sa.Column("from_directory", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("outside_wish", sa.Column("owner_id", sa.BigInteger(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.create_table_comment(
            "outside_wish",
            "A relative who wants to be told at an address outside that a message came, or to have a copy of it; "
            "notified_at: when that was last; suspended_at: when too much had come back, 0 before; from_directory: 1 "
            "where the address is the one that the directory has, empty while it has none; owner_id: whose wish it "
            "is, of somebody who was merged into this person",
        )
