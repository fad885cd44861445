"""Indexes by which it is found what somebody sent, and what of a message waits."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_index("ix_dispatch_sender_id_at", "dispatch", ["sender_id", "at"])
    op.create_index("ix_dispatch_author_id_at", "dispatch", ["author_id", "at"])
    op.create_index("ix_held_message_dispatch_id", "held_message", ["dispatch_id"])
