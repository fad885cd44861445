"""The text of one message: from all of its octets when it is small, else from its text parts alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from imap.message.header import split_fields
from imap.message.parts import Part, PartTable
from imap.message.scanner import scan
from imap.message.text import MAX_TEXT, attachment_names, field_texts, mime_texts, part_text, texts_of
from imap.search.view import ContentSource

_READ: Final = 256 * 1024
"""What `Account.read` gives at once."""
_MAX_PARTS: Final = 1_000
"""Parts of one message that are read."""


class WholeMessage:
    """The text of a message that was read whole."""

    __slots__ = ("_content", "_root")

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._root = scan(content)

    def header(self) -> Iterator[str]:
        return texts_of(self._root, self._content, header=True)

    def mime(self) -> Iterator[str]:
        return texts_of(self._root, self._content, mime=True)

    def body(self) -> Iterator[str]:
        return texts_of(self._root, self._content, body=True)


@dataclass(frozen=True, slots=True)
class MessageParts:
    """The text of a message of which only headers and text parts were read."""

    header_block: bytes
    inner_headers: Sequence[bytes]
    mime_headers: Sequence[bytes]
    parts: Sequence[tuple[Part, bytes]]

    def header(self) -> Iterator[str]:
        return field_texts(split_fields(self.header_block))

    def mime(self) -> Iterator[str]:
        yield from attachment_names(split_fields(self.header_block))
        for header in self.mime_headers:
            yield from mime_texts(split_fields(header))

    def body(self) -> Iterator[str]:
        for header in self.inner_headers:
            yield from field_texts(split_fields(header))
        for part, raw in self.parts:
            yield part_text(raw, subtype=part.subtype, encoding=part.encoding, charset=part.charset)


async def read_parts(source: ContentSource, message_id: bytes, header: bytes, table: bytes) -> MessageParts:
    """Read what can be searched of a message, `MAX_TEXT` octets at most; attachments stay where they are."""
    left = MAX_TEXT
    inner_headers: list[bytes] = []
    mime_headers: list[bytes] = []
    parts: list[tuple[Part, bytes]] = []
    root = PartTable.decode(table).root
    for part, within in islice(_walk(root), _MAX_PARTS):
        if part is not root:
            headers = inner_headers if within else mime_headers
            headers.append(await _read(source, message_id, part.header_start, part.body_start, left))
            left -= len(headers[-1])
        if part.media_type == "text":
            parts.append((part, await _read(source, message_id, part.body_start, part.body_end, left)))
            left -= len(parts[-1][1])
    return MessageParts(header, inner_headers, mime_headers, parts)


def _walk(root: Part) -> Iterator[tuple[Part, bool]]:
    """All parts, each with whether it is a message within the message."""
    waiting = [(root, False)]
    while waiting:
        part, within = waiting.pop()
        yield part, within
        waiting.extend((child, part.message is not None) for child in reversed(part.children))


async def _read(source: ContentSource, message_id: bytes, start: int, stop: int, most: int) -> bytes:
    stop = min(stop, start + most)
    pieces = [await source.read(message_id, at, min(at + _READ, stop)) for at in range(start, stop, _READ)]
    return b"".join(pieces)
