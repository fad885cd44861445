"""The tables of what each source said last: what an import combines, and what a delta changes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from directory.schema import Id, metadata

source = Table(
    "source",
    metadata,
    Column("source_id", Id, primary_key=True, autoincrement=False),
    Column("academy", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("school", Text, nullable=False),
    Column("academic", Boolean, nullable=False),
    Column("day", Text, nullable=False),
    Column("read_at", BigInteger, nullable=False),
    Column("how", Text, nullable=False),
    Column("records", Integer, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("year", SmallInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("academy", "name", "year"),
)
"""Sources that were read. `year` is 0 for what the directory is made of, else the school year (its first calendar year)
that is prepared, or that is over and may still come back.

`day` (yyyymmdd) is what the source says of its own date, or empty; `read_at` when it was
read last (seconds since the epoch, UTC) and `how` what was read then, `complete` or `delta`; `fingerprint` stands for
the bytes of these files, or is empty.
"""

held_record = Table(
    "held_record",
    metadata,
    Column("source_id", Id, ForeignKey("source.source_id"), primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Text, primary_key=True),
    Column("digest", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Every record of a source as `directory.held_forms` writes it; `digest` tells whether a record that comes again is the
same.
"""

combination = Table(
    "combination",
    metadata,
    Column("academy", Text, primary_key=True),
    Column("settings", Text, nullable=False),
)
"""With which settings (a digest) the directory was last made of all that is held of an academy."""
