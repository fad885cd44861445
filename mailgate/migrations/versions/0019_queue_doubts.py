"""What may have left twice is counted without a look at the whole queue, and SQLite finds the index of notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    waiting = sa.text("state = 'waiting'")
    name, columns = "ix_queued_recipient_notice", ["state", "notice_at"]
    op.drop_index(name, "queued_recipient")
    op.create_index(name, "queued_recipient", columns, postgresql_where=waiting, sqlite_where=waiting)
    where = sa.text("doubts > 0")
    op.create_index(
        "ix_queued_recipient_doubts", "queued_recipient", ["doubts"], postgresql_where=where, sqlite_where=where
    )
