"""Previews are stored with the message; those of older messages are made once (RFC 8970)."""

from __future__ import annotations

import io

from sqlalchemy import update

from imap.backend import Account, NewMessage, Rendering
from mailgate.database import Database, Statement, Tx
from mailgate.store import MailStore
from mailgate.store.schema import message as message_table
from mailgate.store.search.indexer import Indexer
from tests.store.messages import message, new_message, own

_FORGET = Statement(update(message_table).values(preview=None))


async def forget_previews(database: Database) -> None:
    """As the version before this one stored messages."""

    async def work(tx: Tx) -> None:
        await tx.run(_FORGET)

    await database.write(work)


async def test_a_preview_is_read_as_it_was_stored(alice: Account) -> None:
    await alice.append("INBOX", [new_message("Réunion à 18 h")])
    (entry,) = await alice.entries(own(alice), [1])
    rendered = await alice.rendered([entry.message_id], Rendering.PREVIEW)
    assert rendered[entry.message_id].preview == "Réunion à 18 h".encode()
    without = await alice.rendered([entry.message_id], Rendering.ENVELOPE)
    assert without[entry.message_id].preview == b""


async def test_a_missing_preview_is_made_and_kept(store: MailStore, database: Database, alice: Account) -> None:
    large = message("un grand", size=600_000)
    await alice.append("INBOX", [new_message("un"), NewMessage(io.BytesIO(large), 0, (), None)])
    keys = [entry.message_id for entry in await alice.entries(own(alice), [1, 2])]
    await Indexer(database).index_batch(2)  # which renders them
    await forget_previews(database)
    for _ in range(2):  # what is missing is not kept in memory as missing
        rendered = await alice.rendered(keys, Rendering.PREVIEW)
        assert [rendered[key].preview for key in keys] == [None, None]
    made = await alice.make_previews([*keys, b"gone"])
    assert [made[key][:8] for key in keys] == [b"un", b"un grand"]
    assert len(made) == 2
    other = MailStore(database)  # another process: nothing in memory
    rendered = await other.account(1, "alice@example.org").rendered(keys, Rendering.PREVIEW)
    assert {key: rendered[key].preview for key in keys} == made
    assert await alice.make_previews([b"gone"]) == {}
