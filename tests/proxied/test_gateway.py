"""A whole gateway whose listeners stand behind a proxy: each of them speaks as the one beside it does."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

from certs import ensure_demo
from mailgate import config
from mailgate.app import Gateway, Sockets
from mailgate.listeners import Listening
from mailgate.serve import upgrade_schema
from tests.proxied.test_proxied import V1
from tests.smtp.conftest import PATIENCE

BOTH = ("127.0.0.1:0", "127.0.0.1:0 proxy")


async def greeting(sock: Listening, tls: ssl.SSLContext | None) -> bytes:
    """What a client is told first, behind a header where the listener wants one."""
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    async with asyncio.timeout(PATIENCE):
        if sock.proxied:
            writer.write(V1)
        if tls is not None:
            await writer.start_tls(tls, server_hostname="localhost")
        line = await reader.readline()
    with contextlib.suppress(AttributeError):
        writer.transport.abort()
    return line


async def test_each_listener_has_its_like_behind_a_proxy(tmp_path: Path) -> None:
    files = ensure_demo(tmp_path / "tls", ["localhost"])
    settings = config.Settings(
        gateway=config.Gateway(hostname="mail.ent.example.org", stop_grace=1.0),
        database=config.Database(url=f"sqlite:///{tmp_path}/mailgate.db"),
        tls=config.Tls(certificate=files.certificate, key=files.key),
        imap=config.Imap(listen=BOTH, listen_starttls=BOTH),
        smtp=config.Smtp(listen=BOTH, listen_starttls=BOTH),
        mx=config.Mx(listen=BOTH),
        lmtp=config.Lmtp(listen=BOTH, trusted=("192.0.2.1/32",)),
        proxy=config.Proxy(trusted=("127.0.0.1/32",)),
    )
    await upgrade_schema(settings)
    bound = Sockets.bound(settings)
    sockets = bound.again()
    gateway = Gateway(settings, indexes=False)
    await gateway.start(sockets)
    tls = ssl.create_default_context(cafile=str(files.ca))
    kinds = {
        "imap": (sockets.imap, tls, b"* OK "), "imap_starttls": (sockets.imap_starttls, None, b"* OK "),
        "smtp": (sockets.smtp, tls, b"220 "), "smtp_starttls": (sockets.smtp_starttls, None, b"220 "),
        "mx": (sockets.mx, None, b"220 "),
    }  # fmt: skip
    for kind, (pair, context, expected) in kinds.items():
        assert [sock.proxied for sock in pair] == [False, True]
        for sock in pair:
            assert (await greeting(sock, context)).startswith(expected), kind
    direct, proxied = sockets.lmtp
    assert (await greeting(direct, None)).startswith(b"421 4.7.1")
    assert (await greeting(proxied, None)).startswith(b"220 ")
    await gateway.stop()
    for sock in (
        *bound.imap, *bound.imap_starttls, *bound.smtp, *bound.smtp_starttls, *bound.mx, *bound.lmtp,
    ):  # fmt: skip
        sock.close()
