"""Annotations of mailboxes and of the server (RFC 5464)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("account", sa.Column("annotation_revision", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "annotation",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reader_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", "reader_id", "entry", name="pk_annotation"),
        comment="RFC 5464: mailbox 0 is the server, reader 0 everybody; without a value: removed at this revision",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_annotation_account_id_revision", "annotation", ["account_id", "revision"])
