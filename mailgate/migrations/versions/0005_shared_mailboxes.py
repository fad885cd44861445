"""Shared mailboxes: access control lists, accounts that are nobody's own, seen marks of each reader."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("mailbox", _number("readers", server_default="0"))
    _set_comment()
    op.create_table(
        "unsubscription",
        _number("account_id"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "name", name="pk_unsubscription"),
        comment="Shared mailboxes are subscribed by themselves: those that a person took off the list",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "shared_account",
        _number("account_id"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        _number("target_id"),
        sa.PrimaryKeyConstraint("account_id", name="pk_shared_account"),
        comment="An account that is nobody's own, its name below Shared/; kind and target_id: what of the directory it "
        "serves (a school or a class), else an administrator made it",
    )
    op.create_index("uq_shared_account_name", "shared_account", ["name"], unique=True)
    op.create_index("ix_shared_account_kind_target_id", "shared_account", ["kind", "target_id"])
    op.create_table(
        "acl",
        *map(_number, ("account_id", "mailbox_id")),
        sa.Column("grantee", sa.Text(), nullable=False),
        *map(_number, ("grantee_id", "negative")),
        sa.Column("rights", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", "grantee", "grantee_id", "negative", name="pk_acl"),
        comment="Rights (RFC 4314) that the owner account_id gives, or with negative takes, a person or a list's "
        "members",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_acl_grantee_grantee_id", "acl", ["grantee", "grantee_id"])
    op.create_table(
        "seen_by",
        *map(_number, ("account_id", "mailbox_id", "reader_id", "uid", "seen", "modseq")),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", "reader_id", "uid", name="pk_seen_by"),
        comment="The seen mark of a reader who is not the owner, once it was set or cleared",
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_seen_by_account_id_mailbox_id_reader_id_modseq",
        "seen_by",
        ["account_id", "mailbox_id", "reader_id", "modseq"],
    )
    op.create_table(
        "reader",
        *map(_number, ("account_id", "mailbox_id", "reader_id", "seen")),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", "reader_id", name="pk_reader"),
        comment="How many more messages are seen to this reader than to one who never marked any",
        sqlite_with_rowid=False,
    )


def _number(name: str, **options: Any) -> sa.Column[int]:  # noqa: ANN401 - as Column takes them
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False, **options)


def _set_comment() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_table_comment(
            "mailbox",
            "log_floor: tombstones at or below it were trimmed; keywords: names in bit order, separated by spaces; "
            "readers: 1 once somebody but the owner keeps seen marks here",
        )
