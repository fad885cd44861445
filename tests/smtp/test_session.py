"""Greeting, order of commands, envelope: transcripts over TLS."""

from __future__ import annotations

import pytest

from smtp.limits import Limits
from tests.smtp.conftest import MESSAGE, PLAIN, USER, Running, Start


async def test_ehlo_announces_what_the_server_can_do(running: Running) -> None:
    wire = await running.connect()
    assert await wire.reply() == "220 mail.ecole.example ESMTP submission ready"
    answer = await wire.ask("EHLO [127.0.0.1]")
    assert answer.split("\n") == [
        "250-mail.ecole.example",
        "250-PIPELINING",
        "250-SIZE 50000000",
        "250-LIMITS MAILMAX=1000 RCPTMAX=500",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-ENHANCEDSTATUSCODES",
        "250-CHUNKING",
        "250-REQUIRETLS",
        "250-DSN",
        "250 AUTH PLAIN LOGIN",
    ]


async def test_a_message_goes_from_sign_in_to_delivery(running: Running) -> None:
    wire = await running.signed_in()
    await wire.begin("6a@ecole.example", "6b@ecole.example")
    assert await wire.data(MESSAGE + b".\r\n") == "250 2.0.0 Accepted as 1"
    assert await wire.ask("QUIT") == "221 2.0.0 Goodbye"
    assert await wire.rest() == ""
    [(envelope, content)] = running.school.delivered
    assert content == MESSAGE
    assert envelope.mail_from == USER
    assert envelope.sender.username == USER
    assert [recipient.address for recipient in envelope.recipients] == ["6a@ecole.example", "6b@ecole.example"]
    assert envelope.peer.host == "127.0.0.1"
    assert envelope.peer.tls.startswith("TLSv1.3 TLS_")


async def test_several_messages_in_one_connection(running: Running) -> None:
    wire = await running.signed_in()
    for count in range(1, 4):
        await wire.begin()
        assert await wire.data(b"%d\r\n.\r\n" % count) == f"250 2.0.0 Accepted as {count}"
    assert running.school.bodies == [b"1\r\n", b"2\r\n", b"3\r\n"]


async def test_commands_out_of_order_are_refused(running: Running) -> None:
    wire = await running.connect()
    await wire.reply()
    assert (await wire.ask(f"MAIL FROM:<{USER}>")).startswith("503 5.5.1")
    assert (await wire.ask("AUTH PLAIN")).startswith("503 5.5.1")
    await wire.ask("EHLO pc")
    for command in ("MAIL FROM:<a@b>", "RCPT TO:<a@b>", "DATA", "VRFY a"):
        assert (await wire.ask(command)).startswith("530 5.7.0")
    await wire.ask(b"AUTH PLAIN " + PLAIN)
    assert (await wire.ask("RCPT TO:<a@b>")).startswith("503 5.5.1")
    assert (await wire.ask("DATA")).startswith("503 5.5.1")
    assert (await wire.ask("MAIL FROM:<a@b>")).startswith("250")
    assert (await wire.ask("MAIL FROM:<a@b>")).startswith("503 5.5.1")
    assert (await wire.ask("DATA")).startswith("503 5.5.1")
    assert (await wire.ask("DATA now")).startswith("501 5.5.4")
    assert (await wire.ask("RSET")).startswith("250 2.0.0")
    assert (await wire.ask("RCPT TO:<a@b>")).startswith("503 5.5.1")


async def test_ehlo_drops_the_transaction_and_keeps_the_sign_in(running: Running) -> None:
    wire = await running.signed_in()
    await wire.begin()
    await wire.ask("EHLO again")
    assert (await wire.ask("DATA")).startswith("503 5.5.1")
    await wire.begin()


async def test_helo_gets_a_plain_answer_and_no_sign_in(running: Running) -> None:
    wire = await running.connect()
    await wire.reply()
    assert await wire.ask("HELO pc") == "250 mail.ecole.example"
    assert (await wire.ask("AUTH PLAIN")).startswith("503 5.5.1")


async def test_small_commands(running: Running) -> None:
    wire = await running.signed_in()
    assert (await wire.ask("noop whatever")).startswith("250 2.0.0")
    assert (await wire.ask("HELP")).startswith("214 2.0.0 Commands: AUTH BDAT DATA")
    assert (await wire.ask("VRFY prof")).startswith("252 2.0.0")
    assert (await wire.ask("EXPN parents")).startswith("502 5.5.1")
    assert (await wire.ask("TURN")).startswith("500 5.5.2")
    assert (await wire.ask("")).startswith("500 5.5.2")
    assert (await wire.ask("QUIT now")).startswith("501 5.5.4")


async def test_what_the_application_refuses_is_said_in_its_words_without_accents(running: Running) -> None:
    wire = await running.signed_in()
    assert await wire.ask("MAIL FROM:<autre@ecole.example>") == "550 5.7.1 This address is not yours"
    await wire.ask(f"MAIL FROM:<{USER}>")
    assert await wire.ask("RCPT TO:<inconnu@ecole.example>") == "550 5.1.1 Eleve inconnu"
    assert (await wire.ask("DATA")).startswith("554 5.5.1")
    assert (await wire.ask("RCPT TO:<6a@ecole.example>")).startswith("250 2.1.5")


