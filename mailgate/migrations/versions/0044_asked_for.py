"""What an operator asks to have tried now is, also where it is being sent already."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    op.add_column("queued_recipient", sa.Column("asked", sa.BigInteger(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.create_table_comment(
            "queued_recipient",
            "One recipient of it. person_id: who wished it to be sent there; due_at: when it is tried next, or, while "
            "lease_owner is at it, when that lease ends; notice_at: when its sender is told that it waits, then when "
            "it expires; doubts: how often nobody knows whether the other side took it; code, status, answer, remote: "
            "what was answered last; asked: of one that is being sent, 1 when an operator had asked for it, 2 when "
            "one has since",
        )
