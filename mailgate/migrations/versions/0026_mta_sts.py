"""Policies for TLS that domains publish (RFC 8461)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "mta_sts_policy",
        _text("domain"),
        *map(_text, ("policy_id", "mode", "mx")),
        *map(_number, ("max_age", "fetched_at")),
        _text("tried_id"),
        _number("tried_at"),
        sa.PrimaryKeyConstraint("domain", name="pk_mta_sts_policy"),
        comment="What a domain wants of TLS for mail to it (RFC 8461), empty mode: nothing is known; mx: its patterns, "
        "between spaces; tried_id and tried_at: the version that could not be fetched",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mta_sts_policy_fetched_at", "mta_sts_policy", ["fetched_at"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)