async def test_a_fault_of_the_application_is_a_temporary_error_and_logs_no_value(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    wire = await running.signed_in()
    await wire.begin()
    assert (await wire.ask("RCPT TO:<panne@ecole.example>")).startswith("451 4.3.0")
    assert (await wire.data(b"x\r\n.\r\n")).startswith("250 2.0.0")
    logged = capsys.readouterr().out
    assert "RuntimeError" in logged
    assert "secret in an exception" not in logged


@pytest.mark.parametrize("host", ["[127.0.0.1]", "[IPv6:::1]", "DESKTOP-4T7_PROF", "pc.ecole.example"])
async def test_hosts_that_clients_give_are_taken(running: Running, host: str) -> None:
    wire = await running.connect()
    await wire.reply()
    assert (await wire.ask(f"EHLO {host}")).startswith("250-")


@pytest.mark.parametrize(
    "host", ["", "a b", "a(b)", "pc\0x", "pc\rX-Injected: 1", "pc\tx", "é", "<x>", "a" * 256, "a;b"]
)
async def test_hosts_that_could_spoil_a_trace_are_refused(running: Running, host: str) -> None:
    wire = await running.connect()
    await wire.reply()
    assert (await wire.ask(f"EHLO {host}"))[:3] in {"500", "501"}
    assert (await wire.ask("EHLO pc")).startswith("250-")


async def test_recipients_over_the_limit_are_for_another_message(start: Start) -> None:
    running = await start(Limits(recipients=2))
    wire = await running.signed_in()
    await wire.begin("a@b.example", "b@b.example")
    assert (await wire.ask("RCPT TO:<c@b.example>")).startswith("452 4.5.3")
    assert (await wire.data(b"x\r\n.\r\n")).startswith("250")
    assert len(running.school.delivered[0][0].recipients) == 2


async def test_messages_per_connection_are_limited(start: Start) -> None:
    running = await start(Limits(messages=1))
    wire = await running.signed_in()
    await wire.begin()
    await wire.data(b"x\r\n.\r\n")
    assert (await wire.ask("MAIL FROM:<a@b>")).startswith("421 4.7.0")
    assert await wire.rest() == ""


async def test_too_many_errors_end_the_connection(start: Start) -> None:
    running = await start(Limits(bad_commands=3))
    wire = await running.connect()
    await wire.reply()
    for _ in range(3):
        assert (await wire.ask("WHAT")).startswith("500")
    assert (await wire.ask("WHAT")).startswith("421 4.7.0")
    assert await wire.rest() == ""


async def test_refused_recipients_are_no_errors_of_the_client(start: Start) -> None:
    running = await start(Limits(bad_commands=3))
    wire = await running.signed_in()
    await wire.begin()
    for _ in range(10):
        assert (await wire.ask("RCPT TO:<inconnu@b.example>")).startswith("550 5.1.1")


async def test_commands_without_a_message_are_limited(start: Start) -> None:
    running = await start(Limits(idle_commands=5))
    wire = await running.connect()
    await wire.send(b"NOOP\r\n" * 10)
    answers = (await wire.rest()).split("\r\n")
    assert answers[1:6] == ["250 2.0.0 OK"] * 5
    assert answers[6].startswith("421 4.7.0")


async def test_a_web_browser_is_sent_away(running: Running) -> None:
    wire = await running.connect()
    await wire.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\n")
    answers = (await wire.rest()).split("\r\n")
    assert answers[1].startswith("500 5.5.2")
    assert answers[2:] == [""]


async def test_null_reverse_path_and_outlook_s_space(running: Running) -> None:
    wire = await running.signed_in()
    assert (await wire.ask("MAIL FROM: <>")).startswith("250")
    assert (await wire.ask("RCPT TO: <6a@ecole.example>")).startswith("250")
    assert (await wire.data(b"x\r\n.\r\n")).startswith("250")
    assert running.school.delivered[0][0].mail_from == ""


async def test_all_parameters_reach_the_envelope(running: Running) -> None:
    wire = await running.signed_in()
    mail = "mail from:<élève@ecole.example> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=hdrs ENVID=QQ+2B314159 AUTH=<>"
    assert (await wire.ask(mail)).startswith("250")
    recipient = "rcpt to:<@relay.example:éa@ecole.example> NOTIFY=success,FAILURE ORCPT=rfc822;Bob+2B@Example.com"
    assert (await wire.ask(recipient)).startswith("250")
    assert (await wire.data(b"x\r\n.\r\n")).startswith("250")
    [(envelope, _)] = running.school.delivered
    assert envelope.mail_from == "élève@ecole.example"
    assert (envelope.smtputf8, envelope.body_8bit, envelope.declared_size) == (True, True, 1000)
    assert (envelope.dsn_return, envelope.envelope_id) == ("HDRS", "QQ+314159")
    [to] = envelope.recipients
    assert to.address == "éa@ecole.example"
    assert to.notify == {"SUCCESS", "FAILURE"}
    assert to.original == "rfc822;Bob+@Example.com"


async def test_a_declared_size_over_the_limit_is_refused_at_once(running: Running) -> None:
    wire = await running.signed_in()
    assert (await wire.ask(f"MAIL FROM:<{USER}> SIZE=50000001")).startswith("552 5.3.4")
    assert (await wire.ask(f"MAIL FROM:<{USER}> SIZE=50000000")).startswith("250")
