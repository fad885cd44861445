"""Every fact of the directory tells which source says it; where sources differ; duplicates between two sources."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"

_OF_PEOPLE = (
    "person",
    "enrolment",
    "class_member",
    "group_member",
    "class_service",
    "group_service",
    "head_teacher",
    "staff_function",
)
_OF_FAMILIES = ("guardian", "family_link", "relative_mail")


def upgrade() -> None:
    for name in (*_OF_PEOPLE, *_OF_FAMILIES):
        op.add_column(name, sa.Column("said_by", sa.Text(), nullable=False, server_default=sa.text("''")))
    # Until now an academy had one source, and its people told which.
    for name in ("person", "family_link", "relative_mail"):
        op.execute(sa.update(sa.table(name, sa.column("said_by"))).values(said_by=sa.column("source")))
    for name in _OF_PEOPLE[1:]:
        _said_as(name, "person_id")
    _said_as("guardian", "pupil_id")
    names = ("academy", "uai", "kind", "what", "source", "other")
    op.create_table(
        "source_difference",
        *(sa.Column(name, sa.Text(), nullable=False) for name in (*names, "spelt")),
        sa.PrimaryKeyConstraint(*names, name="pk_source_difference"),
    )
    with op.batch_alter_table("duplicate") as batch:
        batch.add_column(sa.Column("other_source", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.execute("UPDATE duplicate SET other_source = source")
    with op.batch_alter_table("duplicate") as batch:
        batch.alter_column("other_source", server_default=None)
        batch.drop_constraint("pk_duplicate", type_="primary")
        key = ["source", "academy", "one_record", "other_source", "other_record"]
        batch.create_primary_key("pk_duplicate", key)


def _said_as(table: str, column: str) -> None:
    facts = sa.table(table, sa.column("said_by"), sa.column(column))
    person = sa.table("person", sa.column("source"), sa.column("person_id"))
    says = sa.select(person.c.source).where(person.c.person_id == facts.c[column]).scalar_subquery()
    op.execute(sa.update(facts).values(said_by=says))
