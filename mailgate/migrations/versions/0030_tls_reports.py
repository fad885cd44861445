"""Sessions with other servers counted, and reports on them (RFC 8460)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.create_table(
        "tls_session",
        _number("day"),
        _text("domain"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        *map(_text, ("policy", "result", "host", "address", "reason")),
        _number("number"),
        sa.PrimaryKeyConstraint("day", "domain", "digest", name="pk_tls_session"),
        comment="How many sessions with servers of a domain there were on a day (UTC, days since the epoch), by the "
        "policy (JSON) and what failed, empty for nothing; digest: SHA-256 of these",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tls_report",
        _number("day"),
        _text("domain"),
        *map(_number, ("tried_at", "done_at")),
        sa.PrimaryKeyConstraint("day", "domain", name="pk_tls_report"),
        comment="A report on TLS (RFC 8460) to a domain, under way or (done_at) made",
        sqlite_with_rowid=False,
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)
