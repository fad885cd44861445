"""The tables, the same on SQLite and PostgreSQL.

Two families that no statement joins, so that a cluster may spread each by its own key: tables of one person's mail lead
with ``account_id``; tables of contents lead with ``message_id``. Times are seconds since the epoch, sizes octets.
There are no foreign keys: the row locks of `mailgate.store` already order every writer, and a check per copied row is
what a fan-out to thousands would mostly consist of.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    DDL,
    BigInteger,
    BindParameter,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    bindparam,
    event,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _number(name: str, *, key: bool = False, default: int | None = None) -> Column[int]:
    return Column(
        name,
        BigInteger,
        primary_key=key,
        autoincrement=False,
        nullable=False,
        server_default=None if default is None else str(default),
    )


def _text(name: str, *, key: bool = False, nullable: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=nullable)


def _octets(name: str, *, key: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, primary_key=key, nullable=False)


_CLUSTERED: Final[dict[str, Any]] = {"sqlite_with_rowid": False}
"""SQLite keeps the rows of one mailbox together, in key order."""

account: Final = Table(
    "account",
    metadata,
    _number("account_id", key=True),
    _text("state"),
    _number("quota_limit"),
    _number("next_mailbox_id"),
    _number("last_uidvalidity"),
    _number("created_at"),
    _number("annotation_revision", default=0),
    comment="A person's or a functional mail account; state as in mailgate.store.provisioning; limit 0 means none",
)

mailbox: Final = Table(
    "mailbox",
    metadata,
    _number("account_id", key=True),
    _number("mailbox_id", key=True),
    _text("name"),
    _text("special_use", nullable=True),
    _number("uidvalidity"),
    _number("uidnext"),
    _number("highestmodseq"),
    _number("log_floor"),
    _number("messages"),
    _number("unseen"),
    _number("deleted"),
    _number("size"),
    _number("recent_from"),
    _text("keywords"),
    _number("readers", default=0),
    _number("stamp", default=0),
    _number("settled", default=0),
    _number("backlog", default=0),
    Index("uq_mailbox_account_id_name", "account_id", "name", unique=True),
    comment="log_floor: tombstones at or below it were trimmed; keywords: names in bit order, separated by spaces; "
    "readers: 1 once somebody but the owner keeps seen marks here; stamp: of the last change of flags; settled: the "
    "stamp up to which entries have theirs; backlog: what the later ones cost to read",
    **_CLUSTERED,
)

subscription: Final = Table(
    "subscription",
    metadata,
    _number("account_id", key=True),
    _text("name", key=True),
    **_CLUSTERED,
)

unsubscription: Final = Table(
    "unsubscription",
    metadata,
    _number("account_id", key=True),
    _text("name", key=True),
    comment="Shared mailboxes are subscribed by themselves: those that a person took off the list",
    **_CLUSTERED,
)

shared_account: Final = Table(
    "shared_account",
    metadata,
    _number("account_id", key=True),
    _text("name"),
    _text("kind"),
    _number("target_id"),
    Index("uq_shared_account_name", "name", unique=True),
    Index(None, "kind", "target_id"),
    comment="An account that is nobody's own, its name below Shared/; kind and target_id: what of the directory it "
    "serves (a school or a class), else an administrator made it",
)

acl: Final = Table(
    "acl",
    metadata,
    _number("account_id", key=True),
    _number("mailbox_id", key=True),
    _text("grantee", key=True),
    _number("grantee_id", key=True),
    _number("negative", key=True),
    _text("rights"),
    Index(None, "grantee", "grantee_id"),
    comment="Rights (RFC 4314) that the owner account_id gives, or with negative takes, a person or a list's members",
    **_CLUSTERED,
)

seen_by: Final = Table(
    "seen_by",
    metadata,
    _number("account_id", key=True),
    _number("mailbox_id", key=True),
    _number("reader_id", key=True),
    _number("uid", key=True),
    _number("seen"),
    _number("modseq"),
    Index(None, "account_id", "mailbox_id", "reader_id", "modseq"),
    comment="The seen mark of a reader who is not the owner, once it was set or cleared",
    **_CLUSTERED,
)

reader: Final = Table(
    "reader",
    metadata,
    _number("account_id", key=True),
    _number("mailbox_id", key=True),
    _number("reader_id", key=True),
    _number("seen"),
    comment="How many more messages are seen to this reader than to one who never marked any",
    **_CLUSTERED,
)

entry: Final = Table(
    "entry",
    metadata,
    _number("account_id", key=True),
    _number("mailbox_id", key=True),
    _number("uid", key=True),
    _number("modseq"),
    _number("flags"),
    _number("internal_date"),
    _number("saved_at"),
    _number("size"),
    _octets("message_id"),
    # PostgreSQL reads a whole mailbox from this index alone, not from one page of the table for each message.
    PrimaryKeyConstraint("account_id", "mailbox_id", "uid", postgresql_include=["flags", "modseq"]),
    Index(None, "message_id"),
    comment="One message in one mailbox; flags as in imap.flags, and modseq, as they were when it was settled",
    **_CLUSTERED,
)

flag_change: Final = Table(
    "flag_change",
    metadata,
    _number("account_id", key=True),
    _number("mailbox_id", key=True),
    _number("stamp", key=True),
    _octets("changes"),
    comment="A change of flags: its modification sequence and a random part; the messages, packed, with what they got",
    **_CLUSTERED,
)

tombstone: Final = Table(
    "tombstone",
    metadata,
    _number("account_id", key=True),
    _number("mailbox_id", key=True),
    _number("modseq", key=True),
    _number("uid", key=True),
    _number("expunged_at"),
    comment="A UID that was expunged at modseq",
    **_CLUSTERED,
)

annotation: Final = Table(
    "annotation",
    metadata,
    _number("account_id", key=True),
    _number("mailbox_id", key=True),
    _number("reader_id", key=True),
    _text("entry", key=True),
    _number("revision"),
    Column("value", LargeBinary, nullable=True),
    Index(None, "account_id", "revision"),
    comment="RFC 5464: mailbox 0 is the server, reader 0 everybody; without a value: removed at this revision",
    **_CLUSTERED,
)

released: Final = Table(
    "released",
    metadata,
    _number("account_id", key=True),
    _octets("message_id", key=True),
    _number("released_at"),
    comment="An account let go of a copy: the collector looks whether it was the last",
    **_CLUSTERED,
)

retained: Final = Table(
    "retained",
    metadata,
    _octets("message_id", key=True),
    _number("holder", key=True),
    comment="A content that something other than a mailbox needs: a message of the outbound queue",
    **_CLUSTERED,
)

message: Final = Table(
    "message",
    metadata,
    _octets("message_id", key=True),
    _number("size"),
    _number("stored_at"),
    _octets("listing"),
    _octets("envelope"),
    _octets("body"),
    _octets("bodystructure"),
    _octets("parts"),
    _octets("sort_keys"),
    _octets("thread_keys"),
    _octets("header"),
    Column("preview", LargeBinary, nullable=True),
    comment="A content by its BLAKE2b-160, with everything that IMAP shows of it; stored_at is its last delivery",
)

dispatch: Final = Table(
    "dispatch",
    metadata,
    _text("dispatch_id", key=True),
    _number("sender_id"),
    _number("author_id"),
    _text("author"),
    _text("internet_id"),
    _number("at"),
    Index(None, "internet_id"),
    Index(None, "at"),
    Index(None, "sender_id", "at"),
    Index(None, "author_id", "at"),
    comment="A message that was sent: its id is in the reply to the client and in Received, internet_id its "
    "Message-ID; sender_id signed in, author_id is the account of the address author in From",
    **_CLUSTERED,
)

dispatch_copy: Final = Table(
    "dispatch_copy",
    metadata,
    _text("dispatch_id", key=True),
    _number("list_id", key=True),
    _octets("message_id", key=True),
    _octets("accounts"),
    comment="The content that went to people named (list 0) or to a list, and the accounts that got it, 8 octets each",
    **_CLUSTERED,
)

withdrawal: Final = Table(
    "withdrawal",
    metadata,
    _text("dispatch_id", key=True),
    _number("account_id", key=True),
    _number("mailbox_id", key=True),
    _number("uid", key=True),
    _text("kind"),
    _text("mailbox"),
    _number("arrived_at"),
    _number("seen"),
    _text("readers"),
    _number("at"),
    comment="A copy that was taken out of a mailbox by a purge or a recall (kind): what was true of it then; readers: "
    "accounts that had opened it in a shared mailbox",
    **_CLUSTERED,
)

serving: Final = Table(
    "serving",
    metadata,
    _text("boot_id", key=True),
    comment="The run of the machine (its boot id) in which a gateway serves an SQLite file, while it does",
    **_CLUSTERED,
)

CHUNK: Final = 256 * 1024
"""Octets of content in each `body_chunk`, before compression; the last may be shorter."""

body_chunk: Final = Table(
    "body_chunk",
    metadata,
    _octets("message_id", key=True),
    Column("chunk", Integer, primary_key=True, autoincrement=False, nullable=False),
    _octets("data"),
    comment="Octets chunk * 262144 and following of a content, one zstd frame",
)

POSTGRESQL_STORAGE: Final = {
    mailbox: "ALTER TABLE mailbox SET (fillfactor = 50)",
    message: "ALTER TABLE message ALTER COLUMN listing SET STORAGE MAIN, ALTER COLUMN envelope SET STORAGE MAIN, "
    "ALTER COLUMN bodystructure SET STORAGE MAIN",
    body_chunk: "ALTER TABLE body_chunk ALTER COLUMN data SET STORAGE EXTERNAL",
    flag_change: "ALTER TABLE flag_change ALTER COLUMN changes SET STORAGE EXTERNAL",
}
"""What a migration runs on PostgreSQL after it made a table: room to update counters in place, no compression of what
lists of messages read (a third of the server's time for structures), and no second one of zstd frames.
`metadata.create_all` does so by itself.
"""

for _table, _statement in POSTGRESQL_STORAGE.items():
    event.listen(_table, "after_create", DDL(_statement).execute_if(dialect="postgresql"))  # type: ignore[no-untyped-call]


def names(table: Table) -> list[str]:
    """The names of all columns, for an INSERT from a SELECT in that order."""
    return [column.name for column in table.columns]


def number(name: str) -> BindParameter[int]:
    """An integer parameter whose type no column beside it would tell."""
    return bindparam(name, type_=BigInteger)
