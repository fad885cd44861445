"""Tables of leavers; times are seconds since the epoch, UTC."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

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
    comment="Somebody whom the directory has no more; was: the state of the account before; reads_until: the end of "
    "the grace, as it was when they left; rights: what ended with it (JSON), to be given back to who returns",
    **_CLUSTERED,
)
