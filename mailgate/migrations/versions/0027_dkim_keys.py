"""Keys of DKIM."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_table(
        "dkim_key",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("domain", "selector", "kind")),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("made_at", "seen_at", "signs_at", "retired_at")
        ),
        sa.PrimaryKeyConstraint("domain", "selector", name="pk_dkim_key"),
        comment="A private key of a domain (PKCS #8); seen_at: when its record was last seen in the DNS; signs_at: "
        "since when it signs; retired_at: when another one took its place",
        sqlite_with_rowid=False,
    )
