"""Messages that wait: for a moderator, or for their time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "held_message",
        _number("held_id"),
        _number("content_id"),
        *(_text(name) for name in ("state", "reason", "language")),
        _number("sender_id"),
        *(_text(name) for name in ("writer", "kind")),
        _number("target_id"),
        *(_text(name) for name in ("target", "label", "subject", "message_ref")),
        *(_number(name) for name in ("size", "header_size", "reach")),
        _text("direct"),
        *(_number(name) for name in ("created_at", "expires_at")),
        _number("decided_at", nullable=True),
        *(_text(name, nullable=True) for name in ("decided_by", "words")),
        sa.PrimaryKeyConstraint("held_id", name="pk_held_message"),
        comment="A message that waits for a decision (held) or its time (waiting), and what became of it; "
        "direct: who had it without waiting (mailgate.moderation.held)",
    )
    op.create_index("ix_held_message_state_expires_at", "held_message", ["state", "expires_at"])
    op.create_index("ix_held_message_content_id", "held_message", ["content_id"])
    op.create_table(
        "held_moderator",
        *(_number(name) for name in ("held_id", "slot", "account_id")),
        sa.PrimaryKeyConstraint("held_id", "slot", name="pk_held_moderator"),
        comment="Who could decide on a held message, from slot 1; put down when the message is held",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "held_content",
        _number("content_id"),
        sa.Column("chunk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("content_id", "chunk", name="pk_held_content"),
        comment="Octets chunk * 262144 and following of a held message, one zstd frame; deleted with the last decision",
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE held_content ALTER COLUMN data SET STORAGE EXTERNAL")
    op.create_table(
        "moderation_key",
        sa.Column("key_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_moderation_key"),
        comment="One row, made at first use: what the tokens of decisions are signed with",
    )
