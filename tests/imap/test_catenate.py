"""CATENATE with URLs of this server (RFC 4469, RFC 5092, RFC 5550 URL-PARTIAL), for APPEND and REPLACE."""

from __future__ import annotations

import pytest

from imap.limits import Limits
from tests.imap.conftest import Gateway, Talk, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client

MIXED = (
    b"From: grace@example.org\r\nSubject: Holiday\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nfirst\r\n"
    b"--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\0\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nX-A: b\r\n\r\ninside\r\n--b--\r\n"
)


def catenate(*parts: str | bytes) -> bytes:
    """The list of CATENATE: text is a URL, octets are a TEXT."""
    pieces = [
        b'URL "%b"' % part.encode() if isinstance(part, str) else b"TEXT {%d+}\r\n%b" % (len(part), part)
        for part in parts
    ]
    return b"CATENATE (" + b" ".join(pieces) + b")"


@pytest.fixture
def source(account: MemoryAccount) -> str:
    """A message in INBOX; the beginning of its absolute-path URL."""
    account.deliver(MIXED)
    return f"/INBOX;UIDVALIDITY={account.find('INBOX').uidvalidity}/;UID=1"


async def test_texts_and_parts_are_put_together(client: Client, account: MemoryAccount, source: str) -> None:
    pieces = catenate(
        f"{source}/;section=HEADER", b"--x\r\n", f"{source}/;SECTION=2.MIME", f"{source}/;section=2", b"!"
    )
    completion = (await client.command(b'APPEND Drafts (\\Seen $Done) "07-Sep-2026 08:30:00 +0200" ' + pieces))[-1]
    assert completion == b"t2 OK [APPENDUID 1700000003 1] APPEND completed"
    new = account.find("Drafts").messages[1]
    header = MIXED[: MIXED.index(b"\r\n\r\n") + 4]
    mime = b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    assert new.content == header + b"--x\r\n" + mime + b"QUJD\0" + b"!"
    assert new.date == 1788762600
    assert not account.find("INBOX").messages[1].flags  # RFC 4469 section 3: \Seen is not set


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/INBOX/;UID=1", MIXED),
        ("/inbox/;uid=1", MIXED),
        ("/%49NBOX/;UID=1/;SECTION=1", b"first"),
        ("/INBOX/;UID=1/;SECTION=1/;PARTIAL=1.3", b"irs"),
        ("/INBOX/;UID=1/;SECTION=1/;PARTIAL=3", b"st"),
        ("/INBOX/;UID=1/;PARTIAL=0.4", b"From"),
        ("/INBOX/;UID=1/;SECTION=3.TEXT", b"inside"),
        ("/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(SUBJECT)", b"Subject: Holiday\r\n\r\n"),
        ("/INBOX/;UID=1/;SECTION=3.HEADER.FIELDS.NOT%20(X-A)/;PARTIAL=0.7", b"Subject"),
        ("imap://ada@localhost/INBOX/;UID=1/;SECTION=1", b"first"),
        ("IMAP://ada;AUTH=*@LOCALHOST:993/INBOX/;UID=1/;SECTION=1", b"first"),
        ("//localhost/INBOX/;UID=1/;SECTION=1", b"first"),
    ],
)
async def test_what_urls_name(client: Client, account: MemoryAccount, source: str, url: str, expected: bytes) -> None:
    await client.ok(b"APPEND Sent " + catenate(url, b"."))
    assert account.find("Sent").messages[1].content == expected + b"."


@pytest.mark.parametrize(
    "url",
    [
        "/INBOX;UIDVALIDITY=1/;UID=1",
        "/INBOX/;UID=2",
        "/Nowhere/;UID=1",
        "/INBOX/;UID=1/;SECTION=9",
        "/INBOX/;UID=1/;SECTION=1.",
        "/INBOX/;UID=4294967296",
        "/INBOX/;UID=0",
        "/INBOX/;UID=1/;PARTIAL=0.0",
        "/INBOX",
        "/INBOX/;UID=1;EXPIRE=now:URLAUTH=x",
        "/;UID=1",
        ";UID=1",
        "/IN%FFBOX/;UID=1",
        "/IN%00BOX/;UID=1",
        "imap://ada@elsewhere.example/INBOX/;UID=1",
        "imap://bob@localhost/INBOX/;UID=1",
        "http://localhost/INBOX/;UID=1",
        "imap:INBOX/;UID=1",
        "",
        "x" * 9000,
    ],
)
async def test_urls_that_lead_nowhere(client: Client, account: MemoryAccount, source: str, url: str) -> None:
    completion = (await client.command(b"APPEND Sent " + catenate(b"a: b\r\n\r\n", url, "/Also/;UID=1")))[-1]
    assert completion.startswith(b"t2 NO [BADURL " + url[:500].encode() + b"] "), completion
    assert not account.find("Sent").messages


