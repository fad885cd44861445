"""A held message knows who wants to be told when it is delivered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("held_message", sa.Column("wish", sa.Text(), nullable=True))
