"""After sending: the report that a writer asks for, and what `mailgate sent` shows."""

from __future__ import annotations

import email
import email.policy
import json
from email.message import EmailMessage
from typing import cast

import pytest

from tests.end_to_end.gateway import Gateway, Person, compose
from tests.policy.academy import lists

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
    assert f"{PARENTS} : remis dans {len(members) - 1} boîtes" in text
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
