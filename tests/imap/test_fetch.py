"""FETCH: every item, parts, partial fetches, implicit \\Seen, large messages in bounded memory."""

from __future__ import annotations

import base64
import re
import tracemalloc

import pytest

from imap.message import LISTING_FIELDS, filter_header
from tests.imap.conftest import Gateway, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client

INNER = b"From: inner@example.org\r\nSubject: Inner\r\n\r\nInner text\r\n"
NESTED = (
    b"From: grace@example.org\r\nTo: ada@example.org\r\nSubject: Nested\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"Caf=C3=A9\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + INNER + b"\r\n"
    b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.b64encode(b"\0\1\2binary")
    + b"\r\n--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: x-own\r\n\r\nxx\r\n--b--\r\n"
)


@pytest.fixture
async def selected(client: Client, account: MemoryAccount) -> Client:
    account.deliver(NESTED, mask=1)
    await client.ok("SELECT INBOX")
    return client


async def only(client: Client, items: str) -> bytes:
    """The one FETCH response for message 1, without its frame."""
    (line,) = [line for line in await client.ok(f"FETCH 1 {items}") if not line.startswith(b"* OK ")]
    found = re.fullmatch(rb"\* 1 FETCH \((.*)\)", line, re.DOTALL)
    assert found, line
    return found.group(1)


def literal(name: bytes, text: bytes) -> bytes:
    return name + b" {%d}\r\n" % len(text) + text


async def test_items_of_the_store(selected: Client) -> None:
    text = await only(selected, "(UID FLAGS RFC822.SIZE MODSEQ INTERNALDATE)")
    expected = rb'UID 1 FLAGS \(\\Recent \\Seen\) RFC822.SIZE %d MODSEQ \(2\) INTERNALDATE "[^"]{26}"' % len(NESTED)
    assert re.fullmatch(expected, text)


async def test_macros(selected: Client) -> None:
    assert re.match(rb"FLAGS .* INTERNALDATE .* RFC822.SIZE .* ENVELOPE \(.*\) BODY \(", await only(selected, "FULL"))


async def test_structures(selected: Client) -> None:
    assert b'"grace" "example.org"' in await only(selected, "ENVELOPE")
    assert b'"boundary" "b"' in (await only(selected, "BODYSTRUCTURE")).lower()
    assert b'"boundary"' not in (await only(selected, "BODY")).lower()


async def test_whole_message_header_and_text(selected: Client) -> None:
    header, _, body = NESTED.partition(b"\r\n\r\n")
    header += b"\r\n\r\n"
    assert await only(selected, "BODY.PEEK[]") == literal(b"BODY[]", NESTED)
    assert await only(selected, "RFC822") == literal(b"RFC822", NESTED)
    assert await only(selected, "BODY[HEADER]") == literal(b"BODY[HEADER]", header)
    assert await only(selected, "RFC822.HEADER") == literal(b"RFC822.HEADER", header)
    assert await only(selected, "BODY[TEXT]") == literal(b"BODY[TEXT]", body)
    assert await only(selected, "RFC822.TEXT") == literal(b"RFC822.TEXT", body)


async def test_header_fields_are_named_as_the_client_named_them(selected: Client) -> None:
    assert await only(selected, "BODY.PEEK[HEADER.FIELDS (subject X-None)]") == literal(
        b"BODY[HEADER.FIELDS (subject X-None)]", b"Subject: Nested\r\n\r\n"
    )
    text = await only(selected, "BODY.PEEK[HEADER.FIELDS.NOT (subject content-type mime-version to)]")
    assert text == literal(
        b"BODY[HEADER.FIELDS.NOT (subject content-type mime-version to)]", b"From: grace@example.org\r\n\r\n"
    )


async def test_the_listing_of_thunderbird_in_any_order(selected: Client) -> None:
    names = " ".join(reversed(LISTING_FIELDS)).upper()
    expected = filter_header(NESTED, LISTING_FIELDS)
    text = await only(selected, f"BODY.PEEK[HEADER.FIELDS ({names})]")
    assert text == literal(f"BODY[HEADER.FIELDS ({names})]".encode(), expected)


