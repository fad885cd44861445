"""Lists whose every message waits for approval."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.add_column("list_setting", sa.Column("moderated", sa.Boolean(), nullable=True))
