"""The outbound queue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _partial(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "queued_recipient", columns, postgresql_where=where, sqlite_where=where)


def upgrade() -> None:
    op.create_table(
        "retained",
        sa.Column("message_id", sa.LargeBinary(), nullable=False),
        _number("holder"),
        sa.PrimaryKeyConstraint("message_id", "holder", name="pk_retained"),
        comment="A content that something other than a mailbox needs: a message of the outbound queue",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "queued_message",
        _number("queue_id"),
        sa.Column("content_id", sa.LargeBinary(), nullable=False),
        _number("size"),
        _number("sender_id", nullable=True),
        _text("mail_from"),
        _text("dispatch_id", nullable=True),
        *(_number(name) for name in ("eightbit", "utf8", "require_tls")),
        *(_text(name, nullable=True) for name in ("ret", "envelope_id")),
        *(_number(name) for name in ("created_at", "expires_at", "done_at")),
        sa.PrimaryKeyConstraint("queue_id", name="pk_queued_message"),
        comment="A message that leaves; sender_id: the account that sent it, none for the service; ret and "
        "envelope_id: RFC 3461; done_at: when nothing of it waited any more, 0 before",
        sqlite_with_rowid=False,
    )
    for name in ("dispatch_id", "sender_id", "done_at"):
        op.create_index(f"ix_queued_message_{name}", "queued_message", [name])
    op.create_table(
        "queued_recipient",
        *(_number(name) for name in ("queue_id", "number")),
        *(_text(name) for name in ("address", "domain")),
        _number("priority"),
        _text("state"),
        *(_number(name) for name in ("created_at", "due_at", "notice_at", "attempts", "doubts")),
        _text("lease_owner", nullable=True),
        _number("code"),
        *(_text(name) for name in ("status", "answer", "remote", "notify")),
        _text("original", nullable=True),
        _number("done_at"),
        sa.PrimaryKeyConstraint("queue_id", "number", name="pk_queued_recipient"),
        comment="One recipient of it. due_at: when it is tried next, or, while lease_owner is at it, when that lease "
        "ends; notice_at: when its sender is told that it waits, then when it expires; doubts: how often nobody knows "
        "whether the other side took it; code, status, answer, remote: what was answered last",
        sqlite_with_rowid=False,
    )
    _partial("ix_queued_recipient_claim", ["domain", "priority", "due_at"], "state = 'waiting'")
    _partial("ix_queued_recipient_due", ["domain", "due_at"], "state = 'waiting'")
    _partial("ix_queued_recipient_notice", ["notice_at"], "state = 'waiting'")
    _partial("ix_queued_recipient_lease", ["lease_owner"], "lease_owner IS NOT NULL")
    for name in ("state", "domain"):
        columns = [name, "created_at", "queue_id", "number"]
        op.create_index(f"ix_queued_recipient_{name}_created_at_queue_id_number", "queued_recipient", columns)
    op.create_table(
        "queue_destination",
        _text("domain"),
        *(_number(name) for name in ("failures", "retry_at", "tried_at")),
        _text("answer"),
        sa.PrimaryKeyConstraint("domain", name="pk_queue_destination"),
        comment="A domain that mail went to: after failures of its servers nothing is tried before retry_at",
        sqlite_with_rowid=False,
    )
