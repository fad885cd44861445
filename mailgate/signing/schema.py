"""The table of DKIM keys. Times are seconds since the epoch, UTC; 0: not yet.

Private keys are here and not in files so that every node signs with the same ones from the moment a command changes
them, and a backup holds them with all else that is secret: password verifiers, the key of moderation's tokens.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text

metadata: Final = MetaData(naming_convention={"pk": "pk_%(table_name)s"})

dkim_key: Final = Table(
    "dkim_key",
    metadata,
    *(Column(name, Text, primary_key=True, nullable=False) for name in ("domain", "selector")),
    Column("kind", Text, nullable=False),
    Column("private", LargeBinary, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in ("made_at", "seen_at", "signs_at", "retired_at")),
    comment="A private key of a domain (PKCS #8); seen_at: when its record was last seen in the DNS; signs_at: since "
    "when it signs; retired_at: when another one took its place",
    sqlite_with_rowid=False,
)
