"""Tables of leavers; times are seconds since the epoch, UTC."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text, text

metadata: Final = MetaData()

_CLUSTERED: Final[dict[str, Any]] = {"sqlite_with_rowid": False}

leaver: Final = Table(
    "leaver",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("profile", Text, nullable=False),
    Column("was", Text, nullable=False),
    Column("left_at", BigInteger, nullable=False),
    Column("reads_until", BigInteger, nullable=False),
    Column("rights", Text, nullable=False),
    Column("outside", Text, nullable=False, server_default=text("''")),
    Column("told", BigInteger, nullable=False, server_default="0"),
    Column("schools_told", BigInteger, nullable=False, server_default="0"),
    comment="Somebody whom the directory has no more; was: the state of the account before; reads_until: the end of "
    "the grace, as it was when they left; rights: what ended with it (JSON), to be given back to who returns; outside: "
    "where their notices go, too, until the last; told: the notices that they had (mailgate.retention.telling); "
    "schools_told: 1 when their schools know which lists they managed or moderated",
    **_CLUSTERED,
)


def _number(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, autoincrement=False, nullable=False)


legal_hold: Final = Table(
    "legal_hold",
    metadata,
    _number("account_id", key=True),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    _number("at"),
    comment="An account that is not purged, whatever the rules say",
    **_CLUSTERED,
)

purge_proof: Final = Table(
    "purge_proof",
    metadata,
    _number("proof_id", key=True),
    _number("account_id"),
    Column("addresses", Text, nullable=False),
    Column("profile", Text, nullable=False),
    _number("left_at"),
    _number("reads_until"),
    Column("rule", Text, nullable=False),
    _number("mailboxes"),
    _number("messages"),
    _number("octets"),
    Column("archive", Text, nullable=False),
    Column("digest", Text, nullable=False),
    _number("purged_at"),
    Index("ix_purge_proof_account_id", "account_id"),
    Index("ix_purge_proof_purged_at", "purged_at"),
    comment="An account that was purged: how much of what kind, by which rule; digest: SHA-256 of the archive's "
    "list of checksums; nothing of the content",
    **_CLUSTERED,
)

retention_lease: Final = Table(
    "retention_lease",
    metadata,
    _number("lease_id", key=True),
    Column("owner", Text, nullable=False),
    _number("until"),
    comment="One row: who archives and purges now, and until when without a sign of life",
    **_CLUSTERED,
)
