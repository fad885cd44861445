"""What the index finds is what reading every message finds, whatever is indexed yet."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import pytest

from imap.backend import Account, FlagAction, TextKey, TextScope
from imap.collation import fold
from imap.flags import DELETED
from mailgate.database import Database
from mailgate.store import MailStore
from mailgate.store.collector import collect
from mailgate.store.search import finder
from mailgate.store.search.documents import MOST_WORDS
from mailgate.store.search.indexer import Indexer, index_status, start_afresh
from tests.store.messages import own
from tests.store_search.searching import drain, indexed, letter, scanned, spelled

VOCABULARY = """
    réunion parents professeurs élève élèves classe cantine 6ème 2026 20261122 sortie musée œuvre cœur garçon ÉCOLE
    l'établissement aujourd'hui anne@example.org facture_113 naïve Straße ﬁn ２０２６ aaaa aaaaaaaaaaaaaaaaaaaaaaaaa
    anticonstitutionnellementanticonstitutionnellement 0123456789012345 ab a é ça… — 日本語の授業 Ελλάδα
""".split()  # noqa: SIM905 a list would take forty lines


def key(needle: str, scope: TextScope = TextScope.TEXT, field: str = "") -> TextKey:
    return TextKey(scope, fold(needle), field)


def random_text(chance: random.Random) -> str:
    glue = (" ", " ", ", ", "-", ".\n", "", "'")
    return "".join(chance.choice(VOCABULARY) + chance.choice(glue) for _ in range(chance.randrange(60)))


def random_keys(chance: random.Random, texts: list[str], count: int) -> list[TextKey]:
    """Needles cut out of texts, sometimes spoiled."""
    keys = []
    for _ in range(count):
        text = chance.choice(texts) or "x"
        start = chance.randrange(len(text))
        needle = text[start : start + chance.randrange(1, 40)].replace("\n", " ").replace("\r", "")
        if chance.random() < 0.2:
            needle = needle[::-1]
        scope = chance.choice(list(TextScope))
        field = chance.choice(["subject", "from", "to", "message-id", "x-none"]) if scope is TextScope.FIELD else ""
        keys.append(key(needle or "x", scope, field))
    return keys


@pytest.fixture(autouse=True)
def always_ask_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mailbox of a test is small: its texts would be looked at without the index."""
    monkeypatch.setattr(finder, "SMALL", 0)


@pytest.mark.parametrize("seed", range(4))
async def test_indexed_search_is_a_scan(store: MailStore, alice: Account, indexer: Indexer, seed: int) -> None:
    chance = random.Random(seed)
    texts = [random_text(chance) for _ in range(60)]
    for number, text in enumerate(texts):
        encoding = chance.choice(["quoted-printable", "base64"])
        await store.deliver(letter(text, chance.choice(texts)[:50], number=number, encoding=encoding), [1, 2])
    await indexer.index_batch(16)
    keys = random_keys(chance, texts, 60)
    expected = await scanned(alice, keys)
    assert await indexed(alice, keys) == expected, "while most wait"
    assert await drain(indexer) == 44
    assert await indexed(alice, keys) == expected, "while none waits"
    snapshot = await alice.snapshot(own(alice))
    gone = chance.sample(list(snapshot.uids), 20)
    await alice.store(own(alice), gone, FlagAction.ADD, DELETED, ())
    await alice.expunge(own(alice), None)
    await store.deliver(letter(texts[0], "Encore", number=0), [1])
    assert await indexed(alice, keys) == await scanned(alice, keys)


async def test_words_too_long_and_numbers(store: MailStore, alice: Account, indexer: Indexer) -> None:
    word = "".join(chr(ord("a") + n % 26) for n in range(90))
    await store.deliver(letter(f"xx {word} yy 123456789 zz"), [1])
    await drain(indexer)
    needles = [word[start:stop] for start in (0, 1, 20, 50) for stop in (start + 3, start + 17, start + 33, 90)]
    needles += [
        "123456789",
        "2345",
        "345678",
        "89 zz",
        "yy 12",
        " 123456789 ",
        "1234567890",
        "89zz",
        f"{word} y",
        f"x {word}",
    ]
    keys = [key(needle, TextScope.BODY) for needle in needles]
    assert await indexed(alice, keys) == await scanned(alice, keys)
    assert sum(map(len, await indexed(alice, keys))) == len(needles) - 2


async def test_a_content_with_very_many_words_is_found_all_the_same(
    database: Database, store: MailStore, alice: Account, indexer: Indexer
) -> None:
    text = " ".join(spelled(n) for n in range(MOST_WORDS + 1))
    await store.deliver(letter(text), [1])
    await store.deliver(letter("rien"), [1])
    await drain(indexer)
    assert (await index_status(database)).words < 100
    assert await indexed(alice, [key(f"{spelled(77)} {spelled(78)}"), key("rien"), key("zzzz")]) == [{1}, {2}, set()]


