"""Tables of counts. Months are numbers as 202610, in the gateway's time zone."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

metadata: Final = MetaData()

_CLUSTERED: Final[dict[str, Any]] = {"sqlite_with_rowid": False}


def _text(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=False)


def _month(*, key: bool = False) -> Column[int]:
    return Column("month", Integer, primary_key=key, autoincrement=False, nullable=False)


statistic: Final = Table(
    "statistic",
    metadata,
    _month(key=True),
    *(_text(name, key=True) for name in ("school", "profile", "measure", "kind")),
    Column("number", BigInteger, nullable=False),
    comment="A count; school: an UAI, or empty for the whole gateway, where people of several schools count once; "
    "measure and kind: mailgate.statistics.counts",
    **_CLUSTERED,
)

statistic_mark: Final = Table(
    "statistic_mark",
    metadata,
    _text("name", key=True),
    Column("at", BigInteger, nullable=False),
    _text("id"),
    comment="Up to where something was counted: it moves in the transaction that adds the counts",
    **_CLUSTERED,
)

account_month: Final = Table(
    "account_month",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    _month(),
    Column("reading_month", Integer, nullable=False, server_default="0"),
    comment="The last month in which somebody signed in to an account",
    **_CLUSTERED,
)
