"""Listening sockets that several worker processes share (SO_REUSEPORT): the kernel spreads the connections.

A Unix socket is one for all of them: they accept from it in turn.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import socket
import stat
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_UNIX: Final = "unix:"
_PROXIED: Final = " proxy"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address to listen on; port 0 lets the kernel choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A socket in the file system, with the permissions and (if named) the group that say who may connect."""

    path: Path
    mode: int = 0o660
    group: str = ""

    def __str__(self) -> str:
        return f"{_UNIX}{self.path}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen; `proxied`: each connection comes from a proxy that says first for whom."""

    at: Endpoint | UnixSocket
    proxied: bool = False

    def __str__(self) -> str:
        return f"{self.at}{_PROXIED if self.proxied else ''}"

    @property
    def port(self) -> int:
        """That of the network; 0 for a Unix socket."""
        return self.at.port if isinstance(self.at, Endpoint) else 0


class Listening(socket.socket):
    """A bound socket that knows whether its connections are `proxied`."""

    proxied = False

    def again(self) -> Self:
        """The same socket by a descriptor of its own."""
        found = self.dup()
        found.proxied = self.proxied
        return found


def direct(sockets: Iterable[Listening]) -> list[Listening]:
    """Those to which clients themselves connect."""
    return [sock for sock in sockets if not sock.proxied]


def parse_place(text: str) -> Place:
    """Read ``host:port``, ``host:port proxy`` or ``unix:/path``. Raises ValueError with what is wrong."""
    if text.startswith(_UNIX):
        path = Path(text.removeprefix(_UNIX))
        if not path.is_absolute():
            raise ValueError(f"`{text}`: write the whole path, as in unix:/run/mailgate/lmtp.sock")
        return Place(UnixSocket(path))
    return Place(parse_endpoint(text.removesuffix(_PROXIED)), text.endswith(_PROXIED))


def parse_endpoint(text: str) -> Endpoint:
    """Read ``host:port`` or ``[IPv6]:port``. Raises ValueError with what is wrong."""
    host, separator, port = text.rpartition(":")
    if not separator or not host or " " in host or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        raise ValueError(f"`{text}` is not host:port")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"`{text}`: write an IPv6 address in brackets, as in [::1]:993")
    return Endpoint(host, int(port))


def bind(place: Place) -> Listening:
    """A bound, not yet listening socket, at an address where nobody else listens. Raises OSError naming it."""
    if isinstance(place.at, UnixSocket):
        return _bound_unix(place.at)
    # With SO_REUSEPORT alone a second gateway of the same user would quietly share the first one's port.
    _bound(place.at, share=False).close()
    sock = _bound(place.at, share=True)
    sock.proxied = place.proxied
    return sock


def rebind(sock: Listening) -> Listening:
    """Another socket at the address of `sock`, which `bind` gave."""
    if sock.family == socket.AF_UNIX:
        return sock.again()
    another = _bound(Endpoint(*sock.getsockname()[:2]), share=True)
    another.proxied = sock.proxied
    return another


def name_of(sock: socket.socket) -> str:
    """Where a socket listens, as the settings write it."""
    address = sock.getsockname()
    return f"{_UNIX}{address}" if sock.family == socket.AF_UNIX else str(Endpoint(*address[:2]))


def _bound(endpoint: Endpoint, *, share: bool) -> Listening:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    try:
        sock = Listening(family, socket.SOCK_STREAM)
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


def _bound_unix(at: UnixSocket) -> Listening:
    """What an earlier process has left behind is taken away; what somebody listens on, or is no socket, is not."""
    try:
        sock = Listening(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if _is_dead(at.path):
                at.path.unlink()
            sock.bind(str(at.path))
            # Nobody can connect before it listens.
            at.path.chmod(at.mode)
            if at.group:
                shutil.chown(at.path, group=at.group)
        except BaseException:
            sock.close()
            raise
    except (OSError, LookupError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"there is no group {at.group}"
        raise OSError(f"cannot listen on {at}: {reason}") from error
    sock.setblocking(False)  # noqa: FBT003 - the name of the standard library
    return sock


def _is_dead(path: Path) -> bool:
    """Whether there is a socket on which nobody listens."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        return client.connect_ex(str(path)) == errno.ECONNREFUSED


def bind_all(places: Iterable[Place]) -> list[Listening]:
    """Bind each, all or none. Who serves a socket listens on it. Raises OSError naming the address."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(bind(place)) for place in places]
        # Nobody listens yet, so that the kernel lets two kinds of listener share one address.
        for name, times in Counter(map(name_of, sockets)).items():
            if times > 1:
                raise OSError(f"cannot listen on {name} twice")
        stack.pop_all()
        return sockets
