"""The tables of the school directory, for SQLite and PostgreSQL.

Every number is drawn by the application (62 random bits), never counted by the database: databases can be merged or
spread, and a number tells nothing. People, schools, classes and lists are never deleted: they leave or fall inactive,
so that an address never comes to mean somebody else.
"""

from __future__ import annotations

import secrets

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")
"""62 bits; on SQLite INTEGER, so that a lone key is the row's own number."""

_ID_BITS = 62
LOCAL = "local"
"""The source of people who are in no academy file: an import never touches them."""
ACTIVE, LEFT = "active", "left"
"""States of a person."""


def new_id() -> int:
    """A number for a new row, never 0."""
    return secrets.randbits(_ID_BITS) or 1


def _key(name: str) -> Column[int]:
    return Column(name, Id, primary_key=True, autoincrement=False)


def _part(name: str, target: str) -> Column[int]:
    """A part of the primary key that refers to another table."""
    return Column(name, Id, ForeignKey(target), primary_key=True, autoincrement=False)


def said_by() -> Column[str]:
    """The name of the source that says a fact: who says it may change, and the fact stay."""
    return Column("said_by", Text, nullable=False, server_default=text("''"))


def _text(name: str, *, primary_key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=False, primary_key=primary_key)


cite = Table("cite", metadata, _key("cite_id"), _text("slug"), _text("name"), Column("domain", Text, unique=True))

school = Table(
    "school",
    metadata,
    _key("school_id"),
    _text("source"),
    _text("academy"),
    Column("uai", Text, nullable=False, unique=True),
    _text("siren"),
    _text("name"),
    _text("kind"),
    Column("domain", Text, unique=True),
    Column("cite_id", Id, ForeignKey("cite.cite_id")),
    Column("school_year", SmallInteger, nullable=False),
    Column("active", Boolean, nullable=False),
)
"""`source` gave the name; `domain` is null for a structure without pupils; `school_year` is the first calendar year of
the last import.
"""

level = Table("level", metadata, _text("level", primary_key=True), _text("label"))
mef = Table(
    "mef", metadata, _text("academy", primary_key=True), _text("mef", primary_key=True), _text("label"), _text("level")
)
subject = Table(
    "subject", metadata, _text("academy", primary_key=True), _text("subject", primary_key=True), _text("label")
)

school_level = Table(
    "school_level",
    metadata,
    _key("level_id"),
    Column("school_id", Id, ForeignKey("school.school_id"), nullable=False),
    Column("level", Text, ForeignKey("level.level"), nullable=False),
    UniqueConstraint("school_id", "level"),
)
"""A level that a school has, or once had, pupils of."""


def _taught(name: str, key: str) -> Table:
    return Table(
        name,
        metadata,
        _key(key),
        Column("school_id", Id, ForeignKey("school.school_id"), nullable=False),
        _text("name"),
        _text("label"),
        _text("slug"),
        Column("school_year", SmallInteger, nullable=False),
        Column("active", Boolean, nullable=False),
        UniqueConstraint("school_id", "name"),
        UniqueConstraint("school_id", "slug"),
    )


class_ = _taught("class", "class_id")
teaching_group = _taught("teaching_group", "group_id")

discipline = Table(
    "discipline",
    metadata,
    _key("discipline_id"),
    Column("school_id", Id, ForeignKey("school.school_id"), nullable=False),
    _text("code"),
    _text("label"),
    _text("slug"),
    UniqueConstraint("school_id", "code"),
    UniqueConstraint("school_id", "slug"),
)

class_mef = Table("class_mef", metadata, _part("class_id", "class.class_id"), _text("mef", primary_key=True))
group_class = Table(
    "group_class",
    metadata,
    _part("group_id", "teaching_group.group_id"),
    _part("class_id", "class.class_id"),
    Index(None, "class_id"),
)

person = Table(
    "person",
    metadata,
    _key("person_id"),
    _text("source"),
    _text("academy"),
    _text("source_id"),
    _text("profile"),
    _text("sdet"),
    _text("sn"),
    _text("given"),
    _text("title"),
    _text("display"),
    _text("state"),
    Column("left_at", Date),
    said_by(),
    UniqueConstraint("source", "academy", "source_id"),
)
"""`profile` is a `nomenclature.Profile`, `sdet` the national code (ENS, DOC, …). `source` is the space of the record
that is the person's own, `said_by` the source that gives the names.
"""

