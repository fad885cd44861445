"""The header in which a proxy says for whom it connects: PROXY protocol, versions 1 and 2 (HAProxy's specification).

It comes before anything else, TLS included. Nothing behind it is read here: what follows belongs to the mail protocol.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import struct
from typing import Final

Source = tuple[str, int]
"""Address and port of a client."""

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
"""What version 2 begins with, in as many octets as version 1 has at least."""
V1_LIMIT: Final = 107
"""Octets of the longest header of version 1 (section 2.1), CRLF included."""
_V1: Final = re.compile(rb"PROXY (TCP4|TCP6) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})")
_V1_UNKNOWN: Final = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?")
_LOCAL: Final = 0x20
_PROXY: Final = 0x21
_TCP4: Final = 0x11
_TCP6: Final = 0x21
_NO_SOURCE: Final = frozenset({0x00, 0x31, 0x32})
"""UNSPEC, and Unix sockets: whoever is behind them has no address."""
_MOST_PORTS: Final = 65_535
_BLOCK: Final = 4_096


class ProxyError(Exception):
    """Not such a header."""


async def read_header(sock: socket.socket) -> Source | None:
    """Take the header from a connection, to its last octet and no further.

    None: the connection is the proxy's own, or it does not say whose (LOCAL, UNKNOWN, UNSPEC). Raises ProxyError, and
    OSError when the connection fails.
    """
    start = await _exactly(sock, len(SIGNATURE))
    if start == SIGNATURE:
        return await _version_2(sock)
    if not start.startswith(b"PROXY "):
        raise ProxyError("no PROXY header")
    return parse_v1(await _rest_of_line(sock, start))


def parse_v1(line: bytes) -> Source | None:
    """``PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`` (section 2.1), without its CRLF. Raises ProxyError."""
    if _V1_UNKNOWN.fullmatch(line):
        return None
    match = _V1.fullmatch(line)
    if match is None:
        raise ProxyError("malformed header of version 1")
    family = ipaddress.IPv4Address if match[1] == b"TCP4" else ipaddress.IPv6Address
    try:
        found = [family(match[at].decode()) for at in (2, 3)]
    except ValueError:
        raise ProxyError("malformed address in a header of version 1") from None
    if max(int(match[4]), int(match[5])) > _MOST_PORTS:
        raise ProxyError("malformed port in a header of version 1")
    return _plain(found[0]), int(match[4])


def parse_v2(command: int, family: int, block: bytes) -> Source | None:
    """The source in the address block of version 2 (section 2.2); what follows the addresses (TLV) is not looked at.

    Raises ProxyError.
    """
    if command == _LOCAL:
        return None
    if command != _PROXY:
        raise ProxyError("unknown version or command")
    if family in _NO_SOURCE:
        return None
    sizes = {_TCP4: 4, _TCP6: 16}
    if family not in sizes:
        raise ProxyError("unknown transport")
    size = sizes[family]
    if len(block) < 2 * size + 4:
        raise ProxyError("addresses are cut off")
    address = ipaddress.ip_address(block[:size])
    return _plain(address), struct.unpack_from("!H", block, 2 * size)[0]


async def _version_2(sock: socket.socket) -> Source | None:
    command, family, size = struct.unpack("!BBH", await _exactly(sock, 4))
    if command not in {_LOCAL, _PROXY}:
        raise ProxyError("unknown version or command")
    return parse_v2(command, family, await _exactly(sock, size))


async def _rest_of_line(sock: socket.socket, start: bytes) -> bytes:
    """The line without its CRLF; no octet behind it is taken: two are missing at least, unless the last is a CR."""
    line = start
    while not line.endswith(b"\r\n"):
        missing = 1 if line.endswith(b"\r") else 2
        if len(line) + missing > V1_LIMIT:
            raise ProxyError("header of version 1 without end")
        line += await _exactly(sock, missing)
    return line[:-2]


async def _exactly(sock: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    found = b""
    while len(found) < size:
        block = await loop.sock_recv(sock, min(size - len(found), _BLOCK))
        if not block:
            raise ProxyError("the connection ended within the header")
        found += block
    return found


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
