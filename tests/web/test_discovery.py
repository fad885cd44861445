"""Settings for mail programs and the transport policy, as they are read by HTTPS."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import ssl
from pathlib import Path

import pytest
from defusedxml import ElementTree
from starlette.applications import Starlette

from certs import CertificateFiles, ServerTls, ensure_demo
from mailgate.naming.site import Site, policy
from mailgate.web.discovery import routes
from mailgate.web.server import WebServer

SITE = Site(
    hostname="gate.example.org", imaps=993, submissions=465, submission=0, takes_mail=True, smarthost="",
    postmaster="postmaster@example.org", policy=policy("gate.example.org", "testing"), certificate="",
)  # fmt: skip


async def get(folder: Path, path: str, site: Site = SITE) -> tuple[bytes, bytes]:
    """Header and body of an answer."""
    files = ensure_demo(folder, [])
    application = Starlette(routes=routes(site, "ent.example.org", "ENT <Été>"))
    server = WebServer(application, ServerTls(CertificateFiles(None, files.certificate, files.key)).context)
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)  # noqa: FBT003 - the name of the standard library
    await server.start([sock])
    context = ssl.create_default_context(cafile=str(files.ca))
    reader, writer = await asyncio.open_connection(*sock.getsockname()[:2], ssl=context)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: autoconfig.ent.example.org\r\nConnection: close\r\n\r\n".encode())
    header, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await server.stop(1)
    return header, body


@pytest.mark.parametrize(
    "path", ["/mail/config-v1.1.xml?emailaddress=a%40b", "/.well-known/autoconfig/mail/config-v1.1.xml"]
)
async def test_thunderbird_reads_its_settings(tmp_path: Path, path: str) -> None:
    header, body = await get(tmp_path, path)
    assert b"content-type: text/xml" in header.lower()
    provider = ElementTree.fromstring(body)[0]
    assert provider.get("id") == "ent.example.org"
    assert provider.findtext("displayName") == "ENT <Été>"
    servers = [[field.text for field in server] for server in provider if server.tag.endswith("Server")]
    common = ["password-cleartext", "%EMAILADDRESS%"]
    assert servers == [["gate.example.org", "993", "SSL", *common], ["gate.example.org", "465", "SSL", *common]]


async def test_other_servers_read_the_transport_policy(tmp_path: Path) -> None:
    header, body = await get(tmp_path, "/.well-known/mta-sts.txt")
    assert b"content-type: text/plain" in header.lower()
    assert body == b"version: STSv1\r\nmode: testing\r\nmx: gate.example.org\r\nmax_age: 604800\r\n"


async def test_without_a_policy_there_is_nothing_to_read(tmp_path: Path) -> None:
    header, _ = await get(tmp_path, "/.well-known/mta-sts.txt", dataclasses.replace(SITE, policy=""))
    assert header.startswith(b"HTTP/1.1 404")
