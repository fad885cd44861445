"""The table of greylisting. Times are seconds since the epoch, UTC."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, Table

metadata: Final = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

greylist: Final = Table(
    "greylist",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("first_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
    comment="Digests of networks whose servers came back, and of network, reverse path and recipient of a first "
    "attempt",
    sqlite_with_rowid=False,
)
