"""The tables of held messages. A message for several lists that hold it is one content and one row for each of them.

The content is kept apart from the message store: what is held is in nobody's mailbox, index or search. Times are
seconds since the epoch, UTC.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import DDL, BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, event

metadata: Final = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})


def _number(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, autoincrement=False, nullable=False)


def _texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text, nullable=False) for name in names]


held_message: Final = Table(
    "held_message",
    metadata,
    _number("held_id", key=True),
    _number("content_id"),
    *_texts("state", "reason", "language"),
    _number("sender_id"),
    *_texts("writer", "kind"),
    _number("target_id"),
    *_texts("target", "label", "subject", "message_ref"),
    _number("size"),
    _number("header_size"),
    _number("reach"),
    *_texts("direct"),
    _number("created_at"),
    _number("expires_at"),
    Column("decided_at", BigInteger),
    Column("decided_by", Text),
    Column("words", Text),
    Column("dispatch_id", Text),
    Column("author_id", BigInteger),
    Column("wish", Text),
    Column("require_tls", BigInteger, nullable=False, server_default="0"),
    Column("envelope", Text),
    Index(None, "state", "expires_at"),
    Index(None, "content_id"),
    Index(None, "dispatch_id"),
    comment="A message that waits for a decision (held) or its time (waiting), and what became of it; "
    "direct: who had it without waiting (mailgate.moderation.held); envelope: of one that is to be sent later "
    "(mailgate.delivery.postponing)",
)

held_moderator: Final = Table(
    "held_moderator",
    metadata,
    _number("held_id", key=True),
    _number("slot", key=True),
    _number("account_id"),
    comment="Who could decide on a held message, from slot 1; put down when the message is held",
    sqlite_with_rowid=False,
)

held_content: Final = Table(
    "held_content",
    metadata,
    _number("content_id", key=True),
    Column("chunk", Integer, primary_key=True, autoincrement=False, nullable=False),
    Column("data", LargeBinary, nullable=False),
    comment="Octets chunk * 262144 and following of a held message, one zstd frame; deleted with the last decision",
)
POSTGRESQL_STORAGE: Final = "ALTER TABLE held_content ALTER COLUMN data SET STORAGE EXTERNAL"
event.listen(held_content, "after_create", DDL(POSTGRESQL_STORAGE).execute_if(dialect="postgresql"))  # type: ignore[no-untyped-call]

moderation_key: Final = Table(
    "moderation_key",
    metadata,
    Column("key_id", Integer, primary_key=True, autoincrement=False),
    Column("secret", LargeBinary, nullable=False),
    comment="One row, made at first use: what the tokens of decisions are signed with",
)
