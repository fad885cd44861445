"""PostgreSQL does not compress what lists of messages read, unless a row could not be kept otherwise.

Rows that are there stay as they are.
"""

from __future__ import annotations

from alembic import op

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "ALTER TABLE message ALTER COLUMN listing SET STORAGE MAIN, ALTER COLUMN envelope SET STORAGE MAIN, "
            "ALTER COLUMN bodystructure SET STORAGE MAIN"
        )
