"""A sender takes a message back by mail: where it is unread, within the school's delay, and nobody else's message."""

from __future__ import annotations

import asyncio
import smtplib
from contextlib import ExitStack
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from sqlalchemy import update

from mailgate.config import load
from mailgate.database import Statement, open_database
from mailgate.store.schema import dispatch
from tests.cli.command import Command
from tests.end_to_end.gateway import Gateway, Person, compose, subjects
from tests.end_to_end.test_purge import Idle, opened, uid_of
from tests.end_to_end.test_shared_mailboxes import ADDRESS, MAILBOX

LIST = "6eme-a.eleves@clg-frederic-mistral.ent.example.org"
RECALL, RAPPEL = "recall@ent.example.org", "rappel@ent.example.org"


@pytest.fixture
def command(gateway: Gateway) -> Command:
    return Command(gateway.state)


@pytest.fixture(scope="module")
def pupils(gateway: Gateway) -> list[Person]:
    return [person for person in gateway.by_profile("pupil") if "6ème A" in person.classes]


@pytest.fixture(scope="module")
def teacher(gateway: Gateway) -> Person:
    return next(person for person in gateway.by_profile("teacher") if "6ème A" in person.classes)


def ask(
    gateway: Gateway, who: Person, request: EmailMessage, to: str = RECALL, also: tuple[str, ...] = ()
) -> tuple[int, str]:
    """Send a request; give the answer to its data, or the first refusal."""
    with gateway.smtp(who) as client:
        client.ehlo()
        client.mail(who.address)
        for address in (to, *also):
            code, text = client.rcpt(address)
            if code != 250:
                return code, text.decode()
        code, text = client.data(request.as_bytes(policy=SMTP))
        return code, text.decode()


def answering(who: Person, message_id: str, field: str = "In-Reply-To") -> EmailMessage:
    request = compose(who, RECALL, "Re: oups")
    request[field] = message_id
    return request


def in_text(who: Person, text: str) -> EmailMessage:
    return compose(who, RECALL, "Rappel", text)


def test_unread_copies_go_and_the_sender_is_told(gateway: Gateway, pupils: list[Person], teacher: Person) -> None:
    message = compose(teacher, LIST, "Oups")
    gateway.send(teacher, [LIST], message)
    with gateway.imap(pupils[0]) as reader:
        reader.select("INBOX")
        reader.uid("FETCH", uid_of(reader, "Oups"), "(BODY[TEXT])")
    with gateway.imap(pupils[1]) as mover:
        mover.select("INBOX")
        mover.uid("MOVE", uid_of(mover, "Oups"), "Archive")
    with gateway.imap(pupils[2]) as deleter:
        deleter.select("INBOX")
        deleter.uid("STORE", uid_of(deleter, "Oups"), "+FLAGS", "(\\Deleted)")
        deleter.expunge()
    code, text = ask(gateway, teacher, answering(teacher, str(message["Message-ID"])))
    assert (code, text) == (250, "2.0.0 Repris : 24 sur 26. Deja ouvert : 1. Deja supprime : 1.")
    with gateway.imap(pupils[0]) as client:
        assert "Oups" in subjects(client)
    for pupil in pupils[1:5]:
        with gateway.imap(pupil) as client:
            assert not any("Oups" in subjects(client, mailbox) for mailbox in ("INBOX", "Archive"))
    with gateway.imap(teacher) as client:
        assert "Votre message a été repris" in subjects(client)
        uid = uid_of(client, "repris")
        letter = client.uid("FETCH", uid, "(BODY.PEEK[])")[1][0][1]
        assert b"Auto-Submitted: auto-replied" in letter
        assert str(message["Message-ID"]).encode() in letter


def test_connected_clients_see_it_vanish(gateway: Gateway, pupils: list[Person], teacher: Person) -> None:
    message = compose(teacher, LIST, "Aussitot repris")
    gateway.send(teacher, [LIST], message)
    with ExitStack() as stack:
        client = opened(stack, gateway, pupils[0], qresync=True)
        uid = uid_of(client, "Aussitot repris")
        idle, plain = Idle(client), Idle(opened(stack, gateway, pupils[1]))
        assert ask(gateway, teacher, answering(teacher, str(message["Message-ID"])))[0] == 250
        assert idle.next() == b"* VANISHED %b\r\n" % uid.encode()
        assert plain.next().endswith(b" EXPUNGE\r\n")
        idle.done()
        plain.done()


@pytest.mark.parametrize("way", ["references", "text"])
def test_ways_to_name_it(gateway: Gateway, pupils: list[Person], teacher: Person, way: str) -> None:
    pupil = pupils[6]
    message = compose(teacher, pupil.address, f"Par {way}")
    gateway.send(teacher, [pupil.address], message)
    message_id = str(message["Message-ID"])
    request = {
        "references": answering(teacher, f"<other@example.org> {message_id}", "References"),
        "text": in_text(teacher, f"Message-ID : {message_id}\n"),
    }[way]
    code, text = ask(gateway, teacher, request, RAPPEL)
    assert (code, text) == (250, "2.0.0 Repris : 1 sur 1. Deja ouvert : 0. Deja supprime : 0.")
    with gateway.imap(pupil) as client:
        assert f"Par {way}" not in subjects(client)


