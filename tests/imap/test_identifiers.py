"""OBJECTID, SAVEDATE and PREVIEW: what FETCH, STATUS and SEARCH tell beside the message (RFC 8474, 8514, 8970)."""

from __future__ import annotations

import re

import pytest

from imap.parsing.wire import internal_date
from tests.imap.conftest import Talk, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client

OBJECT_ID = r"[A-Za-z][A-Za-z0-9_-]{0,254}"


def reply(subject: str, *references: str) -> bytes:
    links = " ".join(f"<{name}@example.org>" for name in references)
    return f"References: {links}\r\n".encode() + message(subject)


async def identifiers(client: Client, mailbox: str) -> list[tuple[str, str]]:
    """EMAILID and THREADID of each message."""
    await client.ok(f"EXAMINE {mailbox}")
    found = []
    for line in await client.ok("FETCH 1:* (EMAILID THREADID)"):
        match = re.fullmatch(rf"\* \d+ FETCH \(EMAILID \(({OBJECT_ID})\) THREADID \(({OBJECT_ID})\)\)", line.decode())
        assert match, line
        found.append((match[1], match[2]))
    return found


async def test_mailboxid_stays_when_renamed_and_is_never_used_again(client: Client, account: MemoryAccount) -> None:
    created = (await client.command("CREATE a"))[-1].decode()
    match = re.fullmatch(rf"t2 OK \[MAILBOXID \(({OBJECT_ID})\)\] CREATE completed", created)
    assert match
    own = match[1]
    await client.ok("RENAME a b")
    assert await client.ok("STATUS b (MAILBOXID MESSAGES)") == [f"* STATUS b (MAILBOXID ({own}) MESSAGES 0)".encode()]
    for verb in ("SELECT", "EXAMINE"):
        assert f"* OK [MAILBOXID ({own})] ".encode() in b"\n".join(await client.ok(f"{verb} b"))
    listed = b"\n".join(await client.ok('LIST "" * RETURN (STATUS (MAILBOXID))')).decode()
    every = re.findall(r"MAILBOXID \((.+?)\)", listed)
    assert (own in every, len(every)) == (True, len(set(every)))
    await client.ok("UNSELECT")
    await client.ok("DELETE b")
    assert own not in (await client.command("CREATE b"))[-1].decode()


async def test_emailid_and_threadid(client: Client, account: MemoryAccount) -> None:
    for content in (
        message("a"),
        reply("b", "a"),
        message("c"),
        reply("d", "a", "b"),
        message("a"),
        b"X: none\r\n\r\n",
    ):
        account.deliver(content)
    await client.ok("SELECT INBOX")
    await client.ok("COPY 4 Archive")
    await client.ok("MOVE 2 Archive")
    a, c, d, again, none = await identifiers(client, "INBOX")
    assert len({a[0], c[0], d[0], none[0]}) == 4
    assert a == again
    assert a[1] == d[1]
    assert len({a[1], c[1], none[1]}) == 3
    assert {name for pair in (a, c, d, none) for name in pair[:1]}.isdisjoint({a[1], c[1], none[1]})
    copied, moved = await identifiers(client, "Archive")
    assert (copied, moved[1]) == (d, a[1])


async def test_search_by_identifier(client: Client, account: MemoryAccount) -> None:
    for content in (message("a"), message("b"), reply("c", "a"), message("a")):
        account.deliver(content)
    (email, thread), *_ = await identifiers(client, "INBOX")
    assert await client.ok(f"SEARCH EMAILID {email}") == [b"* SEARCH 1 4"]
    assert await client.ok(f"SEARCH THREADID {thread}") == [b"* SEARCH 1 3 4"]
    assert await client.ok(f"SEARCH NOT THREADID {thread} SUBJECT b") == [b"* SEARCH 2"]
    assert await client.ok(f"SEARCH OR EMAILID {email} BODY nothing THREADID {thread}") == [b"* SEARCH 1 4"]
    assert await client.ok(f"SEARCH EMAILID {email.upper()}x OR THREADID nil EMAILID a-_9") == [b"* SEARCH"]
    for wrong in ("EMAILID", "EMAILID é", "THREADID (a)", "EMAILID " + "x" * 256, 'THREADID ""'):
        assert b" BAD " in (await client.command(f"SEARCH {wrong}"))[-1]


