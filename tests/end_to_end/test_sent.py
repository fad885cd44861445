"""After sending: the report that a writer asks for, and what `mailgate sent` shows."""

from __future__ import annotations

import email
import email.policy
import json
from email.message import EmailMessage
from typing import cast

import pytest

from tests.end_to_end.gateway import Gateway, Person, compose
from tests.policy.academy import accounts, lists

SCHOOL = "clg-frederic-mistral.ent.example.org"
PARENTS = f"6eme-b.parents@{SCHOOL}"


@pytest.fixture
def teacher(gateway: Gateway) -> Person:
    return next(one for one in gateway.by_profile("teacher") if "6ème B" in one.classes)


def send(gateway: Gateway, writer: Person, to: dict[str, list[str]], subject: str) -> EmailMessage:
    """Send with the parameters that each recipient has."""
    message = compose(writer, next(iter(to)), subject)
    with gateway.smtp(writer) as client:
        client.ehlo()
        assert client.mail(writer.address, ["RET=HDRS", "ENVID=QQ+2B314159"])[0] == 250
        for address, parameters in to.items():
            assert client.rcpt(address, parameters)[0] == 250
        assert client.data(message.as_bytes(policy=email.policy.SMTP))[0] == 250
    return message


def reports(gateway: Gateway, reader: Person, message: EmailMessage) -> list[EmailMessage]:
    """What there is in the reader's INBOX about a message."""
    with gateway.imap(reader) as client:
        client.select("INBOX", readonly=True)
        found = client.uid("SEARCH", "HEADER", "In-Reply-To", f'"{message["Message-ID"]}"')[1][0].split()
        texts = [client.uid("FETCH", uid.decode(), "(BODY.PEEK[])")[1][0][1] for uid in found]
    return [email.message_from_bytes(text, policy=email.policy.default) for text in texts]


def test_a_teacher_reads_how_many_a_list_reached_and_who_has_no_account(gateway: Gateway, teacher: Person) -> None:
    members = lists()[PARENTS]["members"]
    gone = gateway.people[members[0]].address
    colleague = next(one for one in gateway.by_profile("teacher") if one.school == teacher.school and one != teacher)
    gateway.command("account", "suspend", gone)
    to = {
        PARENTS: ["NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;{PARENTS}"],
        colleague.address: ["NOTIFY=SUCCESS"],
        teacher.address: ["NOTIFY=NEVER"],
    }
    message = send(gateway, teacher, to, "Réunion de rentrée")
    gateway.command("account", "resume", gone)
    [report] = reports(gateway, teacher, message)
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    assert report["Subject"] == "Remis : Réunion de rentrée"
    assert (report["Return-Path"], report["Auto-Submitted"]) == ("<>", "auto-replied")
    words, status, header = report.iter_parts()
    text = words.get_content()
    assert f"{PARENTS} : remis (boîtes : {len(members) - 1})" in text
    assert "Sans compte, donc sans le message (1)" in text
    of_message, of_list, of_colleague = cast("list[EmailMessage]", status.get_payload())
    assert of_message["Original-Envelope-Id"] == "QQ+314159"
    assert (of_list["Final-Recipient"], of_list["Action"]) == (f"rfc822; {PARENTS}", "delivered")
    assert of_list["Original-Recipient"] == f"rfc822;{PARENTS}"
    assert (of_colleague["Final-Recipient"], of_colleague["Status"]) == (f"rfc822; {colleague.address}", "2.0.0")
    assert header.get_content_type() == "text/rfc822-headers"
    whole = report.as_string()
    assert [gateway.people[one].address for one in members if gateway.people[one].address in whole] == []


def test_no_report_without_the_wish(gateway: Gateway, teacher: Person) -> None:
    message = send(gateway, teacher, {PARENTS: ["NOTIFY=FAILURE"], teacher.address: []}, "Sans rapport")
    assert reports(gateway, teacher, message) == []


def test_a_parent_learns_no_number_and_no_name(gateway: Gateway) -> None:
    parent = next(one for one in gateway.by_profile("relative") if "6ème B" in one.classes)
    direction = f"direction@{SCHOOL}"
    message = send(gateway, parent, {direction: ["NOTIFY=SUCCESS"]}, "Une question")
    [report] = reports(gateway, parent, message)
    assert next(report.iter_parts()).get_content().splitlines()[-1] == f"{direction} : remis"


