"""The IMAP server: listeners, their connections, and a stop that lets running commands finish."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import contextlib
import socket
import ssl
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from imap.backend import Backend
from imap.clients import SignInObserver
from imap.connection import Connection
from imap.deadlines import Deadlines
from imap.features import Features
from imap.language import Catalogue
from imap.limits import Limits
from imap.selected.registry import Registry
from imap.watching.watch import AccountWatches

if TYPE_CHECKING:
    from collections.abc import Iterable

_TLS_BUFFER: Final = 16_384
_RECEIVED: Final = 256 * 1024
"""As much as uvloop reads from a socket at once."""
_KEEPALIVE_IDLE: Final = 600
"""Seconds of silence before the kernel asks whether a client is still there."""
_BACKLOG: Final = 1_024
"""Connections that the kernel holds while all clients of a school come back at once."""


class ServerContext:
    """What all connections of one listener share."""

    def __init__(
        self,
        backend: Backend,
        limits: Limits,
        features: Features,
        catalogue: Catalogue | None,
        ssl_context: ssl.SSLContext | None,
        registry: Registry,
        hostname: str,
        observer: SignInObserver | None = None,
    ) -> None:
        self.backend = backend
        self.observer = observer
        self.hostname = hostname
        self.limits = limits
        self.features = features
        self.catalogue = catalogue
        self.ssl_context = ssl_context
        self.registry = registry
        self.watches = AccountWatches()
        self.connections: set[Connection] = set()
        self.received = memoryview(bytearray(_RECEIVED))
        """What one connection received, to be taken out before the next one reads: without it uvloop asks the system
        for 256 KiB at each read of TLS, and gives them back.
        """
        self.deadlines = Deadlines(limits, self.connections)
        self.strangers: dict[Connection, None] = {}
        """Those on which nobody has signed in, the oldest first."""
        self.stopping = False
        self.empty = asyncio.Event()

    def add_stranger(self, connection: Connection) -> None:
        """Nobody has signed in here; when there are too many such connections, the oldest is sent away."""
        self.strangers[connection] = None
        if len(self.strangers) > self.limits.strangers:
            oldest = next(iter(self.strangers))
            del self.strangers[oldest]
            oldest.end("Too many connections without sign-in", "UNAVAILABLE")

    def check_empty(self) -> None:
        """Tell a stop that waits when the last connection is gone."""
        if self.stopping and not self.connections:
            self.empty.set()


class ImapServer:
    """IMAP on any number of listening sockets.

    ``ssl_context`` serves implicit TLS and STARTTLS; loading a new certificate into it takes effect with the next
    connection. Without it there is no TLS and no sign-in. ``hostname`` is the server that
    absolute URLs name (RFC 5092). ``observer`` is told of each sign-in.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        ssl_context: ssl.SSLContext | None,
        limits: Limits | None = None,
        features: Features | None = None,
        catalogue: Catalogue | None = None,
        hostname: str = "localhost",
        observer: SignInObserver | None = None,
    ) -> None:
        self._context = ServerContext(
            backend, limits or Limits(), features or Features(), catalogue, ssl_context, Registry(), hostname, observer
        )
        self._ssl_context = ssl_context
        self._servers: list[asyncio.Server] = []

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._context.connections)

    async def start(self, sockets: Iterable[socket.socket], starttls: Iterable[socket.socket] = ()) -> None:
        """Serve implicit TLS on ``sockets`` and plain text with STARTTLS on ``starttls``; both are bound already.

        Raises ValueError for implicit TLS without a context.
        """
        loop = asyncio.get_running_loop()
        _shrink_tls_buffers()
        for listening in sockets:
            if self._ssl_context is None:
                raise ValueError("implicit TLS needs a certificate")
            _set_options(listening)
            self._servers.append(
                await loop.create_server(
                    self._connection,
                    sock=listening,
                    backlog=_BACKLOG,
                    ssl=self._ssl_context,
                    ssl_handshake_timeout=self._context.limits.sign_in_timeout,
                )
            )
        for listening in starttls:
            _set_options(listening)
            self._servers.append(await loop.create_server(self._connection, sock=listening, backlog=_BACKLOG))

    async def adopt(self, sock: socket.socket, peer: tuple[str, int], *, starttls: bool) -> None:
        """Serve a connection that somebody else accepted, for the client at ``peer``, as `start` serves its own.

        Returns when the client has its greeting, or no TLS handshake was made. Raises ValueError as `start` does.
        """
        if not starttls and self._ssl_context is None:
            raise ValueError("implicit TLS needs a certificate")
        _shrink_tls_buffers()
        _set_options(sock)
        timeouts = {} if starttls else {"ssl_handshake_timeout": self._context.limits.sign_in_timeout}
        # Without a handshake there is nobody to serve; ssl.SSLError and TimeoutError are OSErrors.
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self._context, peer), sock, ssl=None if starttls else self._ssl_context, **timeouts
            )

    def _connection(self) -> Connection:
        return Connection(self._context)

    def accounts(self) -> frozenset[int]:
        """The accounts that clients are signed in to."""
        sessions = (connection.session for connection in self._context.connections)
        return frozenset(session.account.account_id for session in sessions if session.signed_in)

    def sign_out(self, accounts: Collection[int]) -> int:
        """Say BYE to all that are signed in to these accounts, which are closed by now; give their number.

        A command that runs is finished first.
        """
        found = [
            connection
            for connection in self._context.connections
            if connection.session.signed_in and connection.session.account.account_id in accounts
        ]
        for connection in found:
            connection.end("Your account is closed")
        return len(found)

    @property
    def addresses(self) -> Sequence[tuple[str, int]]:
        """Host and port of each listener, in the order they were given."""
        return [server.sockets[0].getsockname()[:2] for server in self._servers]

    async def stop(self, grace: float = 10.0) -> None:
        """Accept no more, say BYE to all, and wait ``grace`` seconds at most for commands that run."""
        context = self._context
        context.stopping = True
        for server in self._servers:
            server.close()
        for connection in tuple(context.connections):
            connection.end("Server shutting down")
        context.check_empty()
        try:
            async with asyncio.timeout(grace):
                await context.empty.wait()
        except TimeoutError:
            await asyncio.gather(*(connection.cancel() for connection in tuple(context.connections)))
        await context.registry.drain()
        await context.watches.drain()


def _set_options(listening: socket.socket) -> None:
    """What connections inherit: no delay, and probes that find a peer that is gone."""
    if listening.family in {socket.AF_INET, socket.AF_INET6}:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE)


def _shrink_tls_buffers() -> None:
    """asyncio holds a receive buffer of 256 KiB per TLS connection; one TLS record is all it needs."""
    protocol = asyncio.sslproto.SSLProtocol
    if getattr(protocol, "max_size", 0) > _TLS_BUFFER:
        protocol.max_size = _TLS_BUFFER
