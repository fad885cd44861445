"""Binary parts put into base64, and nothing else changed (RFC 3516 4.4 and 6)."""

from __future__ import annotations

import base64
import os
import random
import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.message import decode_part
from imap.message.recode import SignedPartError, UndividedPartError, recode
from imap.message.scanner import MAX_DEPTH, MAX_PARTS, Node, scan
from mailgate.store.contents import FileOctets
from tests.imap_message.test_properties import SOUP

BINARY = b"Content-Transfer-Encoding: binary\r\n"
BASE64 = b"Content-Transfer-Encoding: base64\r\n"
OCTETS = b"\0\1\2\r\n\n--no boundary\xff"


def encoded(octets: bytes) -> bytes:
    text = base64.b64encode(octets)
    return b"".join(text[start : start + 76] + b"\r\n" for start in range(0, len(text), 76))


def recoded(content: bytes) -> bytes | None:
    pieces = recode(content)
    return None if pieces is None else b"".join(pieces)


def mixed(*parts: bytes, subtype: bytes = b"mixed", header: bytes = b"", boundary: bytes = b"b") -> bytes:
    opened = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts)
    return b"%bContent-Type: multipart/%b; boundary=%b\r\n\r\n%b--%b--\r\n" % (
        header,
        subtype,
        boundary,
        opened,
        boundary,
    )


def file_part(octets: bytes = OCTETS, header: bytes = BINARY) -> bytes:
    return b"Content-Type: application/zip\r\n" + header + b"X: y\r\n\r\n" + octets


MESSAGE = b"Content-Type: message/rfc822\r\n\r\n"
TEXT = b"Content-Type: text/plain\r\n\r\nhello"


@pytest.mark.parametrize(
    "octets",
    [
        b"a\0b",
        b"bare\nfeed",
        b"bare\rreturn",
        b"x" * 999,
        b"\r\n" + b"x" * 999 + b"\r\n",
        b"\r",
        os.urandom(600_000),
        b"ab\r\n" * 65_500 + b"x" * 1_000 + b"\r\n.\r\n",
    ],
)
@pytest.mark.parametrize("kind", [b"text/plain", b"application/pdf"])
def test_what_is_no_text_is_encoded(octets: bytes, kind: bytes) -> None:
    content = b"Content-Type: " + kind + b"\r\n" + BINARY + b"Subject: x\r\n\r\n"
    expected = content.replace(BINARY, BASE64) + encoded(octets)
    assert recoded(content + octets) == expected
    assert decode_part(encoded(octets), "base64") == octets
    assert max(map(len, expected.split(b"\r\n"))) <= 76


@pytest.mark.parametrize("octets", [b"", b"text\r\n", "é!\r\n".encode() * 200_000, b"x" * 998 + b"\r\n" + b"x" * 998])
def test_what_is_text_stays(octets: bytes) -> None:
    assert recoded(BINARY + b"\r\n" + octets) is None
    assert recoded(mixed(file_part(octets), header=BINARY)) is None


@pytest.mark.parametrize("encoding", [b"8bit", b"7bit", b"base64", b"quoted-printable", b"x-binary", b"binaries"])
def test_what_is_not_called_binary_stays(encoding: bytes) -> None:
    assert recoded(mixed(file_part(header=b"Content-Transfer-Encoding: " + encoding + b"\r\n"))) is None
    assert recoded(mixed(file_part(header=b""))) is None


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"Content-Transfer-Encoding: BINARY\r\n", b"Content-Transfer-Encoding: base64\r\n"),
        (b"content-transfer-encoding :binary (so it is)\r\n", b"content-transfer-encoding : base64\r\n"),
        (b"Content-Transfer-Encoding:\r\n\t(a)\r\n binary\r\n \r\n", b"Content-Transfer-Encoding: base64\r\n"),
        (BINARY + b"Content-Transfer-Encoding\r\n", BASE64 + b"Content-Transfer-Encoding\r\n"),
        (b"Content-Transfer-Encoding: bi\0nary\n", b"Content-Transfer-Encoding: base64\n"),
        (
            BINARY + b"A: b\r\nContent-transfer-encoding: 8bit\r\n",
            BASE64 + b"A: b\r\nContent-transfer-encoding: base64\r\n",
        ),
    ],
)
def test_how_the_field_is_written(field: bytes, expected: bytes) -> None:
    content = mixed(TEXT, file_part(header=field), TEXT)
    assert recoded(content) == content.replace(field, expected).replace(OCTETS, encoded(OCTETS))


