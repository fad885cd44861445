"""For how long a list keeps its messages in its archive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("list_setting", sa.Column("archive_days", sa.Integer(), nullable=True))
