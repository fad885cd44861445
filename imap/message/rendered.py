"""All that IMAP shows of a message without reading it again, made once at delivery."""

from __future__ import annotations

from dataclasses import dataclass

from imap.message.envelope import Envelope
from imap.message.header import select_fields
from imap.message.keys import SortKeys, ThreadKeys, sort_keys, thread_keys
from imap.message.parts import Part, PartTable
from imap.message.scanner import Content, Node, scan
from imap.message.structure import encode_structure

LISTING_FIELDS: tuple[str, ...] = (
    "From",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Date",
    "Message-ID",
    "Priority",
    "X-Priority",
    "References",
    "Newsgroups",
    "In-Reply-To",
    "Content-Type",
    "Reply-To",
)
"""The fields that Thunderbird asks for to show a folder."""

_LISTING = frozenset(name.lower().encode() for name in LISTING_FIELDS)


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """The wire texts and the keys of one message."""

    size: int
    envelope: bytes
    body: bytes
    bodystructure: bytes
    header: bytes
    """The header block with its empty line, as stored."""
    listing: bytes
    """HEADER.FIELDS of `LISTING_FIELDS`."""
    parts: bytes
    """For `PartTable.decode`."""
    sort: SortKeys
    thread: ThreadKeys


def render(content: Content) -> RenderedMessage:
    """Scan a message once and render it. Takes any octets and never raises."""
    root = scan(content)
    envelope = Envelope(root.fields)
    body, bodystructure = encode_structure(content, root)
    return RenderedMessage(
        size=len(content),
        envelope=envelope.encode(),
        body=body,
        bodystructure=bodystructure,
        header=content[: root.body_start],
        listing=select_fields(root.fields, _LISTING),
        parts=PartTable(_part(root)).encode(),
        sort=sort_keys(envelope),
        thread=thread_keys(envelope, root.value(b"references")),
    )


def _part(node: Node) -> Part:
    maintype, subtype, _ = node.content_type
    charset = node.parameter(b"charset")
    return Part(
        node.header_start,
        node.body_start,
        node.body_end,
        maintype.lower().decode("latin-1"),
        subtype.lower().decode("latin-1"),
        node.encoding.lower().decode("latin-1"),
        None if charset is None else charset.lower().decode("latin-1"),
        tuple(_part(child) for child in node.children),
    )