def test_the_commands_show_what_became_of_it(gateway: Gateway, teacher: Person) -> None:
    message = send(gateway, teacher, {PARENTS: []}, "Pour voir")
    [sent] = [
        one
        for one in json.loads(gateway.command("sent", "list", teacher.address, "--json"))
        if one["message_id"] == message["Message-ID"]
    ]
    [shown] = json.loads(gateway.command("sent", "show", sent["id"], "--people", "--json"))
    members = lists()[PARENTS]["members"]
    assert shown["to"] == [{"to": PARENTS, "delivered": len(members)}]
    assert shown["families"] == {"delivered": sum(shown["families"].values())}
    assert {one["address"] for one in shown["people"]} == {gateway.people[one].address for one in members}
    told = gateway.command("sent", "show", message["Message-ID"])
    assert f"{PARENTS}" in told
    assert "delivered" in told


def asked(gateway: Gateway, who: Person, message: EmailMessage, to: str, *also: str) -> tuple[int, str]:
    """Answer to one's own message, to an address that says what became of it; what the server says."""
    request = compose(who, to, "Re: rapport")
    request["In-Reply-To"] = message["Message-ID"]
    with gateway.smtp(who) as client:
        client.ehlo()
        client.mail(who.address)
        for one in (to, *also):
            code, text = client.rcpt(one)
            if code != 250:
                return code, text.decode()
        code, text = client.data(request.as_bytes(policy=email.policy.SMTP))
        return code, text.decode()


def letter_to(gateway: Gateway, who: Person) -> str:
    """The last letter about what became of a message."""
    with gateway.imap(who) as client:
        client.select("INBOX", readonly=True)
        uid = client.uid("SEARCH", "SUBJECT", "devenu")[1][0].split()[-1].decode()
        octets = client.uid("FETCH", uid, "(BODY.PEEK[])")[1][0][1]
    found = email.message_from_bytes(octets, policy=email.policy.default)
    assert found["Auto-Submitted"] == "auto-replied"
    return str(found.get_content()).replace("\r\n", "\n")


def test_a_teacher_asks_by_mail_what_became_of_a_message(gateway: Gateway, teacher: Person) -> None:
    members = lists()[PARENTS]["members"]
    gone, reader = (gateway.people[one] for one in members[:2])
    colleague = next(one for one in gateway.by_profile("teacher") if one.school == teacher.school and one != teacher)
    gateway.command("account", "suspend", gone.address)
    message = send(gateway, teacher, {PARENTS: [], colleague.address: []}, "Suivi")
    with gateway.imap(reader) as client:
        client.select("INBOX")
        client.uid("STORE", client.uid("SEARCH", "SUBJECT", "Suivi")[1][0].split()[-1].decode(), "+FLAGS", "(\\Seen)")
    assert asked(gateway, teacher, message, "remise@ent.example.org") == (
        250,
        "2.0.0 La reponse est dans votre boite de reception.",
    )
    told = letter_to(gateway, teacher)
    assert f"<{colleague.address}> : remis" in told
    assert f"  remis : {len(members) - 1}\n" in told
    assert "ouvert :" not in told, "the school does not show it"
    assert "Sans compte, donc sans le message (1)" in told
    assert "Familles :" in told
    assert str(message["Message-ID"]) in told
    assert [gateway.people[one].address for one in members if gateway.people[one].address in told] == []
    uai = next(iter(accounts()[teacher.source_id].schools))
    gateway.command("school", "set", uai, "opened_shown", "true")
    asked(gateway, teacher, message, "delivery@ent.example.org")
    gateway.command("school", "set", uai, "opened_shown")
    gateway.command("account", "resume", gone.address)
    assert "  ouvert : 1\n" in letter_to(gateway, teacher)


def test_a_parent_asks_and_learns_nothing_of_others(gateway: Gateway, teacher: Person) -> None:
    parent = next(one for one in gateway.by_profile("relative") if "6ème B" in one.classes)
    direction = f"direction@{SCHOOL}"
    message = send(gateway, parent, {direction: [], teacher.address: []}, "Ma question")
    assert asked(gateway, parent, message, "remise@ent.example.org")[0] == 250
    told = letter_to(gateway, parent)
    assert f"{direction} : remis\n" in told
    assert f"<{teacher.address}> : remis" in told
    assert "Familles" not in told
    assert " : 1" not in told
    assert asked(gateway, teacher, message, "remise@ent.example.org")[0] == 550, "it is not theirs"
    code, text = asked(gateway, parent, message, "remise@ent.example.org", direction)
    assert (code, text.startswith("5.7.1 ")) == (550, True)