async def test_parts(selected: Client) -> None:
    assert await only(selected, "BODY[1]") == literal(b"BODY[1]", b"Caf=C3=A9")
    mime = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    assert await only(selected, "BODY[1.MIME]") == literal(b"BODY[1.MIME]", mime)
    assert await only(selected, "BODY[2]") == literal(b"BODY[2]", INNER)
    inner_header = INNER[: INNER.index(b"\r\n\r\n") + 4]
    assert await only(selected, "BODY[2.HEADER]") == literal(b"BODY[2.HEADER]", inner_header)
    assert await only(selected, "BODY[2.TEXT]") == literal(b"BODY[2.TEXT]", b"Inner text\r\n")
    assert await only(selected, "BODY[2.1]") == literal(b"BODY[2.1]", b"Inner text\r\n")
    assert await only(selected, "BODY[2.HEADER.FIELDS (SUBJECT)]") == literal(
        b"BODY[2.HEADER.FIELDS (SUBJECT)]", b"Subject: Inner\r\n\r\n"
    )
    assert await only(selected, "BODY[9]") == b"BODY[9] NIL"
    assert await only(selected, "BODY[1.HEADER.FIELDS (A)]") == b"BODY[1.HEADER.FIELDS (A)] NIL"


async def test_partial_fetches(selected: Client) -> None:
    assert await only(selected, "BODY[]<0.10>") == literal(b"BODY[]<0>", NESTED[:10])
    assert await only(selected, "BODY[]<5.100000>") == literal(b"BODY[]<5>", NESTED[5:])
    assert await only(selected, "BODY[]<100000.10>") == literal(b"BODY[]<100000>", b"")
    assert await only(selected, "BODY[HEADER]<2.4>") == literal(b"BODY[HEADER]<2>", NESTED[2:6])
    assert await only(selected, "BODY[1]<3.4>") == literal(b"BODY[1]<3>", b"=C3=")


async def test_several_sections_in_one_answer(selected: Client) -> None:
    text = await only(selected, "(UID BODY.PEEK[1] BODY.PEEK[9] BODY.PEEK[]<0.4> BODY.PEEK[1])")
    assert text == b"UID 1 " + literal(b"BODY[1]", b"Caf=C3=A9") + b" BODY[9] NIL " + literal(b"BODY[]<0>", b"From")


async def test_binary(selected: Client) -> None:
    assert await only(selected, "BINARY[1]") == literal(b"BINARY[1]", "Café".encode())
    assert await only(selected, "BINARY.PEEK[3]") == b"BINARY[3] ~{9}\r\n\0\1\2binary"
    assert await only(selected, "BINARY[3]<3.3>") == literal(b"BINARY[3]<3>", b"bin")
    assert await only(selected, "BINARY.SIZE[3]") == b"BINARY.SIZE[3] 9"
    assert await only(selected, "BINARY[9]") == b"BINARY[9] NIL"
    assert (await selected.command("FETCH 1 BINARY[4]"))[-1].split(b" ", 1)[1].startswith(b"NO [UNKNOWN-CTE]")


async def test_no_nul_in_a_literal(client: Client, account: MemoryAccount) -> None:
    account.deliver(b"Subject: a\0b\r\n\r\nc\0d\r\n")
    await client.ok("SELECT INBOX")
    assert await only(client, "BODY.PEEK[]") == literal(b"BODY[]", b"Subject: a\x80b\r\n\r\nc\x80d\r\n")


