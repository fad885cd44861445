"""Purge with proof: one message out of every mailbox, before the eyes of connected clients, and the report of it."""

from __future__ import annotations

import csv
import imaplib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Command, Outcome
from tests.end_to_end.gateway import Gateway, Person, compose, subjects
from tests.end_to_end.test_shared_mailboxes import ADDRESS, MAILBOX

LIST = "6eme-a.eleves@clg-frederic-mistral.ent.example.org"


@pytest.fixture
def command(gateway: Gateway) -> Command:
    return Command(gateway.state)


@pytest.fixture(scope="module")
def pupils(gateway: Gateway) -> list[Person]:
    return [person for person in gateway.by_profile("pupil") if "6ème A" in person.classes]


@pytest.fixture(scope="module")
def teacher(gateway: Gateway) -> Person:
    return next(person for person in gateway.by_profile("teacher") if "6ème A" in person.classes)


def send(gateway: Gateway, sender: Person, to: list[str], subject: str) -> str:
    """Send; give the Message-ID."""
    message = compose(sender, to[0], subject)
    gateway.send(sender, to, message)
    return str(message["Message-ID"])


def uid_of(client: imaplib.IMAP4_SSL, subject: str) -> str:
    return str(client.uid("SEARCH", "SUBJECT", f'"{subject}"')[1][0].split()[-1].decode())


def report(outcome: Outcome) -> Any:  # noqa: ANN401 - what a command says
    assert outcome.code == 0, outcome
    return outcome.json


class Idle:
    """A client in IDLE, by its own socket: the standard library's client has no IDLE yet."""

    def __init__(self, client: imaplib.IMAP4_SSL) -> None:
        self._client = client
        client.sock.settimeout(20)
        client.send(b"i1 IDLE\r\n")
        assert client.readline().startswith(b"+ ")

    def next(self) -> bytes:
        return bytes(self._client.readline())

    def done(self) -> None:
        self._client.send(b"DONE\r\n")
        while not self._client.readline().startswith(b"i1 OK"):
            pass


def opened(stack: ExitStack, gateway: Gateway, person: Person, *, qresync: bool = False) -> imaplib.IMAP4_SSL:
    """A client that has INBOX selected."""
    client = stack.enter_context(gateway.imap(person))
    if qresync:
        client.enable("QRESYNC")
    client.select("INBOX")
    return client


def live_with(gateway: Gateway, people: list[Person], subject: str) -> None:
    """One opens the message, one copies it, one moves it, one deletes it for good."""
    reader, copier, mover, deleter = people
    with ExitStack() as stack:
        client = opened(stack, gateway, reader)
        client.uid("FETCH", uid_of(client, subject), "(BODY[TEXT])")
        client = opened(stack, gateway, copier)
        client.uid("COPY", uid_of(client, subject), "Archive")
        client = opened(stack, gateway, mover)
        client.uid("MOVE", uid_of(client, subject), "Trash")
        client = opened(stack, gateway, deleter)
        client.uid("STORE", uid_of(client, subject), "+FLAGS", "(\\Deleted)")
        client.expunge()


def resynchronised(client: imaplib.IMAP4_SSL, validity: str, modseq: str) -> list[bytes]:
    """What a client that comes back is told at SELECT (RFC 7162 section 3.2.5)."""
    client.enable("QRESYNC")
    client.send(b"q1 SELECT INBOX (QRESYNC (%b %b))\r\n" % (validity.encode(), modseq.encode()))
    lines: list[bytes] = []
    while not (lines and lines[-1].startswith(b"q1 ")):
        lines.append(client.readline())
    return lines


def test_every_copy_goes_with_proof(
    gateway: Gateway, command: Command, pupils: list[Person], teacher: Person, tmp_path: Path
) -> None:
    subject = "A purger"
    message_id = send(gateway, teacher, [LIST], subject)
    live_with(gateway, pupils[:4], subject)
    reader, copier, mover, deleter = (pupil.address for pupil in pupils[:4])
    rehearsed = report(command("purge", message_id, "--dry-run", "--json"))
    assert rehearsed["summary"] == {"copies": 0, "withdrawn": 0, "kept": 25, "gone": 1, "opened": 1}
    with ExitStack() as stack:
        idle = Idle(opened(stack, gateway, pupils[4]))
        flags = ("--yes", "--json", "--reason", "essai", "--report", tmp_path / "r.csv")
        found = report(command("purge", message_id, *flags))
        assert b"EXPUNGE" in idle.next()
        idle.done()
    assert found["summary"] == {"copies": 26, "withdrawn": 25, "kept": 0, "gone": 1, "opened": 1}
    states = {(row["address"], row["mailbox"], row["how"], row["state"], row["opened"]) for row in found["copies"]}
    assert (reader, "INBOX", "received", "purged", True) in states
    assert (copier, "Archive", "copied", "purged", False) in states
    assert (mover, "Trash", "copied", "purged", False) in states
    assert (deleter, "", "received", "gone", False) in states
    assert {row["address"] for row in found["copies"]} == {pupil.address for pupil in pupils}
    with (tmp_path / "r.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.reader(file, delimiter=";"))) == 1 + 27
    for pupil in pupils[:5]:
        with gateway.imap(pupil) as client:
            assert not any(subject in subjects(client, mailbox) for mailbox in ("INBOX", "Archive", "Trash"))
    again = report(command("purge", message_id.strip("<>"), "--yes", "--json"))
    assert again["copies"] == found["copies"]


def test_connected_clients_see_it_vanish(
    gateway: Gateway, command: Command, pupils: list[Person], teacher: Person
) -> None:
    subject = "A voir disparaitre"
    message_id = send(gateway, teacher, [LIST], subject)
    waiting, plain, fetching, away = pupils[:4]
    with ExitStack() as stack:
        client = opened(stack, gateway, away)
        back_uid = uid_of(client, subject)
        status = client.status("INBOX", "(UIDVALIDITY HIGHESTMODSEQ)")[1][0].decode()
        validity, modseq = (word for word in status.replace(")", " ").split() if word.isdigit())
        client = opened(stack, gateway, waiting, qresync=True)
        uid = uid_of(client, subject)
        idle = Idle(client)
        client = opened(stack, gateway, plain)
        place = client.search(None, "SUBJECT", f'"{subject}"')[1][0].split()[-1]
        idle_without = Idle(client)
        stale = opened(stack, gateway, fetching)
        stale_uid = uid_of(stale, subject)
        report(command("purge", message_id, "--yes", "--json"))
        assert idle.next() == b"* VANISHED %b\r\n" % uid.encode()
        assert idle_without.next() == b"* %b EXPUNGE\r\n" % place
        idle.done()
        idle_without.done()
        answer = stale.uid("FETCH", stale_uid, "(BODY.PEEK[])")
        assert not any(isinstance(part, tuple) for part in answer[1])
        assert subject not in subjects(stale)
    with gateway.imap(away) as client:
        assert b"* VANISHED (EARLIER) %b\r\n" % back_uid.encode() in resynchronised(client, validity, modseq)


def test_one_list_of_two_and_the_senders_own_copy(
    gateway: Gateway, command: Command, pupils: list[Person], teacher: Person
) -> None:
    other = "6eme-b.eleves@clg-frederic-mistral.ent.example.org"
    message = compose(teacher, LIST, "Deux listes")
    gateway.send(teacher, [LIST, other], message)
    with gateway.imap(teacher) as client:
        client.append("Sent", "(\\Seen)", None, message.as_bytes(policy=message.policy.clone(linesep="\r\n")))
    message_id = str(message["Message-ID"])
    first = report(command("purge", message_id, "--list", other, "--yes", "--json"))
    with gateway.imap(pupils[0]) as client:
        assert "Deux listes" in subjects(client)
    assert first["summary"]["copies"] > 0
    report(command("purge", message_id, "--yes", "--json"))
    with gateway.imap(pupils[0]) as client:
        assert "Deux listes" not in subjects(client)
    with gateway.imap(teacher) as client:
        assert "Deux listes" in subjects(client, "Sent")
    last = report(command("purge", message_id, "--sent", "--yes", "--json"))
    assert [row["mailbox"] for row in last["copies"] if row["how"] == "sent"] == ["Sent"]
    with gateway.imap(teacher) as client:
        assert "Deux listes" not in subjects(client, "Sent")


def test_a_shared_mailbox_says_who_opened_it(gateway: Gateway, command: Command) -> None:
    parent = next(person for person in gateway.by_profile("relative") if "6ème A" in person.classes)
    message_id = send(gateway, parent, [ADDRESS], "Au bureau, par erreur")
    people = []
    for person in gateway.by_profile("school_life"):
        with gateway.imap(person) as client:
            if client.select(MAILBOX)[0] == "OK":
                people.append(person)
                if len(people) == 1:
                    client.uid("FETCH", uid_of(client, "par erreur"), "(BODY[TEXT])")
    found = report(command("purge", message_id, "--yes", "--json"))
    [row] = found["copies"]
    assert (row["address"], row["opened"], row["opened_by"]) == (ADDRESS, False, [people[0].address])
    with gateway.imap(people[1]) as client:
        assert "Au bureau, par erreur" not in subjects(client, MAILBOX)


def test_what_is_found_and_what_is_not(
    gateway: Gateway, command: Command, pupils: list[Person], teacher: Person
) -> None:
    message_id = send(gateway, teacher, [pupils[0].address], "Le mien")
    other = compose(pupils[0], teacher.address, "Le même identifiant")
    other.replace_header("Message-ID", message_id)
    gateway.send(pupils[0], [pupils[1].address, teacher.address], other)
    refused = command("purge", message_id, "--yes")
    assert refused.code == 1
    assert "several people" in refused.err
    listed = report(command("purge", "--from", teacher.address, "--hours", "1", "--json"))
    mine = next(one for one in listed if one["message_id"] == message_id)
    found = report(command("purge", mine["id"], "--yes", "--json"))
    assert [row["address"] for row in found["copies"]] == [pupils[0].address]
    with gateway.imap(teacher) as client:
        assert "Le même identifiant" in subjects(client)
    assert "was sent" in command("purge", "<nobody@nowhere>", "--yes").err
    assert command("purge", message_id, "--from", "nobody@nowhere", "--yes").code == 1
    assert command("purge", "--yes").code == 1
