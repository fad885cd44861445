"""UIDONLY: no message number goes either way (RFC 9586)."""

from __future__ import annotations

import re

import pytest

from imap import flags
from tests.imap.conftest import Gateway, Talk, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client

# what carries a message number: FETCH, EXPUNGE, and UNSEEN in SELECT
NUMBERS = re.compile(rb"\* (\d+ (FETCH|EXPUNGE)\b|OK \[UNSEEN |SEARCH|SORT|THREAD)")


@pytest.fixture
async def uids(client: Client, account: MemoryAccount) -> Client:
    """INBOX selected with UIDs 3 to 6, UIDONLY enabled."""
    for number in range(6):
        account.deliver(message(f"m{number}", body=f"text {number}"))
    account.find("INBOX").remove([1, 2])
    assert await client.ok("ENABLE UIDONLY") == [b"* ENABLED UIDONLY"]
    await client.ok("SELECT INBOX")
    return client


@pytest.mark.parametrize(
    "command",
    [
        "FETCH 1 FLAGS",
        "FETCH * FLAGS",
        "FETCH $ FLAGS",
        "STORE 1 +FLAGS \\Seen",
        "COPY 1 Sent",
        "MOVE 1:* Sent",
        "SEARCH ALL",
        "SEARCH RETURN (COUNT) UNSEEN",
        "SORT (DATE) UTF-8 ALL",
        "THREAD REFERENCES UTF-8 ALL",
        "REPLACE 1 INBOX {4+}\r\na: b",
        "UID SEARCH 1:3",
        "UID SEARCH *",
        "UID SEARCH NOT (UNSEEN OR 1 SEEN)",
        "UID SORT (DATE) UTF-8 1",
        "UID THREAD REFERENCES UTF-8 NOT 2",
        "SELECT INBOX (QRESYNC (1 1 1:2 (1 1)))",
    ],
)
async def test_message_numbers_are_refused(uids: Client, account: MemoryAccount, command: str) -> None:
    await uids.ok("ENABLE QRESYNC")
    *told, completion = await uids.command(command)
    assert completion.split(b" ", 3)[1:3] == [b"BAD", b"[UIDREQUIRED]"], completion
    assert told == []
    box = account.find("INBOX")
    assert (len(box.messages), any(one.flags for one in box.messages.values())) == (4, False)


async def test_uidfetch(uids: Client) -> None:
    assert await uids.ok("UID FETCH 3:4 FLAGS") == [
        b"* 3 UIDFETCH (FLAGS (\\Recent))",
        b"* 4 UIDFETCH (FLAGS (\\Recent))",
    ]
    assert await uids.ok("UID FETCH 1:3,6 (RFC822.SIZE UID)") == [
        b"* 3 UIDFETCH (RFC822.SIZE 186 UID 3)",
        b"* 6 UIDFETCH (RFC822.SIZE 186 UID 6)",
    ]
    (line,) = await uids.ok("UID FETCH * (BODY[TEXT])")
    assert line == b"* 6 UIDFETCH (FLAGS (\\Recent \\Seen) BODY[TEXT] {8}\r\ntext 5\r\n)"
    *_, line = await uids.ok("UID FETCH 6 (MODSEQ) (CHANGEDSINCE 1)")
    assert re.fullmatch(rb"\* 6 UIDFETCH \(MODSEQ \(\d+\)\)", line)


async def test_store_search_and_the_saved_result(uids: Client) -> None:
    assert await uids.ok("UID STORE 4:5 +FLAGS (\\Flagged)") == [
        b"* 4 UIDFETCH (FLAGS (\\Recent \\Flagged))",
        b"* 5 UIDFETCH (FLAGS (\\Recent \\Flagged))",
    ]
    assert (await uids.ok("UID SEARCH RETURN (SAVE ALL) FLAGGED"))[0].endswith(b" UID ALL 4:5")
    assert await uids.ok("UID SEARCH $ UID 5:*") == [b"* SEARCH 5"]
    assert await uids.ok("UID FETCH $ (UID)") == [b"* 4 UIDFETCH (UID 4)", b"* 5 UIDFETCH (UID 5)"]
    assert await uids.ok("UID SORT (REVERSE SUBJECT) UTF-8 UID 3:4") == [b"* SORT 4 3"]
    modified = await uids.command("UID STORE 3:4 (UNCHANGEDSINCE 1) +FLAGS (\\Seen)")
    assert b" OK [MODIFIED 3:4] " in modified[-1]


async def test_expunges_are_told_by_uid(uids: Client) -> None:
    await uids.ok("UID STORE 4,6 +FLAGS.SILENT (\\Deleted)")
    assert await uids.ok("EXPUNGE") == [b"* VANISHED 4,6"]
    moved = await uids.ok("UID MOVE 3 Archive")
    assert moved[1:] == [b"* VANISHED 3"]
    replaced = await uids.ok("UID REPLACE 5 INBOX {4+}\r\na: b")
    assert replaced[1:] == [b"* 2 EXISTS", b"* 2 RECENT", b"* VANISHED 5"]


async def test_news_of_other_sessions(talk: Talk, account: MemoryAccount) -> None:
    for number in range(3):
        account.deliver(message(f"m{number}"), mask=flags.SEEN)
    await talk(
        """
        B: b1 SELECT INBOX
        B* b1 OK …
        A: a0 ENABLE UIDONLY
        A* a0 OK …
        A: a1 SELECT INBOX
        A* a1 OK …
        B: b2 STORE 2 +FLAGS (\\Flagged \\Deleted)
        B* b2 OK …
        A: a2 NOOP
        A< * 2 UIDFETCH (FLAGS (\\Seen \\Flagged \\Deleted))
        A< a2 OK …
        A: a3 IDLE
        A< + idling
        B: b3 EXPUNGE
        B* b3 OK …
        A< * VANISHED 2
        B: b4 STORE 2 -FLAGS (\\Seen)
        B* b4 OK …
        A< * 3 UIDFETCH (FLAGS ())
        """
    )
    account.deliver(message("new"))
    await talk("A: DONE\nA< * 3 EXISTS")


async def test_select_tells_no_number(uids: Client, account: MemoryAccount) -> None:
    for command in ("SELECT INBOX", "EXAMINE INBOX", "SELECT INBOX (CONDSTORE)"):
        assert not [line for line in await uids.ok(command) if NUMBERS.match(line)]
    await uids.ok("ENABLE QRESYNC")
    validity = account.find("INBOX").uidvalidity
    lines = await uids.ok(f"SELECT INBOX (QRESYNC ({validity} 1 1:6))")
    assert lines[-5] == b"* VANISHED (EARLIER) 1:2"
    assert [line.split(b" (")[0] for line in lines[-4:]] == [b"* %d UIDFETCH" % uid for uid in (3, 4, 5, 6)]


async def test_outlook_is_not_told(gateway: Gateway) -> None:
    client = await gateway.client()
    assert b" UIDONLY " in (await client.ok("CAPABILITY"))[0]
    await client.ok('ID ("name" "Microsoft.Exchange.Imap4.Server" "version" "1")')
    assert b"UIDONLY" not in (await client.ok("CAPABILITY"))[0]
    await client.ok('ID ("name" "Thunderbird" "os" "Microsoft Windows")')
    assert b" UIDONLY " in (await client.ok("CAPABILITY"))[0]
