"""Counts of accounts, sign-ins and messages by month."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    op.create_table(
        "statistic",
        sa.Column("month", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("school", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("month", "school", "profile", "measure", "kind"),
        comment="A count; school: an UAI, or empty for the whole gateway, where people of several schools count once; "
        "measure and kind: mailgate.statistics.counts",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "statistic_mark",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        comment="Up to where something was counted: it moves in the transaction that adds the counts",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "account_month",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("month", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("account_id"),
        comment="The last month in which somebody signed in to an account",
        sqlite_with_rowid=False,
    )
