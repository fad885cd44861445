"""Properties of any input: random octets, random header fields, and well-formed MIME built by the standard library."""

from __future__ import annotations

from email.message import EmailMessage

from hypothesis import given, settings
from hypothesis import strategies as st

from imap.message import PartTable, decode_field, decode_part, filter_header, search_texts
from imap.message.address import parse_addresses
from imap.message.header import split_fields
from tests.imap_message.checks import leaves, rendered

NAMES = [b"Content-Type", b"content-transfer-encoding", b"Subject", b"From", b"To", b"Date", b"References", b"X", b""]
PIECES = st.sampled_from(
    [
        *(b"multipart/mixed; boundary=a", b'multipart/digest; boundary="a b"', b"message/rfc822", b"text/plain"),
        *(
            b"--a\r\n",
            b"--a--\r\n",
            b"--a b\r\n",
            b"--ab\n",
            b"\r\n",
            b"\n",
            b"\r",
            b"\0",
            b" ",
            b"\t",
            b"\xff",
            b"\xc3\xa9",
        ),
        *(
            b": ",
            b";",
            b"=",
            b'"',
            b"\\",
            b"(",
            b")",
            b"<",
            b">",
            b"@",
            b",",
            b":",
            b"[",
            b"]",
            b"?=",
            b"=?utf-8?q?",
            b"a",
        ),
        *(name + b": " for name in NAMES),
    ]
)
SOUP = st.lists(PIECES, max_size=60).map(b"".join)
VALUES = st.binary(max_size=60) | st.lists(PIECES, max_size=12).map(b"".join)
FIELD_BLOCKS = st.lists(st.tuples(st.sampled_from(NAMES), VALUES).map(b": ".join), max_size=8).map(b"\r\n".join)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40)


@given(st.binary(max_size=400) | SOUP | st.tuples(FIELD_BLOCKS, SOUP).map(b"\r\n\r\n".join))
@settings(max_examples=400, deadline=None)
def test_any_octets_are_rendered_in_valid_grammar(content: bytes) -> None:
    message = rendered(content)
    assert "".join(search_texts(content)) is not None
    for section in ("HEADER", "TEXT", None):
        found = PartTable.decode(message.parts).section((), section)
        assert found is not None


@given(SOUP | FIELD_BLOCKS)
@settings(deadline=None)
def test_fields_put_together_are_the_header(header: bytes) -> None:
    kept = filter_header(header, ["subject", "to"])
    others = filter_header(header, ["subject", "to"], exclude=True)
    fields = split_fields(header)
    assert len(split_fields(kept)) + len(split_fields(others)) == len(fields)


@given(VALUES)
def test_any_value_is_decoded(value: bytes) -> None:
    decode_field(value).encode("utf-8", "surrogatepass")
    for address in parse_addresses(value):
        assert address.mailbox is not None or address.host is None


@given(st.binary(max_size=200), st.sampled_from(["base64", "quoted-printable", "8bit"]))
def test_any_part_is_decoded(raw: bytes, encoding: str) -> None:
    assert len(decode_part(raw, encoding)) <= len(raw)


@given(st.lists(st.tuples(st.sampled_from(["text", "file", "message", "mixed"]), TEXTS), min_size=1, max_size=6), TEXTS)
@settings(deadline=None)
def test_leaves_of_a_composed_message_decode_to_what_was_put_in(parts: list[tuple[str, str]], subject: str) -> None:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "Zoé <zoe@college-a.example>"
    message.set_content("start")
    expected = [b"start\n"]
    for kind, text in parts:
        if kind == "message":
            inner = EmailMessage()
            inner["Subject"] = text
            inner.set_content("inner")
            message.add_attachment(inner)
            expected.append(b"inner\n")
        elif kind == "text":
            message.add_attachment(text, subtype="plain")
            expected.append(("\n".join(text.splitlines()) + "\n").encode())
        else:
            message.add_attachment(text.encode(), maintype="application", subtype="octet-stream", filename="a.bin")
            expected.append(text.encode())
    content = message.as_bytes()
    found = rendered(content)
    decoded = [
        decode_part(content[part.body_start : part.body_end], part.encoding)
        for part in leaves(PartTable.decode(found.parts).root)
    ]
    assert [octets.rstrip(b"\n") for octets in decoded] == [octets.rstrip(b"\n") for octets in expected]
    assert decode_field(found.listing.partition(b"Subject:")[2].partition(b"From:")[0]).split() == subject.split()
