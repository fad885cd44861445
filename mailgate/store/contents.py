"""A content on its way in: a buffer over it without another copy, its id, and all that IMAP will show of it.

What IMAP shows may also be worked out later, by the indexer or by who reads it before.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import IO, Final, TypeAlias

from imap.message import render
from mailgate.store.schema import CHUNK

INLINE_SIZE: Final = CHUNK
"""Above this many octets, hashing and rendering go to a thread, and are never put off."""
NOT_RENDERED: Final[Mapping[str, bytes]] = dict.fromkeys(
    ("envelope", "body", "bodystructure", "header", "listing", "parts", "sort_keys", "thread_keys", "preview"), b""
)
"""The texts of a content that is not rendered yet."""
MAY_BE_EMPTY: Final = frozenset({"header", "preview"})
"""Texts that may be empty when they are rendered."""
_UNRELEASED: Final = 2047
"""Octets that hashlib takes without releasing the interpreter, which the event loop would have to wait for again."""


class FileOctets:
    """A file's octets, read as they are asked for: of a large message only pieces are ever in memory."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, octets: slice, /) -> bytes:
        start, stop, _ = octets.indices(self._size)
        return os.pread(self._descriptor, max(stop - start, 0), start)


Buffer: TypeAlias = bytes | FileOctets
Content: TypeAlias = Buffer | IO[bytes]
"""Octets with CRLF line ends: a buffer, or a file (the caller closes it)."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A content that is ready to be stored."""

    message_id: bytes
    """BLAKE2b of 160 bits over the octets."""
    buffer: Buffer
    texts: Mapping[str, bytes]
    """The columns of `schema.message` that are rendered."""
    stored_at: int

    @property
    def size(self) -> int:
        """Octets of the content."""
        return len(self.buffer)

    def rendered(self) -> Prepared:
        """The same with its texts, if it was prepared without."""
        return self if self.texts["envelope"] else replace(self, texts=rendered_texts(self.buffer))


async def prepare(content: Content, stack: ExitStack, *, rendered: bool = True) -> Prepared:
    """Hash and render a content, in a thread when it is large; the buffer is valid until `stack` closes.

    A small one is not `rendered` if that can wait: the indexer does it, or who asks for its texts before.
    """
    buffer = stack.enter_context(opened(content))
    if len(buffer) > INLINE_SIZE:
        return await asyncio.to_thread(_prepare, buffer, rendered_texts)
    return _prepare(buffer, rendered_texts if rendered else _no_texts)


def _prepare(buffer: Buffer, texts: Callable[[Buffer], Mapping[str, bytes]]) -> Prepared:
    return Prepared(
        message_id=content_key(buffer),
        buffer=buffer,
        texts=texts(buffer),
        stored_at=int(time.time()),
    )


def _no_texts(_: Buffer) -> Mapping[str, bytes]:
    return NOT_RENDERED


def content_key(buffer: Buffer) -> bytes:
    """The key under which a content is stored: BLAKE2b of 160 bits over its octets."""
    digest = hashlib.blake2b(digest_size=20)
    step = INLINE_SIZE if len(buffer) > INLINE_SIZE else _UNRELEASED
    for start in range(0, len(buffer), step):
        digest.update(buffer[start : start + step])
    return digest.digest()


def rendered_texts(buffer: Buffer) -> dict[str, bytes]:
    """Render a content, for the columns of `schema.message`."""
    rendered = render(buffer)
    return {
        "envelope": rendered.envelope,
        "body": rendered.body,
        "bodystructure": rendered.bodystructure,
        "header": rendered.header,
        "listing": rendered.listing,
        "parts": rendered.parts,
        "preview": rendered.preview,
        "sort_keys": rendered.sort_keys,
        "thread_keys": rendered.thread_keys,
    }


@contextmanager
def opened(content: Content) -> Iterator[Buffer]:
    """The octets of a content. A file on disk is read in pieces, one in memory is small enough to be taken as it is."""
    if isinstance(content, io.BytesIO):
        yield content.getvalue()
    elif isinstance(content, bytes | FileOctets):
        yield content
    elif isinstance(getattr(content, "name", None), int | str):
        content.flush()
        descriptor = content.fileno()
        yield FileOctets(descriptor, os.fstat(descriptor).st_size)
    else:
        content.seek(0)
        yield content.read()
