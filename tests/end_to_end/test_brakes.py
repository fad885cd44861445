"""Limits of sending and the emergency stop over real SMTP; on PostgreSQL the gateway has several processes."""

from __future__ import annotations

import datetime
import re
import smtplib
import threading
import time
import zoneinfo
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.policy import SMTP

import pytest

from mailgate.delivery.writers import FRESH
from tests.cli.command import Command
from tests.end_to_end.gateway import Gateway, Person, compose, subjects
from tests.policy.academy import accounts

COLLEGE = "0131001T"
DOMAIN = "clg-frederic-mistral.ent.example.org"
PARENTS = f"6eme-a.parents@{DOMAIN}"
REASON = "Un incident est en cours : l’envoi reprendra demain à 8 h."
ON_THE_WIRE = b"Un incident est en cours : l'envoi reprendra demain a 8 h."


@pytest.fixture
def command(gateway: Gateway) -> Iterator[Command]:
    """`mailgate` on the gateway's database, beside it; no stop is left."""
    made = Command(gateway.state)
    yield made
    made.good("stop", "lift", "--all")


def person(gateway: Gateway, profile: str, number: int = 0) -> Person:
    """Somebody of the collège alone; each test takes a number of its own, since what one sends is counted."""
    people = [one for one in accounts().values() if one.profile == profile and one.schools == {COLLEGE}]
    return gateway.people[people[number].number]


def attempt(client: smtplib.SMTP, sender: Person, to: list[str], size: int = 100) -> tuple[int, bytes]:
    """One transaction; the answer of the command that ended it."""
    client.ehlo_or_helo_if_needed()
    answer = client.mail(sender.address)
    for address in to:
        if answer[0] == 250:
            answer = client.rcpt(address)
    if answer[0] == 250:
        answer = client.data(compose(sender, to[0], "Essai", "a" * size).as_bytes(policy=SMTP))
    if answer[0] != 250:
        client.rset()
    return answer


def opening(text: bytes) -> datetime.datetime:
    """The time of the day that a refusal tells."""
    found = re.search(rb" (\d\d):(\d\d)\.", text)
    assert found is not None, text
    now = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Paris"))
    told = now.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
    return told if told > now else told + datetime.timedelta(days=1)


# Limits


def test_messages_of_an_hour_are_counted_once_and_opened_again_at_a_time_told(
    gateway: Gateway, command: Command
) -> None:
    sender = person(gateway, "teacher", 1)
    command.good("policy", "limits", "set", COLLEGE, "teacher", "messages_per_hour", "2")
    try:
        begun = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Paris")).replace(second=0, microsecond=0)
        with gateway.smtp(sender) as one, gateway.smtp(sender) as other:
            assert attempt(one, sender, [sender.address])[0] == 250
            forged = compose(person(gateway, "teacher", 2), sender.address, "Usurpation").as_bytes(policy=SMTP)
            other.mail(sender.address)
            other.rcpt(sender.address)
            assert other.data(forged)[0] == 550
            assert attempt(other, sender, [sender.address])[0] == 250
            ended = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Paris"))
            code, text = attempt(one, sender, [sender.address])
            assert code == 451
            assert text.startswith(b"4.7.1 Vous pouvez envoyer 2 messages par heure au plus. Vous pourrez envoyer ce")
            assert begun + datetime.timedelta(minutes=61) <= opening(text) <= ended + datetime.timedelta(minutes=61)
            command.good("school", "set", COLLEGE, "language", "en")
            time.sleep(FRESH)  # who has just sent is known for so long
            assert b"You can send this message at " in attempt(other, sender, [sender.address])[1]
    finally:
        command.good("policy", "limits", "set", COLLEGE, "teacher", "messages_per_hour", "default")
        command.good("school", "set", COLLEGE, "language")


def test_processes_count_together_and_never_one_too_many(gateway: Gateway, command: Command) -> None:
    sender = person(gateway, "teacher", 3)
    command.good("policy", "limits", "set", COLLEGE, "teacher", "messages_per_hour", "10")
    try:
        clients = [gateway.smtp(sender) for _ in range(8)]
        with ThreadPoolExecutor(len(clients)) as pool:
            answers = [
                answer[0]
                for _ in range(3)
                for answer in pool.map(lambda client: attempt(client, sender, [sender.address]), clients)
            ]
        for client in clients:
            client.close()
        assert sorted(answers) == [250] * 10 + [451] * 14
        with gateway.imap(sender) as inbox:
            assert subjects(inbox).count("Essai") == 10
    finally:
        command.good("policy", "limits", "set", COLLEGE, "teacher", "messages_per_hour", "default")


