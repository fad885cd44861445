"""The disk for temporary files was full when a large message came in: the connection ended without an answer."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.imap.conftest import Gateway, account, gateway, tls
from tests.imap.memory_backend import MemoryAccount

__all__ = ["account", "gateway", "tls"]


async def test_the_message_is_refused_and_the_session_goes_on(
    gateway: Gateway, account: MemoryAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await gateway.client()
    large = b"Subject: large\r\n\r\n" + bytes(2_000_000).replace(b"\0", b"x")
    monkeypatch.setattr(tempfile, "tempdir", str(Path("/nowhere")))
    assert b" NO [UNAVAILABLE] " in await client.append("INBOX", large)
    await client.send(b"s APPEND INBOX {%d}\r\n" % len(large))
    assert (await client.line()).startswith(b"+ ")
    await client.send(large + b"\r\n")
    assert (await client.line()).startswith(b"s NO [UNAVAILABLE] ")
    monkeypatch.undo()
    assert b" OK " in await client.append("INBOX", large)
    assert account.find("INBOX").status().messages == 1
