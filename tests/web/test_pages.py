"""What the pages take from a browser, and what a connection may cost."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from certs import CertificateFiles, ServerTls, ensure_demo
from mailgate.web import server
from mailgate.web.page import preferred
from mailgate.web.server import HEADER_SIZE, WebServer


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("en-GB", "en"),
        ("de, en;q=0.5, fr;q=0.7", "fr"),
        ("de", None),
        ("", None),
        ("fr;q=0", None),
        ("fr;q=x, en;q=0.1", "en"),
    ],
)
def test_a_browser_says_which_language_it_likes(accepted: str, language: str | None) -> None:
    assert preferred(accepted) == language


@given(st.text(max_size=600))
def test_no_header_breaks_the_choice_of_a_language(accepted: str) -> None:
    assert preferred(accepted) in {"fr", "en", None}


async def _hello(_: Request) -> PlainTextResponse:
    return PlainTextResponse("Bonjour")


class Running:
    """A server on a free port."""

    def __init__(self, folder: Path) -> None:
        files = ensure_demo(folder, [])
        tls = ServerTls(CertificateFiles(None, files.certificate, files.key))
        self.server = WebServer(Starlette(routes=[Route("/", _hello)]), tls.context)
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.setblocking(False)  # noqa: FBT003 - the name of the standard library
        self.port = self.sock.getsockname()[1]
        self.context = ssl.create_default_context(cafile=str(files.ca))

    async def talk(self, octets: bytes, *, context: ssl.SSLContext | None = None) -> bytes:
        """Send, and read until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context or self.context)
        try:
            writer.write(octets)
            return await reader.read()
        finally:
            writer.close()


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    monkeypatch.setattr(server, "CONNECTION_SECONDS", 0.5)
    made = Running(tmp_path)
    await made.server.start([made.sock])
    yield made
    await made.server.stop(1)


async def test_a_page_is_served_over_tls(running: Running) -> None:
    answer = await running.talk(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"Bonjour")
    assert b"uvicorn" not in answer


@pytest.mark.parametrize("octets", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET /"])
async def test_who_says_nothing_more_is_not_waited_for(running: Running, octets: bytes) -> None:
    answer = asyncio.ensure_future(running.talk(octets))
    done, _ = await asyncio.wait([answer], timeout=10)
    assert done
    assert isinstance(answer.exception(), ConnectionError | None)


async def test_a_header_without_end_is_refused(running: Running) -> None:
    octets = b"GET / HTTP/1.1\r\nX: " + b"x" * (2 * HEADER_SIZE)
    assert (await running.talk(octets)).startswith(b"HTTP/1.1 400")


async def test_old_tls_is_refused(running: Running) -> None:
    context = running.context
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await running.talk(b"GET / HTTP/1.1\r\n\r\n", context=context)
