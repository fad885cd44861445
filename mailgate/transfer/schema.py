"""What was copied from where, so that each message of a source comes once, however often a copy is cut off.

Tables of an account, which lead with ``account_id`` like those of the store. A row of ``transferred`` is written in the
transaction that files its message.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text

metadata: Final = MetaData(naming_convention={"pk": "pk_%(table_name)s"})


def _number(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, autoincrement=False, nullable=False)


transfer_source: Final = Table(
    "transfer_source",
    metadata,
    _number("account_id", key=True),
    _number("source_id", key=True),
    Column("origin", Text, nullable=False),
    Column("mailbox", Text, nullable=False),
    _number("uidvalidity"),
    _number("mailbox_id"),
    Index("uq_transfer_source_account_id_origin", "account_id", "origin", "mailbox", "uidvalidity", unique=True),
    comment="A mailbox elsewhere: server and user, name and UIDVALIDITY there; mailbox_id is where its mail goes",
    sqlite_with_rowid=False,
)

transferred: Final = Table(
    "transferred",
    metadata,
    _number("account_id", key=True),
    _number("source_id", key=True),
    _number("source_uid", key=True),
    _number("uid"),
    Column("flags", Text, nullable=False),
    comment="A message of a source that was filed; uid 0: found in the mailbox; flags as the source had them",
    sqlite_with_rowid=False,
)
