"""What was sent and what was taken back of it; the entries of a content are found by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "dispatch",
        sa.Column("dispatch_id", sa.Text(), nullable=False),
        sa.Column("sender_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("author_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("internet_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("dispatch_id", name="pk_dispatch"),
        comment="A message that was sent: its id is in the reply to the client and in Received, internet_id its "
        "Message-ID; sender_id signed in, author_id is the account of the address author in From",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_dispatch_internet_id", "dispatch", ["internet_id"])
    op.create_index("ix_dispatch_at", "dispatch", ["at"])
    op.create_table(
        "dispatch_copy",
        sa.Column("dispatch_id", sa.Text(), nullable=False),
        sa.Column("list_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.LargeBinary(), nullable=False),
        sa.Column("accounts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("dispatch_id", "list_id", "message_id", name="pk_dispatch_copy"),
        comment="The content that went to people named (list 0) or to a list, and the accounts that got it, "
        "8 octets each",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "withdrawal",
        sa.Column("dispatch_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("arrived_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seen", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("readers", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("dispatch_id", "account_id", "mailbox_id", "uid", name="pk_withdrawal"),
        comment="A copy that was taken out of a mailbox by a purge or a recall (kind): what was true of it then; "
        "readers: accounts that had opened it in a shared mailbox",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_entry_message_id", "entry", ["message_id"])
