"""A submission server in a process of its own: prints its port as JSON, runs until its standard input closes."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys

from smtp.limits import Limits
from smtp.submission import SubmissionServer
from tests.smtp.conftest import School


async def main(certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = SubmissionServer(School(), context, hostname="mail.ecole.example", limits=Limits(auth_delay=0))
    sock = socket.create_server(("127.0.0.1", 0))
    await server.start([sock])
    sys.stdout.write(json.dumps({"port": sock.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(grace=1)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
