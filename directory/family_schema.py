"""The tables of families as the sources tell them, and of what people decide about parents, which no import undoes.

Each decision says who made it (`actor`) and when (`at`, seconds since the epoch, UTC).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    Table,
    Text,
)

from directory.schema import Id, metadata, said_by


def _person(name: str, *, primary_key: bool = True, index: bool = False) -> Column[int]:
    return Column(
        name,
        Id,
        ForeignKey("person.person_id"),
        primary_key=primary_key,
        autoincrement=False,
        nullable=False,
        index=index,
    )


def _record(*names: str) -> tuple[Column[str], ...]:
    return tuple(Column(name, Text, primary_key=True) for name in ("source", "academy", *names))


def _made() -> tuple[Column[str], Column[int]]:
    return Column("actor", Text, nullable=False), Column("at", BigInteger, nullable=False)


family_link = Table(
    "family_link",
    metadata,
    _person("pupil_id"),
    *_record("source_id"),
    Column("link", SmallInteger, nullable=False),
    Column("legal", SmallInteger, nullable=False),
    said_by(),
    Index(None, "source_id"),
)
"""What pupils' records say of the records of related persons who have, or had, an account: from it, from who is merged
with whom and from who is excluded, `guardian` is made (`directory.family`).
"""

relative_mail = Table("relative_mail", metadata, *_record("source_id"), Column("mail", Text, nullable=False), said_by())
"""The e-mail address that a source has of a legal guardian, where a school of a child wants such addresses to be used:
for what this person wants to have there, and for nothing else.
"""

guardian_exclusion = Table(
    "guardian_exclusion",
    metadata,
    _person("guardian_id"),
    Column("kind", Text, primary_key=True),
    Column("target_id", Id, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("suspended", Boolean, nullable=False),
    *_made(),
    Index(None, "kind", "target_id"),
)
"""A guardian who is none for a pupil, or for all pupils of a school, as `kind` says; `suspended` tells that the account
was closed because no pupil is left.
"""

person_merge = Table(
    "person_merge",
    metadata,
    _person("dropped_id"),
    _person("kept_id", primary_key=False, index=True),
    _person("root_id", primary_key=False, index=True),
    Column("reason", Text, nullable=False),
    Column("left_at", Date),
    Column("suspended", Boolean, nullable=False),
    *_made(),
)
"""`dropped_id` was found to be the person `kept_id`, who may have been merged into another since: `root_id` is the one
who stands for all. `left_at` is since when the dropped person had left, null for who had not; `suspended` tells that
the merge closed the account.
"""

merged_record = Table(
    "merged_record",
    metadata,
    *_record("source_id"),
    _person("owner_id", primary_key=False, index=True),
    ForeignKeyConstraint(
        ["source", "academy", "source_id"],
        ["person_source.source", "person_source.academy", "person_source.source_id"],
        name="fk_merged_record_source",
    ),
)
"""Records that stand for another person than the one they belong to, until that merge is undone."""

merged_address = Table(
    "merged_address",
    metadata,
    Column("address", Text, ForeignKey("address.address"), primary_key=True),
    _person("owner_id", primary_key=False, index=True),
    Column("is_primary", Boolean, nullable=False),
)
"""Addresses that reach another person than the one they belong to, until that merge is undone; `is_primary` is what the
address was to its owner.
"""

kept_apart = Table("kept_apart", metadata, _person("one_id"), _person("other_id"), *_made())
"""Two people, the lower number first, of whom somebody said that they are not one."""

duplicate = Table(
    "duplicate",
    metadata,
    *_record("one_record", "other_source", "other_record"),
    Column("score", SmallInteger, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("merged", Boolean, nullable=False),
    Column("found_at", Date, nullable=False),
)
"""Pairs of records (`source` and `other_source` are their spaces) that are, or may be, one person, as the last import
that saw evidence found them.
"""
