"""Limits of sending for each profile, what was sent in the last hour, and the graded emergency stop."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "school_limit",
        sa.Column("school_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("school_id", "profile", "name", name="pk_school_limit"),
        comment="A limit of sending that a school changed; null is none at all (mailgate.policy.limits)",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sending",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sent", sa.Text(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_sending"),
        comment="How much an account sent in each minute of the last hour (mailgate.policy.allowance)",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sending_last_at", "sending", ["last_at"])
    op.create_table(
        "stop",
        sa.Column("stop_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=True),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("school_id", "list_id", "account_id")),
        sa.Column("reason_fr", sa.Text(), nullable=False),
        sa.Column("reason_en", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stop_id", name="pk_stop"),
        comment="Sending is stopped, or moderated, for what meets all that is not null (mailgate.policy.stops)",
    )
    op.create_index("ix_stop_ends_at", "stop", ["ends_at"])