async def test_savedate_is_when_the_message_came_here(client: Client, account: MemoryAccount) -> None:
    await client.append("INBOX", message(), '"07-Sep-2026 08:30:00 +0200" ')
    box = account.find("INBOX")
    await client.ok("SELECT INBOX")
    (line,) = await client.ok("FETCH 1 (INTERNALDATE SAVEDATE)")
    saved = internal_date(box.messages[1].saved)
    assert line == b'* 1 FETCH (INTERNALDATE " 7-Sep-2026 06:30:00 +0000" SAVEDATE %b)' % saved
    box.messages[1].saved = 0
    await client.ok("COPY 1 Archive")
    await client.ok("EXAMINE Archive")
    assert b"1970" not in (await client.ok("FETCH 1 SAVEDATE"))[0]


async def test_preview(client: Client, account: MemoryAccount) -> None:
    account.deliver(message(body="Une r\u00e9union   \u00e0\r\n18 h"))
    account.deliver(message(body='plain "text" \\'))
    account.deliver(b"Content-Type: image/png\r\n\r\nxyz")
    await client.ok("SELECT INBOX")
    first, *others = await client.ok("FETCH 1:* (PREVIEW)")
    text = "Une réunion à 18 h".encode()
    assert first == b"* 1 FETCH (PREVIEW {%d}\r\n%b)" % (len(text), text)
    assert others == [b'* 2 FETCH (PREVIEW "plain \\"text\\" \\\\")', b'* 3 FETCH (PREVIEW "")']
    assert await client.ok("FETCH 2 PREVIEW (LAZY)") == others[:1]
    assert await client.ok("FETCH 3 (RFC822.SIZE PREVIEW (lazy) PREVIEW)") == [b'* 3 FETCH (RFC822.SIZE 30 PREVIEW "")']
    await client.ok("ENABLE UTF8=ACCEPT")
    assert await client.ok("FETCH 1 PREVIEW (LAZY)") == [b'* 1 FETCH (PREVIEW "%b")' % text]
    assert account.calls["rendered"] == 4
    assert not any(one.flags for one in account.find("INBOX").messages.values())


async def test_previews_of_messages_stored_without(talk: Talk, account: MemoryAccount) -> None:
    for number in range(120):
        account.deliver(message(f"m{number}", body=f"text {number}"))
    account.without_preview.update(account.key(one.content) for one in account.find("INBOX").messages.values())
    await talk(
        """
        A: a1 EXAMINE INBOX
        A* a1 OK …
        A: a2 FETCH 3 PREVIEW (LAZY)
        A< * 3 FETCH (PREVIEW NIL)
        A< a2 OK …
        A: a3 FETCH 1:* PREVIEW
        A< * 1 FETCH (PREVIEW "text 0")
        A* * 120 FETCH (PREVIEW "text 119")
        A< a3 OK …
        A: a4 FETCH 3 (PREVIEW (LAZY))
        A< * 3 FETCH (PREVIEW "text 2")
        A< a4 OK …
        A: a5 FETCH 3 PREVIEW (CHANGEDSINCE 1)
        A< * OK [HIGHESTMODSEQ …
        A< * 3 FETCH (PREVIEW "text 2" MODSEQ (4))
        A< a5 OK …
        """
    )
    assert account.calls["make_previews"] == 3


@pytest.mark.parametrize(
    "items", ["PREVIEW (EAGER)", "PREVIEW ()", "(PREVIEW (LAZY EAGER))", "PREVIEW[1]", "EMAILID.X"]
)
async def test_items_that_are_none(client: Client, account: MemoryAccount, items: str) -> None:
    account.deliver(message())
    await client.ok("EXAMINE INBOX")
    assert b" BAD " in (await client.command(f"FETCH 1 {items}"))[-1]
