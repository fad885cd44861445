"""A message on its way: in memory while it is small, then in a file without a name, so that memory stays bounded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Final

IN_MEMORY: Final = 256 * 1024
"""Octets; the store maps a larger message from its file, so that it is in memory nowhere."""
PIECE: Final = 256 * 1024


class Spool:
    """Collects the octets of one message. Raises OSError where the temporary folder is full."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._file: IO[bytes] | None = None
        self.size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add octets at the end."""
        self.size += len(data)
        if self._file is None:
            self._buffer += data
            if self.size <= IN_MEMORY:
                return
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `content` gives it to who closes it
            data, self._buffer = self._buffer, bytearray()
        self._file.write(data)

    def close(self) -> None:
        """Forget what was written: of a message that is not to be used."""
        if self._file is not None:
            self._file.close()

    def content(self) -> bytes | IO[bytes]:
        """What was written: octets, or a file from its beginning."""
        if self._file is None:
            return bytes(self._buffer)
        self._file.seek(0)
        return self._file


def spooled(pieces: Iterable[bytes]) -> bytes | IO[bytes]:
    """All these pieces as one content."""
    spool = Spool()
    try:
        for piece in pieces:
            spool.write(piece)
    except BaseException:
        spool.close()
        raise
    return spool.content()


def pieces_of(content: bytes | IO[bytes]) -> Iterator[bytes]:
    """A content from its beginning, a piece at a time."""
    if isinstance(content, bytes):
        yield content
        return
    content.seek(0)
    while piece := content.read(PIECE):
        yield piece


def close(content: bytes | IO[bytes]) -> None:
    """Let go of a content."""
    if not isinstance(content, bytes):
        content.close()
