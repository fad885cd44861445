"""What each source of the directory said last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "source",
        sa.Column("source_id", _ID, autoincrement=False, nullable=False),
        sa.Column("academy", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("school", sa.Text(), nullable=False),
        sa.Column("academic", sa.Boolean(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", name="pk_source"),
        sa.UniqueConstraint("academy", "name", name="uq_source_academy_name"),
    )
    op.create_table(
        "held_record",
        sa.Column("source_id", _ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.source_id"], name="fk_held_record_source_id_source"),
        sa.PrimaryKeyConstraint("source_id", "kind", "id", name="pk_held_record"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "combination",
        sa.Column("academy", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("academy", name="pk_combination"),
    )
