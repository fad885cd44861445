"""The text of one message: from all of its octets when it is small, else from its text parts alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from imap.backend import Entry
from imap.message.header import decode_field, field_value, split_fields
from imap.message.parts import Part, PartTable
from imap.message.text import MAX_TEXT, part_text, search_texts
from imap.search.view import MessageSource

_READ: Final = 256 * 1024
"""What `Account.read` gives at once."""
_MAX_PARTS: Final = 1_000
"""Parts of one message that are read."""


@dataclass(frozen=True, slots=True)
class WholeMessage:
    """The text of a message that was read whole."""

    content: bytes

    def header(self) -> Iterator[str]:
        return search_texts(self.content, body=False)

    def body(self) -> Iterator[str]:
        return search_texts(self.content, header=False)


@dataclass(frozen=True, slots=True)
class MessageParts:
    """The text of a message of which only headers and text parts were read."""

    header_block: bytes
    inner_headers: Sequence[bytes]
    parts: Sequence[tuple[Part, bytes]]

    def header(self) -> Iterator[str]:
        return _fields(self.header_block)

    def body(self) -> Iterator[str]:
        for header in self.inner_headers:
            yield from _fields(header)
        for part, raw in self.parts:
            yield part_text(raw, subtype=part.subtype, encoding=part.encoding, charset=part.charset)


def _fields(header: bytes) -> Iterator[str]:
    for name, raw in split_fields(header):
        yield f"{name.decode('latin-1')}: {decode_field(field_value(raw))}"


async def read_parts(source: MessageSource, entry: Entry, header: bytes, table: bytes) -> MessageParts:
    """Read what can be searched of a message, `MAX_TEXT` octets at most; attachments stay where they are."""
    left = MAX_TEXT
    inner_headers: list[bytes] = []
    parts: list[tuple[Part, bytes]] = []
    for part, within in islice(_walk(PartTable.decode(table).root), _MAX_PARTS):
        if within:
            inner_headers.append(await _read(source, entry, part.header_start, part.body_start, left))
            left -= len(inner_headers[-1])
        if part.media_type == "text":
            parts.append((part, await _read(source, entry, part.body_start, part.body_end, left)))
            left -= len(parts[-1][1])
    return MessageParts(header, inner_headers, parts)


def _walk(root: Part) -> Iterator[tuple[Part, bool]]:
    """All parts, each with whether it is a message within the message."""
    waiting = [(root, False)]
    while waiting:
        part, within = waiting.pop()
        yield part, within
        waiting.extend((child, part.message is not None) for child in reversed(part.children))


async def _read(source: MessageSource, entry: Entry, start: int, stop: int, most: int) -> bytes:
    stop = min(stop, start + most)
    pieces = [await source.read(entry.message_id, at, min(at + _READ, stop)) for at in range(start, stop, _READ)]
    return b"".join(pieces)
