"""Accounts that only send are told from those whose mail is read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    op.add_column("account_month", sa.Column("reading_month", sa.Integer(), nullable=False, server_default="0"))
