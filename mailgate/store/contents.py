"""A content on its way in: a buffer over it without another copy, its id, and all that IMAP will show of it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Final, TypeAlias

from imap.message import Content as Buffer
from imap.message import RenderedMessage, render

Content: TypeAlias = Buffer | IO[bytes]
"""Octets with CRLF line ends: a buffer, or a file (the caller closes it)."""

INLINE_SIZE: Final = 256 * 1024
"""Above this many octets, hashing and rendering go to a thread."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A content that is ready to be stored."""

    message_id: bytes
    """BLAKE2b of 160 bits over the octets."""
    buffer: Buffer
    texts: dict[str, bytes]
    """The columns of `schema.message` that are rendered."""
    stored_at: int

    @property
    def size(self) -> int:
        """Octets of the content."""
        return len(self.buffer)


async def prepare(content: Content, stack: ExitStack) -> Prepared:
    """Hash and render a content, in a thread when it is large; the buffer is valid until `stack` closes."""
    buffer = stack.enter_context(opened(content))
    if len(buffer) > INLINE_SIZE:
        return await asyncio.to_thread(_prepare, buffer)
    return _prepare(buffer)


def _prepare(buffer: Buffer) -> Prepared:
    return Prepared(
        message_id=hashlib.blake2b(buffer, digest_size=20).digest(),
        buffer=buffer,
        texts=_texts(render(buffer)),
        stored_at=int(time.time()),
    )


def _texts(rendered: RenderedMessage) -> dict[str, bytes]:
    return {
        "envelope": rendered.envelope,
        "body": rendered.body,
        "bodystructure": rendered.bodystructure,
        "header": rendered.header,
        "listing": rendered.listing,
        "parts": rendered.parts,
        "sort_keys": rendered.sort_keys,
        "thread_keys": rendered.thread_keys,
    }


@contextmanager
def opened(content: Content) -> Iterator[Buffer]:
    """The octets of a content. A file on disk is mapped, one in memory is small enough to be taken as it is."""
    if isinstance(content, bytes | mmap.mmap):
        yield content
    elif isinstance(content, io.BytesIO):
        yield content.getvalue()
    elif isinstance(getattr(content, "name", None), int | str):
        content.flush()
        descriptor = content.fileno()
        if not os.fstat(descriptor).st_size:
            yield b""
            return
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped
    else:
        content.seek(0)
        yield content.read()
