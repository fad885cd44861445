"""A message that was submitted is in its writer's Sent mailbox, once, whether the mail program files its own or not."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

import pytest

from tests.end_to_end.gateway import Gateway, Person, compose


@pytest.fixture
def writer(gateway: Gateway) -> Person:
    return gateway.by_profile("teacher")[0]


def colleague(gateway: Gateway, writer: Person) -> Person:
    return next(one for one in gateway.by_profile("teacher") if one.school == writer.school and one != writer)


def send(gateway: Gateway, writer: Person, to: str, mail_from: str, message: EmailMessage) -> None:
    with gateway.smtp(writer) as client:
        client.ehlo()
        assert client.mail(mail_from)[0] == 250
        assert client.rcpt(to)[0] == 250
        assert client.data(message.as_bytes(policy=SMTP))[0] == 250


def in_sent(gateway: Gateway, writer: Person, message: EmailMessage) -> list[tuple[bytes, bytes]]:
    """Flags and header of what is in Sent under the Message-ID."""
    with gateway.imap(writer) as client:
        client.select("Sent", readonly=True)
        uids = client.uid("SEARCH", "HEADER", "Message-ID", message["Message-ID"])[1][0].split()
        return [client.uid("FETCH", uid.decode(), "(FLAGS BODY.PEEK[HEADER])")[1][0] for uid in uids]


def test_what_is_sent_is_kept_and_a_programs_own_copy_takes_its_place(gateway: Gateway, writer: Person) -> None:
    to = colleague(gateway, writer).address
    message = compose(writer, to, "Sortie au musée")
    send(gateway, writer, to, writer.address, message)
    [(flags, header)] = in_sent(gateway, writer, message)
    assert b"\\Seen" in flags
    assert header.startswith(b"Return-Path: <" + writer.address.encode())
    message["Bcc"] = "moi@ailleurs.example"
    with gateway.imap(writer) as client:
        client.select("Sent")
        client.append("Sent", "(\\Seen)", "", message.as_bytes(policy=SMTP))
        assert client.response("APPENDUID")[1] != [None]
    [(_, header)] = in_sent(gateway, writer, message)
    assert b"Bcc: moi@ailleurs.example" in header


def test_a_read_receipt_is_not_kept(gateway: Gateway, writer: Person) -> None:
    to = colleague(gateway, writer).address
    message = compose(writer, to, "Lu : Sortie au musée")
    send(gateway, writer, to, "", message)
    assert in_sent(gateway, writer, message) == []
