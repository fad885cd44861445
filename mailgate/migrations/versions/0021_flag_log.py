"""Changes of flags are rows of a log, which entries follow; entries need no index by modification sequence any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    for name in ("stamp", "settled", "backlog"):
        op.add_column("mailbox", _number(name, server_default="0"))
    op.create_table(
        "flag_change",
        *map(_number, ("account_id", "mailbox_id", "stamp")),
        sa.Column("changes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", "stamp", name="pk_flag_change"),
        comment="A change of flags: its modification sequence and a random part; the messages, packed, with what they "
        "got",
        sqlite_with_rowid=False,
    )
    op.drop_index("ix_entry_account_id_mailbox_id_modseq", "entry")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE flag_change ALTER COLUMN changes SET STORAGE EXTERNAL")
        op.create_table_comment(
            "mailbox",
            "log_floor: tombstones at or below it were trimmed; keywords: names in bit order, separated by spaces; "
            "readers: 1 once somebody but the owner keeps seen marks here; stamp: of the last change of flags; "
            "settled: the stamp up to which entries have theirs; backlog: what the later ones cost to read",
        )
        op.create_table_comment(
            "entry",
            "One message in one mailbox; flags as in imap.flags, and modseq, as they were when it was settled",
        )


def _number(name: str, server_default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False, server_default=server_default)
