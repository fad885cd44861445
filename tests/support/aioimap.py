"""aioimaplib's client for tests, whose connection is closed when the test has done with it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aioimaplib

WITHIN = 30.0
"""Seconds for a command."""


@asynccontextmanager
async def connected(address: tuple[str, int], tls: ssl.SSLContext) -> AsyncIterator[aioimaplib.IMAP4_SSL]:
    """A client that was greeted. Its logout waits for the answer, not for the end of the connection."""
    client = aioimaplib.IMAP4_SSL(*address, ssl_context=tls, timeout=WITHIN)
    try:
        await client.wait_hello_from_server()
        yield client
    finally:
        client.protocol.transport.abort()
        await asyncio.sleep(0)
