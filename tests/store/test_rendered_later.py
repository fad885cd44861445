"""What IMAP shows of a message that few have got so far: rendered by the indexer, or by who asks for it before."""

from __future__ import annotations

import io
from collections.abc import Sequence

from sqlalchemy import select

from imap.backend import Account, NewMessage, Rendered, Rendering
from imap.message import render
from mailgate.database import Database, Statement
from mailgate.store import MailStore
from mailgate.store.contents import MAY_BE_EMPTY, NOT_RENDERED
from mailgate.store.messages import read_rendered
from mailgate.store.schema import message as message_table
from mailgate.store.search.indexer import Indexer
from tests.store.messages import message, own

EVERYTHING = ~Rendering(0)
ODD = (b"", b"\r\n", b"no header, no end", b"\r\nbody alone", b"Subject: x\r\n\r\n", b"\x00\xff\r\n\r\n\r\n")
_STORED = Statement(select(message_table.c.message_id, *(message_table.c[name] for name in NOT_RENDERED)))


async def appended(account: Account, contents: Sequence[bytes]) -> list[bytes]:
    """Append them, and give their keys."""
    await account.append("INBOX", [NewMessage(io.BytesIO(content), 0, (), None) for content in contents])
    uids = range(1, len(contents) + 1)
    return [entry.message_id for entry in await account.entries(own(account), uids)]


async def stored(database: Database) -> dict[bytes, dict[str, bytes]]:
    """The texts in the table."""
    rows = await database.read(lambda tx: tx.all(_STORED))
    return {row[0]: dict(zip(NOT_RENDERED, row[1:], strict=True)) for row in rows}


def texts_of(content: bytes, which: Rendering = EVERYTHING) -> Rendered:
    """What a reader is to see."""
    made = render(content)
    return Rendered(**{name: getattr(made, name) for name in Rendered._fields if Rendering[name.upper()] in which})


def other_process(database: Database) -> Account:
    """One with nothing in memory."""
    return MailStore(database).account(1, "alice@example.org")


async def test_a_reader_sees_the_same_before_and_after_the_indexer(database: Database, alice: Account) -> None:
    contents = [message("Réunion"), message("un grand", size=600_000), *ODD]
    keys = await appended(alice, contents)
    before = await stored(database)
    assert [any(before[key].values()) for key in keys] == [len(content) > 256 * 1024 for content in contents]
    asked = [EVERYTHING, Rendering.HEADER | Rendering.PREVIEW, *Rendering]
    for which in asked:
        expected = {key: texts_of(content, which) for key, content in zip(keys, contents, strict=True)}
        assert await other_process(database).rendered([*keys, b"gone"], which) == expected
        assert await alice.rendered(keys, which) == expected
        assert await alice.rendered(keys, which) == expected  # now from memory
        assert await database.read(lambda tx, which=which: read_rendered(tx, keys, which)) == expected  # type: ignore[misc]
    assert await stored(database) == before
    assert await Indexer(database).index_batch(len(keys)) == len(keys)
    after = await stored(database)
    for key, content in zip(keys, contents, strict=True):
        assert Rendered(**after[key]) == texts_of(content)
        assert all(text for name, text in after[key].items() if name not in MAY_BE_EMPTY)
    for which in asked:
        expected = {key: texts_of(content, which) for key, content in zip(keys, contents, strict=True)}
        assert await other_process(database).rendered(keys, which) == expected


async def test_what_goes_to_many_is_rendered_at_once(database: Database, store: MailStore, alice: Account) -> None:
    content = message("a letter")
    await store.create_accounts([(account_id, 0) for account_id in range(100, 120)])
    await store.deliver(io.BytesIO(content), [1, *range(100, 120)])
    (texts,) = (await stored(database)).values()
    assert Rendered(**texts) == texts_of(content)
    await appended(alice, [content])
    assert list((await stored(database)).values()) == [texts]


async def test_what_goes_to_a_few_is_rendered_later(database: Database, store: MailStore, alice: Account) -> None:
    content = message("a letter")
    await store.deliver(io.BytesIO(content), [1], sent_copy_for=2)
    ((key, texts),) = (await stored(database)).items()
    assert not any(texts.values())
    assert (await alice.rendered([key], EVERYTHING))[key] == texts_of(content)
    assert await Indexer(database).index_batch(1) == 1
    assert Rendered(**(await stored(database))[key]) == texts_of(content)


async def test_delivery_of_what_was_appended_leaves_it_to_the_indexer(
    database: Database, store: MailStore, alice: Account
) -> None:
    content = message("the same")
    (key,) = await appended(alice, [content])
    await store.deliver(io.BytesIO(content), [2])
    bob = store.account(2, "bob@example.org")
    assert (await bob.rendered([key], EVERYTHING))[key] == texts_of(content)
    await Indexer(database).index_batch(1)
    assert Rendered(**(await stored(database))[key]) == texts_of(content)


async def test_what_is_filed_in_sent_is_rendered_there(database: Database, alice: Account) -> None:
    content = message("my own")
    await alice.append("Sent", [NewMessage(io.BytesIO(content), 0, (), None)])
    (texts,) = (await stored(database)).values()
    assert Rendered(**texts) == texts_of(content)