async def test_a_url_is_shown_without_what_would_end_the_code(client: Client) -> None:
    completion = (await client.command("APPEND Sent CATENATE (URL {8+}\r\n/a]b é\n)"))[-1]
    assert completion.startswith(b"t2 NO [BADURL /a%5Db%20%C3%A9%0A] ")


async def test_urls_relative_to_the_selected_mailbox(client: Client, account: MemoryAccount) -> None:
    await client.ok("CREATE a/b")
    await client.ok("CREATE a/c")
    account.deliver(message(body="in b"), "a/b")
    account.deliver(message(body="in c"), "a/c")
    await client.ok("EXAMINE a/b")
    await client.ok(b"APPEND Sent " + catenate(";UID=1/;SECTION=1", "c/;UID=1/;SECTION=1", "/a/c/;UID=1/;SECTION=1"))
    assert account.find("Sent").messages[1].content == b"in b\r\nin c\r\nin c\r\n"


async def test_a_name_in_the_url_is_utf8(client: Client, account: MemoryAccount) -> None:
    await client.ok("CREATE R&AOk-union")
    account.deliver(message(), "Réunion")
    await client.ok(b"APPEND Sent " + catenate("/R%C3%A9union/;UID=1"))
    assert account.find("Sent").messages[1].content == message()


async def test_several_messages_of_both_kinds(client: Client, account: MemoryAccount, source: str) -> None:
    command = b"APPEND Sent {4+}\r\na: 1 (\\Seen) " + catenate(b"a: 2", f"{source}/;SECTION=1") + b" ~{4+}\r\na:\0b"
    assert b" OK [APPENDUID 1700000002 1:3] " in (await client.command(command))[-1]
    assert [one.content for one in account.find("Sent").messages.values()] == [b"a: 1", b"a: 2first", b"a:\0b"]


async def test_one_url_that_fails_appends_nothing(client: Client, account: MemoryAccount, source: str) -> None:
    command = b"APPEND Sent {4+}\r\na: 1 " + catenate(f"{source}0")
    assert b" NO [BADURL " in (await client.command(command))[-1]
    assert not account.find("Sent").messages


async def test_synchronizing_literals_and_a_url_as_literal(client: Client, account: MemoryAccount, source: str) -> None:
    await client.send(b"a APPEND Sent CATENATE (URL {%d}\r\n" % len(source))
    assert await client.line() == b"+ OK"
    await client.send(source.encode() + b" TEXT {3}\r\n")
    assert await client.line() == b"+ OK"
    await client.send(b"end UTF8 (~{2}\r\n")
    assert await client.line() == b"+ OK"
    await client.send("é)".encode() + b")\r\n")
    assert (await client.line()).startswith(b"a OK [APPENDUID ")
    assert account.find("Sent").messages[1].content == MIXED + "endé".encode()


@pytest.mark.parametrize(
    "wrong",
    [
        b"CATENATE ()",
        b"CATENATE (TEXT)",
        b"CATENATE (URL)",
        b"CATENATE (BODY {1+}\r\nx)",
        b"CATENATE (TEXT {1+}\r\nx",
        b"CATENATE URL /INBOX/;UID=1",
        b"CATENATE (UTF8 ({1+}\r\nx))",
    ],
)
async def test_what_the_grammar_does_not_allow(client: Client, wrong: bytes) -> None:
    assert b" BAD " in (await client.command(b"APPEND Sent " + wrong))[-1]
    assert await client.ok("NOOP") == []


async def test_an_empty_message_is_refused(client: Client, source: str) -> None:
    empty = catenate(f"{source}/;SECTION=1/;PARTIAL=5")
    assert (await client.command(b"APPEND Sent " + empty))[-1] == b"t2 NO A message cannot be empty"


async def test_a_message_that_grows_above_the_limit(gateway: Gateway, account: MemoryAccount) -> None:
    account.append_limit = 1000
    account.deliver(message(body="x" * 500))
    client = await gateway.client()
    completion = (await client.command(b"APPEND Sent " + catenate("/INBOX/;UID=1", "/INBOX/;UID=1")))[-1]
    assert completion.startswith(b"t2 NO [TOOBIG] ")
    await client.ok(b"APPEND Sent " + catenate("/INBOX/;UID=1"))


async def test_all_messages_together_have_a_limit(gateway: Gateway, account: MemoryAccount) -> None:
    await gateway.server.stop(grace=5)
    await gateway.start(Limits(append=2000, spool=100))
    account.deliver(message(body="x" * 700))
    client = await gateway.client()
    one = catenate("/INBOX/;UID=1")
    assert (await client.command(b"APPEND Sent " + b" ".join([one] * 3)))[-1].startswith(b"t2 NO [TOOBIG] ")
    await client.ok(b"APPEND Sent " + b" ".join([one] * 2))


