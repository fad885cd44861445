"""Leavers go on reading for a grace; those who left before have had theirs."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"

_WHEN = {
    "sqlite": "CAST(strftime('%s', person.left_at) AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM person.left_at) AS BIGINT)",
}


def upgrade() -> None:
    op.create_table(
        "leaver",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("was", sa.Text(), nullable=False),
        sa.Column("left_at", sa.BigInteger(), nullable=False),
        sa.Column("reads_until", sa.BigInteger(), nullable=False),
        sa.Column("rights", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id"),
        comment="Somebody whom the directory has no more; was: the state of the account before; reads_until: the end "
        "of the grace, as it was when they left; rights: what ended with it (JSON), to be given back to who returns",
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.create_table_comment(
            "account",
            "A person's or a functional mail account; state as in mailgate.store.provisioning; limit 0 means none",
        )
    when = _WHEN[op.get_bind().dialect.name]
    now = int(time.time())  # their mail is kept as long from now as that of who leaves today
    op.execute(
        "INSERT INTO leaver (account_id, profile, was, left_at, reads_until, rights) "  # noqa: S608 - no text from outside
        f"SELECT account.account_id, person.profile, 'active', {when}, {now}, '' "
        "FROM account JOIN person ON person.person_id = account.account_id "
        "WHERE person.state = 'left' AND person.left_at IS NOT NULL AND person.profile <> 'shared' "
        "AND NOT EXISTS (SELECT 1 FROM person_merge WHERE person_merge.dropped_id = person.person_id)"
    )
