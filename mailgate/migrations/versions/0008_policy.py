"""What schools decide: cells of the communication matrix, settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "policy_cell",
        sa.Column("school_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("school_id", "writer", "recipient", "scope", name="pk_policy_cell"),
        comment="A cell of the communication matrix that a school changed (mailgate.policy.matrix)",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "school_setting",
        sa.Column("school_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("school_id", "name", name="pk_school_setting"),
        comment="What a school set that is not the default (mailgate.policy.schools)",
        sqlite_with_rowid=False,
    )
