"""Who did what: one row for each change that an administrator, or a program for one, makes."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Iterable
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Index, MetaData, Table, Text, bindparam, insert

from directory.schema import new_id
from mailgate.database import Statement, Tx

metadata: Final = MetaData()

audit: Final = Table(
    "audit",
    metadata,
    Column("audit_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("actor", "action", "subject", "detail")),
    Index("ix_audit_at", "at"),
    Index("ix_audit_subject_at", "subject", "at"),
    comment="Who did what, and when (seconds since the epoch, UTC); rows are added, never changed",
)

_COLUMNS: Final = ("audit_id", "at", "actor", "action", "subject", "detail")
_RECORD: Final = Statement(insert(audit).values({name: bindparam(name, type_=audit.c[name].type) for name in _COLUMNS}))


def operator() -> str:
    """Who runs the command line: the operating system's user, and who became root by sudo."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid {uid}"
    behind = os.environ.get("SUDO_USER", "") if uid == 0 else ""
    return f"{behind} as {name}" if behind and behind != name else name


def record(
    connection: Connection, action: str, subject: str, detail: str = "", *, actor: str | None = None, at: int = 0
) -> None:
    """Note a change in the transaction that makes it.

    `action` is the command in words (``list exclude``), `subject` what it was done to (an address, a school),
    `detail` what a reader of the log wants to know, never the content of a message. Without `actor`, who runs the
    command line; without `at`, now.
    """
    connection.execute(insert(audit).values(_row(action, subject, detail, actor or operator(), at)))


def record_each(connection: Connection, action: str, subjects: Iterable[str], detail: str = "") -> None:
    """`record` of one change of many subjects by who runs the command line."""
    actor = operator()
    if rows := [_row(action, subject, detail, actor, 0) for subject in subjects]:
        connection.execute(insert(audit), rows)


async def record_in(tx: Tx, action: str, subject: str, detail: str = "", *, actor: str, at: int = 0) -> None:
    """`record` in a transaction of the server."""
    await tx.run(_RECORD, **_row(action, subject, detail, actor, at))


def _row(action: str, subject: str, detail: str, actor: str, at: int) -> dict[str, int | str]:
    values = (new_id(), at or int(time.time()), actor, action, subject, detail)
    return dict(zip(_COLUMNS, values, strict=True))
