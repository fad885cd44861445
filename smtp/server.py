"""A server that takes mail: listeners, who may connect, and a stop that loses no message."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from smtp.connection import log
from smtp.handler import Peer, SmtpError
from smtp.limits import Limits
from smtp.rates import Rate
from smtp.replies import Closing
from smtp.session import Session

BACKLOG: Final = 1_024
REFUSALS: Final = 64
"""Clients over a limit that are told so at a time; more are cut off without a word."""

ACCEPT_PAUSE: Final = 0.1


Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_among(host: str, networks: Sequence[Network]) -> bool:
    """Whether a peer's address is in one of these networks."""
    if not networks:
        return False
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return any(address in network for network in networks)


class Server:
    """SMTP on any number of sockets; what is spoken on them, its kinds say (`smtp.submission`, `smtp.mx`).

    `tls_context` is used for each new connection, so certificates loaded into it later count from then on.
    `spool` is the folder for messages above `limits.spool_memory`; the system's temporary folder by default.
    `trusted` are the networks for which `limits` are lifted, as far as `Limits.lifted` does so.
    """

    def __init__(
        self,
        tls_context: ssl.SSLContext,
        *,
        hostname: str,
        limits: Limits | None = None,
        spool: Path | None = None,
        trusted: Iterable[Network] = (),
    ) -> None:
        self.tls_context = tls_context
        self.hostname = hostname
        self.limits = limits or Limits()
        self.spool = None if spool is None else str(spool)
        self.messages, self.recipients = Rate(), Rate()
        self._arrivals = Rate()
        self._trusted = tuple(trusted)
        self._lifted = self.limits.lifted()
        self._listeners: dict[asyncio.Task[None], socket.socket] = {}
        self._sessions: dict[asyncio.Task[None], Session[Any]] = {}
        self._peers: Counter[str] = Counter()
        self._networks: Counter[str] = Counter()
        self._refused = 0

    def _session(self, peer: Peer) -> Session[Any]:
        """The session of a new connection."""
        raise NotImplementedError

    def trusts(self, host: str) -> bool:
        """Whether limits are lifted for a peer."""
        return is_among(host, self._trusted)

    def limits_of(self, host: str) -> Limits:
        """What holds for a peer."""
        return self._lifted if self.trusts(host) else self.limits

    @property
    def connections(self) -> int:
        """How many clients are connected, those in their TLS handshake included."""
        return len(self._sessions)

    async def start(self, sockets: Sequence[socket.socket], *, starttls: bool = False) -> None:
        """Serve these bound sockets: with TLS from the first octet, or with STARTTLS. May be called for each kind."""
        for sock in sockets:
            sock.listen(BACKLOG)
            sock.settimeout(0)
            listener = asyncio.get_running_loop().create_task(
                self._accept(sock, None if starttls else self.tls_context)
            )
            self._listeners[listener] = sock

    async def adopt(self, sock: socket.socket, peer: tuple[str, int], *, starttls: bool) -> None:
        """Serve a connection that somebody else accepted, for the client at `peer`, as `start` serves its own."""
        self._admit(sock, Peer(*peer, ""), None if starttls else self.tls_context)

    async def stop(self, grace: float = 10.0) -> None:
        """Accept nobody, send idle clients away with 421, and give messages under way `grace` seconds to finish.

        A message still being received then is lost to nobody: its sender got no 250.
        A delivery still running is cancelled.
        """
        listeners, self._listeners = self._listeners, {}
        for listener in listeners:
            listener.cancel()
        for session in self._sessions.values():
            session.stop()
        if listeners:
            await asyncio.wait(listeners)
        for sock in listeners.values():
            sock.close()
        if self._sessions:
            await asyncio.wait(self._sessions, timeout=grace)
        late = list(self._sessions)
        for task in late:
            task.cancel()
        if late:
            log.warning("connections cut off at stop", connections=len(late))
            await asyncio.wait(late)

    async def _accept(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Take clients as they come. Own accepting, so that a handshake counts as a connection of its peer."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listener)
            except OSError as error:
                # Out of descriptors or memory, or the client has left: the next one may fare better.
                log.warning("accept failed", error=type(error).__name__)
                await asyncio.sleep(ACCEPT_PAUSE)
                continue
            # Who comes by a Unix socket has no address.
            host, port = address[:2] if isinstance(address, tuple) else ("", 0)
            self._admit(sock, Peer(host.removeprefix("::ffff:"), port, ""), tls)

    def _admit(self, sock: socket.socket, peer: Peer, tls: ssl.SSLContext | None) -> None:
        refusal = self._refusal(peer)
        if refusal is not None and self._refused >= REFUSALS:
            sock.close()
            return
        session = self._session(peer)
        task = asyncio.get_running_loop().create_task(self._serve(session, sock, tls, refusal))
        self._opened(task, session, refused=refusal is not None)

    async def _serve(
        self, session: Session[Any], sock: socket.socket, tls: ssl.SSLContext | None, refusal: SmtpError | None
    ) -> None:
        # asyncio does so itself only for sockets that name their protocol, and these do not.
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        timeouts = {}
        if tls is not None:
            timeouts["ssl_handshake_timeout"] = self.limits.handshake_timeout
            timeouts["ssl_shutdown_timeout"] = self.limits.close_timeout
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: session, sock, ssl=tls, **timeouts)
        except OSError as error:  # ssl.SSLError and TimeoutError are OSErrors
            log.info("tls handshake failed", reason=type(error).__name__)
            return
        await session.run(refusal)

    def _opened(self, task: asyncio.Task[None], session: Session[Any], *, refused: bool) -> None:
        host = session.peer.host
        self._refused += refused
        self._peers[peer_key(host)] += 1
        self._networks[network_key(host)] += 1
        self._sessions[task] = session
        task.add_done_callback(lambda done: self._closed(done, host, refused=refused))

    def _refusal(self, peer: Peer) -> SmtpError | None:
        """Why a client that has just connected is not served, if so."""
        host = peer.host
        limits = self.limits_of(host)
        if len(self._sessions) - self._refused >= limits.connections:
            return Closing(421, "4.3.2", "Too many connections, please come back soon")
        if self._peers[peer_key(host)] >= limits.connections_per_peer:
            return Closing(421, "4.7.0", "Too many connections from your network")
        if limits.connections_per_network is not None and (
            self._networks[network_key(host)] >= limits.connections_per_network
        ):
            return Closing(421, "4.7.0", "Too many connections from your network")
        if not self._arrivals.take(peer_key(host), limits.connection_rate):
            return Closing(421, "4.7.0", "Too many connections from you in a minute, please come back soon")
        return None

    def _closed(self, task: asyncio.Task[None], host: str, *, refused: bool) -> None:
        del self._sessions[task]
        self._refused -= refused
        for counts, key in ((self._peers, peer_key(host)), (self._networks, network_key(host))):
            counts[key] -= 1
            if not counts[key]:
                del counts[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("session failed", error=type(error).__name__)


def peer_key(host: str) -> str:
    """The unit of the per-peer limit: an IPv4 address, or the /64 that one IPv6 subscriber holds."""
    return _network_of(host, 32, 64)


def network_key(host: str) -> str:
    """The unit of the per-network limit: an IPv4 /24, or the /48 that one IPv6 site holds."""
    return _network_of(host, 24, 48)


def _network_of(host: str, bits: int, bits6: int) -> str:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    prefix = bits6 if isinstance(address, ipaddress.IPv6Address) else bits
    return str(ipaddress.ip_network((address, prefix), strict=False).network_address)
