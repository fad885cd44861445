"""PIPELINING (RFC 2920): one answer segment for a group, and no meaning in how the client's bytes are cut."""

from __future__ import annotations

import asyncio
import socket
import ssl

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smtp.connection import GROUP
from smtp.limits import Limits
from tests.smtp.conftest import PLAIN, Running, Start

SESSION = (
    b"EHLO pc\r\nAUTH PLAIN " + PLAIN + b"\r\n"
    b"MAIL FROM:<prof@ecole.example> BODY=8BITMIME\r\nRCPT TO:<6a@ecole.example>\r\nRCPT TO:<inconnu@ecole.example>\r\n"
    b"DATA\r\nSubject: a\r\n\r\n..un\r\n.deux\r\n..\r\n.\r\n"
    b"MAIL FROM:<prof@ecole.example>\r\nRCPT TO:<6b@ecole.example>\r\nBDAT 5\r\na\r\n\r\nBDAT 3 LAST\r\n.\r\n"
    b"MAIL FROM:<prof@ecole.example>\r\nRCPT TO:<6b@ecole.example>\r\nDATA\r\nfaux\n.\r\nQUIT\r\n\r\n.\r\n"
    b"\x00\r\n" + b"X" * 3_000 + b"\r\nNOOP\r\nQUIT\r\n"
)
CODES = ["220", "250", "235", "250", "250", "550", "354", "250", "250", "250", "250", "250", "250", "250", "354"]
CODES += ["554", "500", "500", "250", "221"]


async def records_of_answer(running: Running, client_tls: ssl.SSLContext, sent: bytes) -> list[bytes]:
    """Sign in over TLS by hand, send a group, and give the first TLS record that answers, decrypted."""
    loop = asyncio.get_running_loop()
    sock = socket.create_connection(("127.0.0.1", running.tls_port))
    sock.settimeout(0)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_tls.wrap_bio(incoming, outgoing, server_hostname="localhost")

    async def record() -> None:
        header = b""
        while len(header) < 5:
            header += await loop.sock_recv(sock, 5 - len(header))
        body = b""
        size = int.from_bytes(header[3:])
        while len(body) < size:
            body += await loop.sock_recv(sock, size - len(body))
        incoming.write(header + body)

    async def read() -> bytes:
        while True:
            try:
                return tls.read()
            except ssl.SSLWantReadError:
                await record()

    try:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await loop.sock_sendall(sock, outgoing.read())
                await record()
        await loop.sock_sendall(sock, outgoing.read())
        greeting = await read()
        tls.write(sent)
        await loop.sock_sendall(sock, outgoing.read())
        return [greeting, await read()]
    finally:
        sock.close()


async def test_a_group_is_answered_in_one_record(running: Running, client_tls: ssl.SSLContext) -> None:
    group = b"EHLO pc\r\nAUTH PLAIN " + PLAIN + b"\r\nMAIL FROM:<prof@ecole.example>\r\n"
    group += b"RCPT TO:<a@b.example>\r\n" * 20 + b"DATA\r\n"
    _, answer = await records_of_answer(running, client_tls, group)
    assert answer.count(b"\r\n250 2.1.5") == 20
    assert answer.endswith(b"\r\n354 End the message with <CR><LF>.<CR><LF>\r\n")


async def test_answers_are_not_held_back_by_the_network(running: Running) -> None:
    wire = await running.connect()
    await wire.reply()
    [session] = running.server._sessions.values()
    sock = session._wire.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_session_in_one_piece(running: Running) -> None:
    wire = await running.connect()
    await wire.send(SESSION)
    answers = (await wire.rest()).split("\r\n")
    assert [answer[:3] for answer in answers if answer[3:4] == " "] == CODES
    assert running.school.bodies == [b"Subject: a\r\n\r\n.un\r\ndeux\r\n.\r\n", b"a\r\n\r\n.\r\n"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, len(SESSION) - 1), max_size=40, unique=True).map(sorted))
async def test_a_session_in_any_pieces_has_the_same_result(running: Running, cuts: list[int]) -> None:
    running.school.delivered.clear()
    wire = await running.connect()
    for start, stop in zip([0, *cuts], [*cuts, len(SESSION)], strict=True):
        await wire.send(SESSION[start:stop])
        # Two turns of the loop, so that most pieces reach the server alone.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    answers = (await wire.rest()).split("\r\n")
    assert [answer[:3] for answer in answers if answer[3:4] == " "] == CODES
    assert running.school.bodies == [b"Subject: a\r\n\r\n.un\r\ndeux\r\n.\r\n", b"a\r\n\r\n.\r\n"]


async def test_a_long_pipeline_lets_others_have_their_turn(start: Start) -> None:
    running = await start(Limits(idle_commands=1_000_000))
    wire = await running.connect(starttls=True)
    await wire.reply()
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    await wire.send(b"NOOP\r\n" * 20_000 + b"QUIT\r\n")
    assert (await wire.rest()).count("250 2.0.0 OK") == 20_000
    counting.cancel()
    assert turns > 20_000 / GROUP
