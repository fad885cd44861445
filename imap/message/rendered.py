"""All that IMAP shows of a message without reading it again, made once at delivery."""

from __future__ import annotations

from dataclasses import dataclass

from imap.message.envelope import Envelope, message_id
from imap.message.header import filter_header, select_fields, split_fields
from imap.message.keys import SortKeys, ThreadKeys, base_subject, sort_keys, thread_keys
from imap.message.parts import Part, PartTable
from imap.message.preview import preview
from imap.message.scanner import MAX_HEADER, Content, Node, header_end, scan
from imap.message.structure import StructureEncoder

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
    preview: bytes
    """The beginning of the text in UTF-8 (RFC 8970)."""
    sort: SortKeys
    thread: ThreadKeys

    @property
    def sort_keys(self) -> bytes:
        """For `SortKeys.decode`."""
        return self.sort.encode()

    @property
    def thread_keys(self) -> bytes:
        """For `ThreadKeys.decode`."""
        return self.thread.encode()


def render(content: Content) -> RenderedMessage:
    """Scan a message once and render it. Takes any octets and never raises."""
    root = scan(content)
    envelope = Envelope(root.fields)
    body, bodystructure = StructureEncoder(content, envelope.addresses_left).encode(root)
    subject, is_reply = base_subject(envelope.texts.get(b"subject", b""))
    header = content[: root.body_start]
    scanned_whole = len(header) <= MAX_HEADER and header.endswith(b"\n")
    return RenderedMessage(
        size=len(content),
        envelope=envelope.encode(),
        body=body,
        bodystructure=bodystructure,
        header=header,
        listing=select_fields(root.fields, _LISTING) if scanned_whole else filter_header(header, LISTING_FIELDS),
        parts=PartTable(_part(root)).encode(),
        preview=preview(root, content),
        sort=sort_keys(envelope, subject),
        thread=thread_keys(envelope, root.value(b"references"), is_reply=is_reply),
    )


def render_message_id(content: Content) -> bytes:
    """How the envelope that `render` makes of a message ends: with its Message-ID."""
    header = content[: min(header_end(content, 0, len(content)), MAX_HEADER)]
    return b" %b)" % message_id(split_fields(header))


def _part(node: Node) -> Part:
    charset = node.parameter(b"charset")
    return Part(
        node.header_start,
        node.body_start,
        node.body_end,
        node.maintype.decode("latin-1"),
        node.content_type.subtype.lower().decode("latin-1"),
        node.encoding.lower().decode("latin-1"),
        None if charset is None else charset.lower().decode("latin-1"),
        tuple(_part(child) for child in node.children),
    )
