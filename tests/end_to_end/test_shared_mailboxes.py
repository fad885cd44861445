"""A school office at work: two people, one mailbox, marks of their own; and who has no business there."""

from __future__ import annotations

import imaplib
import smtplib

import pytest

from tests.end_to_end.gateway import Gateway, Person, compose, subjects

SCHOOL = "clg-frederic-mistral.ent.example.org"
ADDRESS = f"bureau-vie-scolaire@{SCHOOL}"
NAME = "Vie scolaire coll&AOg-ge Fr&AOk-d&AOk-ric-Mistral"
MAILBOX, SENT = f'"Shared/{NAME}"', f'"Shared/{NAME}/Sent"'


@pytest.fixture(scope="module")
def office(gateway: Gateway) -> tuple[Person, Person]:
    """Two who have the mailbox."""
    found = []
    for person in gateway.by_profile("school_life"):
        with gateway.imap(person) as client:
            if client.select(MAILBOX)[0] == "OK":
                found.append(person)
    return found[0], found[1]


def parents(gateway: Gateway) -> list[Person]:
    """Parents of the school's pupils, who may write to its office."""
    return [person for person in gateway.by_profile("relative") if "6ème A" in person.classes]


def flags(client: imaplib.IMAP4_SSL, subject: str) -> bytes:
    """The flags of the message of this subject in the selected mailbox, after what there is of news."""
    client.noop()
    uid = client.uid("SEARCH", "SUBJECT", f'"{subject}"')[1][0].split()[-1]
    return b"".join(part for part in client.uid("FETCH", uid.decode(), "(FLAGS)")[1] if isinstance(part, bytes))


def unseen(client: imaplib.IMAP4_SSL) -> int:
    return int(client.status(MAILBOX, "(UNSEEN)")[1][0].rpartition(b"UNSEEN ")[2].rstrip(b")"))


def test_two_people_work_in_one_mailbox(gateway: Gateway, office: tuple[Person, Person]) -> None:
    one, other = office
    parent = parents(gateway)[0]
    gateway.send(parent, [ADDRESS], compose(parent, ADDRESS, "Absence de Chloé"))
    with gateway.imap(one) as mine, gateway.imap(other) as theirs:
        assert MAILBOX.encode() in b"".join(mine.lsub('""', "Shared/*")[1])
        for client in (mine, theirs):
            assert client.select(MAILBOX)[0] == "OK"
        before = unseen(theirs)
        uid = mine.uid("SEARCH", "SUBJECT", "Absence")[1][0].split()[-1].decode()
        mine.uid("FETCH", uid, "(BODY[TEXT])")
        assert b"\\Seen" in flags(mine, "Absence")
        assert b"\\Seen" not in flags(theirs, "Absence")
        assert unseen(theirs) == before
        theirs.uid("STORE", uid, "+FLAGS", "(\\Answered)")
        assert b"\\Answered" in flags(mine, "Absence")
        assert b"\\Answered" in flags(theirs, "Absence")
        assert theirs.uid("MOVE", uid, f'"Shared/{NAME}/Archive"')[0] == "OK"
        mine.noop()
        assert mine.uid("SEARCH", "SUBJECT", "Absence")[1] in ([b""], [None])
        mine.select(f'"Shared/{NAME}/Archive"')
        assert b"\\Seen" in flags(mine, "Absence")


def test_what_is_sent_as_the_office_is_in_its_sent_mailbox(gateway: Gateway, office: tuple[Person, Person]) -> None:
    one, other = office
    parent = parents(gateway)[1]
    answer = compose(one, parent.address, "Votre demande")
    answer.replace_header("From", f"Vie scolaire <{ADDRESS}>")
    with gateway.smtp(one) as client:
        client.send_message(answer, ADDRESS, [parent.address])
    with gateway.imap(other) as client:
        assert "Votre demande" in subjects(client, SENT)
        assert b"\\Seen" in flags(client, "Votre demande")
    with gateway.imap(one) as client:
        assert "Votre demande" not in subjects(client, "Sent")
    with gateway.imap(parent) as client:
        client.select("INBOX", readonly=True)
        uid = client.uid("SEARCH", "SUBJECT", '"Votre demande"')[1][0].split()[-1].decode()
        header = client.uid("FETCH", uid, "(BODY.PEEK[HEADER.FIELDS (FROM RETURN-PATH)])")[1][0][1]
        assert header.count(ADDRESS.encode()) == 2
        assert one.address.encode() not in header


@pytest.mark.parametrize("profile", ["teacher", "relative", "pupil"])
def test_who_has_no_right_sees_nothing_and_sends_nothing(gateway: Gateway, profile: str) -> None:
    stranger = gateway.by_profile(profile)[0]
    with gateway.imap(stranger) as client:
        for pattern in ("*", "Shared/*", "Other Users/*", "Shared/%"):
            listed = [line or b"" for line in client.list('""', f'"{pattern}"')[1]]
            assert not any(b"Shared" in line or b"Other" in line for line in listed)
        answers = {
            client.select(MAILBOX)[1][0],
            client.select('"Shared/Nowhere"')[1][0],
            client.status(SENT, "(MESSAGES)")[1][0],
            client.getacl(MAILBOX)[1][0],
            client.myrights(MAILBOX)[1][0],
            client.setacl(MAILBOX, stranger.address, "lr")[1][0],
            client.rename(MAILBOX, "Mine")[1][0],
        }
        assert answers == {b"[NONEXISTENT] No such mailbox"}
    with gateway.smtp(stranger) as smtp:
        smtp.ehlo()
        code, text = smtp.mail(ADDRESS)
        assert (code, text[:5]) == (550, b"5.7.1")
        assert b"partag" in text
    message = compose(stranger, stranger.address, "Usurpation")
    message.replace_header("From", ADDRESS)
    with gateway.smtp(stranger) as smtp, pytest.raises(smtplib.SMTPDataError) as refused:
        smtp.send_message(message, stranger.address, [stranger.address])
    assert refused.value.smtp_code == 550
