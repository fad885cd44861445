"""A held message knows as which message it was accepted: who gets it later is noted there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("held_message", sa.Column("dispatch_id", sa.Text(), nullable=True))
    op.add_column("held_message", sa.Column("author_id", sa.BigInteger(), nullable=True))