async def test_reading_sets_seen_and_tells_it(client: Client, account: MemoryAccount) -> None:
    for number in range(3):
        account.deliver(message(f"m{number}"))
    await client.ok("SELECT INBOX")
    assert await client.ok("FETCH 1 BODY.PEEK[TEXT]") == [b"* 1 FETCH (BODY[TEXT] {6}\r\nText\r\n)"]
    assert account.find("INBOX").messages[1].flags == 0
    assert await client.ok("FETCH 1 BODY[TEXT]") == [b"* 1 FETCH (FLAGS (\\Recent \\Seen) BODY[TEXT] {6}\r\nText\r\n)"]
    assert await client.ok("FETCH 1 BODY[TEXT]") == [b"* 1 FETCH (BODY[TEXT] {6}\r\nText\r\n)"]
    assert account.find("INBOX").messages[1].flags == 1
    lines = await client.ok("FETCH 1:3 (FLAGS RFC822.TEXT)")
    assert lines[2] == b"* 3 FETCH (FLAGS (\\Recent \\Seen) RFC822.TEXT {6}\r\nText\r\n)"
    assert account.calls["mark"] == 2


async def test_seen_with_condstore_tells_uid_and_modseq(client: Client, account: MemoryAccount) -> None:
    account.deliver(message())
    await client.ok("ENABLE CONDSTORE")
    await client.ok("SELECT INBOX")
    text = await only(client, "BODY[TEXT]")
    assert text == b"FLAGS (\\Recent \\Seen) MODSEQ (3) UID 1 BODY[TEXT] {6}\r\nText\r\n"


async def test_sets_of_messages(client: Client, account: MemoryAccount) -> None:
    for number in range(6):
        account.deliver(message(f"m{number}"))
    account.find("INBOX").remove([2])
    await client.ok("SELECT INBOX")

    async def uids(command: str) -> list[int]:
        return [int(line.rsplit(b" ", 1)[1].rstrip(b")")) for line in await client.ok(command)]

    assert await uids("FETCH 1:* UID") == [1, 3, 4, 5, 6]
    assert await uids("FETCH 5,1:2,2 (UID)") == [1, 3, 6]
    assert await uids("UID FETCH 2:3,100 (UID)") == [3]
    assert await uids("UID FETCH 100:* (UID)") == [6]
    assert await uids("UID FETCH 2 (UID)") == []
    assert (await client.command("FETCH 6 UID"))[-1].startswith(b"t8 BAD ")


async def test_ten_thousand_flags_come_from_memory(client: Client, account: MemoryAccount) -> None:
    content = message()
    for _ in range(10_000):
        account.deliver(content, mask=1)
    await client.ok("SELECT INBOX")
    account.calls.clear()
    lines = await client.ok("UID FETCH 1:* (FLAGS)")
    assert len(lines) == 10_000
    assert lines[-1] == b"* 10000 FETCH (UID 10000 FLAGS (\\Recent \\Seen))"
    assert account.calls == {}
    await client.ok("UID FETCH 1:* (UID RFC822.SIZE ENVELOPE)")
    assert account.calls == {"entries": 10, "rendered": 20}


async def test_a_large_message_is_read_in_pieces(gateway: Gateway, client: Client, account: MemoryAccount) -> None:
    content = b"Subject: large\r\n\r\n" + bytes(range(1, 250)) * 40_000
    account.deliver(content, mask=1)
    await client.ok("SELECT INBOX")
    account.calls.clear()
    tracemalloc.start()
    await client.send(b"f FETCH 1 BODY.PEEK[]\r\n")
    head = await client.reader.readline()
    assert head == b"* 1 FETCH (BODY[] {%d}\r\n" % len(content)
    position = 0
    while position < len(content):
        piece = await client.reader.read(65_536)
        keep = piece[: len(content) - position]
        assert content.startswith(keep, position)
        position += len(keep)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "read_whole" not in account.calls
    assert account.calls["read"] == -(-len(content) // 262_144)
    assert peak < 6 * 1024 * 1024
    account.calls.clear()
    assert await only(client, "BODY[]<5000000.300000>")
    assert account.calls["read"] == 2


async def test_malformed_sections_are_bad(selected: Client) -> None:
    for items in ("BODY[1.]", "BODY[]<0.0>", "BODY[0]", "BODY[HEADER.FIELDS ()]", "BODY[MIME]", "RFC822.PEEK", "()"):
        assert b" BAD " in (await selected.command(f"FETCH 1 {items}"))[-1], items
    assert b" BAD " in (await selected.command("UID FETCH 4294967296 FLAGS"))[-1]
