"""What was copied from which mailbox elsewhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "transfer_source",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "source_id", name="pk_transfer_source"),
        comment="A mailbox elsewhere: server and user, name and UIDVALIDITY there; mailbox_id is where its mail goes",
        sqlite_with_rowid=False,
    )
    op.create_index(
        "uq_transfer_source_account_id_origin",
        "transfer_source",
        ["account_id", "origin", "mailbox", "uidvalidity"],
        unique=True,
    )
    op.create_table(
        "transferred",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source_uid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "source_id", "source_uid", name="pk_transferred"),
        comment="A message of a source that was filed; uid 0: found in the mailbox; flags as the source had them",
        sqlite_with_rowid=False,
    )