def test_nobody_elses_message(gateway: Gateway, pupils: list[Person], teacher: Person) -> None:
    message = compose(teacher, pupils[7].address, "Pas le tien")
    gateway.send(teacher, [pupils[7].address], message)
    for thief in (pupils[7], pupils[8]):
        code, text = ask(gateway, thief, answering(thief, str(message["Message-ID"])))
        assert (code, text[:5]) == (550, "5.7.1")
        assert "Aucun message de vous" in text
    with gateway.imap(pupils[7]) as client:
        assert "Pas le tien" in subjects(client)


def test_who_shares_a_mailbox_takes_back_what_it_sent(gateway: Gateway) -> None:
    office = []
    for person in gateway.by_profile("school_life"):
        with gateway.imap(person) as client:
            if client.select(MAILBOX)[0] == "OK":
                office.append(person)
    parent = next(person for person in gateway.by_profile("relative") if "6ème A" in person.classes)
    message = compose(office[0], parent.address, "De la vie scolaire")
    message.replace_header("From", ADDRESS)
    with gateway.smtp(office[0]) as smtp:
        smtp.send_message(message, ADDRESS, [parent.address])
    code, _ = ask(gateway, office[1], answering(office[1], str(message["Message-ID"])))
    assert code == 250
    with gateway.imap(parent) as client:
        assert "De la vie scolaire" not in subjects(client)


def test_what_is_refused(gateway: Gateway, pupils: list[Person], teacher: Person) -> None:
    code, text = ask(gateway, teacher, answering(teacher, "<nothing@example.org>"))
    assert (code, "Aucun message" in text) == (550, True)
    for to, also in ((RECALL, pupils[0].address), (pupils[0].address, RECALL)):
        code, text = ask(gateway, teacher, answering(teacher, "<nothing@example.org>"), to, (also,))
        assert (code, "seule adresse" in text) == (550, True)
    first, second = (compose(teacher, pupils[9].address, subject) for subject in ("Un", "Deux"))
    for message in (first, second):
        gateway.send(teacher, [pupils[9].address], message)
    code, text = ask(gateway, teacher, in_text(teacher, f"{first['Message-ID']} {second['Message-ID']}"))
    assert (code, "un seul message" in text) == (550, True)
    automatic = answering(teacher, str(first["Message-ID"]))
    automatic["Auto-Submitted"] = "auto-replied"
    assert ask(gateway, teacher, automatic)[0] == 550
    with gateway.imap(pupils[9]) as client:
        assert {"Un", "Deux"} <= set(subjects(client))


def test_a_school_may_switch_it_off(gateway: Gateway, command: Command, pupils: list[Person], teacher: Person) -> None:
    message = compose(teacher, pupils[10].address, "Sans retour")
    gateway.send(teacher, [pupils[10].address], message)
    uai = teacher.school
    command.good("school", "set", uai, "recall_minutes", "0")
    try:
        code, text = ask(gateway, teacher, answering(teacher, str(message["Message-ID"])))
    finally:
        command.good("school", "set", uai, "recall_minutes")
    assert (code, "ne permet pas" in text) == (550, True)
    assert command("school", "set", uai, "recall_minutes", "9999999").code == 1
    with gateway.imap(pupils[10]) as client:
        assert "Sans retour" in subjects(client)


def older(gateway: Gateway, message_id: str, seconds: int) -> None:
    """Have a message been sent earlier."""

    async def work() -> None:
        database = await open_database(load(gateway.state / "mailgate.toml", {}).database.url)
        change = update(dispatch).where(dispatch.c.internet_id == message_id).values(at=dispatch.c.at - seconds)
        await database.write(lambda tx: tx.run(Statement(change)))
        await database.close()

    asyncio.run(work())


def test_the_delay_ends(gateway: Gateway, pupils: list[Person], teacher: Person) -> None:
    message = compose(teacher, pupils[11].address, "Trop tard")
    gateway.send(teacher, [pupils[11].address], message)
    older(gateway, str(message["Message-ID"]), 601)
    code, text = ask(gateway, teacher, answering(teacher, str(message["Message-ID"])))
    assert (code, "trop tard" in text, "10 min" in text) == (550, True, True)
    with gateway.imap(pupils[11]) as client:
        assert "Trop tard" in subjects(client)


def test_an_operator_recalls_without_a_delay(
    gateway: Gateway, command: Command, pupils: list[Person], teacher: Person
) -> None:
    message = compose(teacher, LIST, "Par l'exploitation")
    gateway.send(teacher, [LIST], message)
    with gateway.imap(pupils[0]) as reader:
        reader.select("INBOX")
        reader.uid("FETCH", uid_of(reader, "exploitation"), "(BODY[TEXT])")
    found = command.good("recall", str(message["Message-ID"]), "--yes", "--json").json
    assert found["summary"] == {"copies": 25, "withdrawn": 25, "kept": 1, "gone": 0, "opened": 1}
    assert {row["state"] for row in found["copies"]} == {"recalled", "there"}


def test_refusals_do_not_end_the_session(gateway: Gateway, teacher: Person) -> None:
    with gateway.smtp(teacher) as client, pytest.raises(smtplib.SMTPDataError):
        client.send_message(answering(teacher, "<nothing@example.org>"), teacher.address, [RECALL])
