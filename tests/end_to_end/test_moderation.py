"""A message that somebody is to approve: held, told, decided by mail or on a page, delivered or not, once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import make_msgid, parseaddr
from pathlib import Path
from typing import Any, cast

import pytest

from tests.end_to_end.school import DOMAIN, PARENTS, Refused, School, mail_to, members, page_of, text_of
from tests.policy.conftest import ACADEMY
from tests.processes.serving import Idle, Serving
from tests.support.templates import Templates

SERVICE = "moderation@ent.example.org"
WRITER, READER, *REST = members(PARENTS)[:6]
DIRECTION = members(f"direction@{DOMAIN}")
TEACHER = next(one for one in members(f"6eme-a.profs@{DOMAIN}"))


@pytest.fixture(scope="module")
def school(academy_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    """One for the module: each test writes under a subject of its own."""
    yield from running(academy_url, tmp_path_factory.mktemp("school"))


def running(url: str, folder: Path, **moderation: float) -> Iterator[School]:
    settings: dict[str, dict[str, Any]] = {
        "web": {"listen": ["127.0.0.1:0"]},
        "moderation": {"interval": 0.2, **moderation},
        "directory": {"domain": "ent.example.org"},
    }
    made = School(Serving(folder, url, 2 if url.startswith("postgresql") else 1, settings))
    made.prepare([WRITER, READER, *REST, *DIRECTION, TEACHER])
    # One writer tries more in these tests than a parent may send in an hour.
    made.sql("INSERT INTO school_limit SELECT school_id, 'relative', 'messages_per_hour', NULL FROM school")
    made.sql("INSERT INTO school_limit SELECT school_id, 'relative', 'recipients_per_hour', NULL FROM school")
    try:
        made.serving.start()
        yield made
    finally:
        made.serving.end()


def test_a_parent_writes_to_the_parents_and_the_head_approves_by_reply(school: School) -> None:
    answer = school.write(WRITER, PARENTS, "Un goûter", "Qui apporte un gâteau ?\n")
    assert answer == "2.1.5 Message accepte ; il sera relu avant d'etre distribue."
    assert school.has(READER, "Un goûter") == 0
    notice = school.notice(DIRECTION[0], "Un goûter")
    assert notice["Subject"] == "À approuver : Un goûter"
    assert SERVICE in notice["From"]
    assert notice["Auto-Submitted"] == "auto-generated"
    assert notice["List-Id"] == f"<{PARENTS.replace('@', '.')}>"
    assert f"Boîtes qui le recevraient : {len(members(PARENTS))}" in text_of(notice)
    [attached] = list(notice.iter_attachments())
    original = attached.get_payload(0)
    assert isinstance(original, EmailMessage)
    assert (original["From"], original["Subject"]) == (WRITER, "Un goûter")
    to, subject = mail_to(notice, "approve")
    assert school.write(DIRECTION[0], to, subject) == "2.1.5 Recipient OK"
    for reader in (READER, *REST):
        assert school.has(reader, "Un goûter") == 1
    [copy] = [one for one in school.letters(READER, "Un goûter") if one["Subject"] == "Un goûter"]
    assert copy["From"] == WRITER
    assert PARENTS.replace("@", ".") in copy["List-Id"]


def test_nobody_but_the_moderators_is_told_before_a_decision(school: School) -> None:
    school.write(WRITER, PARENTS, "Discret")
    assert [one["Subject"] for one in school.letters(READER, "Discret")] == []
    assert [one["Subject"] for one in school.letters(WRITER, "Discret")] == ["En attente d’approbation : Discret"]
    with school.serving.imap(READER) as client:
        client.select("INBOX")
        assert client.search(None, "SUBJECT", "Discret")[1] == [b""]


def test_a_refusal_reaches_the_writer_in_the_moderators_words(school: School) -> None:
    school.write(WRITER, PARENTS, "Une pétition")
    to, subject = mail_to(school.notice(DIRECTION[0], "Une pétition"), "refuse")
    school.write(DIRECTION[0], to, subject, "Parlons-en d’abord.\n\n> Qui signe ?\n-- \nLa direction\n")
    [told] = [one for one in school.letters(WRITER, "Une pétition") if one["Subject"].startswith("Non distribué")]
    assert "Parlons-en d’abord." in text_of(told)
    assert "Qui signe" not in text_of(told)
    assert "La direction\n" not in text_of(told)
    assert school.has(READER, "Une pétition") == 0


def test_an_answer_to_the_notice_decides_by_its_first_line(school: School) -> None:
    school.write(WRITER, PARENTS, "Par réponse")
    notice = school.notice(DIRECTION[0], "Par réponse")
    to, subject = parseaddr(notice["Reply-To"])[1], f"Re: {notice['Subject']}"
    assert to.partition("@")[0].endswith("-reply")
    assert len(to.partition("@")[0]) <= 64
    for text in ("Je suis absente jusqu’à lundi.\n", "> approuver\n", "Oui, mais quand ?\n"):
        with pytest.raises(Refused, match="Rien n'a ete decide"):
            school.write(DIRECTION[0], to, subject, text)
    with pytest.raises(Refused, match="automatique"):
        school.write(DIRECTION[0], to, subject, "Oui\n", Auto_Submitted="auto-replied")
    with pytest.raises(Refused, match="Seule la personne qui a recu l'avis"):
        school.write(WRITER, to, subject, "Oui\n")
    assert school.open(page_of(notice, "approve").replace("-approve", "-reply"), {}).status == 404
    token = to.partition("+")[2].partition("@")[0]
    assert school.open(f"/moderation/{token}", {}).status == 404
    assert school.has(READER, "Par réponse") == 0
    school.write(DIRECTION[0], to, subject, "\nOK.\n\nEnvoyé de mon téléphone\n\n> Décidez avant…\n")
    assert school.has(READER, "Par réponse") == 1
    school.write(WRITER, PARENTS, "Par refus")
    notice = school.notice(DIRECTION[0], "Par refus")
    text = "Le 25 novembre, Modération a écrit :\n\nRefuser\nParlons-en.\n-- \nLa direction\n"
    school.write(DIRECTION[0], parseaddr(notice["Reply-To"])[1], "Re: x", text)
    [told] = [one for one in school.letters(WRITER, "Par refus") if one["Subject"].startswith("Non distribué")]
    assert "Parlons-en." in text_of(told)
    assert "25 novembre" not in text_of(told)
    assert school.has(READER, "Par refus") == 0


def test_a_page_shows_and_only_a_post_decides(school: School) -> None:
    school.write(WRITER, PARENTS, "Sur la page <b>", "<script>alert(1)</script> Bonjour\n")
    notice = school.notice(DIRECTION[0], "Sur la page")
    url = page_of(notice, "approve")
    for _ in range(2):
        page = school.open(url)
        assert page.status == 200
    assert "Sur la page &lt;b&gt;" in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; Bonjour" in page.text
    assert "Approuver" in page.text
    assert "Approve" in school.open(url, language="en-GB,fr;q=0.5").text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["content-security-policy"].startswith("default-src 'none';")
    assert school.has(READER, "Sur la page <b>") == 0
    done = school.open(page.form("approve"), {})
    assert done.status == 303
    assert "a approuvé ce message" in school.open(done.headers["location"]).text
    assert school.has(READER, "Sur la page <b>") == 1
    again = school.open(page.form("refuse"), {"words": "Non"})
    assert again.status == 409
    assert "a approuvé ce message" in again.text
    assert school.has(WRITER, "Non distribué : Sur la page <b>") == 0


def test_a_second_decision_hears_who_was_first(school: School) -> None:
    school.write(WRITER, PARENTS, "Deux fois")
    notice = school.notice(DIRECTION[0], "Deux fois")
    school.write(DIRECTION[0], *mail_to(notice, "approve"))
    with pytest.raises(Refused, match="a approuve ce message le") as refused:
        school.write(DIRECTION[0], *mail_to(notice, "refuse"))
    assert refused.value.code == 550


def test_two_moderators_at_once_deliver_one_message(school: School) -> None:
    delegate(school, PARENTS, [TEACHER, REST[0]], "moderate")
    try:
        school.write(WRITER, PARENTS, "En même temps")
        assert school.letters(DIRECTION[0], "En même temps") == []
        ways = [(one, *mail_to(school.notice(one, "En même temps"), "approve")) for one in (TEACHER, REST[0])]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda way: attempt(school, *way), ways))
        assert sorted(answers) == [250, 550]
        assert school.has(READER, "En même temps") == 1
        loser = ways[answers.index(550)][0]
        winner = ways[answers.index(250)][0]
        assert school.has(loser, "Décidé : En même temps") == 1
        assert school.has(winner, "Décidé : En même temps") == 0
    finally:
        delegate(school, PARENTS, [], "moderate")


def attempt(school: School, sender: str, to: str, subject: str) -> int:
    try:
        school.write(sender, to, subject)
    except Refused as error:
        return error.code
    return 250


def delegate(school: School, address: str, people: list[str], role: str) -> None:
    """Make these the delegates of a list."""

    school.sql("DELETE FROM list_delegate")
    for one in people:
        school.sql(
            "INSERT INTO list_delegate (list_id, grantee, grantee_id, role, actor, at) "
            "SELECT list.list_id, 'person', address.person_id, :role, 'test', 0 "
            "FROM list, address WHERE list.address = :list AND address.address = :person",
            role=role,
            list=address,
            person=one,
        )


def test_only_the_owner_of_a_token_decides_by_mail(school: School) -> None:
    school.write(WRITER, PARENTS, "Le lien d’une autre")
    to, subject = mail_to(school.notice(DIRECTION[0], "Le lien d’une autre"), "approve")
    with pytest.raises(Refused, match="Seule la personne qui a recu l'avis"):
        school.write(WRITER, to, subject)
    local, at, domain = to.rpartition("@")
    for forged in (local.replace("approve", "refuse"), local[:20] + "aaaa" + local[24:], "moderation", "moderation+x"):
        with pytest.raises(Refused, match="l'un des liens"):
            school.write(DIRECTION[0], forged + at + domain, subject)
    assert school.has(READER, "Le lien d’une autre") == 0


def test_a_forged_page_leads_nowhere(school: School) -> None:
    assert school.open("/moderation/" + "a" * 40 + "-approve").status == 404
    assert school.open("/moderation/" + "a" * 40 + "-approve", {}).status == 404
    assert school.open("/").status == 404
    school.write(WRITER, PARENTS, "Page forgée")
    url = page_of(school.notice(DIRECTION[0], "Page forgée"), "refuse")
    assert school.open(url.replace("-refuse", "-approve"), {}).status == 404
    assert school.has(READER, "Page forgée") == 0


def test_an_automatic_answer_decides_nothing(school: School) -> None:
    school.write(WRITER, PARENTS, "En vacances")
    to, subject = mail_to(school.notice(DIRECTION[0], "En vacances"), "approve")
    with pytest.raises(Refused, match="automatique"):
        school.write(DIRECTION[0], to, subject, Auto_Submitted="auto-replied")
    assert school.has(READER, "En vacances") == 0


def test_a_decision_goes_alone(school: School) -> None:
    school.write(WRITER, PARENTS, "Seule")
    to, subject = mail_to(school.notice(DIRECTION[0], "Seule"), "approve")
    for recipients in ([to, TEACHER], [TEACHER, to]):
        with pytest.raises(Refused, match="envoyer une decision seule"):
            school.write(DIRECTION[0], recipients, subject)


def test_the_writer_takes_a_message_back(school: School) -> None:
    school.write(WRITER, PARENTS, "Tout compte fait")
    confirmation = school.notice(WRITER, "Tout compte fait")
    school.write(WRITER, *mail_to(confirmation, "cancel"))
    with pytest.raises(Refused, match="a repris ce message"):
        school.write(DIRECTION[0], *mail_to(school.notice(DIRECTION[0], "Tout compte fait"), "approve"))
    assert school.has(READER, "Tout compte fait") == 0


def test_a_purge_cancels_what_waits_and_says_so(school: School) -> None:
    school.write(WRITER, [TEACHER, PARENTS], "A purger partout")
    message_id = school.message_id
    rehearsed = school.serving.command.good("purge", message_id, "--dry-run", "--json").json
    assert [(one["to"], one["state"]) for one in rehearsed["held"]] == [(PARENTS, "held")]
    idle = Idle(school.serving, address=TEACHER)
    found = school.serving.command.good("purge", message_id, "--yes", "--json").json
    assert [(one["to"], one["state"]) for one in found["held"]] == [(PARENTS, "cancelled")]
    idle.wait_for(b"EXPUNGE")
    idle.close()
    assert school.has(TEACHER, "A purger partout") == 0
    with pytest.raises(Refused, match="a repris ce message"):
        school.write(DIRECTION[0], *mail_to(school.notice(DIRECTION[0], "A purger partout"), "approve"))
    assert school.has(READER, "A purger partout") == 0
    shown = school.serving.command.good("purge", message_id, "--yes").out
    assert "Of what had to wait, 1 cancelled for good, 0 still wait." in shown


def test_a_recall_takes_back_what_waits(school: School) -> None:
    school.write(WRITER, PARENTS, "Reprise avant décision")
    with school.serving.smtp(WRITER) as client:
        client.ehlo()
        client.mail(WRITER)
        client.rcpt("rappel@ent.example.org")
        code, text = client.data(
            f"From: {WRITER}\r\nTo: rappel@ent.example.org\r\nIn-Reply-To: {school.message_id}\r\n\r\n".encode()
        )
    assert (code, text.decode()) == (250, "2.0.0 En attente, ne partira pas : 1.")
    with pytest.raises(Refused, match="a repris ce message"):
        school.write(DIRECTION[0], *mail_to(school.notice(DIRECTION[0], "Reprise avant décision"), "approve"))


def test_the_direct_recipients_have_it_at_once_and_nobody_twice(school: School) -> None:
    school.write(WRITER, [TEACHER, READER, PARENTS], "Aux deux")
    assert school.has(TEACHER, "Aux deux") == 1
    assert school.has(READER, "Aux deux") == 1
    assert school.has(REST[0], "Aux deux") == 0
    school.write(DIRECTION[0], *mail_to(school.notice(DIRECTION[0], "Aux deux"), "approve"))
    assert [school.has(one, "Aux deux") for one in (READER, *REST)] == [1] * (1 + len(REST))


def ask_for_report(
    school: School, writer: str, subject: str, notify: str = "NOTIFY=SUCCESS", ret: str = "RET=HDRS"
) -> str:
    """Send to the parents' list as a program does that asks for a delivery report; give the Message-ID."""
    message_id = make_msgid(domain="client.example")
    message = f"From: {writer}\r\nTo: {PARENTS}\r\nMessage-ID: {message_id}\r\nSubject: {subject}\r\n\r\nBonjour.\r\n"
    with school.serving.smtp(writer) as client:
        client.ehlo()
        client.mail(writer, [ret, "ENVID=e-1"])
        assert client.rcpt(PARENTS, [*filter(None, [notify]), f"ORCPT=rfc822;{PARENTS}"])[0] == 250
        assert client.data(message.encode())[0] == 250
    return message_id


