"""The tables of the school year: when the directory turns over, and what last year's lists were."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, SmallInteger, Table, Text

from directory.schema import Id, metadata

year_switch = Table(
    "year_switch",
    metadata,
    Column("academy", Text, primary_key=True),
    Column("school_year", SmallInteger, primary_key=True, autoincrement=False),
    *(Column(name, BigInteger) for name in ("due_at", "done_at", "undone_at")),
    Column("forced", Boolean, nullable=False),
    Column("actor", Text, nullable=False),
    Column("refusal", Text, nullable=False),
    Column("claimed_until", BigInteger),
)
"""The turn of an academy to a school year (its first calendar year), planned or done; times are seconds since the
epoch, UTC. One that was planned is `forced` when it is to be made however much it changes, and `refusal` says why it
was not made; until `claimed_until` one gateway is making it.
"""

past_list = Table(
    "past_list",
    metadata,
    Column("school_year", SmallInteger, primary_key=True, autoincrement=False),
    Column("list_id", Id, ForeignKey("list.list_id"), primary_key=True, autoincrement=False),
    Column("successor_id", Id, ForeignKey("list.list_id")),
    Index(None, "list_id"),
)
"""A list that there was in a school year (its first calendar year) and is not any more, and the list that those who
were on it are on now, if there is one.
"""

past_member = Table(
    "past_member",
    metadata,
    Column("school_year", SmallInteger, primary_key=True, autoincrement=False),
    Column("list_id", Id, ForeignKey("list.list_id"), primary_key=True, autoincrement=False),
    Column("person_id", Id, ForeignKey("person.person_id"), primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Who was on a list at the end of a school year."""
