"""Of which suspension of an address outside those were told who manage lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.add_column("outside_wish", sa.Column("told_of", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE outside_wish SET told_of = suspended_at")  # what was suspended before is no news
    untold = sa.text("suspended_at > 0 AND suspended_at <> told_of")
    op.create_index(
        "ix_outside_wish_untold", "outside_wish", ["suspended_at"], postgresql_where=untold, sqlite_where=untold
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_table_comment(
            "outside_wish",
            "A relative who wants to be told at an address outside that a message came, or to have a copy of it; "
            "notified_at: when that was last; suspended_at: when too much had come back, 0 before; from_directory: 1 "
            "where the address is the one that the directory has, empty while it has none; owner_id: whose wish it "
            "is, of somebody who was merged into this person; told_of: the suspended_at of which who manages lists was "
            "told",
        )