def actions(report: EmailMessage) -> list[tuple[str, str]]:
    """Final-Recipient and Action of each recipient of a report."""
    status = next(part for part in report.walk() if part.get_content_type() == "message/delivery-status")
    _, *found = cast("list[EmailMessage]", status.get_payload())
    return [(one["Final-Recipient"], one["Action"]) for one in found]


def test_the_report_of_what_waits_and_that_of_its_delivery(school: School) -> None:
    message_id = ask_for_report(school, WRITER, "Avec accusé", "NOTIFY=SUCCESS,DELAY,FAILURE")
    [waits] = [one for one in school.letters(WRITER, "Avec accusé") if one.get_content_type() == "multipart/report"]
    assert waits["Subject"] == "En attente : Avec accusé"
    assert f"{PARENTS} : attend l’accord d’un modérateur" in text_of(waits)
    assert actions(waits) == [(f"rfc822; {PARENTS}", "delayed")]
    [sent] = school.serving.command.good("sent", "show", message_id, "--json").json
    assert [(one["to"], one["state"]) for one in sent["waiting"]] == [(PARENTS, "held")]
    school.write(DIRECTION[0], *mail_to(school.notice(DIRECTION[0], "Avec accusé"), "approve"))
    reports = [one for one in school.letters(WRITER, "Avec accusé") if one.get_content_type() == "multipart/report"]
    assert [one["Subject"] for one in reports] == ["En attente : Avec accusé", "Remis : Avec accusé"]
    assert actions(reports[1]) == [(f"rfc822; {PARENTS}", "delivered")]
    assert text_of(reports[1]).splitlines()[-1] == f"{PARENTS} : remis"
    [sent] = school.serving.command.good("sent", "show", message_id, "--json").json
    assert (sent["waiting"], sent["to"][0]["delivered"] > 1) == ([], True)


