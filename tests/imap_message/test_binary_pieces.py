"""Transfer encodings taken off piece by piece give what they give at once."""

from __future__ import annotations

import binascii
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imap.message.binary import UnknownEncodingError, decode_part, part_decoder

BASE64 = st.text("AZaz09+/==\r\n!é", max_size=60).map(str.encode) | st.binary(max_size=60).map(binascii.b2a_base64)
QUOTED = st.text("=\r\n4a.A =", max_size=40).map(str.encode) | st.binary(max_size=60).map(binascii.b2a_qp)


def in_pieces(raw: bytes, encoding: str, cuts: list[int]) -> bytes:
    decoder = part_decoder(encoding)
    decoded, start = b"", 0
    for cut in [*sorted(cuts), len(raw)]:
        decoded += decoder.feed(raw[start:cut])
        start = max(start, cut)
    return decoded + decoder.end()


def base64_at_once(raw: bytes) -> bytes:
    """The library's reading, and of what it refuses all that can be read."""
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        clean = re.sub(rb"[^A-Za-z0-9+/]+", b"", raw)
        clean = clean[:-1] if len(clean) % 4 == 1 else clean
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


@given(BASE64, st.lists(st.integers(0, 60), max_size=6))
@example(b"QUJD====QQ==QUJD", [3, 5, 9])
def test_base64(raw: bytes, cuts: list[int]) -> None:
    assert in_pieces(raw, "base64", cuts) == base64_at_once(raw) == decode_part(raw, "BASE64")


@given(QUOTED, st.lists(st.integers(0, 60), max_size=6))
@example(b"a==\r\nb=\rlost\nc=4", [2, 3, 7, 12])
@example(b"a \t \r\n=  \n= \r", [2, 3, 5, 8, 9, 11])
@example(b"= = \r\n", [1, 2, 3, 4, 5])
def test_quoted_printable(raw: bytes, cuts: list[int]) -> None:
    expected = binascii.a2b_qp(re.sub(rb"[ \t]+(?=\r?\n|\Z)", b"", raw))  # RFC 2045 section 6.7, rule 3
    assert in_pieces(raw, "quoted-printable", cuts) == expected == decode_part(raw, "Quoted-Printable")


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
@pytest.mark.parametrize("piece", [b"=", b"=\r", b"A=", b"=A", b"\n", b"==", b" ", b" \r", b"= "])
def test_hostile_repetition_takes_no_time(encoding: str, piece: bytes) -> None:
    raw = piece * 500_000
    decoder = part_decoder(encoding)
    for start in range(0, len(raw), 100_000):
        decoder.feed(raw[start : start + 100_000])
    decoder.end()


def test_an_unknown_encoding() -> None:
    with pytest.raises(UnknownEncodingError):
        part_decoder("x-uuencode")
