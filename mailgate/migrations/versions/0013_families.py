"""Families as the sources tell them; what people decide about parents: merges, exclusions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "family_link",
        _id("pupil_id"),
        *_record("source_id"),
        sa.Column("link", sa.SmallInteger(), nullable=False),
        sa.Column("legal", sa.SmallInteger(), nullable=False),
        _of_person("family_link", "pupil_id"),
        sa.PrimaryKeyConstraint("pupil_id", "source", "academy", "source_id", name="pk_family_link"),
    )
    op.create_index("ix_family_link_source_id", "family_link", ["source_id"])
    op.create_table(
        "guardian_exclusion",
        _id("guardian_id"),
        sa.Column("kind", sa.Text(), nullable=False),
        _id("target_id"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        *_made(),
        _of_person("guardian_exclusion", "guardian_id"),
        sa.PrimaryKeyConstraint("guardian_id", "kind", "target_id", name="pk_guardian_exclusion"),
    )
    op.create_index("ix_guardian_exclusion_kind_target_id", "guardian_exclusion", ["kind", "target_id"])
    op.create_table(
        "person_merge",
        _id("dropped_id"),
        _id("kept_id"),
        _id("root_id"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("left_at", sa.Date(), nullable=True),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        *_made(),
        *(_of_person("person_merge", name) for name in ("dropped_id", "kept_id", "root_id")),
        sa.PrimaryKeyConstraint("dropped_id", name="pk_person_merge"),
    )
    op.create_index("ix_person_merge_kept_id", "person_merge", ["kept_id"])
    op.create_index("ix_person_merge_root_id", "person_merge", ["root_id"])
    op.create_table(
        "merged_record",
        *_record("source_id"),
        _id("owner_id"),
        sa.ForeignKeyConstraint(
            ["source", "academy", "source_id"],
            ["person_source.source", "person_source.academy", "person_source.source_id"],
            name="fk_merged_record_source",
        ),
        _of_person("merged_record", "owner_id"),
        sa.PrimaryKeyConstraint("source", "academy", "source_id", name="pk_merged_record"),
    )
    op.create_index("ix_merged_record_owner_id", "merged_record", ["owner_id"])
    op.create_table(
        "merged_address",
        sa.Column("address", sa.Text(), nullable=False),
        _id("owner_id"),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["address"], ["address.address"], name="fk_merged_address_address"),
        _of_person("merged_address", "owner_id"),
        sa.PrimaryKeyConstraint("address", name="pk_merged_address"),
    )
    op.create_index("ix_merged_address_owner_id", "merged_address", ["owner_id"])
    op.create_table(
        "kept_apart",
        _id("one_id"),
        _id("other_id"),
        *_made(),
        _of_person("kept_apart", "one_id"),
        _of_person("kept_apart", "other_id"),
        sa.PrimaryKeyConstraint("one_id", "other_id", name="pk_kept_apart"),
    )
    op.create_table(
        "duplicate",
        *_record("one_record", "other_record"),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("merged", sa.Boolean(), nullable=False),
        sa.Column("found_at", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("source", "academy", "one_record", "other_record", name="pk_duplicate"),
    )
    # Until the next import, which knows better, a family link is one to the guardian's own record.
    op.execute(
        "INSERT INTO family_link (pupil_id, source, academy, source_id, link, legal)"
        " SELECT guardian.pupil_id, person.source, person.academy, person.source_id, guardian.link, guardian.legal"
        " FROM guardian JOIN person ON person.person_id = guardian.person_id"
    )


def _id(name: str) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, autoincrement=False, nullable=False)


def _record(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in ("source", "academy", *names)]


def _made() -> tuple[sa.Column[str], sa.Column[int]]:
    return sa.Column("actor", sa.Text(), nullable=False), sa.Column("at", sa.BigInteger(), nullable=False)


def _of_person(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["person.person_id"], name=f"fk_{table}_{column}")
