"""Two guardians in two households: a copy each, neither sees the other; who is excluded gets nothing, on any path."""

from __future__ import annotations

import imaplib
import smtplib
import time
from email.policy import SMTP
from functools import cache
from typing import Any

import pytest

from mailgate.delivery.writers import FRESH
from tests.directory.academy import expected
from tests.end_to_end.gateway import Gateway, Person, compose

SCHOOL = "clg-frederic-mistral.ent.example.org"


@cache
def _of_class() -> tuple[dict[str, Any], str]:
    truth = expected()
    return truth, f"6eme-b.parents@{SCHOOL}"


def household(gateway: Gateway) -> tuple[Person, Person, Person]:
    """A pupil of the class and two guardians who have no other child."""
    truth, name = _of_class()
    members = set(truth["lists"][name]["members"])
    guardians = [one for one in truth["accounts"] if one["id"] in members and len(one["children"]) == 1]
    for first in guardians:
        for second in guardians:
            if first["id"] < second["id"] and first["children"] == second["children"]:
                found = (gateway.people[number] for number in (first["children"][0], first["id"], second["id"]))
                child, one, other = found
                return child, one, other
    raise AssertionError("no such family")


def teacher(gateway: Gateway) -> Person:
    return next(one for one in gateway.by_profile("teacher") if "6ème B" in one.classes)


def everything(client: imaplib.IMAP4_SSL, subject: str) -> tuple[int, bytes]:
    """How many messages have this subject, and all that a client can be told of them and of its mailboxes."""
    client.select("INBOX")
    _, (found,) = client.uid("SEARCH", "HEADER", "Subject", subject)
    uids = found.decode().split()
    told: list[object] = [client.uid("FETCH", uid, "(FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])") for uid in uids]
    told += [
        client.list('""', '"*"'),
        client.lsub('""', '"*"'),
        client.namespace(),
        client.getacl("INBOX"),
        client.myrights("INBOX"),
        client.xatom("GETMETADATA", "(DEPTH infinity)", '""', "(/shared /private)"),
        client.xatom("GETMETADATA", "(DEPTH infinity)", "INBOX", "(/shared /private)"),
        dict(client.untagged_responses),
    ]
    return len(uids), repr(told).encode().lower()


@pytest.mark.parametrize("path", ["list", "personal", "blind", "both"])
def test_each_has_one_copy_and_neither_sees_the_other(gateway: Gateway, path: str) -> None:
    _, one, other = household(gateway)
    writer, name = teacher(gateway), _of_class()[1]
    subject = f"Foyers-{path}"
    recipients = {"list": [name], "both": [name, one.address, other.address]}.get(path, [one.address, other.address])
    to = name if path in {"list", "both"} else "undisclosed-recipients:;"
    if path == "personal":
        for each in recipients:
            gateway.send(writer, [each], compose(writer, each, subject))
    else:
        gateway.send(writer, recipients, compose(writer, to, subject))
    for reader, hidden in ((one, other), (other, one)):
        with gateway.imap(reader) as client:
            count, told = everything(client, subject)
        assert count == 1
        assert reader.address.encode() in told or path != "personal"
        assert hidden.address.encode() not in told


def test_who_is_excluded_gets_nothing_and_the_other_everything(mortal_gateway: Gateway) -> None:
    gateway = mortal_gateway
    child, one, other = household(gateway)
    writer, name = teacher(gateway), _of_class()[1]
    gateway.command("person", "exclude", one.address, child.address, "--reason", "jugement")
    gateway.send(writer, [name], compose(writer, name, "Exclu"))
    with gateway.imap(other) as client:
        assert everything(client, "Exclu")[0] == 1
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        gateway.send(writer, [one.address], compose(writer, one.address, "Exclu"))
    with imaplib.IMAP4_SSL(*gateway.imaps, ssl_context=gateway.tls()) as client, pytest.raises(imaplib.IMAP4.error):
        client.login(one.address, one.password)
    gateway.command("person", "include", one.address, child.address)
    with gateway.imap(one) as client:
        assert everything(client, "Exclu")[0] == 0
    gateway.send(writer, [one.address, name], compose(writer, name, "Inclus"))
    with gateway.imap(one) as client:
        assert everything(client, "Inclus")[0] == 1


def test_what_was_open_when_the_school_excludes_somebody_delivers_nothing_more(mortal_gateway: Gateway) -> None:
    gateway = mortal_gateway
    child, one, _ = household(gateway)
    to = teacher(gateway)
    message = compose(one, to.address, "Retard").as_bytes(policy=SMTP)
    with gateway.smtp(one) as under_way, gateway.smtp(one) as idle:
        for client in (under_way, idle):
            client.ehlo()
        under_way.mail(one.address)
        assert under_way.rcpt(to.address)[0] == 250
        gateway.command("person", "exclude", one.address, child.address, "--reason", "jugement")
        time.sleep(FRESH)
        assert under_way.data(message)[0] == 550
        assert idle.mail(one.address)[0] == 550
    gateway.command("person", "include", one.address, child.address)
    with gateway.imap(to) as reader:
        assert everything(reader, "Retard")[0] == 0
