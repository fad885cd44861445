"""The tables of what each source said last: what an import combines, and what a delta changes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
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

`day` (yyyymmdd) is what the source says of its own date, or empty; `read_at` when it was read last (seconds since the
epoch, UTC) and `how` what was read then: `complete`, `delta` or `changes`; `fingerprint` stands for the bytes of these
files, or is empty.
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

followed = Table(
    "followed",
    metadata,
    Column("academy", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("position", LargeBinary, nullable=True),
    Column("way", Text, nullable=False),
    Column("next_look", BigInteger, nullable=False),
    Column("looked_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("compared_at", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failed_at", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
)
"""Sources on LDAP servers that are followed. `position` is where the next look begins, by which `way`; null: everything
is compared. Times are seconds since the epoch, 0 for never: of the `next_look` (whoever moves it on has this look), the
last one that came to its end, the last that found a change, the last complete comparison, and the last failure with its
`error`, which is empty when a look has come to its end since. `seconds` is what the last change took, `failures` how
many looks have failed in a row.
"""
