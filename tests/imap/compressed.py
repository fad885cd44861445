"""A client that speaks DEFLATE (RFC 4978) once the server has agreed."""

from __future__ import annotations

import asyncio
import zlib

from tests.imap.wire import TIMEOUT, Client


class CompressedClient(Client):
    """Compresses what it sends from `start` on; the end of the server's stream ends it both ways."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self.deflate = zlib.compressobj(wbits=-15)
        self.inflate = zlib.decompressobj(-15)
        self.active = False
        self.received = 0
        """Octets as they came."""
        self.pump: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, client: Client) -> CompressedClient:
        """Go on with an open connection."""
        return cls(client.reader, client.writer)

    async def start(self) -> CompressedClient:
        """COMPRESS, which must succeed."""
        await self.ok("COMPRESS DEFLATE")
        self.begin()
        return self

    def begin(self) -> None:
        """Everything from here on is compressed."""
        self.active = True
        raw, self.reader = self.reader, asyncio.StreamReader(limit=2**26)
        self.pump = asyncio.get_running_loop().create_task(self._pump(raw))

    async def _pump(self, raw: asyncio.StreamReader) -> None:
        while data := await raw.read(65_536):
            self.received += len(data)
            if self.inflate.eof:
                self.reader.feed_data(data)
                continue
            self.reader.feed_data(self.inflate.decompress(data))
            if self.inflate.eof:
                self.reader.feed_data(self.inflate.unused_data)
        self.reader.feed_eof()

    def packed(self, data: bytes) -> bytes:
        """As it goes over the wire."""
        return self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)

    async def send(self, data: bytes) -> None:
        await super().send(self.packed(data) if self.active else data)

    async def send_raw(self, data: bytes) -> None:
        """Write octets as they are."""
        await super().send(data)

    async def close(self) -> None:
        await super().close()
        if self.pump is not None:
            await asyncio.wait([self.pump], timeout=TIMEOUT)