def test_of_what_waits_nobody_is_told_who_did_not_ask_for_delays(school: School) -> None:
    """RFC 3461 section 5.2.5."""
    ask_for_report(school, WRITER, "Sans attente", "NOTIFY=SUCCESS")
    kinds = [one.get_content_type() for one in school.letters(WRITER, "Sans attente")]
    assert len(kinds) == 1
    assert "multipart/report" not in kinds
    school.write(DIRECTION[0], *mail_to(school.notice(DIRECTION[0], "Sans attente"), "approve"))
    reports = [one for one in school.letters(WRITER, "Sans attente") if one.get_content_type() == "multipart/report"]
    assert [actions(one) for one in reports] == [[(f"rfc822; {PARENTS}", "delivered")]]


@pytest.mark.parametrize(
    ("notify", "wanted"),
    [("", True), ("NOTIFY=FAILURE,DELAY", True), ("NOTIFY=SUCCESS", False), ("NOTIFY=NEVER", False)],
)
def test_who_sent_what_is_refused_has_one_letter_that_is_the_report(school: School, notify: str, wanted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    subject = f"Refusé {notify}".strip()
    ask_for_report(school, WRITER, subject, notify)
    to, decision = mail_to(school.notice(DIRECTION[0], subject), "refuse")
    school.write(DIRECTION[0], to, decision, "Pas ainsi.\n")
    [told] = [one for one in school.letters(WRITER, subject) if one["Subject"].startswith("Non distribué")]
    assert "Pas ainsi." in text_of(told)
    assert (told.get_content_type() == "multipart/report") is wanted
    if not wanted:
        return
    assert told["Return-Path"] == "<>"
    assert told["Auto-Submitted"] == "auto-replied"
    assert told.get_param("report-type") == "delivery-status"
    words, status, returned = cast("list[EmailMessage]", told.get_payload())
    assert words.get_content_type() == "multipart/alternative"
    of_message, recipient = cast("list[EmailMessage]", status.get_payload())
    assert of_message["Original-Envelope-Id"] == "e-1"
    assert dict(recipient.items()) == {
        "Original-Recipient": f"rfc822;{PARENTS}", "Final-Recipient": f"rfc822; {PARENTS}",
        "Action": "failed", "Status": "5.7.1",
    }  # fmt: skip
    assert returned.get_content_type() == "text/rfc822-headers"
    header = returned.get_content()
    assert PARENTS in header
    assert "Return-Path" not in header


@pytest.mark.usefixtures("patient")
def test_the_report_of_a_list_that_waits_tells_staff_how_many_got_it(school: School) -> None:
    message_id = ask_for_report(school, TEACHER, "Accusé patient")
    shown = school.serving.command.good("sent", "show", message_id).out
    assert ", unless it is taken back" in shown
    wait_until_decided(school, "Accusé patient")
    *_, last = [
        one for one in school.letters(TEACHER, "Accusé patient") if one.get_content_type() == "multipart/report"
    ]
    assert re.search(rf"{PARENTS} : remis \(boîtes : \d+\)", text_of(last))


def test_a_held_message_survives_a_kill(tmp_path: Path, templates: Templates) -> None:
    templates.sqlite(ACADEMY, tmp_path / "mailgate.db")
    for school in running(f"sqlite:///{tmp_path / 'mailgate.db'}", tmp_path):
        school.write(WRITER, PARENTS, "Avant la panne")
        school.serving.end()
        school.serving.start()
        assert school.has(READER, "Avant la panne") == 0
        school.write(DIRECTION[0], *mail_to(school.notice(DIRECTION[0], "Avant la panne"), "approve"))
        assert school.has(READER, "Avant la panne") == 1


def wait_until_decided(school: School, subject: str) -> None:
    """The time of a message is over; wait until the gateway has seen it."""
    before = len(school.serving.of("held message decided"))
    school.sql("UPDATE held_message SET expires_at = 1 WHERE subject = :subject", subject=subject)
    school.serving.wait_for("held message decided", before + 1)


def test_what_nobody_decides_expires_and_its_writer_is_told(school: School) -> None:
    ask_for_report(school, WRITER, "Oublié", "", "RET=FULL")
    wait_until_decided(school, "Oublié")
    [told] = [one for one in school.letters(WRITER, "Oublié") if one["Subject"].startswith("Non distribué")]
    assert "Personne n’a décidé" in text_of(told)
    assert actions(told) == [(f"rfc822; {PARENTS}", "failed")]
    assert "Status: 5.4.7" in told.as_string()
    whole = next(part for part in told.walk() if part.get_content_type() == "message/rfc822")
    assert "Bonjour." in whole.as_string(), "RET=FULL"
    assert school.has(DIRECTION[0], "Décidé : Oublié") == 1
    assert school.has(READER, "Oublié") == 0
    found = school.serving.command.good("moderation", "list", "--json").json
    assert "Oublié" not in [one["subject"] for one in found]


@pytest.fixture
def patient(school: School) -> Iterator[None]:
    """The parents' list waits for five minutes."""
    school.sql(
        "INSERT INTO list_setting (list_id, hold_minutes, actor, at) "
        "SELECT list_id, 5, 'test', 0 FROM list WHERE address = :list",
        list=PARENTS,
    )
    yield
    school.sql("DELETE FROM list_setting")


@pytest.mark.usefixtures("patient")
def test_a_list_that_waits_sends_by_itself(school: School) -> None:
    answer = school.write(TEACHER, PARENTS, "Dans cinq minutes")
    assert answer == "2.1.5 Message accepte ; il partira dans 5 min."
    assert school.has(READER, "Dans cinq minutes") == 0
    assert "Votre message à cette liste partira" in text_of(school.notice(TEACHER, "Dans cinq minutes"))
    wait_until_decided(school, "Dans cinq minutes")
    assert [school.has(one, "Dans cinq minutes") for one in (READER, *REST)] == [1] * (1 + len(REST))
    [copy] = school.letters(READER, "Dans cinq minutes")
    assert PARENTS.replace("@", ".") in copy["List-Id"]


@pytest.mark.usefixtures("patient")
def test_what_the_policy_refuses_by_then_does_not_go_when_its_minutes_are_over(school: School) -> None:
    school.write(TEACHER, PARENTS, "Interdit depuis")
    cell = {"writer": "teacher", "recipient": "class.parents", "scope": "own-class", "verdict": "refuse"}
    names, values = ", ".join(cell), ", ".join(f":{name}" for name in cell)
    school.sql(f"INSERT INTO policy_cell (school_id, {names}) SELECT school_id, {values} FROM school", **cell)  # noqa: S608
    try:
        wait_until_decided(school, "Interdit depuis")
    finally:
        school.sql("DELETE FROM policy_cell")
    assert school.has(READER, "Interdit depuis") == 0
    assert [one["Subject"] for one in school.letters(TEACHER, "Interdit depuis")][-1].startswith("Non distribué")


@pytest.mark.usefixtures("patient")
def test_the_writer_takes_a_message_to_a_waiting_list_back_on_a_page(school: School) -> None:
    school.write(TEACHER, PARENTS, "Trop vite")
    url = page_of(school.notice(TEACHER, "Trop vite"), "cancel")
    page = school.open(url)
    assert "Approuver" not in page.text
    assert school.open(page.form("cancel"), {}).status == 303
    assert "a repris ce message" in school.open(url).text
    assert school.has(READER, "Trop vite") == 0


def test_a_moderator_who_has_left_decides_nothing(school: School) -> None:
    leaver = REST[1]
    delegate(school, PARENTS, [leaver, TEACHER], "manage")
    change = "UPDATE account SET state = :state WHERE account_id = (SELECT person_id FROM address WHERE address = :who)"
    try:
        school.write(WRITER, PARENTS, "Départ")
        url = page_of(school.notice(leaver, "Départ"), "approve")
        school.sql(change, state="suspended", who=leaver)
        assert school.open(url).status == 404
        assert school.open(url, {}).status == 404
        assert school.has(READER, "Départ") == 0
        school.write(TEACHER, *mail_to(school.notice(TEACHER, "Départ"), "approve"))
        assert school.has(READER, "Départ") == 1
    finally:
        school.sql(change, state="active", who=leaver)
        delegate(school, PARENTS, [], "manage")


def test_an_emergency_stop_that_moderates_holds_what_the_policy_allows(school: School) -> None:
    command = school.serving.command
    made = command.good("stop", "add", "--list", PARENTS, "--moderate", "--json").json
    try:
        school.write(TEACHER, PARENTS, "Pendant l’arrêt")
        assert school.has(READER, "Pendant l’arrêt") == 0
        notice = school.notice(DIRECTION[0], "Pendant l’arrêt")
        other = command.good("stop", "add", "--account", TEACHER, "--json").json
        with pytest.raises(Refused, match="suspendu"):
            school.write(DIRECTION[0], *mail_to(notice, "approve"))
        command.good("stop", "lift", other[0]["id"])
        school.write(DIRECTION[0], *mail_to(notice, "approve"))
        assert school.has(READER, "Pendant l’arrêt") == 1
    finally:
        command.good("stop", "lift", made[0]["id"])


def test_nobody_could_approve_and_the_writer_hears_so(school: School) -> None:
    head = (
        "UPDATE account SET state = :state WHERE account_id IN (SELECT person_id FROM list_member "
        "JOIN list ON list.list_id = list_member.list_id WHERE address = :list)"
    )
    school.sql(head, state="suspended", list=f"direction@{DOMAIN}")
    try:
        with pytest.raises(Refused, match="personne ne peut le faire"):
            school.write(WRITER, PARENTS, "À personne")
    finally:
        school.sql(head, state="active", list=f"direction@{DOMAIN}")


def test_an_administrator_lists_shows_and_decides(school: School) -> None:
    command = school.serving.command
    school.write(WRITER, PARENTS, "Au guichet")
    [found] = [one for one in command.good("moderation", "list", "--json").json if one["subject"] == "Au guichet"]
    assert (found["state"], found["writer"], found["target"]) == ("held", WRITER, PARENTS)
    shown = command.good("moderation", "show", found["number"], "--json").json
    assert sorted(shown["moderators"]) == sorted(DIRECTION)
    refused = command.good("moderation", "refuse", found["number"], "--words", "Venez nous voir.", "--json").json
    assert (refused["state"], refused["decided_by"], refused["words"]) == (
        "refused",
        "Un administrateur",
        "Venez nous voir.",
    )
    again = command("moderation", "approve", found["number"])
    assert again.code == 1
    assert "Un administrateur refused this message" in again.err
    assert command("moderation", "show", "12").code == 1
    assert command("moderation", "cancel", "not-a-number").code == 1
    [told] = [one for one in school.letters(WRITER, "Au guichet") if one["Subject"].startswith("Non distribué")]
    assert "Venez nous voir." in text_of(told)
    assert school.has(READER, "Au guichet") == 0


def test_no_token_is_in_the_log(school: School) -> None:
    school.write(WRITER, PARENTS, "Au secret")
    notice = school.notice(DIRECTION[0], "Au secret")
    to, subject = mail_to(notice, "approve")
    school.open(page_of(notice, "refuse"))
    school.write(DIRECTION[0], to, subject)
    token = to.partition("+")[2].partition("-")[0]
    said = f"{school.serving.records}{school.serving.noise}"
    assert token not in said
    assert "Au secret" not in said


def test_the_clock_sends_the_welcome_text_of_a_list_too(school: School) -> None:
    command, address = school.serving.command, f"accueil@{DOMAIN}"
    command.good("list", "create", address, "Accueil")
    command.good("list", "settings", "set", address, "welcome=Soyez le bienvenu.")
    idle = Idle(school.serving, address=READER)
    command.good("list", "members", "add", address, READER)
    idle.wait_for(b"EXISTS")
    idle.close()
    [letter] = school.letters(READER, "Bienvenue sur la liste Accueil")
    assert letter["From"] == f"Accueil <help+{address}>"
    assert text_of(letter).startswith("Soyez le bienvenu.")
