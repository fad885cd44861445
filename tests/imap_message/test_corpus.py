"""The collected messages are rendered in valid grammar, with the offsets that the standard library finds."""

from __future__ import annotations

import email
import email.message
import email.policy
import mmap
import tempfile
from collections.abc import Iterator

import pytest

from imap.message import PartTable, render, search_texts
from imap.message.scanner import MAX_DEPTH
from tests.imap_message.checks import leaves, rendered
from tests.imap_message.corpus import messages

NAMES = sorted(messages())
EMPTY_PARTS = {"mailparser-000-2", "mime4j-double-bound"}
"""Messages with delimiters right after one another: parts for us (and for Dovecot), one delimiter for the library."""


@pytest.mark.parametrize("name", NAMES)
def test_collected_message_is_rendered_in_valid_grammar(name: str) -> None:
    content = messages()[name]
    rendered(content)
    for text in search_texts(content):
        assert isinstance(text, str)


def raw_payloads(message: email.message.Message) -> Iterator[bytes]:
    """The undecoded leaf bodies in order, as the standard library cuts them."""
    for part in message.walk():
        payload = part._payload  # type: ignore[attr-defined]  # get_payload would decode 8-bit text
        if isinstance(payload, str):
            yield payload.encode("ascii", "surrogateescape")


def is_comparable(content: bytes, message: email.message.Message) -> bool:
    """Whether both readers must agree: no defect, no bare CR, and no part that only the standard library splits."""
    parts = list(message.walk())
    return not (
        b"\r" in content.replace(b"\r\n", b"")
        or any(part.defects or part.get_boundary() == "" for part in parts)
        or any(part.get_content_maintype() == "message" and part.get_content_subtype() != "rfc822" for part in parts)
        or len(parts) > MAX_DEPTH
    )


def test_leaf_bodies_are_those_of_the_standard_library() -> None:
    compared = 0
    for name, content in messages().items():
        message = email.message_from_bytes(content)
        if name in EMPTY_PARTS or not is_comparable(content, message):
            continue
        found = [
            content[part.body_start : part.body_end] for part in leaves(PartTable.decode(render(content).parts).root)
        ]
        assert found == list(raw_payloads(message)), name
        compared += 1
    assert compared > 400


WINDOW = 1024 * 1024
"""Octets of a mapped file that are searched at a time."""
DELIMITER = b"\r\n--=_limit"


@pytest.mark.parametrize(
    "content",
    [
        messages()["gen-gmail"],
        messages()["gen-parts-1000"],
        b'Content-Type: multipart/mixed; boundary="=_limit"\r\n'
        + b"".join(
            DELIMITER
            + (b"\r\nContent-Type: text/plain\r\n\r\n" + b"0123456789abcd\r\n" * (WINDOW // 16))[: WINDOW - shift]
            for shift in range(-2, len(DELIMITER) + 2)
        )
        + DELIMITER
        + b"--\r\n",
    ],
    ids=["small", "many parts", "delimiters across windows"],
)
def test_mapped_file_is_rendered_as_its_octets_are(content: bytes) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert render(mapped) == render(content)
