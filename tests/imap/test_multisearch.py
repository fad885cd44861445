"""ESEARCH: several mailboxes in one search (RFC 7377)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.errors import BadCommand, CommandRefused
from imap.parsing import CommandInput, parse_command
from imap.parsing.esearch import Esearch
from imap.rights import parse_rights
from tests.imap.conftest import Talk, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


@pytest.fixture
async def folders(account: MemoryAccount) -> MemoryAccount:
    """INBOX has 2 messages, each of the other mailboxes one of Chad's."""
    await account.create("a/b/c")
    await account.create("é")
    for name in ("INBOX", "a", "a/b", "a/b/c", "é"):
        account.deliver(message("chad"), name)
    account.deliver(message("other"))
    return account


def answered(lines: list[bytes]) -> list[str]:
    """The mailboxes of the answers."""
    return [line.split(b" MAILBOX ")[1].split(b" ")[0].decode() for line in lines]


async def test_answers_name_their_mailbox(talk: Talk, folders: MemoryAccount) -> None:
    await talk("""
        A: 1 ESEARCH IN (mailboxes INBOX subtree a) unseen
        A< * ESEARCH (TAG "1" MAILBOX INBOX UIDVALIDITY 1700000001) UID ALL 1:2
        A< * ESEARCH (TAG "1" MAILBOX a UIDVALIDITY 1700000007) UID ALL 1
        A< * ESEARCH (TAG "1" MAILBOX a/b UIDVALIDITY 1700000008) UID ALL 1
        A< * ESEARCH (TAG "1" MAILBOX a/b/c UIDVALIDITY 1700000009) UID ALL 1
        A< 1 OK …
        A: 2 ESEARCH IN (personal) RETURN (COUNT MIN MAX) CHARSET UTF-8 SUBJECT other
        A< * ESEARCH (TAG "2" MAILBOX INBOX UIDVALIDITY 1700000001) UID COUNT 1 MIN 2 MAX 2
        A< 2 OK …
        A: 3 ESEARCH IN (personal) RETURN (COUNT) SUBJECT nobody
        A< 3 OK …
    """)


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        ("mailboxes (a &AOk- nowhere)", ["a", "&AOk-"]),
        ("subtree-one a", ["a", "a/b"]),
        ("subtree a", ["a", "a/b", "a/b/c"]),
        ("inboxes", ["INBOX"]),
        ("subscribed", ["INBOX", "a", "a/b/c", "&AOk-"]),
        ("personal", ["INBOX", "a", "a/b", "a/b/c", "&AOk-"]),
        ("subtree a mailboxes a/b subtree-one a", ["a", "a/b", "a/b/c"]),
    ],
)
async def test_sources(client: Client, folders: MemoryAccount, sources: str, names: list[str]) -> None:
    folders.subscribed.discard("a/b")
    assert answered(await client.ok(f"ESEARCH IN ({sources}) SUBJECT chad")) == names


async def test_rights(client: Client, folders: MemoryAccount) -> None:
    folders.find("a").rights = parse_rights("r")
    folders.find("a/b").rights = parse_rights("l")
    assert answered(await client.ok("ESEARCH IN (personal) SUBJECT chad")) == ["INBOX", "a/b/c", "&AOk-"]
    assert answered(await client.ok("ESEARCH IN (mailboxes (a a/b)) SUBJECT chad")) == ["a"]


async def test_the_selected_mailbox(talk: Talk, folders: MemoryAccount) -> None:
    await talk("""
        A: 1 ESEARCH ALL
        A< 1 BAD …
        A: 2 ESEARCH IN (selected) ALL
        A< 2 BAD …
        A: 3 SELECT a
        A* 3 OK …
        A: 4 ESEARCH 1:100 SUBJECT chad
        A< * ESEARCH (TAG "4" MAILBOX a UIDVALIDITY 1700000007) UID ALL 1
        A< 4 OK …
        A: 5 ESEARCH RETURN (SAVE) ALL
        A< 5 OK …
        A: 6 FETCH $ (UID)
        A< * 1 FETCH (UID 1)
        A< 6 OK …
        A: 7 ESEARCH IN (selected subtree a) RETURN (PARTIAL 1:1) SUBJECT chad
        A< * ESEARCH (TAG "7" MAILBOX a UIDVALIDITY 1700000007) UID PARTIAL (1:1 1)
        A< * ESEARCH (TAG "7" MAILBOX a/b UIDVALIDITY 1700000008) UID PARTIAL (1:1 1)
        A< * ESEARCH (TAG "7" MAILBOX a/b/c UIDVALIDITY 1700000009) UID PARTIAL (1:1 1)
        A< 7 OK …
        A: 8 ESEARCH IN (personal) RETURN (SAVE) ALL
        A< 8 BAD …
        A: 9 ESEARCH IN (selected inboxes) RETURN (UPDATE) ALL
        A< 9 BAD …
        A: 10 ESEARCH RETURN (UPDATE COUNT) SUBJECT chad
        A< * ESEARCH (TAG "10" MAILBOX a UIDVALIDITY 1700000007) UID COUNT 1
        A< 10 OK …
    """)
    folders.deliver(message("chad"), "a")
    await talk("""
        A: 11 NOOP
        A* * ESEARCH (TAG "10" MAILBOX a UIDVALIDITY 1700000007) UID ADDTO (…2)
        A< 11 OK …
        A: 12 ESEARCH IN (inboxes) ALL
        A< * ESEARCH (TAG "12" MAILBOX INBOX UIDVALIDITY 1700000001) UID ALL 1:2
        A< 12 OK …
        A: 13 FETCH 1 (UID)
        A< * 1 FETCH (UID 1)
        A< 13 OK …
    """)


async def test_modification_sequences_and_filters(talk: Talk, folders: MemoryAccount) -> None:
    folders.annotations["/private/filters/values/new"] = b"MODSEQ 3"
    await talk("""
        A: 1 ESEARCH IN (personal) FILTER new
        A< * ESEARCH (TAG "1" MAILBOX INBOX UIDVALIDITY 1700000001) UID ALL 2 MODSEQ 3
        A< 1 OK …
        A: 2 ESEARCH IN (personal) FILTER old
        A< 2 NO [UNDEFINED-FILTER old] …
    """)


async def test_nothing_stays_open(client: Client, folders: MemoryAccount) -> None:
    await client.ok("ESEARCH IN (personal) ALL")
    assert folders.watchers == 0


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "IN () ALL",
        "IN (selected-delayed) ALL",
        "IN (everything) ALL",
        "IN (mailboxes) ALL",
        "IN personal ALL",
        "IN (personal)",
        "IN (personal (option)) ALL",
        "IN (personal) RETURN (OTHER) ALL",
        "IN (personal) NONSENSE",
    ],
)
async def test_malformed_searches_are_bad(client: Client, arguments: str) -> None:
    await client.ok("SELECT INBOX")
    assert b" BAD " in (await client.command(f"ESEARCH {arguments}"))[-1]


_WORDS = [
    "IN",
    "(",
    ")",
    "personal",
    "mailboxes",
    "a",
    "selected",
    "RETURN",
    "COUNT",
    "SAVE",
    "ALL",
    "CHARSET",
    "UTF-8",
]


@given(st.lists(st.sampled_from(_WORDS)).map(" ".join))
def test_any_words(words: str) -> None:
    try:
        _, command = parse_command(CommandInput([b"A ESEARCH " + words.encode()]))
    except (BadCommand, CommandRefused):
        return
    assert isinstance(command, Esearch)
