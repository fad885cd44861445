"""What people decide about lists, kept apart from what the directory says; who did what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("list", sa.Column("closed_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "list_rule",
        _id("list_id"),
        sa.Column("expression", sa.Text(), nullable=False),
        *_made(),
        _of_list("list_rule"),
        sa.PrimaryKeyConstraint("list_id", name="pk_list_rule"),
    )
    op.create_table(
        "list_include",
        _id("list_id"),
        _id("nested_id"),
        *_made(),
        _of_list("list_include"),
        _of_list("list_include", "nested_id"),
        sa.PrimaryKeyConstraint("list_id", "nested_id", name="pk_list_include"),
    )
    op.create_index("ix_list_include_nested_id", "list_include", ["nested_id"])
    op.create_table(
        "list_adjustment",
        _id("list_id"),
        _id("person_id"),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        *_made(),
        _of_list("list_adjustment"),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_list_adjustment_person_id"),
        sa.PrimaryKeyConstraint("list_id", "person_id", name="pk_list_adjustment"),
    )
    op.create_index("ix_list_adjustment_person_id", "list_adjustment", ["person_id"])
    op.create_table(
        "list_alias",
        sa.Column("address", sa.Text(), nullable=False),
        _id("list_id"),
        sa.Column("active", sa.Boolean(), nullable=False),
        *_made(),
        _of_list("list_alias"),
        sa.PrimaryKeyConstraint("address", name="pk_list_alias"),
    )
    op.create_index("ix_list_alias_list_id", "list_alias", ["list_id"])
    op.create_table(
        "list_delegate",
        _id("list_id"),
        sa.Column("grantee", sa.Text(), nullable=False),
        _id("grantee_id"),
        sa.Column("role", sa.Text(), nullable=False),
        *_made(),
        _of_list("list_delegate"),
        sa.PrimaryKeyConstraint("list_id", "grantee", "grantee_id", "role", name="pk_list_delegate"),
    )
    op.create_index("ix_list_delegate_grantee_id", "list_delegate", ["grantee_id"])
    op.create_table(
        "list_setting",
        _id("list_id"),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("posting", "reply", "reply_to", "tag", "welcome")),
        *(sa.Column(name, sa.Boolean(), nullable=True) for name in ("archive", "leaving")),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in ("size_limit", "hold_minutes")),
        *_made(),
        _of_list("list_setting"),
        sa.PrimaryKeyConstraint("list_id", name="pk_list_setting"),
    )
    op.create_table(
        "audit",
        sa.Column("audit_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("actor", "action", "subject", "detail")),
        sa.PrimaryKeyConstraint("audit_id", name="pk_audit"),
        comment="Who did what, and when (seconds since the epoch, UTC); rows are added, never changed",
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_subject_at", "audit", ["subject", "at"])


def _id(name: str) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, autoincrement=False, nullable=False)


def _made() -> tuple[sa.Column[str], sa.Column[int]]:
    return sa.Column("actor", sa.Text(), nullable=False), sa.Column("at", sa.BigInteger(), nullable=False)


def _of_list(table: str, column: str = "list_id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["list.list_id"], name=f"fk_{table}_{column}")
