"""An HTTPS server in the gateway's own event loop: uvicorn's HTTP/1.1, our sockets, certificate, limits and signals."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Final

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

MOST_CONNECTIONS: Final = 200
CONNECTION_SECONDS: Final = 60.0
"""What a connection may last, whatever comes on it: pages are small, and a trickle holds nothing for long."""
HANDSHAKE_SECONDS: Final = 10.0
HEADER_SIZE: Final = 16 * 1024
"""Octets of a request line with its header fields."""


class _Protocol(H11Protocol):
    """One connection, with an end."""

    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._end = asyncio.get_running_loop().call_later(CONNECTION_SECONDS, _cut, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(exc)


class WebServer:
    """Serves one application on any number of sockets."""

    def __init__(self, application: ASGIApp, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._state = ServerState()
        self._servers: list[asyncio.Server] = []
        # No access log, and no tracebacks of uvicorn's: the address of a page is a secret of its reader.
        self._config = Config(
            application,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=HEADER_SIZE,
        )
        self._config.load()

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()

        def protocol() -> _Protocol:
            return _Protocol(config=self._config, server_state=self._state, app_state={}, _loop=loop)

        for sock in sockets:
            server = await loop.create_server(
                protocol, sock=sock, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
            self._servers.append(server)

    async def stop(self, grace: float) -> None:
        """Take nobody any more, let answers under way finish for at most `grace` seconds, close the rest."""
        for server in self._servers:
            server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(list(self._state.tasks), timeout=grace)
        for connection in list(self._state.connections):
            if isinstance(connection, _Protocol):
                _cut(connection.transport)


def _cut(transport: asyncio.Transport) -> None:
    """End a connection; one that is closing may have no other end any more."""
    if not transport.is_closing():
        transport.abort()