def test_one_part_of_several_and_the_parts_around_it() -> None:
    accents = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xa9"
    seven = mixed(TEXT, file_part(), header=BINARY, boundary=b"seven")
    eight = mixed(accents, file_part(), header=BINARY, boundary=b"eight")
    inner = b"Content-Type: message/rfc822\r\n" + BINARY + b"\r\nSubject: inner\r\n" + eight
    content = mixed(seven, inner, TEXT, header=b"From: a\r\n" + BINARY, boundary=b"all")
    to_7bit = seven.replace(BINARY, b"Content-Transfer-Encoding: 7bit\r\n", 1)
    to_8bit = inner.replace(BINARY, b"Content-Transfer-Encoding: 8bit\r\n", 2)
    outer = b"From: a\r\nContent-Transfer-Encoding: 8bit\r\n"
    expected = mixed(to_7bit, to_8bit, TEXT, header=outer, boundary=b"all")
    assert recoded(content) == expected.replace(BINARY, BASE64).replace(OCTETS, encoded(OCTETS))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(file_part(b"text"), id="a part that is called binary and is not"),
        pytest.param(b"Content-Type: image/png\r\n\r\n\0", id="a part that is binary and not called so"),
    ],
)
def test_a_multipart_that_still_holds_binary_parts_is_still_called_so(other: bytes) -> None:
    content = mixed(file_part(), other, header=BINARY)
    expected = mixed(file_part(encoded(OCTETS), BASE64), other, header=BINARY)
    assert recoded(content) == expected


def test_what_is_signed_cannot_change() -> None:
    signature = b"Content-Type: application/pgp-signature\r\n\r\nxyz"
    signed = mixed(file_part(), signature, subtype=b"Signed", boundary=b"s")
    within = b"Content-Type: message/rfc822\r\n\r\n" + mixed(TEXT, file_part())
    for content in (signed, mixed(TEXT, signed), mixed(within, signature, subtype=b"signed", boundary=b"s")):
        with pytest.raises(SignedPartError):
            recode(content)
    beside = mixed(file_part(), mixed(file_part(b"text"), signature, subtype=b"signed", boundary=b"s"))
    result = recoded(beside)
    assert result == beside.replace(file_part(), file_part(encoded(OCTETS), BASE64))


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b"Content-Type: multipart/mixed\r\n" + BINARY + b"\r\n\0", id="no boundary"),
        pytest.param(b"Content-Type: multipart/mixed; boundary=none\r\n" + BINARY + b"\r\n\0", id="no parts"),
        pytest.param(b"Content-Type: message/delivery-status\r\n" + BINARY + b"\r\n\0", id="a message of another kind"),
        pytest.param(BINARY + b"X: " + b"y" * 600_000 + b"\r\n\r\n\0", id="a header too long to read"),
        pytest.param(MESSAGE * (MAX_DEPTH - 1) + MESSAGE[:-2] + BINARY + b"\r\n\0", id="too deep"),
        pytest.param(
            MESSAGE * (MAX_DEPTH - 2) + mixed(BINARY + b"\r\n\0", subtype=b"digest"), id="too deep, without a type"
        ),
        pytest.param(mixed(*[BINARY + b"\r\n\0"] * (MAX_PARTS + 5)), id="too many"),
    ],
)
def test_what_cannot_be_encoded(part: bytes) -> None:
    with pytest.raises(UndividedPartError):
        recode(part)


def walk(root: Node) -> list[Node]:
    nodes = [root]
    for node in nodes:
        nodes.extend(node.children)
    return nodes