async def test_a_large_message_is_copied_in_pieces(client: Client, account: MemoryAccount) -> None:
    content = message(body="x" * 3_000_000)
    account.deliver(content)
    await client.ok(b"APPEND Sent " + catenate(b"X-A: b\r\n", "/INBOX/;UID=1"))
    assert account.find("Sent").messages[1].content == b"X-A: b\r\n" + content
    assert account.calls["read"] >= 11


async def test_replace_tells_the_new_message_before_the_old_one_goes(talk: Talk, account: MemoryAccount) -> None:
    for number in range(4):
        account.deliver(message(f"draft {number}"), "Drafts")
    await talk(
        """
        B: b1 SELECT Drafts
        B* b1 OK …
        A: a1 SELECT Drafts
        A* a1 OK …
        A: a2 REPLACE 4 Drafts (\\Seen \\Draft) {4+}
        A: a: b
        A< * OK [APPENDUID 1700000003 5] Replacement message ready
        A< * 5 EXISTS
        A< * … RECENT
        A< * 4 EXPUNGE
        A< a2 OK REPLACE completed
        A: a3 FETCH 4 (UID FLAGS BODY.PEEK[])
        A< * 4 FETCH (UID 5 FLAGS (\\Recent \\Seen \\Draft) BODY[] {4}…
        A< a3 OK …
        B: b2 NOOP
        B< * 4 EXPUNGE
        B* * 4 EXISTS
        B* b2 OK …
        A: a4 UID REPLACE 2 Sent CATENATE (URL ";UID=2/;SECTION=HEADER" TEXT {2+}
        A: ok)
        A< * OK [APPENDUID 1700000002 1] Replacement message ready
        A< * 2 EXPUNGE
        A< a4 OK REPLACE completed
        """
    )
    assert account.find("Sent").messages[1].content.endswith(b"\r\n\r\nok")


async def test_replace_with_qresync(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(message(), "Drafts")
    await talk(
        """
        A: a0 ENABLE QRESYNC
        A* a0 OK …
        A: a1 SELECT Drafts
        A* a1 OK …
        A: a2 UID REPLACE * Drafts {4+}
        A: a: b
        A< * OK [APPENDUID 1700000003 2] Replacement message ready
        A< * 2 EXISTS
        A< * … RECENT
        A< * VANISHED 1
        A< a2 OK [HIGHESTMODSEQ 4] REPLACE completed
        A: a3 UID REPLACE 2 Sent {4+}
        A: a: b
        A< * OK [APPENDUID 1700000002 1] Replacement message ready
        A< * VANISHED 2
        A< a3 OK [HIGHESTMODSEQ 5] REPLACE completed
        """
    )


async def test_replace_refused(client: Client, gateway: Gateway, account: MemoryAccount) -> None:
    literal = b"{4+}\r\na: b"
    assert b" BAD " in (await client.command(b"REPLACE 1 Drafts " + literal))[-1]  # RFC 8508 section 3.5
    account.deliver(message(), "Drafts")
    await client.ok("EXAMINE Drafts")
    assert b" NO [READ-ONLY] " in (await client.command(b"REPLACE 1 Drafts " + literal))[-1]
    await client.ok("SELECT Drafts")
    for command, answer in [
        (b"REPLACE 2 Drafts ", b" BAD "),
        (b"REPLACE 1:2 Drafts ", b" BAD "),
        (b"REPLACE 0 Drafts ", b" BAD "),
        (b"UID REPLACE 9 Drafts ", b" NO "),
        (b"REPLACE 1 Nowhere ", b" NO [TRYCREATE] "),
    ]:
        assert answer in (await client.command(command + literal))[-1], command
    assert b" BAD " in (await client.command(b"REPLACE 1 Drafts " + literal + b" " + literal))[-1]
    other = await gateway.client()
    await other.ok("SELECT Drafts")
    await other.ok("STORE 1 +FLAGS.SILENT \\Deleted")
    await other.ok("EXPUNGE")
    lines = await client.command(b"REPLACE 1 Drafts " + literal)
    assert lines[-1].split()[1:3] == [b"NO", b"[EXPUNGEISSUED]"] or b" BAD " in lines[-1]
    assert not account.find("Drafts").messages
    assert account.find("Drafts").uidnext == 2


async def test_replace_counts_the_difference_for_the_quota(client: Client, account: MemoryAccount) -> None:
    account.deliver(message(body="x" * 500), "Drafts")
    account.quota_limit = account.find("Drafts").status().size + 10
    await client.ok("SELECT Drafts")
    assert b" NO [OVERQUOTA] " in await client.append("Drafts", message())
    over = b"REPLACE 1 Drafts {1000+}\r\n" + b"x" * 1000
    *told, completion = await client.command(over)
    assert (told, b" NO [OVERQUOTA] " in completion) == ([], True)
    assert b" OK " in (await client.command(b"REPLACE 1 Drafts {500+}\r\n" + b"x" * 500))[-1]
