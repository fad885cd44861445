"""Listening sockets that several worker processes share (SO_REUSEPORT): the kernel spreads the connections."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address to listen on; port 0 lets the kernel choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """Read ``host:port`` or ``[IPv6]:port``. Raises ValueError with what is wrong."""
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        raise ValueError(f"`{text}` is not host:port")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"`{text}`: write an IPv6 address in brackets, as in [::1]:993")
    return Endpoint(host, int(port))


def bind(endpoint: Endpoint) -> socket.socket:
    """A bound, not yet listening TCP socket. Raises OSError naming the endpoint."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((endpoint.host, endpoint.port))
    except OSError as exc:
        sock.close()
        raise OSError(exc.errno, f"cannot listen on {endpoint}: {exc.strerror}") from exc
    sock.setblocking(False)  # noqa: FBT003 - the name of the standard library
    return sock


def rebind(sock: socket.socket) -> socket.socket:
    """Another socket at the address of `sock`."""
    return bind(Endpoint(*sock.getsockname()[:2]))


def bind_all(endpoints: Sequence[str]) -> list[socket.socket]:
    """Bind each ``host:port``; all or none. Who serves a socket listens on it."""
    sockets: list[socket.socket] = []
    try:
        sockets.extend(map(bind, map(parse_endpoint, endpoints)))
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets
