"""What a submission refuses, at the moment the writer can still mend it."""

from __future__ import annotations

import imaplib
import smtplib

import pytest

from tests.end_to_end.gateway import Gateway, compose

SCHOOL = "clg-frederic-mistral.ent.example.org"


def rcpt(gateway: Gateway, address: str, profile: str = "teacher") -> tuple[int, bytes]:
    sender = gateway.by_profile(profile)[0]
    with gateway.smtp(sender) as client:
        client.ehlo()
        assert client.mail(sender.address)[0] == 250
        return client.rcpt(address)


def test_unknown_recipient_is_refused_at_rcpt(gateway: Gateway) -> None:
    code, text = rcpt(gateway, "nobody.here@ent.example.org")
    assert code == 550
    assert text.startswith(b"5.1.1")


def test_unknown_list_is_refused_at_rcpt(gateway: Gateway) -> None:
    assert rcpt(gateway, f"6eme-z.parents@{SCHOOL}")[0] == 550


def test_outside_address_is_refused_at_rcpt(gateway: Gateway) -> None:
    code, text = rcpt(gateway, "someone@elsewhere.example")
    assert code == 550
    assert text.startswith(b"5.7.1")


@pytest.mark.parametrize("profile", ["pupil", "relative"])
def test_lists_are_not_open_to_pupils_and_relatives(gateway: Gateway, profile: str) -> None:
    code, text = rcpt(gateway, f"parents@{SCHOOL}", profile)
    assert code == 550
    assert text.startswith(b"5.7.1")


def test_reverse_path_must_be_ones_own(gateway: Gateway) -> None:
    sender, other = gateway.by_profile("teacher")[:2]
    with gateway.smtp(sender) as client:
        client.ehlo()
        assert client.mail(other.address)[0] == 550


def test_from_must_be_ones_own(gateway: Gateway) -> None:
    sender, other = gateway.by_profile("teacher")[:2]
    message = compose(other, sender.address, "Usurpation")
    with gateway.smtp(sender) as client, pytest.raises(smtplib.SMTPDataError) as refused:
        client.send_message(message, sender.address, [sender.address])
    assert refused.value.smtp_code == 550
    with gateway.imap(sender) as inbox:
        inbox.select("INBOX")
        assert inbox.uid("SEARCH", "SUBJECT", "Usurpation")[1] == [b""]


def test_unknown_account_and_wrong_password_read_the_same(gateway: Gateway) -> None:
    known = gateway.by_profile("teacher")[2].address
    answers = []
    for address in (known, "nobody.here@ent.example.org"):
        client = imaplib.IMAP4_SSL(*gateway.imaps, ssl_context=gateway.tls())
        with pytest.raises(imaplib.IMAP4.error) as refused:
            client.login(address, "wrong-password")
        answers.append(str(refused.value))
        client.logout()
    assert answers[0] == answers[1]
    assert "AUTHENTICATIONFAILED" in answers[0]
