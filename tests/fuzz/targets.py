"""What is fuzzed: each target takes any octets and must return; only a broken property raises.

A parser may refuse with its own errors, and with no other. Seeds are known inputs, from which both fuzzers begin.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from imap.compression import Compression, CompressionError
from imap.errors import ImapError
from imap.message import IDENTITY, PartTable, decode_part, make_preview, part_decoder, render, search_texts
from imap.message.binary import UnknownEncodingError
from imap.parsing import CommandInput, Literal, announced_literal, parse_command, peek_command, utf7
from imap.parsing.lexer import Cursor
from imap.parsing.sequence import SequenceSet
from imap.parsing.url import BadUrl, parse_url
from imap.parsing.values import sequence_set
from mailgate.transfer.mbox import discover, parse_from
from tests.imap_message.grammar import read_body, read_envelope

LARGEST: Final = 65_536
"""Octets that one compressed stream may become before the target stops reading."""


def _parts(data: bytes) -> list[bytes | Literal]:
    """A command with literals: a NUL octet ends each piece, and every second piece is a literal."""
    return [
        Literal(len(piece), piece, number % 4 == 3) if number % 2 else piece
        for number, piece in enumerate(data.split(b"\0"))
    ]


def command(data: bytes) -> None:
    """The grammar of commands: a value or one of the errors that are answered."""
    parts = _parts(data)
    for utf8 in (False, True):
        with contextlib.suppress(ImapError):
            parse_command(CommandInput(parts), utf8=utf8)
    first = parts[0]
    if isinstance(first, bytes):
        peek_command(first)
        announced_literal(first)


def arguments(verb: bytes) -> Callable[[bytes], None]:
    """The grammar of one family of commands."""

    def target(data: bytes) -> None:
        command(verb + data)

    return target


def modified_utf7(data: bytes) -> None:
    """What is decoded is encoded to what is decoded to the same again."""
    with contextlib.suppress(ImapError, ValueError):
        name = utf7.decode(data)
        assert utf7.decode(utf7.encode(name)) == name


def sequence_sets(data: bytes) -> None:
    """Positions are ascending and disjoint, and are those of the numbers that the set contains."""
    cursor = Cursor(CommandInput([data]), utf8=False)
    try:
        parsed: SequenceSet = sequence_set(cursor)
        cursor.end()
    except ImapError:
        return
    for messages in (0, 1, 9):
        found = [position for span in parsed.number_positions(messages) for position in span]
        assert found == sorted(set(found))
        assert found == [n - 1 for n in range(1, messages + 1) if parsed.contains(n, messages)]
    uids = [2, 3, 5, 4_294_967_295]
    found = [position for span in parsed.uid_positions(uids) for position in span]
    assert found == [n for n, uid in enumerate(uids) if parsed.contains(uid, uids[-1])]


def message(data: bytes) -> None:
    """The renderer: valid grammar, and parts that lie within the message and within one another."""
    made = render(data)
    read_envelope(made.envelope)
    read_body(made.body, extension=False)
    read_body(made.bodystructure, extension=True)
    waiting = [PartTable.decode(made.parts).root]
    while waiting:
        part = waiting.pop()
        assert 0 <= part.body_start <= part.body_end <= len(data)
        inner = [*part.children, *([part.message] if part.message is not None else [])]
        assert all(part.body_start <= one.body_start <= one.body_end <= part.body_end for one in inner)
        waiting += inner
    make_preview(data)
    for text in search_texts(data):
        text.encode()


def transfer_encodings(data: bytes) -> None:
    """Piece by piece is as at once."""
    for encoding in (data[:12].decode("latin-1"), "base64", "quoted-printable"):
        with contextlib.suppress(UnknownEncodingError):
            whole = decode_part(data, encoding)
            if encoding.lower() not in IDENTITY:
                decoder = part_decoder(encoding)
                step = 1 + len(data) % 7
                pieces = [decoder.feed(data[at : at + step]) for at in range(0, len(data), step)]
                assert b"".join(pieces) + decoder.end() == whole


def urls(data: bytes) -> None:
    """IMAP URLs of CATENATE."""
    with contextlib.suppress(BadUrl):
        parse_url(data)


def deflate(data: bytes) -> None:
    """Any octets as a compressed stream: an error or text, in pieces of bounded size."""
    compression = Compression()
    total = 0
    try:
        for at in range(0, len(data), 100):
            compression.receive(data[at : at + 100])
            while (piece := compression.decompress()) and total < LARGEST:
                assert len(piece) <= LARGEST
                total += len(piece)
    except CompressionError:
        return


def mbox(data: bytes) -> None:
    """Any octets as an mbox file: messages, or lines that say why not."""
    parse_from(data.partition(b"\n")[0] + b"\n")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        path = Path(folder) / "fuzz.mbox"
        path.write_bytes(b"From a Mon Sep  7 08:30:00 2026\n" + data)
        for found in discover(path):
            for mail in found.mails():
                str(mail)


class Target(NamedTuple):
    """A property and inputs to begin with."""

    check: Callable[[bytes], None]
    seeds: Sequence[bytes] = (b"",)


_HEADER = b"From: a@b.c\r\nSubject: =?utf-8?q?=C3=A9?=\r\n"
TARGETS: Final[dict[str, Target]] = {
    "command": Target(
        command,
        [
            b"A UID FETCH 1:*,$ (FLAGS BODY.PEEK[1.2.HEADER.FIELDS (A B)]<3.4> BINARY.SIZE[1]) (CHANGEDSINCE 5)",
            b'A LIST (SUBSCRIBED RECURSIVEMATCH) "" ("INBOX" "&AOk-%") RETURN (STATUS (MESSAGES SIZE))',
            b'A APPEND INBOX (\\Seen) \0From: a\r\n\r\nb\0 CATENATE (URL "/INBOX;UID=1" TEXT \0x\0)',
            b"A STORE 1 (UNCHANGEDSINCE 3) +FLAGS.SILENT (\\Deleted $a)",
            b"A SELECT INBOX (QRESYNC (1 2 1:9 (1,3 5,7)))",
            b"A NOTIFY SET STATUS (SELECTED (MessageNew (UID FLAGS) MessageExpunge)) (subtree (A B) (MailboxName))",
        ],
    ),
    "search": Target(
        arguments(b"A UID SEARCH "),
        [
            b'RETURN (MIN MAX COUNT PARTIAL -1:-9 SAVE UPDATE) CHARSET UTF-8 OR (NOT TEXT "a") FUZZY BODY \0x\0',
            b'OLDER 5 SINCE 1-Feb-2026 HEADER X "" MODSEQ "/flags/\\\\draft" all 5 UID 1:* FILTER a',
        ],
    ),
    "sort": Target(arguments(b"A SORT "), [b"RETURN (ALL PARTIAL 1:5) (REVERSE DATE DISPLAYFROM) UTF-8 UNSEEN 1:*"]),
    "esearch": Target(arguments(b"A ESEARCH "), [b"IN (mailboxes (A B) subtree-one C personal) RETURN (COUNT) UNSEEN"]),
    "metadata": Target(
        arguments(b"A SETMETADATA "), [b'INBOX (/private/comment "x" /shared/vendor/a \0y\0 /private/b NIL)']
    ),
    "getmetadata": Target(arguments(b"A GETMETADATA "), [b'(MAXSIZE 5 DEPTH infinity) "" (/shared/admin /private/*)']),
    "acl": Target(arguments(b"A SETACL "), [b'INBOX -"anne@example.org" +lrswipkxtea', b"&AOk- anyone l"]),
    "utf7": Target(modified_utf7, [b"&AOk-a&-b&2D3eAA-", b"&Jjo!", b"&U,BTFw-&ZeVnLIqe-"]),
    "sequence": Target(sequence_sets, [b"1:*,3,9:2,*", b"$", b"4294967295:1,*:*"]),
    "message": Target(
        message,
        [
            _HEADER + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\na\r\n--b\r\n'
            b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n--b--\r\n",
            _HEADER + b"Content-Type: text/html; charset*0*=utf-8''%C3; charset*1=a\r\nContent-Transfer-Encoding: "
            b'quoted-printable\r\nContent-Disposition: attachment; filename="a\\"b"\r\n\r\n<p>=C3=A9=\r\n',
            b'To: G: a@b, (c) "d" <@r:e@f>;, x@[1.2.3.4]\r\nReferences: <a@b> <c@d>\r\nDate: Mon, 7 Sep 2026\r\n\r\n',
        ],
    ),
    "encoding": Target(transfer_encodings, [b"aGVsbG8=\r\naA==\r\n", b"=C3=A9 =\r\n=3d=ZZ= \r\n"]),
    "url": Target(
        urls, [b"imap://a;AUTH=*@h:993/INBOX;UIDVALIDITY=1/;UID=2/;SECTION=1.MIME/;PARTIAL=0.5", b"/%C3%A9;UID=1"]
    ),
    "deflate": Target(deflate, [zlib.compress(b"a NOOP\r\n" * 9, wbits=-15), zlib.compress(b"\0" * 99_999, wbits=-15)]),
    "mbox": Target(
        mbox,
        [
            b"Subject: a\nStatus: RO\nX-Status: A\n\n>From b\n\nFrom c Mon Sep  7 08:30:00 2026\n\n",
            b"X-Mailgate-Message: size=4; lines=exact; end=added\nStatus: R\nX-Status: \nX-Keywords: a\n\na\nb\n",
        ],
    ),
}
