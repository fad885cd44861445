"""BODY[section] (RFC 9051 6.4.5.1): the octets that part numbers and HEADER, TEXT, MIME name."""

from __future__ import annotations

import pytest

from imap.message import PartTable, SectionText, render
from tests.imap_message.corpus import messages

EXAMPLE = messages()["mimekit-rfc2060"]
"""The complex message whose part specifiers the standard lists; each leaf says its own number."""


def section(message: bytes, spelled: str) -> bytes | None:
    *numbers, text = spelled.split(".")
    specifier: SectionText | None = None
    if text in {"HEADER", "TEXT", "MIME"}:
        specifier = text  # type: ignore[assignment]
    elif text:
        numbers.append(text)
    found = PartTable.decode(render(message).parts).section(tuple(map(int, numbers)), specifier)
    return None if found is None else message[slice(*found)]


@pytest.mark.parametrize("number", ["1", "2", "3.1", "3.2", "4.1", "4.2.1", "4.2.2.1", "4.2.2.2"])
def test_leaf_of_the_standards_example(number: str) -> None:
    assert section(EXAMPLE, number) == f"This part specifier should be: {number}\r\n".encode()


def test_encapsulated_message_of_the_standards_example() -> None:
    whole = section(EXAMPLE, "4.2")
    assert whole is not None
    assert whole == (section(EXAMPLE, "4.2.HEADER") or b"") + (section(EXAMPLE, "4.2.TEXT") or b"")
    assert (section(EXAMPLE, "4.2.MIME") or b"").lower().startswith(b"content-type: message/rfc822")
    assert (section(EXAMPLE, "4.1.MIME") or b"").lower().startswith(b"content-type: image/gif")


@pytest.mark.parametrize(
    "spelled",
    ["5", "0", "1.1", "3.3", "4.3", "4.2.2.3", "1.HEADER", "1.TEXT", "4.HEADER", "4.TEXT", "4.2.2.HEADER", "MIME"],
)
def test_section_that_is_not_there(spelled: str) -> None:
    assert section(EXAMPLE, spelled) is None


def test_message_that_is_no_multipart_has_one_part() -> None:
    message = b"Subject: x\r\nContent-Type: text/plain\r\n\r\nbody\r\n"
    assert section(message, "") == message
    assert section(message, "1") == section(message, "TEXT") == b"body\r\n"
    assert section(message, "1.MIME") == section(message, "HEADER") == message[:-6]
    assert [section(message, spelled) for spelled in ("2", "1.1", "1.TEXT", "1.HEADER")] == [None] * 4


def test_message_that_is_a_message() -> None:
    message = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ntext"
    assert section(message, "1") == b"Subject: in\r\n\r\ntext"
    assert section(message, "1.HEADER") == b"Subject: in\r\n\r\n"
    assert section(message, "1.TEXT") == section(message, "1.1") == b"text"
    assert section(message, "1.1.MIME") == b"Subject: in\r\n\r\n"


def test_part_tells_its_type_encoding_and_charset() -> None:
    message = b'Content-Type: TEXT/HTML; charset="ISO-8859-1"\r\nContent-Transfer-Encoding: Quoted-Printable\r\n\r\nx'
    part = PartTable.decode(render(message).parts).locate((1,))
    assert part is not None
    assert (part.media_type, part.subtype, part.encoding, part.charset) == (
        "text",
        "html",
        "quoted-printable",
        "iso-8859-1",
    )


def test_table_is_small_and_refuses_other_octets() -> None:
    table = render(messages()["gen-gmail"]).parts
    assert len(table) < 300
    for broken in (b"", b"\xff", table[:-1], b"{}"):
        with pytest.raises(ValueError, match=r".+"):
            PartTable.decode(broken)
