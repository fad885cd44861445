"""Transfer encodings taken off for BINARY (RFC 3516)."""

from __future__ import annotations

import base64

import pytest

from imap.message import UnknownEncodingError, decode_part


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "BINARY", ""])
def test_octets_stay_as_they_are(encoding: str) -> None:
    assert decode_part(b"a=3D\0\xff\r\n", encoding) == b"a=3D\0\xff\r\n"


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        (b"=C3=A9t=C3=A9=\r\n!\r\n", b"\xc3\xa9t\xc3\xa9!\r\n"),
        (b"a_b =3d =", b"a_b = "),
        (b"padded \t \r\nso=20 \nsoft = \r\nbreak, end \t", b"padded\r\nso \nsoft break, end"),
        (b"bad =ZZ =4", b"bad =ZZ =4"),
    ],
)
def test_quoted_printable(raw: bytes, decoded: bytes) -> None:
    assert decode_part(raw, "Quoted-Printable") == decoded


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        (b"", b""),
        (base64.encodebytes(bytes(range(256))).replace(b"\n", b"\r\n"), bytes(range(256))),
        (b"aGVsbG8", b"hello"),
        (b"aGVs!bG8=\r\n--", b"hello"),
        (b"aGVsb", b"hel"),
        (b"=/", b""),
    ],
)
def test_base64_is_read_as_far_as_it_can_be(raw: bytes, decoded: bytes) -> None:
    assert decode_part(raw, "base64") == decoded


def test_unknown_encoding_is_refused() -> None:
    with pytest.raises(UnknownEncodingError):
        decode_part(b"x", "x-uuencode")
