"""The tables of the index, all of contents: they lead with ``message_id``, or belong to the whole store.

``search_queue`` and ``search_text`` are the same on both engines. The inverted index is each engine's own: arrays of
integers under GIN on PostgreSQL, FTS5 on SQLite. Both hold `tokens`, 32-bit hashes of words: what they find are
candidates, whose stored texts are then looked at.

The stored texts and words are those of `imap.collation.fold` and `imap.search.words`. A release that changes either
needs a migration that calls for a new index (`mailgate.store.search.indexer.start_afresh`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, event, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection

from mailgate.store.schema import metadata

search_queue: Final = Table(
    "search_queue",
    metadata,
    Column("message_id", LargeBinary, primary_key=True, nullable=False),
    Column("claimed_until", BigInteger, nullable=False, server_default="0"),
    comment="A content that is not in the index; until then an indexer is at it",
    sqlite_with_rowid=False,
)

search_text: Final = Table(
    "search_text",
    metadata,
    Column("message_id", LargeBinary, primary_key=True, nullable=False),
    Column("fields", LargeBinary, nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    comment="Folded texts: fields that people search, as they are; whole header and body, a zstd frame each",
)

postgresql_metadata: Final = MetaData()
sqlite_metadata: Final = MetaData()

postgresql_posting: Final = Table(
    "search_posting",
    postgresql_metadata,
    Column("message_id", LargeBinary, primary_key=True, nullable=False),
    Column("tokens", ARRAY(Integer), nullable=False),
    Index(
        "ix_search_posting_tokens",
        "tokens",
        postgresql_using="gin",
        # Each search reads what waits to be merged: a little of it makes indexing quick, much would make search slow.
        postgresql_with={"gin_pending_list_limit": 256},
    ),
)
postgresql_word: Final = Table(
    "search_word",
    postgresql_metadata,
    Column("word", Text(collation="C"), primary_key=True, nullable=False),
    Column("stem", Text(collation="C"), nullable=False),
    Column("bare", Text(collation="C"), nullable=False),
    Column("grams", ARRAY(Integer), nullable=False),
    Index("ix_search_word_stem", "stem"),
    Index("ix_search_word_bare", "bare"),
    Index(
        "ix_search_word_grams",
        "grams",
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 256},
    ),
)
sqlite_posting: Final = Table(
    "search_posting",
    sqlite_metadata,
    Column("number", Integer, primary_key=True),
    Column("message_id", LargeBinary, nullable=False),
    Column("tokens", LargeBinary, nullable=False),
    Index("ix_search_posting_message_id", "message_id", unique=True),
)
"""The tokens as little-endian integers: FTS5 wants them again to forget a row."""
sqlite_word: Final = Table(
    "search_word",
    sqlite_metadata,
    Column("number", Integer, primary_key=True),
    Column("word", Text, nullable=False),
    Column("stem", Text, nullable=False),
    Column("bare", Text, nullable=False),
    Index("ix_search_word_word", "word", unique=True),
    Index("ix_search_word_stem", "stem"),
    Index("ix_search_word_bare", "bare"),
)

POSTGRESQL_STORAGE: Final = (
    "ALTER TABLE search_text ALTER COLUMN header SET STORAGE EXTERNAL",
    "ALTER TABLE search_text ALTER COLUMN body SET STORAGE EXTERNAL",
    "ALTER TABLE search_posting ALTER COLUMN tokens SET STORAGE EXTERNAL",
)
"""Neither zstd frames nor hashes can be compressed."""

FULL_TEXT_TABLES: Final = ("search_posting_index", "search_word_index")
"""FTS5 tables on SQLite, whose rowid is the number of the other table's row; they bring tables of their own."""

SQLITE_FULL_TEXT: Final = tuple(
    f"CREATE VIRTUAL TABLE {name} USING fts5(tokens, content='', detail='none', columnsize=0, tokenize='ascii')"
    for name in FULL_TEXT_TABLES
)


def _create(_: Table, connection: Connection, **__: object) -> None:
    """The engine's own part, where tables are made without migrations."""
    postgresql = connection.dialect.name == "postgresql"
    (postgresql_metadata if postgresql else sqlite_metadata).create_all(connection)
    for statement in POSTGRESQL_STORAGE if postgresql else SQLITE_FULL_TEXT:
        connection.execute(text(statement))


event.listen(search_text, "after_create", _create)
