"""Greeting, capabilities, sign-in, states, and the commands about the connection itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from imap.backend import MailboxStatus
from tests.imap.conftest import Gateway, Talk, message
from tests.imap.memory_backend import MemoryAccount, plain_response
from tests.imap.wire import Client


async def test_the_greeting_tells_what_may_be_done_before_sign_in(gateway: Gateway) -> None:
    greeting = await (await gateway.connect()).line()
    assert greeting.startswith(b"* OK [CAPABILITY IMAP4rev2 IMAP4rev1 ")
    assert b"AUTH=PLAIN" in greeting
    assert b"SASL-IR" in greeting
    assert b"QRESYNC" not in greeting
    assert b"LOGINDISABLED" not in greeting


async def test_without_tls_there_is_no_sign_in(gateway: Gateway) -> None:
    client = await gateway.connect(secure=False)
    greeting = await client.line()
    assert b"STARTTLS" in greeting
    assert b"LOGINDISABLED" in greeting
    assert b"AUTH=" not in greeting
    assert (await client.command("LOGIN ada secret"))[-1].startswith(b"t1 NO [PRIVACYREQUIRED]")
    plain = plain_response("ada", "secret")
    assert (await client.command(f"AUTHENTICATE PLAIN {plain}"))[-1].startswith(b"t2 NO [PRIVACYREQUIRED]")
    assert gateway.backend.peers == []


async def test_sign_in_tells_the_capabilities_in_its_completion(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.line()
    completion = (await client.command("LOGIN ada secret"))[-1]
    assert completion.startswith(b"t1 OK [CAPABILITY ")
    for name in b"IDLE QRESYNC SPECIAL-USE LIST-STATUS UTF8=ACCEPT APPENDLIMIT=52428800".split():
        assert b" " + name in completion
    assert gateway.backend.peers[0].tls
    assert gateway.backend.peers[0].host == "127.0.0.1"


async def test_authenticate_in_two_steps_as_thunderbird_does(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.line()
    await client.send(b"1 authenticate plain\r\n")
    assert await client.line() == b"+ "
    await client.send(plain_response("ada", "secret").encode() + b"\r\n")
    assert (await client.line()).startswith(b"1 OK [CAPABILITY ")


async def test_authenticate_with_several_challenges(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.line()
    await client.send(b"1 AUTHENTICATE LOGIN\r\n")
    assert await client.line() == b"+ VXNlcm5hbWU6"
    await client.send(b"YWRh\r\n")
    assert await client.line() == b"+ UGFzc3dvcmQ6"
    await client.send(b"c2VjcmV0\r\n")
    assert (await client.line()).startswith(b"1 OK ")


async def test_authenticate_can_be_cancelled_and_mistyped(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.line()
    await client.send(b"1 AUTHENTICATE PLAIN\r\n")
    await client.line()
    await client.send(b"*\r\n")
    assert (await client.line()).startswith(b"1 BAD ")
    await client.send(b"2 AUTHENTICATE PLAIN\r\n")
    await client.line()
    await client.send(b"no base64!\r\n")
    assert (await client.line()).startswith(b"2 BAD ")
    assert (await client.command("AUTHENTICATE XYZ"))[-1].startswith(b"t1 NO ")
    await client.ok("LOGIN ada secret")


async def test_a_wrong_password_and_an_unknown_account_read_the_same(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.line()
    wrong = (await client.command("LOGIN ada wrong"))[-1]
    unknown = (await client.command("LOGIN nobody wrong"))[-1]
    assert wrong.startswith(b"t1 NO [AUTHENTICATIONFAILED]")
    assert wrong[2:] == unknown[2:]


async def test_passwords_may_come_as_literals(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.line()
    await client.send(b"1 LOGIN {3}\r\n")
    assert (await client.line()).startswith(b"+ ")
    await client.send(b"ada {6+}\r\nsecret\r\n")
    assert (await client.line()).startswith(b"1 OK ")


async def test_commands_out_of_their_state_are_bad(gateway: Gateway, client: Client) -> None:
    stranger = await gateway.connect()
    await stranger.line()
    for command in ("SELECT INBOX", 'LIST "" "*"', "IDLE", "ENABLE QRESYNC", "FETCH 1 FLAGS"):
        assert b" BAD " in (await stranger.command(command))[-1]
    for command in ("FETCH 1 FLAGS", "CLOSE", "EXPUNGE", "SEARCH ALL", "LOGIN ada secret", "STARTTLS", "NONSENSE"):
        assert b" BAD " in (await client.command(command))[-1]


async def test_capability_id_namespace_noop(talk: Talk) -> None:
    await talk(
        """
        A: a1 CAPABILITY
        A< * CAPABILITY IMAP4rev2 IMAP4rev1 …
        A< a1 OK CAPABILITY completed
        A: a2 ID ("name" "Thunderbird")
        A< * ID ("name" "mailgate")
        A< a2 OK ID completed
        A: a3 ID NIL
        A< * ID ("name" "mailgate")
        A< a3 OK ID completed
        A: a4 NAMESPACE
        A< * NAMESPACE (("" "/")) (("Other Users/" "/")) (("Shared/" "/"))
        A< a4 OK NAMESPACE completed
        A: a5 NOOP
        A< a5 OK NOOP completed
        A: a6 ENABLE CONDSTORE X-UNKNOWN UTF8=ACCEPT
        A< * ENABLED CONDSTORE UTF8=ACCEPT
        A< a6 OK ENABLE completed
        A: a7 LOGOUT
        A< * BYE Goodbye
        A< a7 OK LOGOUT completed
        A<
        """
    )


async def test_starttls_then_sign_in(gateway: Gateway) -> None:
    client = await gateway.connect(secure=False)
    await client.line()
    assert (await client.command("STARTTLS"))[-1].startswith(b"t1 OK ")
    await client.writer.start_tls(gateway.tls.client, server_hostname="localhost")
    capabilities = (await client.ok("CAPABILITY"))[0]
    assert b"STARTTLS" not in capabilities
    assert b"AUTH=PLAIN" in capabilities
    assert (await client.command("STARTTLS"))[-1].startswith(b"t3 BAD ")
    await client.ok("LOGIN ada secret")
    await client.ok("SELECT INBOX")


async def test_commands_sent_with_starttls_are_forgotten(gateway: Gateway) -> None:
    client = await gateway.connect(secure=False)
    await client.line()
    await client.send(b"1 STARTTLS\r\n2 LOGIN ada secret\r\n3 NOOP\r\n")
    assert (await client.line()).startswith(b"1 OK ")
    await client.writer.start_tls(gateway.tls.client, server_hostname="localhost")
    await client.send(b"4 NOOP\r\n")
    assert await client.line() == b"4 OK NOOP completed"
    assert gateway.backend.peers == []


async def test_an_internal_error_costs_one_command(gateway: Gateway, client: Client, account: MemoryAccount) -> None:
    account.deliver(message())
    await client.ok("SELECT INBOX")

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    account.entries = broken  # type: ignore[method-assign,assignment]
    assert (await client.command("FETCH 1 ENVELOPE"))[-1] == b"t3 NO [SERVERBUG] Internal error"
    await client.ok("FETCH 1 FLAGS")


async def test_pipelined_commands_are_answered_in_order(client: Client, account: MemoryAccount) -> None:
    for number in range(20):
        account.deliver(message(f"m{number}"))
    commands = b"".join(b"f%d FETCH %d (BODY.PEEK[])\r\n" % (n, n) for n in range(1, 21))
    await client.send(b"s SELECT INBOX\r\n" + commands + b"x NOOP\r\n")
    lines = await client.until("x")
    completions = [line.split()[0] for line in lines if not line.startswith(b"*")]
    assert completions == [b"s", *(b"f%d" % n for n in range(1, 21)), b"x"]
    assert sum(b"BODY[] {" in line for line in lines) == 20


async def test_an_answer_does_not_wait_for_the_next_pipelined_command(client: Client, account: MemoryAccount) -> None:
    mailboxes, gate = account.mailboxes, asyncio.Event()

    async def slow() -> Sequence[MailboxStatus]:
        await gate.wait()
        return await mailboxes()

    account.mailboxes = slow  # type: ignore[method-assign]
    await client.send(b'a NOOP\r\nb NOOP\r\nc LIST "" *\r\nd NOOP\r\n')
    assert (await client.until("b"))[-1] == b"b OK NOOP completed"
    gate.set()
    assert (await client.until("d"))[-1] == b"d OK NOOP completed"


async def test_many_pipelined_commands_leave_the_loop_to_others(
    gateway: Gateway, client: Client, account: MemoryAccount
) -> None:
    account.deliver(message("large") + b"x" * 200_000)
    other = await gateway.client()
    await client.ok("SELECT INBOX")
    count = 2_000
    await client.send(b"".join(b"f%d FETCH 1 BODY.PEEK[1]<0.50000>\r\n" % n for n in range(count)))
    reading = asyncio.ensure_future(client.until(f"f{count - 1}"))
    for _ in range(10):
        await other.ok("NOOP")
    assert not reading.done()
    assert sum(line.startswith(b"* 1 FETCH") for line in await reading) == count
