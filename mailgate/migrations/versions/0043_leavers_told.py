"""Leavers are told when their mailbox closes; schools that they were of count for what is written to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    op.create_table(
        "former_school",
        _key("person_id", "person.person_id"),
        _key("school_id", "school.school_id"),
        sa.PrimaryKeyConstraint("person_id", "school_id", name="pk_former_school"),
    )
    op.add_column("leaver", sa.Column("outside", sa.Text(), nullable=False, server_default=sa.text("''")))
    for name in ("told", "schools_told"):
        op.add_column("leaver", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.create_table_comment(
            "leaver",
            "Somebody whom the directory has no more; was: the state of the account before; reads_until: the end of "
            "the grace, as it was when they left; rights: what ended with it (JSON), to be given back to who returns; "
            "outside: where their notices go, too, until the last; told: the notices that they had "
            "(mailgate.retention.telling); schools_told: 1 when their schools know which lists they managed or "
            "moderated",
        )


def _key(name: str, target: str) -> sa.Column[int]:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, number, sa.ForeignKey(target), autoincrement=False, nullable=False)
