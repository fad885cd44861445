"""The index of texts; every content that is there already waits for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "search_queue",
        sa.Column("message_id", sa.LargeBinary(), nullable=False),
        sa.Column("claimed_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("message_id", name="pk_search_queue"),
        comment="A content that is not in the index; until then an indexer is at it",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search_text",
        sa.Column("message_id", sa.LargeBinary(), nullable=False),
        sa.Column("fields", sa.LargeBinary(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name="pk_search_text"),
        comment="Folded texts: fields that people search, as they are; whole header and body, a zstd frame each",
    )
    op.execute("INSERT INTO search_queue (message_id) SELECT message_id FROM message")
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()


def _postgresql() -> None:
    collated = sa.Text(collation="C")
    op.create_table(
        "search_posting",
        sa.Column("message_id", sa.LargeBinary(), nullable=False),
        sa.Column("tokens", ARRAY(sa.Integer()), nullable=False),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_table(
        "search_word",
        sa.Column("word", collated, nullable=False),
        sa.Column("stem", collated, nullable=False),
        sa.Column("bare", collated, nullable=False),
        sa.Column("grams", ARRAY(sa.Integer()), nullable=False),
        sa.PrimaryKeyConstraint("word"),
    )
    gin = {"postgresql_using": "gin", "postgresql_with": {"gin_pending_list_limit": 256}}
    op.create_index("ix_search_posting_tokens", "search_posting", ["tokens"], **gin)  # type: ignore[arg-type]
    op.create_index("ix_search_word_grams", "search_word", ["grams"], **gin)  # type: ignore[arg-type]
    op.create_index("ix_search_word_stem", "search_word", ["stem"])
    op.create_index("ix_search_word_bare", "search_word", ["bare"])
    op.execute("ALTER TABLE search_text ALTER COLUMN header SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE search_text ALTER COLUMN body SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE search_posting ALTER COLUMN tokens SET STORAGE EXTERNAL")


def _sqlite() -> None:
    op.create_table(
        "search_posting",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.LargeBinary(), nullable=False),
        sa.Column("tokens", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "search_word",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("stem", sa.Text(), nullable=False),
        sa.Column("bare", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_search_posting_message_id", "search_posting", ["message_id"], unique=True)
    op.create_index("ix_search_word_word", "search_word", ["word"], unique=True)
    op.create_index("ix_search_word_stem", "search_word", ["stem"])
    op.create_index("ix_search_word_bare", "search_word", ["bare"])
    for name in ("search_posting_index", "search_word_index"):
        op.execute(
            f"CREATE VIRTUAL TABLE {name} USING fts5(tokens, content='', detail='none', columnsize=0, tokenize='ascii')"
        )