def test_recipients_of_an_hour_with_all_of_a_list(gateway: Gateway, command: Command) -> None:
    sender = person(gateway, "teacher", 4)
    size = len(command.good("list", "members", PARENTS, "--json").json)
    name = "recipients_per_hour"
    try:
        command.good("policy", "limits", "set", COLLEGE, "teacher", name, str(size + 1))
        with gateway.smtp(sender) as client:
            assert attempt(client, sender, [PARENTS, PARENTS])[0] == 250  # everybody once
            assert attempt(client, sender, [sender.address])[0] == 250
            code, text = attempt(client, sender, [sender.address])
            assert code == 451
            assert f"Vous pouvez ecrire a {size + 1} destinataires par heure au plus".encode() in text
            command.good("policy", "limits", "set", COLLEGE, "teacher", name, str(2 * size))
            code, text = attempt(client, sender, [PARENTS])
            assert code == 452
            opening(text)
            command.good("policy", "limits", "set", COLLEGE, "teacher", name, str(size - 1))
            other = person(gateway, "teacher", 5)
        with gateway.smtp(other) as client:
            code, text = attempt(client, other, [PARENTS])
            assert code == 550
            assert text.endswith(b"en comptant tous ceux d'une liste.")
    finally:
        command.good("policy", "limits", "set", COLLEGE, "teacher", name, "default")


def test_recipients_of_a_message(gateway: Gateway, command: Command) -> None:
    sender, name = person(gateway, "teacher", 6), "recipients_per_message"
    to = [person(gateway, "teacher", number).address for number in range(3)]
    try:
        command.good("policy", "limits", "set", COLLEGE, "teacher", name, "2")
        with gateway.smtp(sender) as client:
            assert attempt(client, sender, to[:2])[0] == 250
            code, text = attempt(client, sender, to)
            assert (code, text[:43]) == (550, b"5.5.3 Un message peut avoir 2 destinataires")
    finally:
        command.good("policy", "limits", "set", COLLEGE, "teacher", name, "default")


def test_size_is_told_before_the_data_and_held_at_their_end(gateway: Gateway, command: Command) -> None:
    sender, name = person(gateway, "teacher", 7), "message_size"
    try:
        command.good("policy", "limits", "set", COLLEGE, "teacher", name, "200000")
        with gateway.smtp(sender) as client:
            client.ehlo()
            code, text = client.mail(sender.address, ["SIZE=200001"])
            assert (code, text) == (552, b"5.3.4 Vos messages peuvent faire 0.2 Mo au plus, pieces jointes comprises.")
            assert attempt(client, sender, [sender.address], size=201_000)[0] == 552
            assert attempt(client, sender, [sender.address], size=150_000)[0] == 250
    finally:
        command.good("policy", "limits", "set", COLLEGE, "teacher", name, "default")


def test_shipped_limits_of_pupils(gateway: Gateway) -> None:
    pupil = person(gateway, "pupil")
    with gateway.smtp(pupil) as client:
        client.ehlo()
        assert client.mail(pupil.address, ["SIZE=10000001"])[0] == 552
        assert client.mail(pupil.address, ["SIZE=10000000"])[0] == 250


# The emergency stop


