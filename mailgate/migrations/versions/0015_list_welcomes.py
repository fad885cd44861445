"""Who gets the welcome text of a list, and who is still to get it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("list_setting", sa.Column("welcome_to", sa.Text(), nullable=True))
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "list_welcome",
        sa.Column("list_id", kind, autoincrement=False, nullable=False),
        sa.Column("person_id", kind, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["list.list_id"], name="fk_list_welcome_list_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_list_welcome_person_id"),
        sa.PrimaryKeyConstraint("list_id", "person_id", name="pk_list_welcome"),
    )
