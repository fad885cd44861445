"""The PROXY header, octet for octet (HAProxy's specification, sections 2.1 and 2.2)."""

from __future__ import annotations

import asyncio
import socket
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.proxy_protocol import SIGNATURE, V1_LIMIT, ProxyError, parse_v1, parse_v2, read_header

LOCAL, PROXY = 0x20, 0x21


def addresses(source: str, target: str, *ports: int) -> bytes:
    return ip_address(source).packed + ip_address(target).packed + struct.pack("!HH", *ports)


def version_2(command: int, family: int, block: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(block)) + block


V4 = addresses("192.0.2.1", "198.51.100.1", 56324, 443)
V6 = addresses("2001:db8::1", "2001:db8::2", 56324, 443)
TLV = b"\x20\x00\x05\x01\x00\x00\x00\x00" + b"\x04\x00\x03pad"
GOOD = [
    (b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", ("192.0.2.1", 56324)),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", ("255.255.255.255", 65535)),
    (b"PROXY TCP6 2001:DB8::1 ::1 1 0\r\n", ("2001:db8::1", 1)),
    (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", ("192.0.2.1", 1)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n", None),
    (version_2(PROXY, 0x11, V4), ("192.0.2.1", 56324)),
    (version_2(PROXY, 0x21, V6), ("2001:db8::1", 56324)),
    (version_2(PROXY, 0x21, addresses("::ffff:192.0.2.1", "::1", 5, 6)), ("192.0.2.1", 5)),
    (version_2(PROXY, 0x11, V4 + TLV), ("192.0.2.1", 56324)),
    (version_2(PROXY, 0x11, V4 + bytes(60_000)), ("192.0.2.1", 56324)),
    (version_2(LOCAL, 0x00, b""), None),
    (version_2(LOCAL, 0x11, V4), None),
    (version_2(LOCAL, 0xFF, b"whatever"), None),
    (version_2(PROXY, 0x00, b"whatever"), None),
    (version_2(PROXY, 0x31, bytes(216)), None),
]
BAD = [
    b"",
    b"EHLO relay.elsewhere.example\r\n",
    b"PROXY",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n" + b" " * 80,
    b"PROXY  TCP4 192.0.2.1 198.51.100.1 56324 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 56324  443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 \r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 056324 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 -1 443\r\n",
    b"PROXY TCP4 192.0.2.256 198.51.100.1 1 443\r\n",
    b"PROXY TCP4 192.0.2 198.51.100.1 1 443\r\n",
    b"PROXY TCP4 ::1 ::1 1 443\r\n",
    b"PROXY TCP6 192.0.2.1 198.51.100.1 1 443\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 1 443\r\n",
    b"PROXY TCP5 192.0.2.1 198.51.100.1 1 443\r\n",
    b"PROXY tcp4 192.0.2.1 198.51.100.1 1 443\r\n",
    b"PROXY UNKNOWNX\r\n",
    b"PROXY A\r\nEHLO\r\n",
    b"PROXY UNKNOWN " + b"x" * V1_LIMIT + b"\r\n",
    b"\r\n\r\n\x00\r\nQUIT\r",
    SIGNATURE,
    version_2(0x11, 0x11, V4),
    version_2(0x31, 0x11, V4),
    version_2(0x22, 0x11, V4),
    version_2(PROXY, 0x12, V4),
    version_2(PROXY, 0x22, V6),
    version_2(PROXY, 0x41, V4),
    version_2(PROXY, 0x11, V4[:-1]),
    version_2(PROXY, 0x21, V4),
    version_2(PROXY, 0x11, V4)[:-1],
]


async def said(octets: bytes, *, ends: bool) -> tuple[tuple[str, int] | None, bytes]:
    """What is read of these octets, and what is left for the server."""
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    with near, far:
        near.settimeout(0)
        far.settimeout(0)
        reading = loop.create_task(read_header(near))
        await loop.sock_sendall(far, octets)
        if ends:
            far.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(10):
            source = await reading
        await loop.sock_sendall(far, b"|")
        return source, await loop.sock_recv(near, 4_096)


@pytest.mark.parametrize(("header", "source"), GOOD)
async def test_what_is_read_and_not_an_octet_more(header: bytes, source: tuple[str, int] | None) -> None:
    assert await said(header, ends=False) == (source, b"|")
    assert await said(header + b"EHLO", ends=False) == (source, b"EHLO|")


@pytest.mark.parametrize("header", BAD)
async def test_what_is_no_header(header: bytes) -> None:
    with pytest.raises(ProxyError):
        await said(header, ends=True)


@given(st.binary(max_size=V1_LIMIT))
def test_any_line_is_a_header_or_none(line: bytes) -> None:
    try:
        found = parse_v1(b"PROXY " + line)
    except ProxyError:
        return
    assert found is None or 0 <= found[1] <= 65535


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=64))
def test_any_block_is_an_address_or_none(command: int, family: int, block: bytes) -> None:
    try:
        found = parse_v2(command, family, block)
    except ProxyError:
        return
    assert found is None or ip_address(found[0])