@dataclass
class Load:
    """Clients that send without a pause until they are refused, in threads."""

    gateway: Gateway
    senders: list[Person]
    going: threading.Barrier = field(init=False)
    accepted: list[tuple[float, float]] = field(default_factory=list)
    """When the end of the data was sent, and when its 250 came."""
    refusals: list[tuple[int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.going = threading.Barrier(len(self.senders) + 1)

    def run(self, sender: Person) -> None:
        with self.gateway.smtp(sender) as client:
            for number in range(2_000):
                begun = time.monotonic()
                answer = attempt(client, sender, [sender.address])
                if answer[0] != 250:
                    self.refusals.append(answer)
                    return
                self.accepted.append((begun, time.monotonic()))
                if number == 2:
                    self.going.wait(60)


def test_a_stop_holds_for_every_process_once_the_command_has_ended_and_reading_stays_open(
    gateway: Gateway, command: Command
) -> None:
    senders = [person(gateway, "teacher", number) for number in range(10, 14)]
    for name in ("messages_per_hour", "recipients_per_hour"):
        command.good("policy", "limits", "set", COLLEGE, "teacher", name, "unlimited")
    load = Load(gateway, senders)
    try:
        with ThreadPoolExecutor(len(senders)) as pool, gateway.imap(senders[0]) as reader:
            done = [pool.submit(load.run, sender) for sender in senders]
            load.going.wait(60)
            command.good("stop", "add", "--profile", "teacher", "--reason-fr", REASON)
            stopped = time.monotonic()
            for one in done:
                one.result(60)
            reader.select("INBOX")
            assert reader.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")[0] == "OK"
            assert reader.uid("STORE", "1", "+FLAGS", "(\\Seen)")[0] == "OK"
            with gateway.imap(senders[1]) as fresh:
                assert subjects(fresh)
    finally:
        for name in ("messages_per_hour", "recipients_per_hour"):
            command.good("policy", "limits", "set", COLLEGE, "teacher", name, "default")
    assert len(load.accepted) >= 3 * len(senders)
    assert [begun for begun, _ in load.accepted if begun > stopped] == []
    assert load.refusals == [(550, b"5.7.1 " + ON_THE_WIRE)] * len(senders)
    pupil = person(gateway, "pupil", 1)
    with gateway.smtp(pupil) as client:
        assert attempt(client, pupil, [pupil.address])[0] == 250
    command.good("stop", "lift", "--all")
    with gateway.smtp(senders[0]) as client:
        assert attempt(client, senders[0], [senders[0].address])[0] == 250


def test_the_message_under_way_does_not_slip_through(gateway: Gateway, command: Command) -> None:
    sender = person(gateway, "teacher", 14)
    message = compose(sender, sender.address, "En chemin").as_bytes(policy=SMTP)
    with gateway.smtp(sender) as client:
        client.ehlo()
        client.mail(sender.address)
        client.rcpt(sender.address)
        assert client.docmd("DATA")[0] == 354
        client.send(message[:100])
        command.good("stop", "add", "--account", sender.address, "--reason-fr", REASON)
        client.send(message[100:] + b".\r\n")
        assert client.getreply() == (550, b"5.7.1 " + ON_THE_WIRE)
    with gateway.imap(sender) as inbox:
        assert "En chemin" not in subjects(inbox)


def test_a_stop_for_a_list_leaves_all_other_recipients(gateway: Gateway, command: Command) -> None:
    sender = person(gateway, "teacher", 15)
    command.good("stop", "add", "--list", PARENTS)
    command.good("stop", "add", "--list", f"6eme-b.parents@{DOMAIN}", "--moderate")
    with gateway.smtp(sender) as client:
        client.ehlo()
        assert client.mail(sender.address)[0] == 250
        assert client.rcpt(PARENTS) == (
            550,
            b"5.7.1 L'envoi de messages est suspendu pour le moment. Vous pouvez toujours lire vos messages.",
        )
        assert client.rcpt(f"6eme-b.parents@{DOMAIN}") == (
            250,
            b"2.1.5 Message accepte ; il sera relu avant d'etre distribue.",
        )
        assert client.rcpt(sender.address)[0] == 250


def test_what_the_matrix_refuses_stays_refused_under_moderation(gateway: Gateway, command: Command) -> None:
    pupil = person(gateway, "pupil", 2)
    command.good("stop", "add", "--everybody", "--moderate", "--reason-fr", REASON)
    with gateway.smtp(pupil) as client:
        client.ehlo()
        assert client.mail(pupil.address)[0] == 250
        assert client.rcpt(f"direction@{DOMAIN}")[1] != b"5.7.1 " + ON_THE_WIRE
        answer = b"2.1.5 %s Message accepte ; il sera relu avant d'etre distribue." % ON_THE_WIRE
        assert client.rcpt(pupil.address) == (250, answer)
