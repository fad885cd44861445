"""DEFLATE between the session and the transport (RFC 4978): one raw stream of RFC 1951 each way, in pieces."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zlib import _Compress

_LEVEL: Final = 6
_WINDOW_BITS: Final = 13
_MEMORY_LEVEL: Final = 6
"""A compressor of 64 KiB: lists of messages shrink to 11 %, as with zlib's own 256 KiB, at 100 MB/s."""
_FLUSHED: Final = b"\x00\x00\xff\xff"
"""How a flush ends (RFC 1951 3.2.4): after it the stream is at the border of an octet."""
_PIECE: Final = 65_536
_INPUT: Final = 4_096
"""Compressed octets given to zlib at once: what it does not use of them, it copies."""
_LAST_COMMAND: Final = b"UNAUTHENTICATE"
_TAIL: Final = len(_LAST_COMMAND) + 2


class CompressionError(Exception):
    """What the client sends is no DEFLATE stream."""


class Compression:
    """Both streams of one connection.

    `decompress` gives at most 64 KiB at a time: octets that would swell to gigabytes wait as they came.
    """

    __slots__ = ("_deflate", "_inflate", "_more", "_offset", "_pending", "_tail", "at_end")

    def __init__(self) -> None:
        self._deflate: _Compress | None = None
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._pending = b""
        self._offset = 0
        self._more = False
        self._tail = b""
        self.at_end = False
        """The client's stream may end here: nothing more is decompressed before `go_on`."""

    # To the client

    def compress(self, data: bytes) -> bytes:
        """Compress a piece of an answer; `flush` gives what is held back of it."""
        if self._deflate is None:
            self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW_BITS, _MEMORY_LEVEL)
        return self._deflate.compress(data)

    def flush(self) -> bytes:
        """What the client needs to read all that was compressed so far."""
        return b"" if self._deflate is None else self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def rest(self) -> None:
        """Give the compressor's memory back, after a flush: a new one goes on with the stream, its window empty."""
        self._deflate = None

    def finish(self) -> bytes:
        """End the stream to the client (RFC 8437 section 4.1)."""
        deflate, self._deflate = self._deflate, None
        return b"" if deflate is None else deflate.flush(zlib.Z_FINISH)

    # From the client

    @property
    def waiting(self) -> bool:
        """Whether octets wait to be decompressed."""
        return self._more or self._offset < len(self._pending)

    def receive(self, data: bytes) -> None:
        """Take octets from the client."""
        self._pending = self._pending[self._offset :] + data
        self._offset = 0

    def decompress(self) -> bytes:
        """The next piece, empty when more input is needed. Raises CompressionError."""
        piece = b""
        while not piece and self.waiting and not self.at_end:
            piece = self._step()
        return piece

    def go_on(self) -> None:
        """The session has read everything and compression is still on. Raises CompressionError after its end."""
        if self._inflate.eof:
            raise CompressionError("octets after the end of the stream")
        self.at_end = False

    def remains(self) -> bytes:
        """What follows the client's stream, as it came."""
        return self._pending[self._offset :]

    def _step(self) -> bytes:
        """Decompress up to the next flush at most: what follows it may be no part of the stream any more."""
        start = self._offset
        flushed = self._pending.find(_FLUSHED, start, start + _INPUT)
        stop = start + _INPUT if flushed < 0 else flushed + len(_FLUSHED)
        given = self._pending[start:stop]
        try:
            piece = self._inflate.decompress(given, _PIECE)
        except zlib.error as error:
            raise CompressionError(str(error)) from error
        self._offset += len(given) - len(self._inflate.unconsumed_tail) - len(self._inflate.unused_data)
        self._more = len(piece) == _PIECE
        self._tail = piece[-_TAIL:] if len(piece) >= _TAIL else (self._tail + piece)[-_TAIL:]
        self.at_end = self._inflate.eof or (
            self._tail.endswith(b"\n") and self._tail.rstrip(b"\r\n").upper().endswith(_LAST_COMMAND)
        )
        return piece
