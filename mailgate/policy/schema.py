"""What schools decide for themselves."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s"})

policy_cell = Table(
    "policy_cell",
    metadata,
    Column("school_id", BigInteger, primary_key=True, autoincrement=False),
    Column("writer", Text, primary_key=True),
    Column("recipient", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    comment="A cell of the communication matrix that a school changed (mailgate.policy.matrix)",
    sqlite_with_rowid=False,
)

school_setting = Table(
    "school_setting",
    metadata,
    Column("school_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    comment="What a school set that is not the default (mailgate.policy.schools)",
    sqlite_with_rowid=False,
)
