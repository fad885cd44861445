"""What schools decide for themselves."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text

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

school_limit = Table(
    "school_limit",
    metadata,
    Column("school_id", BigInteger, primary_key=True, autoincrement=False),
    Column("profile", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", BigInteger),
    comment="A limit of sending that a school changed; null is none at all (mailgate.policy.limits)",
    sqlite_with_rowid=False,
)

sending = Table(
    "sending",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sent", Text, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Index("ix_sending_last_at", "last_at"),
    comment="How much an account sent in each minute of the last hour (mailgate.policy.allowance)",
    sqlite_with_rowid=False,
)

stop = Table(
    "stop",
    metadata,
    Column("stop_id", BigInteger, primary_key=True, autoincrement=False),
    Column("effect", Text, nullable=False),
    Column("profile", Text),
    Column("school_id", BigInteger),
    Column("list_id", BigInteger),
    Column("account_id", BigInteger),
    Column("reason_fr", Text, nullable=False),
    Column("reason_en", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Index("ix_stop_ends_at", "ends_at"),
    comment="Sending is stopped, or moderated, for what meets all that is not null (mailgate.policy.stops)",
)
