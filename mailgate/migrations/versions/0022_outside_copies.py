"""Copies at addresses outside: who wants them, what came back, and reverse paths of each recipient's own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("outside_wish", sa.Column("mode", sa.Text(), nullable=False, server_default="notification"))
    op.add_column("outside_wish", _number("suspended_at", server_default="0"))
    op.create_table(
        "outside_failure",
        *map(_number, ("person_id", "queue_id", "failed_at")),
        sa.PrimaryKeyConstraint("person_id", "queue_id"),
        comment="A message that the address of a wish refused for good",
        sqlite_with_rowid=False,
    )
    op.add_column("queued_message", _number("verp", server_default="0"))
    op.add_column("queued_recipient", _number("person_id", nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.create_table_comment(
            "outside_wish",
            "A relative who wants to be told at an address outside that a message came, or to have a copy of it; "
            "notified_at: when that was last; suspended_at: when too much had come back, 0 before",
        )
        op.create_table_comment(
            "queued_message",
            "A message that leaves; sender_id: the account that sent it, none for the service; ret and envelope_id: "
            "RFC 3461; verp: 1 where each recipient has a reverse path of its own; done_at: when nothing of it waited "
            "any more, 0 before",
        )
        op.create_table_comment(
            "queued_recipient",
            "One recipient of it. person_id: who wished it to be sent there; due_at: when it is tried next, or, while "
            "lease_owner is at it, when that lease ends; notice_at: when its sender is told that it waits, then when "
            "it expires; doubts: how often nobody knows whether the other side took it; code, status, answer, remote: "
            "what was answered last",
        )


def _number(name: str, *, nullable: bool = False, server_default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=nullable, server_default=server_default)
