"""APPEND, CATENATE and REPLACE of literal8: what base IMAP is shown of binary parts (RFC 3516 4.4 and 6)."""

from __future__ import annotations

import base64
import tracemalloc

import pytest

from imap.limits import Limits
from tests.imap.conftest import Gateway
from tests.imap.memory_backend import MemoryAccount, only_count
from tests.imap.wire import Client

OCTETS = b"\0\1\2bare\nlines\r\xff"
BINARY = b"Content-Transfer-Encoding: binary\r\n"
TEXT = b"Content-Type: text/plain\r\n\r\nhello"


def multipart(*parts: bytes, subtype: bytes = b"mixed", label: bytes = BINARY) -> bytes:
    opened = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    head = b"Subject: photo\r\n" + label + b"Content-Type: multipart/" + subtype + b"; boundary=b\r\n\r\n"
    return head + opened + b"--b--\r\n"


def photo(octets: bytes = OCTETS) -> bytes:
    return b"Content-Type: image/png\r\n" + BINARY + b"\r\n" + octets


def literal8(content: bytes) -> bytes:
    return b"~{%d+}\r\n%b" % (len(content), content)


def stored(octets: bytes = OCTETS) -> bytes:
    """What becomes of a text and a photo."""
    encoded = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    part = photo(encoded).replace(BINARY, b"Content-Transfer-Encoding: base64\r\n")
    return multipart(TEXT, part, label=b"Content-Transfer-Encoding: 7bit\r\n")


async def test_a_binary_part_is_described_and_sent_in_base64(client: Client, account: MemoryAccount) -> None:
    content = multipart(TEXT, photo())
    assert b" OK [APPENDUID " in (await client.command(b"APPEND INBOX (\\Seen) " + literal8(content)))[-1]
    assert account.find("INBOX").messages[1].content == stored()
    await client.ok("SELECT INBOX")
    (structure,) = await client.ok("FETCH 1 (BODYSTRUCTURE)")
    encoded = base64.b64encode(OCTETS) + b"\r\n"
    assert b'("image" "png" NIL NIL NIL "base64" %d ' % len(encoded) in structure
    assert b"binary" not in structure.lower()
    assert await client.ok("FETCH 1 (BODY.PEEK[2])") == [
        b"* 1 FETCH (BODY[2] {%d}\r\n%b)" % (len(encoded), encoded),
    ]
    assert await client.ok("FETCH 1 (BINARY.PEEK[2] BINARY.SIZE[2])") == [
        b"* 1 FETCH (BINARY[2] ~{%d}\r\n%b BINARY.SIZE[2] %d)" % (len(OCTETS), OCTETS, len(OCTETS)),
    ]
    assert (await client.ok("FETCH 1 (RFC822.SIZE)")) == [b"* 1 FETCH (RFC822.SIZE %d)" % len(stored())]


@pytest.mark.parametrize("kind", ["APPEND Drafts ", "APPEND Drafts UTF8 ", "REPLACE 1 Drafts "])
async def test_each_way_in(client: Client, account: MemoryAccount, kind: str) -> None:
    account.deliver(TEXT, "Drafts")
    await client.ok("SELECT Drafts")
    if "UTF8" in kind:
        await client.ok("ENABLE UTF8=ACCEPT")
    data = literal8(multipart(TEXT, photo()))
    await client.ok(kind.encode() + (b"(%b)" % data if "UTF8" in kind else data))
    assert account.find("Drafts").messages[2].content == stored()


async def test_catenate(client: Client, account: MemoryAccount) -> None:
    account.deliver(multipart(TEXT, photo()))
    whole = multipart(TEXT, photo())
    place = whole.index(b"hello")
    head, tail = whole[:place], whole[place + 5 :]
    await client.ok(
        b'APPEND Sent CATENATE (TEXT {%d+}\r\n%b URL "/INBOX/;UID=1/;SECTION=1" TEXT %b)'
        % (len(head), head, literal8(tail))
    )
    assert account.find("Sent").messages[1].content == stored()


async def test_several_messages_each_by_itself(client: Client, account: MemoryAccount) -> None:
    content = multipart(TEXT, photo())
    plain = b"{%d+}\r\n%b" % (len(content), content)
    await client.ok(b" ".join([b"APPEND INBOX", plain, literal8(content), literal8(TEXT)]))
    assert [one.content for one in account.find("INBOX").messages.values()] == [content, stored(), TEXT]


async def test_text_that_is_called_binary_stays(client: Client, account: MemoryAccount) -> None:
    content = multipart(TEXT, photo("déjà vu\r\n".encode()))
    await client.ok(b"APPEND INBOX " + literal8(content))
    assert account.find("INBOX").messages[1].content == content


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (multipart(photo(), TEXT, subtype=b"signed"), b"is under a signature"),
        (multipart(TEXT, b"Content-Type: message/partial\r\n" + photo()), b"cannot be encoded here"),
    ],
)
async def test_what_cannot_be_encoded_is_refused(
    client: Client, account: MemoryAccount, content: bytes, text: bytes
) -> None:
    answer = (await client.command(b"APPEND INBOX " + literal8(TEXT) + b" " + literal8(content)))[-1]
    assert b" NO [UNKNOWN-CTE] " in answer
    assert text in answer
    assert not account.find("INBOX").messages


@pytest.mark.parametrize("size", [3_000, 600_000])
async def test_the_result_has_the_limit(gateway: Gateway, account: MemoryAccount, size: int) -> None:
    content = multipart(TEXT, photo(b"\0" * size))
    account.append_limit = len(content) + size // 4
    client = await gateway.client()
    answer = (await client.command(b"APPEND INBOX " + literal8(content)))[-1]
    assert b" NO [TOOBIG] A message has %d octets at most" % account.append_limit in answer
    assert not account.find("INBOX").messages
    smaller = photo(b"\0" * (size // 2))
    await client.ok(b"APPEND INBOX " + literal8(multipart(TEXT, smaller)))


async def test_all_results_together_have_a_limit(gateway: Gateway, account: MemoryAccount) -> None:
    await gateway.server.stop(grace=5)
    content = multipart(TEXT, photo(b"\0" * 3_000))
    await gateway.start(Limits(append=2 * len(content) + 1_500, spool=100))
    client = await gateway.client()
    data = b" ".join([literal8(content)] * 2)
    assert b" NO [TOOBIG] " in (await client.command(b"APPEND INBOX " + data))[-1]
    assert not account.find("INBOX").messages


async def test_20_mb_take_no_memory(client: Client, account: MemoryAccount) -> None:
    sizes = only_count(account)
    piece = b"\0\1\n" * 20_000
    tracemalloc.start()
    head = b"Content-Type: image/png\r\n" + BINARY + b"\r\n"
    await client.send(b"1 APPEND INBOX ~{%d+}\r\n%b" % (len(head) + 350 * len(piece), head))
    for _ in range(350):
        await client.send(piece)
    await client.send(b"\r\n")
    assert (await client.line()).startswith(b"1 OK ")
    assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    tracemalloc.stop()
    lines, rest = divmod(350 * len(piece), 57)
    assert sizes == [len(head) + 78 * lines + (-(-rest // 3) * 4 + 2 if rest else 0)]
