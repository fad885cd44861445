"""Mailboxes of very many messages, made in the database from the few that are in them."""

from __future__ import annotations

import sqlalchemy as sa

from imap.flags import SEEN
from mailgate.database.open import async_engine

_FILL = """
    WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})
    INSERT INTO entry (account_id, mailbox_id, uid, modseq, flags, internal_date, saved_at, size, message_id)
    SELECT e.account_id, e.mailbox_id, n.i, n.i + 1000, CASE WHEN n.i % 10 = 0 THEN 0 ELSE {seen} END,
           e.internal_date, e.saved_at, e.size, e.message_id
    FROM n JOIN entry e ON e.account_id = {account} AND e.mailbox_id = {mailbox} AND e.uid = 1 + n.i % {real}
"""
_COUNT = """
    UPDATE mailbox SET uidnext = {last} + 1, highestmodseq = {last} + 1000, recent_from = {last} + 1,
        messages = (SELECT count(*) FROM entry WHERE account_id = {account} AND mailbox_id = {mailbox}),
        unseen = (SELECT count(*) FROM entry WHERE account_id = {account} AND mailbox_id = {mailbox} AND flags = 0),
        size = (SELECT sum(size) FROM entry WHERE account_id = {account} AND mailbox_id = {mailbox})
    WHERE account_id = {account} AND mailbox_id = {mailbox}
"""


async def fill(url: str, name: str, count: int) -> None:
    """Bring the one mailbox of this name that has messages to `count` of them, all seen but every tenth.

    Nobody may have it selected, and its UIDs must be 1 and the following.
    """
    engine = async_engine(url)
    async with engine.connect() as connection:
        found = await connection.execute(
            sa.text("SELECT account_id, mailbox_id, messages FROM mailbox WHERE name = :name AND messages > 0"),
            {"name": name},
        )
        account, mailbox, real = found.one()
    async with engine.begin() as connection:
        names = {"account": account, "mailbox": mailbox, "first": real + 1, "last": count, "real": real, "seen": SEEN}
        await connection.execute(sa.text(_FILL.format(**names)))
        await connection.execute(sa.text(_COUNT.format(**names)))
    if engine.dialect.name == "postgresql":
        alone = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with alone.connect() as connection:
            await connection.execute(sa.text("VACUUM ANALYZE entry"))
    await engine.dispose()
