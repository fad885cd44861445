"""No way round the policy: what a mailbox has got, it got by a recipient that was accepted, or by its owner's hand."""

from __future__ import annotations

import contextlib
import imaplib
import smtplib
from email.policy import SMTP

import pytest

from tests.end_to_end.gateway import Gateway, Person, compose, subjects
from tests.policy.academy import lists

imaplib.Commands["REPLACE"] = ("SELECTED",)

SCHOOL = "clg-frederic-mistral.ent.example.org"


@pytest.fixture
def pupil(gateway: Gateway) -> Person:
    """Somebody with much to write and few to write to."""
    return next(one for one in gateway.by_profile("pupil") if "6ème A" in one.classes)


@pytest.fixture
def victim(gateway: Gateway) -> Person:
    """Who takes nothing from the pupil: no teacher of the school has the pupil's class and this one's."""
    return next(one for one in gateway.by_profile("management") if "6ème A" not in one.classes)


def _names(other: Person) -> list[str]:
    shared = ["Shared/Vie scolaire coll&AOg-ge Fr&AOk-d&AOk-ric-Mistral", "Shared/Nobody"]
    people = [f"{prefix}{other.address}" for prefix in ("Other Users/", "Shared/", "user/", "~", "../", "#mh/")]
    return [f'"{name}"' for name in (*shared, *people, *(f"{one}/INBOX" for one in people), other.address)]


def test_no_command_of_imap_writes_into_anothers_mailbox(gateway: Gateway, pupil: Person, victim: Person) -> None:
    letter = compose(pupil, victim.address, "Par la fenêtre").as_bytes(policy=SMTP)
    office = next(one for one in gateway.by_profile("school_life") if one.school == pupil.school)
    with gateway.imap(pupil) as client:
        assert client.append("Drafts", "", "", letter)[0] == "OK"
        client.select("Drafts")
        uid = client.uid("SEARCH", "ALL")[1][0].split()[-1].decode()
        for name in _names(victim):
            assert client.append(name, "", "", letter)[0] == "NO", name
            assert client.uid("COPY", uid, name)[0] == "NO", name
            assert client.uid("MOVE", uid, name)[0] == "NO", name
            assert _replace(client, name, letter) == "NO", name
            assert _catenate(client, name, uid) == "NO", name
        assert client.uid("SEARCH", "UID", uid)[1][0].split()
    for reader in (victim, office):
        with gateway.imap(reader) as client:
            assert "Par la fenêtre" not in subjects(client)
    with gateway.imap(office) as client:
        assert "Par la fenêtre" not in subjects(client, _names(victim)[0])


def _replace(client: imaplib.IMAP4_SSL, name: str, letter: bytes) -> str:
    client.literal = letter  # type: ignore[assignment]  # octets, as imaplib itself gives it
    return str(client._simple_command("REPLACE", "*", name)[0])


def _catenate(client: imaplib.IMAP4_SSL, name: str, uid: str) -> str:
    return str(client._simple_command("APPEND", name, f'CATENATE (URL "/Drafts/;UID={uid}")')[0])


def test_what_one_puts_into_ones_own_inbox_reaches_nobody_else(gateway: Gateway, pupil: Person, victim: Person) -> None:
    letter = compose(pupil, victim.address, "À moi seul")
    letter["Cc"] = f"direction@{SCHOOL}"
    with gateway.imap(pupil) as client:
        assert client.append("INBOX", "", "", letter.as_bytes(policy=SMTP))[0] == "OK"
        assert "À moi seul" in subjects(client)
    with gateway.imap(victim) as client:
        assert "À moi seul" not in subjects(client)


def test_addresses_in_the_header_deliver_to_nobody(gateway: Gateway, pupil: Person, victim: Person) -> None:
    mate = next(one for one in gateway.by_profile("pupil") if one.classes == pupil.classes and one != pupil)
    letter = compose(pupil, victim.address, "Par l'en-tête")
    for field in ("Cc", "Bcc", "Resent-To", "Resent-Bcc", "Apparently-To", "X-Original-To", "Envelope-To"):
        letter[field] = f"{victim.address}, personnels@{SCHOOL}"
    with gateway.smtp(pupil) as client:
        client.sendmail(pupil.address, [mate.address], letter.as_bytes(policy=SMTP))
    with gateway.imap(mate) as client:
        assert "Par l'en-tête" in subjects(client)
    with gateway.imap(victim) as client:
        assert "Par l'en-tête" not in subjects(client)


def _spellings(address: str) -> list[str]:
    local, _, domain = address.partition("@")
    quoted = "".join(f"\\{letter}" for letter in local)
    return [
        address.upper(),
        f"{local.upper()}@{domain}",
        f'"{local}"@{domain}',
        f'"{quoted}"@{domain}',
        f"@elsewhere.example:{address}",
        f"@elsewhere.example,@{domain}:{address}",
        f"{local}%{domain}@{domain}",
        f"{local}+x@{domain}",
        f"{domain}!{local}@{domain}",
        f"{local}@{domain}.",
        f'"{address}"@{domain}',
        f"{local}@[127.0.0.1]",
    ]


@pytest.mark.parametrize("local", ["victim", "parents", "personnels", "6eme-b.parents"])
def test_no_spelling_of_an_address_opens_it(gateway: Gateway, pupil: Person, victim: Person, local: str) -> None:
    address = victim.address if local == "victim" else f"{local}@{SCHOOL}"
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter.isalpha() else letter for letter in address.partition("@")[0])
    with gateway.smtp(pupil) as client:
        client.ehlo()
        for spelling in (*_spellings(address), f"{wide}@{address.partition('@')[2]}"):
            assert client.docmd(f"MAIL FROM:<{pupil.address}> SMTPUTF8")[0] == 250
            client.command_encoding = "utf-8"
            code, text = client.docmd(f"RCPT TO:<{spelling}>")
            assert 500 <= code < 560, (spelling, code, text)
            assert client.docmd("DATA")[0] in {503, 554}, spelling
            client.rset()


@pytest.mark.parametrize(
    ("owner", "reader", "answer"),
    [
        ("teacher", "teacher", "OK"),
        ("teacher", "relative", "NO"),
        ("teacher", "pupil", "NO"),
        ("pupil", "pupil", "NO"),
        ("pupil", "teacher", "NO"),
        ("relative", "relative", "NO"),
    ],
)
def test_sharing_a_mailbox_is_for_staff(gateway: Gateway, owner: str, reader: str, answer: str) -> None:
    giver = gateway.by_profile(owner)[4]
    taker = [one for one in gateway.by_profile(reader) if one.school == giver.school][5]
    with gateway.imap(giver) as client:
        assert client.setacl("Archive", taker.address, "lri")[0] == answer
        assert client.setacl("Archive", "anyone", "lri")[0] == "NO"
        if answer == "OK":
            assert client.deleteacl("Archive", taker.address)[0] == "OK"


def test_what_somebody_must_approve_first_is_in_no_mailbox(gateway: Gateway, pupil: Person) -> None:
    address = f"6eme-a.parents@{SCHOOL}"
    with contextlib.suppress(smtplib.SMTPRecipientsRefused):
        gateway.send(pupil, [address], compose(pupil, address, "Pas avant l'accord"))
    for number in lists()[address]["members"][:5]:
        with gateway.imap(gateway.people[number]) as client:
            assert "Pas avant l'accord" not in subjects(client)