async def test_attachments_are_found_by_name_in_text_and_not_in_body(
    store: MailStore, alice: Account, indexer: Indexer
) -> None:
    message = (
        b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntexte\r\n--b\r\n"
        b"Content-Type: application/pdf\r\n"
        b"Content-Disposition: attachment; filename*=UTF-8''bulletin%20%C3%A9t%C3%A9.pdf\r\n\r\nneedle\r\n--b--\r\n"
    )
    await store.deliver(message, [1])
    await store.deliver(message.replace(b"texte", b"texte" * 60_000), [1])
    keys = [key("Bulletin été.pdf"), key("application/pdf"), key("bulletin", TextScope.BODY), key("needle")]
    assert await indexed(alice, keys) == [{1, 2}, {1, 2}, set(), set()]
    await drain(indexer)
    assert await indexed(alice, keys) == [{1, 2}, {1, 2}, set(), set()]


async def test_the_index_goes_with_its_content(
    database: Database, store: MailStore, alice: Account, indexer: Indexer
) -> None:
    await store.deliver(letter("cantine"), [1])
    await drain(indexer)
    await alice.store(own(alice), [1], FlagAction.ADD, DELETED, ())
    await alice.expunge(own(alice), None)
    await store.deliver(letter("musée", number=1), [1])
    await collect(database, grace=-10)
    assert (await index_status(database)).indexed == 0
    assert (await index_status(database)).waiting == 1
    await store.deliver(letter("cantine"), [1])
    assert await indexed(alice, [key("cantine")]) == [{3}]
    assert await drain(indexer) == 2
    assert await indexed(alice, [key("cantine"), key("musée")]) == [{3}, {2}]


async def test_an_indexer_that_dies_leaves_its_batch_to_the_next(
    database: Database, store: MailStore, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await store.deliver(letter("cantine", number=number), [1])
    dying = Indexer(database)
    reached = asyncio.Event()

    async def hang(*_: object, **__: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr("mailgate.store.search.indexer._worked_out", hang)
        batch = asyncio.create_task(dying.index_batch(2))
        await reached.wait()
        batch.cancel()
        await asyncio.gather(batch, return_exceptions=True)
    assert (await index_status(database)).waiting == 3
    assert await indexed(alice, [key("cantine")]) == [{1, 2, 3}]
    assert await drain(Indexer(database)) == 1, "the others are claimed for a minute"
    monkeypatch.setattr("mailgate.store.search.indexer._now", _in(120))
    assert await drain(Indexer(database)) == 2
    assert await indexed(alice, [key("cantine")]) == [{1, 2, 3}]


def _in(seconds: int) -> Callable[[], int]:
    return lambda: int(time.time()) + seconds


async def test_many_indexers_index_each_content_once(database: Database, store: MailStore, alice: Account) -> None:
    for number in range(40):
        await store.deliver(letter(f"cantine {spelled(number)}", number=number), [1])
    done = await asyncio.gather(*(drain(Indexer(database)) for _ in range(4)))
    assert sum(done) == 40
    status = await index_status(database)
    assert (status.indexed, status.waiting) == (40, 0)
    assert await indexed(alice, [key(spelled(11)), key("cantine")]) == [{12}, set(range(1, 41))]


async def test_afresh(database: Database, store: MailStore, alice: Account, indexer: Indexer) -> None:
    await store.deliver(letter("cantine"), [1])
    await drain(indexer)
    assert await start_afresh(database) == 1
    assert (await index_status(database)).waiting == 1
    assert await indexed(alice, [key("cantine")]) == [{1}]
    await drain(indexer)
    assert (await index_status(database)).indexed == 1
    assert await indexed(alice, [key("cantin"), key("cantines")]) == [{1}, set()]


async def test_a_started_indexer_hears_of_deliveries(database: Database, store: MailStore, alice: Account) -> None:
    await store.deliver(letter("avant"), [1])
    indexer = Indexer(database)
    await indexer.start()
    await store.deliver(letter("après", number=1), [1])
    async with asyncio.timeout(20):
        while (await index_status(database)).indexed < 2:  # noqa: ASYNC110 nobody is told when a batch is done
            await asyncio.sleep(0.05)
    await indexer.close()
    assert await indexed(alice, [key("avant"), key("après")]) == [{1}, {2}]


async def test_deliveries_that_never_pause_are_indexed(
    database: Database, store: MailStore, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailgate.store.search.indexer._QUIET", 3600.0)
    monkeypatch.setattr("mailgate.store.search.indexer._PATIENCE", 0.05)
    indexer = Indexer(database)
    await indexer.start()
    await store.deliver(letter("avant"), [1])
    async with asyncio.timeout(20):
        while (await index_status(database)).indexed < 1:  # noqa: ASYNC110 nobody is told when a batch is done
            await asyncio.sleep(0.01)
    await indexer.close()
    assert await indexed(alice, [key("avant")]) == [{1}]


async def test_an_indexer_that_is_woken_while_it_closes_ends(database: Database) -> None:
    for ticks in range(8):
        indexer = Indexer(database)
        await indexer.start()
        async with asyncio.timeout(20):
            while not indexer._wanted._waiters:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.001)
        indexer._hear(None)
        for _ in range(ticks):
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await indexer.close()
