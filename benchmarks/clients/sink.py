"""A mail server that throws everything away, in a process of its own, and says when each message came.

Its clock is that of `time.perf_counter`, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any, Final, Self

import uvloop

_EHLO: Final = b"250-sink.example\r\n250-PIPELINING\r\n250-SIZE 99999999\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8\r\n"
_END: Final = b"\r\n.\r\n"
_STARTING: Final = 20.0


class Sink:
    """Listens on a port while it is entered; raises TimeoutError when it does not come up."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._process: asyncio.subprocess.Process

    async def __aenter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.clients.sink", str(self._port)]
        self._process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(_STARTING):
            await self._line()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._process.terminate()
        await self._process.wait()

    async def arrivals(self, count: int, within: float) -> Sequence[float]:
        """When each of the next so many messages came. Raises TimeoutError."""
        async with asyncio.timeout(within):
            return [float(await self._line()) for _ in range(count)]

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        return await self._process.stdout.readline()


class _Session(asyncio.Protocol):
    """One connection; it parses no more than it must."""

    _transport: Any  # uvloop's own, of no class of asyncio

    def __init__(self) -> None:
        self._buffer = b""
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(b"220 sink.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers = b""
        while True:
            end = _END if self._in_data else b"\r\n"
            taken, found, rest = self._buffer.partition(end)
            if not found:
                break
            self._buffer = rest
            answers += self._ended() if self._in_data else self._answer(taken[:4].upper())
        if answers:
            self._transport.write(answers)

    def _ended(self) -> bytes:
        self._in_data = False
        sys.stdout.write(f"{time.perf_counter()}\n")
        sys.stdout.flush()
        return b"250 2.0.0 thrown away\r\n"

    def _answer(self, verb: bytes) -> bytes:
        if verb == b"DATA":
            self._in_data = True
            return b"354 go ahead\r\n"
        if verb == b"QUIT":
            self._transport.write(b"221 2.0.0 bye\r\n")
            self._transport.close()
            return b""
        return _EHLO if verb == b"EHLO" else b"250 2.0.0 ok\r\n"


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Session, "127.0.0.1", port)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
