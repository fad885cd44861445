"""Who may post to a list, and how large, where the list says so; and a list that is closed."""

from __future__ import annotations

import json
import smtplib
from contextlib import ExitStack
from email.policy import SMTP

import pytest

from tests.end_to_end.gateway import Gateway, Person, compose, subjects
from tests.policy.academy import accounts

SCHOOL = "clg-frederic-mistral.ent.example.org"
THEATRE = f"theatre@{SCHOOL}"
POSTING = {
    "policy": ({"teacher", "manager"}, None),
    "members": ({"member"}, "Seuls les membres de cette liste peuvent lui ecrire."),
    "managers": ({"manager"}, "Seuls les gestionnaires de cette liste peuvent lui ecrire."),
    "staff": (
        {"teacher", "manager"},
        "Seuls les personnels de l'etablissement peuvent ecrire a cette liste.",
    ),
}
"""For each setting: who may, and what the others read."""


class Cast:
    """Who takes part: a member, a manager, somebody of the staff who is neither, and who is none of these."""

    def __init__(self, gateway: Gateway) -> None:
        self.member, self.stranger = [one for one in gateway.by_profile("pupil") if "6ème A" in one.classes][:2]
        teachers = gateway.by_profile("teacher")
        school = self.member.school
        self.teacher, self.manager = [one for one in teachers if one.school == school][:2]
        self.elsewhere = next(one for one in teachers if school not in accounts()[one.source_id].schools)


@pytest.fixture(scope="module")
def cast(gateway: Gateway) -> Cast:
    """The people of a list that somebody made."""
    found = Cast(gateway)
    gateway.command("list", "create", THEATRE, "Atelier théâtre")
    gateway.command("list", "members", "add", THEATRE, found.member.address)
    gateway.command("list", "delegate", "add", THEATRE, found.manager.address)
    return found


def rcpt(gateway: Gateway, writer: Person, to: str = THEATRE, size: int = 0) -> tuple[int, str]:
    with gateway.smtp(writer) as client:
        client.ehlo()
        assert client.mail(writer.address, [f"SIZE={size}"] if size else [])[0] == 250
        code, text = client.rcpt(to)
        return code, text.decode()


def test_a_list_takes_messages_from_whom_it_says(gateway: Gateway, cast: Cast) -> None:
    with ExitStack() as stack:
        clients = {name: stack.enter_context(gateway.smtp(person)) for name, person in vars(cast).items()}
        for posting, (may, told) in POSTING.items():
            gateway.command("list", "settings", "set", THEATRE, f"posting={posting}")
            answers = {}
            for name, client in clients.items():
                assert client.mail(getattr(cast, name).address)[0] == 250
                answers[name] = client.rcpt(THEATRE)
                client.rset()
            assert {name for name, (code, _) in answers.items() if code == 250} == may, posting
            refused = {text.decode() for code, text in answers.values() if code != 250}
            assert all(text.startswith("5.7.1 ") for text in refused)
            assert told is None or refused == {f"5.7.1 {told}"}


def test_a_moderated_list_has_messages_approved_that_might_pass(gateway: Gateway, cast: Cast) -> None:
    """Not those of who could approve them; who may not write still may not."""
    accepted = {}
    for settings in (("posting=policy", "moderated=on"), ("posting=members",)):
        gateway.command("list", "settings", "set", THEATRE, *settings)
        for name in ("teacher", "member", "manager", "stranger"):
            accepted[settings[0], name] = rcpt(gateway, getattr(cast, name))
    waits = "2.1.5 Message accepte ; il sera relu avant d'etre distribue."
    assert accepted["posting=policy", "teacher"] == accepted["posting=members", "member"] == (250, waits)
    passes = [key for key, (code, text) in accepted.items() if code == 250 and text != waits]
    assert passes == [("posting=policy", "manager")]
    assert len([key for key, (code, _) in accepted.items() if code == 550]) == 5
    gateway.command("list", "settings", "set", THEATRE, "posting=policy")
    gateway.send(cast.teacher, [THEATRE], compose(cast.teacher, THEATRE, "Décors"))
    told = gateway.command("policy", "explain", cast.teacher.address, THEATRE)
    assert told.strip() == (
        "teacher may write, once approved, to this list: the list is set to have messages approved."
    )
    with gateway.imap(cast.member) as client:
        assert "Décors" not in subjects(client)
    [held] = [one for one in json.loads(gateway.command("moderation", "list", "--json")) if one["subject"] == "Décors"]
    with gateway.imap(cast.manager) as client:
        assert "À approuver : Décors" in subjects(client), "who manages the list decides"
    gateway.command("moderation", "approve", held["number"])
    with gateway.imap(cast.member) as client:
        assert subjects(client).count("Décors") == 1
    gateway.command("list", "settings", "set", THEATRE, "moderated=default")


def test_explain_says_that_the_list_decides(gateway: Gateway, cast: Cast) -> None:
    gateway.command("list", "settings", "set", THEATRE, "posting=members")
    told = gateway.command("policy", "explain", cast.teacher.address, THEATRE)
    assert told.strip() == (
        "teacher may not write to this list: the list is set to take messages from its members alone."
    )


def test_a_message_larger_than_the_list_takes_is_refused_before_it_is_sent_and_after(
    gateway: Gateway, cast: Cast
) -> None:
    gateway.command("list", "settings", "set", THEATRE, "posting=policy", "size_limit=20K")
    assert rcpt(gateway, cast.teacher, size=20 * 1024)[0] == 250
    code, text = rcpt(gateway, cast.teacher, size=20 * 1024 + 1)
    assert (code, text) == (
        552,
        f"5.3.4 Les messages a {THEATRE} peuvent faire 20 Ko au plus, pieces jointes comprises.",
    )
    large = compose(cast.teacher, THEATRE, "Costumes", "x" * 70 + "\n" + ("y" * 70 + "\n") * 400)
    with gateway.smtp(cast.teacher) as client:
        client.ehlo()
        client.mail(cast.teacher.address)
        client.rcpt(THEATRE)
        code, answer = client.data(large.as_bytes(policy=SMTP))
    assert (code, answer[:5]) == (552, b"5.3.4")
    gateway.send(cast.teacher, [THEATRE], compose(cast.teacher, THEATRE, "Répétition"))