person_source = Table(
    "person_source",
    metadata,
    _text("source", primary_key=True),
    _text("academy", primary_key=True),
    _text("source_id", primary_key=True),
    Column("person_id", Id, ForeignKey("person.person_id"), nullable=False, index=True),
)
"""Every record number that stands for a person: the person's own, and those of duplicates merged into it."""

address = Table(
    "address",
    metadata,
    _text("address", primary_key=True),
    Column("person_id", Id, ForeignKey("person.person_id"), nullable=False, index=True),
    Column("is_primary", Boolean, nullable=False),
    Column("given_at", Date, nullable=False),
    Column("base", Text, nullable=False, index=True),
    Column("number", Integer, nullable=False),
)
"""Addresses of people, in lower case: one for ever given is never given again. `base` is the address before the number
that tells homonyms apart, `number` that number (1 is not written).
"""

enrolment = Table(
    "enrolment",
    metadata,
    _part("person_id", "person.person_id"),
    _part("school_id", "school.school_id"),
    _text("mef"),
    _text("level"),
    said_by(),
    Index(None, "school_id", "level"),
)
class_member = Table(
    "class_member",
    metadata,
    _part("person_id", "person.person_id"),
    _part("class_id", "class.class_id"),
    said_by(),
    Index(None, "class_id"),
)
group_member = Table(
    "group_member",
    metadata,
    _part("person_id", "person.person_id"),
    _part("group_id", "teaching_group.group_id"),
    said_by(),
    Index(None, "group_id"),
)
guardian = Table(
    "guardian",
    metadata,
    _part("pupil_id", "person.person_id"),
    _part("person_id", "person.person_id"),
    Column("link", SmallInteger, nullable=False),
    Column("legal", SmallInteger, nullable=False),
    said_by(),
    Index(None, "person_id"),
)
"""Family links between two people who both have an account, in today's codes."""

class_service = Table(
    "class_service",
    metadata,
    _part("person_id", "person.person_id"),
    _part("class_id", "class.class_id"),
    _text("subject", primary_key=True),
    said_by(),
    Index(None, "class_id"),
)
group_service = Table(
    "group_service",
    metadata,
    _part("person_id", "person.person_id"),
    _part("group_id", "teaching_group.group_id"),
    _text("subject", primary_key=True),
    said_by(),
    Index(None, "group_id"),
)
head_teacher = Table(
    "head_teacher",
    metadata,
    _part("person_id", "person.person_id"),
    _part("class_id", "class.class_id"),
    said_by(),
    Index(None, "class_id"),
)
staff_function = Table(
    "staff_function",
    metadata,
    _part("person_id", "person.person_id"),
    _part("school_id", "school.school_id"),
    _text("code", primary_key=True),
    _text("discipline", primary_key=True),
    said_by(),
    Index(None, "school_id", "code"),
)

attachment = Table(
    "attachment",
    metadata,
    _part("person_id", "person.person_id"),
    _part("school_id", "school.school_id"),
    Index(None, "school_id"),
)
"""Schools of people who are in no academy file. It makes them members of no list."""

former_school = Table(
    "former_school",
    metadata,
    _part("person_id", "person.person_id"),
    _part("school_id", "school.school_id"),
)
"""Schools that somebody who has left was of. What is written to the person is judged by them; it makes a member of
nothing.
"""

list_ = Table(
    "list",
    metadata,
    _key("list_id"),
    Column("address", Text, nullable=False, unique=True),
    _text("kind"),
    _text("audience"),
    Column("target_id", Id, nullable=False),
    Column("school_id", Id, ForeignKey("school.school_id"), index=True),
    _text("ref"),
    _text("label"),
    Column("active", Boolean, nullable=False),
    Column("closed_at", BigInteger),
    UniqueConstraint("target_id", "kind", "audience"),
)
"""`target_id` is the class, group, level, discipline, school or cité, as `kind` tells; `school_id` is null for a cité.
A list of kind manual or rule is its own target and has no audience. A list that has no members, or that was closed, is
inactive and keeps its address. What people decide about lists is in `directory.list_schema`.
"""

list_member = Table(
    "list_member",
    metadata,
    _part("list_id", "list.list_id"),
    _part("person_id", "person.person_id"),
    Index(None, "person_id"),
    sqlite_with_rowid=False,
)

source_difference = Table(
    "source_difference",
    metadata,
    *(_text(name, primary_key=True) for name in ("academy", "uai", "kind", "what", "source", "other")),
    _text("spelt"),
)
"""What `source` says of a school and `other` does not, or spells otherwise (`spelt`), as the last import found it."""
