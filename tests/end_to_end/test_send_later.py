"""Sent later (RFC 4865) by a real gateway: whole processes, a mail program's words, the writer's page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.school import DOMAIN, PARENTS, School, members, page_of
from tests.end_to_end.test_moderation import running

READER = members(PARENTS)[0]
TEACHER = members(f"6eme-a.profs@{DOMAIN}")[0]


@pytest.fixture(scope="module")
def school(academy_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    """One for the module: each test writes under a subject of its own."""
    yield from running(academy_url, tmp_path_factory.mktemp("school"))


def post(school: School, subject: str, seconds: int) -> None:
    """As a mail program has it."""
    with school.serving.smtp(TEACHER) as client:
        client.ehlo()
        assert client.esmtp_features["futurerelease"].split()[0] == str(60 * 86_400)
        text = f"From: {TEACHER}\r\nSubject: {subject}\r\nMessage-ID: <{seconds}@client.example>\r\n\r\nBonjour\r\n"
        assert client.sendmail(TEACHER, [PARENTS], text, [f"HOLDFOR={seconds}"]) == {}


def test_it_arrives_after_its_time_by_itself(school: School) -> None:
    post(school, "Dans deux secondes", 2)
    assert school.has(READER, "Dans deux secondes") == 0
    school.serving.wait_for("postponed message released")
    assert school.has(READER, "Dans deux secondes") == 1


def test_its_writer_takes_it_back_on_a_page_and_by_mail(school: School) -> None:
    post(school, "Dans une heure", 3_600)
    page = school.open(page_of(school.notice(TEACHER, "Dans une heure"), "cancel"))
    assert "Approuver" not in page.text
    assert school.open(page.form("cancel"), {}).status == 303
    post(school, "Dans une journee", 86_400)
    assert '"postponed"' in school.serving.command.good("moderation", "list", "--json").out
    school.write(TEACHER, "rappel@ent.example.org", "Reprendre", In_Reply_To="<86400@client.example>")
    assert school.has(TEACHER, "Votre message a été repris") == 1
    assert "Dans une" not in school.serving.command.good("moderation", "list", "--json").out