def test_a_closed_list_says_that_it_is_closed(gateway: Gateway, cast: Cast) -> None:
    address = f"ancien-club@{SCHOOL}"
    gateway.command("list", "create", address, "Ancien club")
    gateway.command("list", "members", "add", address, cast.member.address)
    assert rcpt(gateway, cast.teacher, address)[0] == 250
    gateway.command("list", "close", address)
    closed = (550, "5.7.1 Cette liste est fermee : elle n'accepte plus de messages.")
    assert rcpt(gateway, cast.teacher, address) == closed
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        gateway.send(cast.teacher, [address], compose(cast.teacher, address, "Trop tard"))
    gateway.command("school", "set", cast.teacher.school, "language", "en")
    assert rcpt(gateway, cast.teacher, address)[1] == "5.7.1 This list is closed: it takes no more messages."
    gateway.command("school", "set", cast.teacher.school, "language")


def test_a_member_leaves_where_the_list_lets_its_members_leave(gateway: Gateway, cast: Cast) -> None:
    address = f"club-echecs@{SCHOOL}"
    gateway.command("list", "create", address, "Club d'échecs")
    gateway.command("list", "members", "add", address, cast.member.address)
    leave = f"leave+{address}"
    stays = (550, "5.7.1 Les membres ne quittent pas cette liste d'eux-memes. L'etablissement peut vous en dire plus.")
    assert rcpt(gateway, cast.member, leave) == stays
    gateway.command("list", "settings", "set", address, "leaving=on")
    assert rcpt(gateway, cast.stranger, leave) == (550, "5.7.1 Vous n'etes pas sur cette liste.")
    gateway.send(cast.teacher, [address], compose(cast.teacher, address, "Tournoi"))
    with gateway.imap(cast.member) as client:
        client.select("INBOX", readonly=True)
        uid = client.uid("SEARCH", "SUBJECT", "Tournoi")[1][0].split()[-1].decode()
        header = client.uid("FETCH", uid, "(BODY.PEEK[HEADER.FIELDS (LIST-UNSUBSCRIBE LIST-UNSUBSCRIBE-POST)])")[1][0][
            1
        ]
    assert header.split() == [b"List-Unsubscribe:", f"<mailto:{leave}?subject=unsubscribe>".encode()]
    with gateway.smtp(cast.member) as client:
        client.ehlo()
        client.mail(cast.member.address)
        assert client.rcpt(leave)[0] == 250
        assert client.rcpt(cast.teacher.address)[0] == 550
        code, text = client.data(compose(cast.member, leave, "unsubscribe").as_bytes(policy=SMTP))
        assert (code, text.decode()) == (250, f"2.0.0 Vous avez quitte la liste {address}.")
    assert gateway.command("list", "members", address, "--json").strip() == "[]"
    gateway.command("list", "refresh")
    assert gateway.command("list", "members", address, "--json").strip() == "[]"


def test_a_list_that_people_made_for_a_cite_takes_messages_of_its_staff(gateway: Gateway, cast: Cast) -> None:
    address = "conseil@cite-frederic-mistral.ent.example.org"
    gateway.command("list", "create", address, "Conseil de cité")
    gateway.command("list", "members", "add", address, cast.member.address)
    head = next(one for one in gateway.by_profile("management") if one.school == cast.member.school)
    assert rcpt(gateway, head, address) == (250, "2.1.5 Recipient OK")
    for teacher in (cast.teacher, cast.elsewhere):
        assert rcpt(gateway, teacher, address)[1].startswith("2.1.5 Message accepte ; il sera relu")
    assert rcpt(gateway, cast.member, address)[0] == 550
    assert "to cite.manual of their own cité scolaire, by the shipped matrix" in gateway.command(
        "policy", "explain", head.address, address
    )
    assert "same-cite  allow" in gateway.command("list", "check", address)
    gateway.command("list", "settings", "set", address, "posting=staff")
    gateway.send(cast.elsewhere, [address], compose(cast.elsewhere, address, "Ordre du jour"))
    with gateway.imap(cast.member) as client:
        assert "Ordre du jour" in subjects(client)


@pytest.mark.parametrize("reply", ["list", "address"])
def test_members_get_what_the_list_sets_in_the_header(gateway: Gateway, cast: Cast, reply: str) -> None:
    address, office = f"club-{reply}@{SCHOOL}", f"secretariat@{SCHOOL}"
    gateway.command("list", "create", address, "Club")
    gateway.command("list", "members", "add", address, cast.member.address)
    to = [f"reply_to={office}"] if reply == "address" else []
    gateway.command("list", "settings", "set", address, "tag=Club", f"reply={reply}", *to)
    subject = f"Rentrée {reply}"
    gateway.send(cast.teacher, [address], compose(cast.teacher, address, subject))
    with gateway.imap(cast.member) as client:
        assert f"[Club] {subject}" in subjects(client)
        uid = client.uid("SEARCH", "TO", address)[1][0].split()[-1].decode()
        header = client.uid("FETCH", uid, "(BODY.PEEK[HEADER.FIELDS (REPLY-TO)])")[1][0][1].decode()
    assert header.split() == ["Reply-To:", f"<{address if reply == 'list' else office}>"]
