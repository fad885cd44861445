"""A client asked for a large part, read nothing, and hung up.

What waited to be sent hung on the error that told of the end, and that error on the connection: a ring that only the
garbage collector finds, hours later. Ten such clients held 350 MB.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import tracemalloc
from collections.abc import Iterator

import pytest

from imap.connection import Connection
from tests.imap.conftest import Gateway, account, gateway, tls
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client, eventually

__all__ = ["account", "gateway", "tls"]

SIZE = 24_000_000


@pytest.fixture
def traced() -> Iterator[None]:
    """Without the garbage collector, and with an account of what is allocated."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    yield
    tracemalloc.stop()
    gc.enable()


async def test_what_it_did_not_read_is_freed_at_once(gateway: Gateway, account: MemoryAccount, traced: None) -> None:
    head = b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    account.deliver(head + base64.encodebytes(bytes(SIZE)))
    streams = await asyncio.open_connection(*gateway.secure, ssl=gateway.tls.client, server_hostname="localhost")
    client = await Client(*streams).sign_in()
    await client.ok("SELECT INBOX")
    (connection,) = (found for found in gc.get_objects() if isinstance(found, Connection))
    before = tracemalloc.get_traced_memory()[0]
    await client.send(b"a FETCH 1 BINARY.PEEK[1]\r\n")
    await eventually(lambda: not connection.can_write)
    await client.close()
    await eventually(lambda: gateway.server.connections == 0)
    assert tracemalloc.get_traced_memory()[0] < before + SIZE / 2