def without_encodings(node: Node) -> list[bytes]:
    return [raw for name, raw in node.fields if name != b"content-transfer-encoding"]


def check(content: bytes) -> None:
    """Decoded, each part is what it was; whatever is not a part's content is what it was."""
    try:
        result = recoded(content)
    except (SignedPartError, UndividedPartError):
        return
    before = walk(scan(content))
    if result is None:
        return
    after = walk(scan(result))
    assert len(before) == len(after)
    for old, new in sorted(zip(before, after, strict=True), key=lambda pair: pair[0].header_start):
        assert without_encodings(old) == without_encodings(new)
        assert old.content_type == new.content_type
        assert [name for name, _ in old.fields] == [name for name, _ in new.fields]
        if old.children:
            continue
        was = content[old.body_start : old.body_end]
        now = result[new.body_start : new.body_end]
        if now != was:
            assert (old.encoding.lower(), new.encoding) == (b"binary", b"base64")
            assert decode_part(now, "base64") == was
            assert re.fullmatch(rb"(?:[A-Za-z0-9+/=]{1,76}\r\n)+", now)
    assert between(content, before) == between(result, after)
    again = recoded(result)
    assert again is None


def between(content: bytes, nodes: list[Node]) -> list[bytes]:
    """All octets outside headers and outside the bodies of leaves."""
    taken = sorted(
        [(node.header_start, node.body_start) for node in nodes]
        + [(node.body_start, node.body_end) for node in nodes if not node.children]
    )
    position, gaps = 0, []
    for start, stop in taken:
        gaps.append(content[position:start])
        position = max(position, stop)
    return [*gaps, content[position:]]


def some_octets(chance: random.Random) -> bytes:
    pieces = [b"\0", b"\r", b"\n", b"\r\n", b"text", b"\xe9", b"--", b"--b", b"x" * 999, b"=", chance.randbytes(40)]
    return b"".join(chance.choices(pieces, k=chance.randrange(6)))


def some_part(chance: random.Random, depth: int) -> bytes:
    labels = [
        BINARY,
        BINARY,
        b"Content-Transfer-Encoding: 8bit\r\n",
        b"content-transfer-encoding: (c)\r\n BINARY\r\n",
        b"",
    ]
    label = chance.choice(labels)
    kind = chance.randrange(6)
    if depth and kind < 2:
        parts = [some_part(chance, depth - 1) for _ in range(chance.randrange(4))]
        subtype = chance.choice([b"mixed", b"mixed", b"digest", b"signed"])
        return mixed(*parts, header=label, subtype=subtype, boundary=b"b%d" % depth)
    if depth and kind == 2:
        return b"Content-Type: message/rfc822\r\n" + label + b"\r\n" + some_part(chance, depth - 1)
    return chance.choice([b"", b"Content-Type: text/plain\r\n"]) + label + b"A: b\r\n\r\n" + some_octets(chance)


@given(st.integers(0, 2**32))
def test_properties_of_messages(seed: int) -> None:
    check(some_part(random.Random(seed), 4))


@given(SOUP, SOUP)
def test_properties_of_any_octets(one: bytes, two: bytes) -> None:
    check(one + b"\n" + BINARY + two)
    check(BINARY + one + b"\r\n\r\n\0" + two)


def test_20_mb_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "message"
    start = mixed(TEXT, b"Content-Type: a/b\r\n" + BINARY + b"\r\n")[: -len(b"\r\n--b--\r\n")] + b"\r\n"
    block = bytes(range(256)) * 4096
    with path.open("wb") as file:
        file.write(start)
        for _ in range(20):
            file.write(block)
        file.write(b"\r\n--b--\r\n")
    with path.open("rb") as file:
        octets = FileOctets(file.fileno(), path.stat().st_size)
        tracemalloc.start()
        pieces = recode(octets)
        assert pieces is not None
        size = sum(map(len, pieces))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert size > 4 / 3 * 20 * len(block)
    assert peak < 5 * 2**20, peak
