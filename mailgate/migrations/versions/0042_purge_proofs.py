"""Mail of leavers is purged with proof, one run at a time; legal holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    op.create_table(
        "legal_hold",
        _number("account_id"),
        _text("reason"),
        _text("actor"),
        _number("at"),
        sa.PrimaryKeyConstraint("account_id"),
        comment="An account that is not purged, whatever the rules say",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "purge_proof",
        _number("proof_id"),
        _number("account_id"),
        _text("addresses"),
        _text("profile"),
        _number("left_at"),
        _number("reads_until"),
        _text("rule"),
        _number("mailboxes"),
        _number("messages"),
        _number("octets"),
        _text("archive"),
        _text("digest"),
        _number("purged_at"),
        sa.PrimaryKeyConstraint("proof_id"),
        comment="An account that was purged: how much of what kind, by which rule; digest: SHA-256 of the archive's "
        "list of checksums; nothing of the content",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_purge_proof_account_id", "purge_proof", ["account_id"])
    op.create_index("ix_purge_proof_purged_at", "purge_proof", ["purged_at"])
    op.create_table(
        "retention_lease",
        _number("lease_id"),
        _text("owner"),
        _number("until"),
        sa.PrimaryKeyConstraint("lease_id"),
        comment="One row: who archives and purges now, and until when without a sign of life",
        sqlite_with_rowid=False,
    )


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)
