"""Somebody asks what a list is, by the address in its List-Help."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import pytest

from tests.end_to_end.gateway import Gateway, Person, compose
from tests.end_to_end.test_list_posting import SCHOOL, Cast

CLUB = f"club-jeux@{SCHOOL}"
HELP = f"help+{CLUB}"


@pytest.fixture(scope="module")
def cast(gateway: Gateway) -> Cast:
    """A list managed by a teacher and by a parent."""
    found = Cast(gateway)
    gateway.command("list", "create", CLUB, "Club de jeux")
    gateway.command("list", "members", "add", CLUB, found.member.address, parent(gateway).address)
    gateway.command("list", "delegate", "add", CLUB, found.manager.address)
    gateway.command("list", "delegate", "add", CLUB, parent(gateway).address)
    return found


def parent(gateway: Gateway) -> Person:
    return next(one for one in gateway.by_profile("relative") if "6ème A" in one.classes)


def ask(gateway: Gateway, who: Person, to: str = HELP, **fields: str) -> tuple[int, str]:
    """The answer to the data, or to the recipient when it is refused."""
    message = compose(who, to, "help")
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    with gateway.smtp(who) as client:
        client.ehlo()
        code, text = client.mail(who.address)
        if code == 250:
            code, text = client.rcpt(to)
        if code == 250:
            code, text = client.data(message.as_bytes(policy=email.policy.SMTP))
        return code, text.decode()


def answer(gateway: Gateway, who: Person, subject: str = f"La liste {CLUB}") -> EmailMessage:
    """The last answer that somebody got."""
    with gateway.imap(who) as client:
        client.select("INBOX", readonly=True)
        _, data = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
    found = [email.message_from_bytes(part[1], policy=email.policy.default) for part in data if isinstance(part, tuple)]
    last = [one for one in found if isinstance(one, EmailMessage) and one["Subject"] == subject][-1]
    assert isinstance(last, EmailMessage)
    return last


def test_a_member_reads_who_writes_how_to_leave_and_whom_to_ask(gateway: Gateway, cast: Cast) -> None:
    gateway.command("list", "settings", "set", CLUB, "leaving=on", "posting=members", "size_limit=1M", "hold_minutes=5")
    assert ask(gateway, cast.member) == (250, "2.0.0 La reponse est dans votre boite de reception.")
    told = answer(gateway, cast.member)
    assert told["From"] == f'"Club de jeux" <{HELP}>' or told["From"] == f"Club de jeux <{HELP}>"
    assert told["To"] == cast.member.address
    assert told["Auto-Submitted"] == "auto-generated"
    assert told["List-Help"] == f"<mailto:{HELP}?subject=help>"
    assert told["List-Unsubscribe"] == f"<mailto:leave+{CLUB}?subject=unsubscribe>"
    assert told["In-Reply-To"].endswith("@client.example>")
    text = told.get_content()
    assert "Vous êtes sur cette liste" in text
    assert "Vous pouvez écrire à cette liste. Seuls les membres de cette liste peuvent lui écrire." in text
    assert f"envoyez un message à leave+{CLUB}." in text
    assert "1024 Ko" in text
    assert "5 min" in text
    assert cast.manager.address not in text  # a pupil may not write to this teacher
    assert parent(gateway).address not in told.as_string()


def test_staff_who_manage_are_named_to_who_may_write_to_them_and_parents_to_nobody(
    gateway: Gateway, cast: Cast
) -> None:
    assert ask(gateway, cast.teacher)[0] == 250
    told = answer(gateway, cast.teacher)
    assert f"<{cast.manager.address}>" in told.get_content()
    assert parent(gateway).address not in told.as_string()
    gateway.command("list", "delegate", "remove", CLUB, cast.manager.address)
    assert ask(gateway, parent(gateway))[0] == 250
    assert f"<direction@{SCHOOL}>" in answer(gateway, parent(gateway)).get_content()
    gateway.command("list", "delegate", "add", CLUB, cast.manager.address)


def test_who_is_not_on_the_list_reads_that_and_whom_he_may_ask(gateway: Gateway, cast: Cast) -> None:
    gateway.command("list", "settings", "set", CLUB, "leaving=off", "posting=managers")
    assert ask(gateway, cast.elsewhere)[0] == 250
    text = answer(gateway, cast.elsewhere).get_content()
    assert "Vous n’êtes pas sur cette liste." in text
    assert "Vous ne pouvez pas écrire à cette liste. Seuls les gestionnaires" in text
    assert "leave+" not in text
    assert cast.manager.address not in text  # another school
    assert "adressez-vous au secrétariat" in text


def test_the_answer_is_in_the_language_of_the_school(gateway: Gateway, cast: Cast) -> None:
    gateway.command("school", "set", cast.teacher.school, "language", "en")
    try:
        assert ask(gateway, cast.teacher) == (250, "2.0.0 The answer is in your mailbox.")
        assert "You are not on this list." in answer(gateway, cast.teacher, f"The list {CLUB}").get_content()
    finally:
        gateway.command("school", "set", cast.teacher.school, "language")


def test_programs_get_no_answer_and_a_question_goes_alone(gateway: Gateway, cast: Cast) -> None:
    automatic = (550, "5.7.1 Les listes n'acceptent pas les reponses automatiques.")
    assert ask(gateway, cast.member, Auto_Submitted="auto-replied") == automatic
    assert ask(gateway, cast.member, Precedence="bulk") == automatic
    with gateway.smtp(cast.teacher) as client:
        client.ehlo()
        client.mail("")
        assert client.rcpt(HELP)[0] == 550
        client.rset()
        client.mail(cast.teacher.address)
        assert client.rcpt(cast.manager.address)[0] == 250
        assert client.rcpt(HELP)[0] == 550
        client.rset()
        client.mail(cast.teacher.address)
        assert client.rcpt(HELP)[0] == 250
        assert client.rcpt(cast.manager.address)[0] == 550
    assert ask(gateway, cast.teacher, f"help+nobody@{SCHOOL}")[0] == 550


def test_questions_count_as_messages_of_who_asks(gateway: Gateway, cast: Cast) -> None:
    who = [one for one in gateway.by_profile("relative") if "6ème A" in one.classes][1]
    gateway.command("policy", "limits", "set", cast.member.school, "relative", "messages_per_hour", "2")
    try:
        assert ask(gateway, who)[0] in {250, 451}  # others of these tests may have sent for this person
        assert ask(gateway, who)[0] in {250, 451}
        assert ask(gateway, who)[0] == 451
    finally:
        gateway.command("policy", "limits", "set", cast.member.school, "relative", "messages_per_hour", "default")
