"""The preview of a message (RFC 8970), made when it is first asked for where it is missing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("message", sa.Column("preview", sa.LargeBinary(), nullable=True))
