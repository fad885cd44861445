"""Parts of messages cut out of their octets: BODY[…] and BINARY[…] (RFC 9051 section 6.4.5, RFC 3516).

Small messages are read many at a time; of a large one only the octets that are asked for, piece by piece.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final, cast

from imap.backend import Entry, Rendering
from imap.commands.fetch_plan import Chunk, Plan, SectionPlan, without_nul
from imap.message import IDENTITY, PartTable, UnknownEncodingError, filter_header, part_decoder
from imap.message import SectionText as PartText
from imap.parsing.fetch_items import BinarySection, BinarySize, BodySection, Partial, Section, SectionText

if TYPE_CHECKING:
    from imap.session import Session

PIECE: Final = 262_144
"""Octets per read of a large message; messages up to this size are read whole."""
_BATCH: Final = 2 * 1024 * 1024
"""Octets of whole messages held at a time."""
_FIELDS: Final = {SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT}


class _Source:
    """The octets of one message, from memory or piece by piece from the store."""

    def __init__(self, session: Session, entry: Entry, whole: bytes | None) -> None:
        self._session = session
        self._entry = entry
        self._whole = whole
        self.size = entry.size if whole is None else len(whole)

    async def pieces(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """The octets from start to stop, in order. Raises ConnectionAbortedError when the store has fewer."""
        if self._whole is not None:
            yield self._whole[start:stop]
            return
        while start < stop:
            piece = await self._session.account.read(self._entry.message_id, start, min(start + PIECE, stop))
            if not piece:
                # the literal's size is announced: the connection cannot be saved
                self._session.connection.abort()
                raise ConnectionAbortedError("a message is shorter than its size says")
            start += len(piece)
            yield piece

    async def all(self, start: int, stop: int) -> bytes:
        """The same in one piece."""
        return b"".join([piece async for piece in self.pieces(start, stop)])


async def put_sections(session: Session, plan: Plan, chunk: Chunk, pieces: Sequence[Sequence[bytes]]) -> int:
    """Complete each response with its sections and put it; give how many have a transfer encoding that is not known."""
    entries = list(chunk.entries)
    start = unknown = 0
    while start < len(entries):
        stop, whole = await _read_batch(session, entries, start)
        for index in range(start, stop):
            entry = entries[index]
            source = _Source(session, entry, whole.get(entry.message_id))
            table = PartTable.decode(chunk.rendered[index].parts) if plan.rendering & Rendering.PARTS else None
            session.put(b"".join([column[index] for column in pieces]))
            for number, section in enumerate(plan.sections):
                session.put(b" " + section.name if number else section.name)
                unknown += not await _put_section(session, section, source, table)
                await session.spill()
            session.put(b")\r\n")
        start = stop
    return unknown


async def _read_batch(session: Session, entries: Sequence[Entry], start: int) -> tuple[int, dict[bytes, bytes]]:
    """Where the batch from ``start`` ends, and its small messages, read whole in one go."""
    total, stop = 0, start
    wanted = set()
    while stop < len(entries) and total < _BATCH:
        entry = entries[stop]
        stop += 1
        if entry.size <= PIECE:
            total += entry.size
            wanted.add(entry.message_id)
    return stop, dict(await session.account.read_whole(wanted)) if wanted else {}


async def _put_section(session: Session, section: SectionPlan, source: _Source, table: PartTable | None) -> bool:
    """Put a section; False for one whose transfer encoding is not known, with NIL or 0 in its place."""
    item = section.item
    if isinstance(item, BodySection):
        if item.section.text in _FIELDS and table is not None:
            await _put_fields(session, item, source, table)
        else:
            await _put_octets(session, item, source, table)
        return True
    try:
        await _put_binary(session, item, source, table)
    except UnknownEncodingError:
        session.put(b" 0" if isinstance(item, BinarySize) else b" NIL")
        return False
    return True


async def _put_octets(session: Session, item: BodySection, source: _Source, table: PartTable | None) -> None:
    bounds = _bounds(item.section, source, table)
    if bounds is None:
        session.put(b" NIL")
        return
    start, stop = bounds
    if item.partial is not None:
        start = min(start + item.partial.start, stop)
        stop = min(start + item.partial.length, stop)
    session.put(b" {%d}\r\n" % (stop - start))
    async for piece in source.pieces(start, stop):
        session.put(without_nul(piece))
        await session.spill()


async def _put_fields(session: Session, item: BodySection, source: _Source, table: PartTable) -> None:
    """HEADER.FIELDS of a message within the message."""
    bounds = table.section(item.section.part, "HEADER")
    if bounds is None:
        session.put(b" NIL")
        return
    exclude = item.section.text is SectionText.HEADER_FIELDS_NOT
    text = filter_header(await source.all(*bounds), item.section.fields, exclude)
    text = without_nul(_cut(text, item.partial))
    session.put(b" {%d}\r\n" % len(text))
    session.put(text)


def _bounds(section: Section, source: _Source, table: PartTable | None) -> tuple[int, int] | None:
    if table is None:
        return 0, source.size
    text = None if section.text is None else cast("PartText", section.text.value)
    return table.section(section.part, text)


async def _put_binary(
    session: Session, item: BinarySection | BinarySize, source: _Source, table: PartTable | None
) -> None:
    """A part without its transfer encoding, or its size. Raises UnknownEncodingError before it puts anything."""
    part = None if not item.part or table is None else table.locate(item.part)
    if item.part and part is None:
        session.put(b" 0" if isinstance(item, BinarySize) else b" NIL")
        return
    start, stop = (0, source.size) if part is None else (part.body_start, part.body_end)
    binary = _Binary(source, start, stop, "" if part is None else part.encoding)
    if isinstance(item, BinarySize):
        session.put(b" %d" % await binary.size())
    elif stop - start <= PIECE:
        decoded = _cut(b"".join([piece async for piece in binary.pieces()]), item.partial)
        session.put(b" %b{%d}\r\n" % (b"~" if b"\0" in decoded else b"", len(decoded)))
        session.put(decoded)
    else:
        await _put_large_binary(session, binary, item.partial)


async def _put_large_binary(session: Session, binary: _Binary, partial: Partial | None) -> None:
    """As a literal8, which may hold anything: nobody has to look for NUL first (RFC 3516 section 4.2)."""
    first, length = (0, None) if partial is None else (partial.start, partial.length)
    size = await binary.size(None if length is None else first + length)
    left = max(size - first, 0) if length is None else max(min(size - first, length), 0)
    session.put(b" ~{%d}\r\n" % left)
    async for piece in binary.pieces(first, left):
        session.put(piece)
        await session.spill()


class _Binary:
    """A part without its transfer encoding: read once to know how long it is, and once to be sent."""

    def __init__(self, source: _Source, start: int, stop: int, encoding: str) -> None:
        self._source = source
        self._start = start
        self._stop = stop
        self._encoding = encoding.lower()
        if self._encoding not in IDENTITY:
            part_decoder(encoding)

    async def size(self, most: int | None = None) -> int:
        """How long it is; from ``most`` on it is not read further."""
        if self._encoding in IDENTITY:
            return self._stop - self._start
        size = 0
        async for piece in self._decoded():
            size += len(piece)
            if most is not None and size >= most:
                break
        return size

    async def pieces(self, first: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The octets from ``first`` on, ``length`` of them."""
        left = self._stop - self._start if length is None else length
        if self._encoding in IDENTITY:
            start = min(self._start + first, self._stop)
            async for piece in self._source.pieces(start, min(start + left, self._stop)):
                yield piece
            return
        async for piece in self._decoded():
            kept = piece[first : first + left]
            first = max(first - len(piece), 0)
            left -= len(kept)
            if kept:
                yield kept
            if not left:
                return

    async def _decoded(self) -> AsyncIterator[bytes]:
        decoder = part_decoder(self._encoding)
        async for piece in self._source.pieces(self._start, self._stop):
            yield decoder.feed(piece)
        yield decoder.end()


def _cut(text: bytes, partial: Partial | None) -> bytes:
    return text if partial is None else text[partial.start : partial.start + partial.length]
