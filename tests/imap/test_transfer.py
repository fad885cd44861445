"""APPEND, COPY, MOVE, EXPUNGE with the codes of UIDPLUS; literals of all kinds."""

from __future__ import annotations

from imap import flags
from tests.imap.conftest import Gateway, Talk, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


async def test_append_with_flags_and_date(client: Client, account: MemoryAccount) -> None:
    completion = await client.append("Sent", message(), '(\\Seen $Forwarded) "07-Sep-2026 08:30:00 +0200" ')
    assert completion == b"t2 OK [APPENDUID 1700000002 1] APPEND completed"
    sent = account.find("Sent")
    assert sent.messages[1].content == message()
    assert sent.messages[1].date == 1788762600
    assert flags.flag_names(sent.messages[1].flags, sent.keywords) == ["\\Seen", "$Forwarded"]


async def test_append_with_a_synchronizing_literal(client: Client, account: MemoryAccount) -> None:
    await client.send(b"a APPEND {5}\r\n")
    assert await client.line() == b"+ OK"
    await client.send(b"INBOX {4}\r\n")
    assert await client.line() == b"+ OK"
    await client.send(b"a: b\r\n")
    assert await client.line() == b"a OK [APPENDUID 1700000001 1] APPEND completed"
    assert account.find("INBOX").messages[1].content == b"a: b"


async def test_append_of_several_messages(client: Client, account: MemoryAccount) -> None:
    completion = (await client.command(b"APPEND INBOX (\\Seen) {4+}\r\na: 1 {4+}\r\na: 2 ~{4+}\r\na:\0b"))[-1]
    assert completion == b"t2 OK [APPENDUID 1700000001 1:3] APPEND completed"
    contents = [one.content for one in account.find("INBOX").messages.values()]
    assert contents == [b"a: 1", b"a: 2", b"a:\0b"]


async def test_append_of_utf8(client: Client, account: MemoryAccount) -> None:
    await client.ok("ENABLE UTF8=ACCEPT")
    text = "Subject: é\r\n\r\n".encode()
    completion = (await client.command(b"APPEND INBOX UTF8 (~{%d+}\r\n%b)" % (len(text), text)))[-1]
    assert b" OK [APPENDUID " in completion
    assert account.find("INBOX").messages[1].content == text


async def test_append_refused(client: Client, account: MemoryAccount) -> None:
    assert b" NO [TRYCREATE] " in await client.append("None", message())
    assert b" NO " in await client.append("INBOX", b"")
    account.quota_limit = 10
    assert b" NO [OVERQUOTA] " in await client.append("INBOX", message())
    assert b" BAD " in await client.append("INBOX", message(), "(\\Recent) ")
    assert not account.find("INBOX").messages


async def test_a_large_append_goes_through_a_file(client: Client, account: MemoryAccount) -> None:
    content = message(body="x" * 3_000_000)
    assert b" OK " in await client.append("INBOX", content)
    assert account.find("INBOX").messages[1].content == content


async def test_a_message_above_the_limit_is_swallowed(gateway: Gateway, account: MemoryAccount) -> None:
    account.append_limit = 1000
    client = await gateway.client()
    assert b"APPENDLIMIT=1000" in (await client.ok("CAPABILITY"))[0]
    content = b"a: b\r\n\r\n" + b"x LOGOUT\r\n" * 1000
    completion = await client.append("INBOX", content)
    assert b" NO [TOOBIG] " in completion
    await client.send(b"s APPEND INBOX {1001}\r\n")
    assert (await client.line()).startswith(b"s NO [TOOBIG] ")
    assert await client.ok("NOOP") == []
    assert not account.find("INBOX").messages


async def test_copy_and_move(talk: Talk, account: MemoryAccount) -> None:
    for number in range(4):
        account.deliver(message(f"m{number}"), mask=flags.SEEN, keywords=["$label1"])
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 COPY 1:2 Archive
        A< a2 OK [COPYUID 1700000006 1:2 1:2] COPY completed
        A: a3 UID COPY 4,1 Archive
        A< a3 OK [COPYUID 1700000006 1,4 3:4] COPY completed
        A: a4 UID COPY 100 Archive
        A< a4 OK No messages to copy
        A: a5 COPY 1 Elsewhere
        A< a5 NO [TRYCREATE] …
        A: a6 UID MOVE 2:3 Elsewhere
        A< a6 NO [TRYCREATE] …
        A: a7 UID MOVE 2:3 Archive
        A< * OK [COPYUID 1700000006 2:3 5:6] Moved
        A< * 3 EXPUNGE
        A< * 2 EXPUNGE
        A< a7 OK MOVE completed
        A: a8 COPY 1 INBOX
        A< * 3 EXISTS
        A< * … RECENT
        A< a8 OK [COPYUID 1700000001 1 5] COPY completed
        A: a9 SELECT Archive
        A* a9 OK …
        A: b1 FETCH 6 FLAGS
        A< * 6 FETCH (FLAGS (\\Recent \\Seen $label1))
        A< b1 OK …
        """.replace("1700000006", str(account.find("Archive").uidvalidity))
    )


async def test_expunge_and_uid_expunge(talk: Talk, account: MemoryAccount) -> None:
    for number in range(5):
        account.deliver(message(f"m{number}"), mask=flags.DELETED if number != 2 else 0)
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 UID EXPUNGE 2:3
        A< * 2 EXPUNGE
        A< a2 OK EXPUNGE completed
        A: a3 EXPUNGE
        A< * 4 EXPUNGE
        A< * 3 EXPUNGE
        A< * 1 EXPUNGE
        A< a3 OK EXPUNGE completed
        A: a4 EXPUNGE
        A< a4 OK EXPUNGE completed
        """
    )
