"""Listening sockets that several worker processes share (SO_REUSEPORT): the kernel spreads the connections."""

from __future__ import annotations

import contextlib
import socket
from collections import Counter
from collections.abc import Iterable
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
    """A bound, not yet listening TCP socket, at an address where nobody else listens. Raises OSError naming it."""
    # With SO_REUSEPORT alone a second gateway of the same user would quietly share the first one's port.
    _bound(endpoint, share=False).close()
    return _bound(endpoint, share=True)


def rebind(sock: socket.socket) -> socket.socket:
    """Another socket at the address of `sock`, which `bind` gave."""
    return _bound(Endpoint(*sock.getsockname()[:2]), share=True)


def _bound(endpoint: Endpoint, *, share: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, share)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((endpoint.host, endpoint.port))
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        raise OSError(f"cannot listen on {endpoint}: {error.strerror}") from error
    sock.setblocking(False)  # noqa: FBT003 - the name of the standard library
    return sock


def bind_all(endpoints: Iterable[Endpoint]) -> list[socket.socket]:
    """Bind each, all or none. Who serves a socket listens on it. Raises OSError naming the address."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(bind(endpoint)) for endpoint in endpoints]
        # Nobody listens yet, so that the kernel lets two kinds of listener share one address.
        for address, times in Counter(sock.getsockname()[:2] for sock in sockets).items():
            if times > 1:
                raise OSError(f"cannot listen on {Endpoint(*address)} twice")
        stack.pop_all()
        return sockets
