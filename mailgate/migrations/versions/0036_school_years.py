"""Sources of the next school year are held beside those of this one; turns of the year; last year's lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("source") as batch:
        batch.add_column(sa.Column("year", sa.SmallInteger(), nullable=False, server_default=sa.text("0")))
        batch.drop_constraint("uq_source_academy_name", type_="unique")
        batch.create_unique_constraint("uq_source_academy_name_year", ["academy", "name", "year"])
    op.create_table(
        "year_switch",
        sa.Column("academy", sa.Text(), nullable=False),
        sa.Column("school_year", sa.SmallInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("due_at", "done_at", "undone_at")),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("academy", "school_year", name="pk_year_switch"),
    )
    op.create_table(
        "past_list",
        sa.Column("school_year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("list_id", _ID, autoincrement=False, nullable=False),
        sa.Column("successor_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(["list_id"], ["list.list_id"], name="fk_past_list_list_id_list"),
        sa.ForeignKeyConstraint(["successor_id"], ["list.list_id"], name="fk_past_list_successor_id_list"),
        sa.PrimaryKeyConstraint("school_year", "list_id", name="pk_past_list"),
    )
    op.create_index("ix_past_list_list_id", "past_list", ["list_id"])
    op.create_table(
        "past_member",
        sa.Column("school_year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("list_id", _ID, autoincrement=False, nullable=False),
        sa.Column("person_id", _ID, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["list.list_id"], name="fk_past_member_list_id_list"),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_past_member_person_id_person"),
        sa.PrimaryKeyConstraint("school_year", "list_id", "person_id", name="pk_past_member"),
        sqlite_with_rowid=False,
    )
