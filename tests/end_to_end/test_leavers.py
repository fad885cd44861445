"""Who has left reads on over IMAP, sends nothing over SMTP, and is counted in no list."""

from __future__ import annotations

import smtplib

import pytest

from tests.cli.command import Command
from tests.directory.academy import NEXT_YEAR, expected
from tests.end_to_end.gateway import Gateway, Person, compose, subjects


def people(gateway: Gateway) -> tuple[Person, Person, Person]:
    """An employee and a pupil who leave, and a teacher of the same school who stays."""
    after = {one["id"] for one in expected("expected-next.json")["accounts"]}
    gone = {
        profile: next(one for one in gateway.by_profile(profile) if one.source_id not in after)
        for profile in ("administrative", "pupil")
    }
    school = gone["administrative"].school
    stays = next(one for one in gateway.by_profile("teacher") if one.source_id in after and one.school == school)
    return gone["administrative"], gone["pupil"], stays


def rcpt(gateway: Gateway, sender: Person, address: str) -> tuple[int, bytes]:
    with gateway.smtp(sender) as client:
        client.ehlo()
        assert client.mail(sender.address)[0] == 250
        return client.rcpt(address)


def test_a_leaver_reads_and_sends_nothing(mortal_gateway: Gateway) -> None:
    employee, pupil, colleague = people(mortal_gateway)
    mortal_gateway.send(colleague, [employee.address], compose(colleague, employee.address, "Avant"))
    with mortal_gateway.smtp(employee) as kept:
        kept.ehlo()
        command = Command(mortal_gateway.state)
        command.good("directory", "import", NEXT_YEAR, "--force", MAILGATE_DIRECTORY__SCHOOL_YEAR="2026")
        assert kept.mail(employee.address)[0] == 550  # a session that was open before
    assert command.good("account", "show", employee.address, "--json").json["lists"] == []
    for leaver in (employee, pupil):
        with mortal_gateway.imap(leaver) as client:
            assert client.select("INBOX")[0] == "OK"
        with mortal_gateway.smtp(leaver) as client, pytest.raises(smtplib.SMTPSenderRefused) as refused:
            client.sendmail(leaver.address, [colleague.address], b"Subject: Apres\r\n\r\n")
        assert refused.value.smtp_code == 550
        assert b"vous pouvez lire vos messages jusqu'au" in refused.value.smtp_error
    closed = rcpt(mortal_gateway, colleague, pupil.address)
    assert (closed[0], closed[1][:5]) == (550, b"5.2.1")
    mortal_gateway.send(colleague, [employee.address], compose(colleague, employee.address, "Depuis"))
    elsewhere = next(one for one in mortal_gateway.by_profile("teacher") if one.school != employee.school)
    assert rcpt(mortal_gateway, elsewhere, employee.address)[1][:5] == b"5.7.1"
    with mortal_gateway.smtp(elsewhere) as kept:
        kept.ehlo()
        command.good("account", "suspend", elsewhere.address)
        assert kept.mail(elsewhere.address) == (550, b"5.7.1 Votre compte est ferme.")
    with mortal_gateway.imap(employee) as client:
        assert {"Avant", "Depuis"} <= {*subjects(client)}
