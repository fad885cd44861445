"""Reports to writers outside (RFC 3461) through the queue, on both stores: those they asked for, and no others."""

from __future__ import annotations

import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select

from mailgate import config
from mailgate.database import open_database
from mailgate.delivery.notices import Notices
from mailgate.moderation.deciding import Decider, Moderation
from mailgate.moderation.links import Service
from mailgate.moderation.schema import held_message
from mailgate.policy.matrix import Verdict
from mailgate.queue.schema import queued_message, queued_recipient
from mailgate.store import MailStore
from mailgate.store.messages import joined, read_chunks
from tests.incoming.conftest import SENDER, Site, note, running
from tests.incoming.test_incoming import COLLEGE, DOMAIN, PUPIL, TEACHER

ASKED = f"<{TEACHER}> NOTIFY=SUCCESS ORCPT=rfc822;Prof+2Bx@old.example"


@dataclass
class Queued:
    """An entry of the queue."""

    mail_from: str
    to: str
    notify: str
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.content, policy=email.policy.default)

    @property
    def fields(self) -> list[dict[str, str]]:
        """The fields of the report: of the message, then of each recipient."""
        status = next(part for part in self.message.walk() if part.get_content_type() == "message/delivery-status")
        return [dict(group.items()) for group in status.get_payload() if isinstance(group, EmailMessage)]


async def queued(site: Site) -> list[Queued]:
    def find(connection: Connection) -> list[Any]:
        columns = (
            queued_message.c.content_id, queued_message.c.mail_from, queued_recipient.c.address,
            queued_recipient.c.notify,
        )  # fmt: skip
        both = queued_message.join(queued_recipient, queued_message.c.queue_id == queued_recipient.c.queue_id)
        return list(connection.execute(select(*columns).select_from(both).order_by(queued_message.c.queue_id)))

    rows = await site.batch(find)
    database = await open_database(site.url)
    contents = joined(await database.read(lambda tx: read_chunks(tx, [row[0] for row in rows])))
    await database.close()
    return [Queued(row[1], row[2], row[3], contents[row[0]]) for row in rows]


async def send(site: Site, *to: str, subject: str = "Sortie", mail: str = f"<{SENDER}>") -> str:
    """A message whose recipients have their parameters; what is said at its end."""
    wire = await site.connect()
    assert (await wire.ask(f"MAIL FROM:{mail}")).startswith("250 ")
    for one in to:
        assert (await wire.ask(f"RCPT TO:{one}")).startswith("250 ")
    return await wire.data(note(subject) + b".\r\n")


async def decide(site: Site, *, approve: bool) -> None:
    """What a moderator decides about the one message that waits."""
    [held_id] = await site.batch(
        lambda connection: connection.scalars(
            select(held_message.c.held_id).where(held_message.c.state == "held")
        ).all()
    )
    database = await open_database(site.url)
    service = Service("ent.example.org", "mx.ent.example.org", "")
    desk = Moderation(database, MailStore(database), service, notices=Notices(database, site.settings))
    by = Decider("Le principal", "principal")
    await (desk.approve(held_id, by) if approve else desk.refuse(held_id, by, ""))
    await database.close()


@pytest.fixture(autouse=True)
async def nothing_queued(site: Site) -> AsyncIterator[None]:
    yield
    await site.batch(
        lambda connection: [connection.execute(delete(one)) for one in (queued_recipient, queued_message, held_message)]
    )


async def test_a_delivery_is_reported_to_who_asked(site: Site) -> None:
    answer = await send(site, ASKED, f"<secretariat@{DOMAIN}>", mail=f"<{SENDER}> RET=HDRS ENVID=QQ+2B1")
    assert answer.startswith("250 ")
    [report] = await queued(site)
    assert (report.mail_from, report.to, report.notify) == ("", SENDER, "NEVER")
    message, recipient = report.fields
    assert message["Original-Envelope-Id"] == "QQ+1"
    assert message["Reporting-MTA"] == "dns; mx.ent.example.org"
    assert recipient == {
        "Original-Recipient": "rfc822;Prof+x@old.example", "Final-Recipient": f"rfc822; {TEACHER}",
        "Action": "delivered", "Status": "2.0.0",
    }  # fmt: skip
    assert report.message["To"] == SENDER
    assert report.message["Auto-Submitted"] == "auto-replied"
    parts = [part.get_content_type() for part in report.message.iter_parts()]
    assert parts == ["text/plain", "message/delivery-status", "text/rfc822-headers"]
    assert "Sortie" in report.message["Subject"]


@pytest.mark.parametrize(
    ("mail", "notify"),
    [
        (f"<{SENDER}>", ""),
        (f"<{SENDER}>", " NOTIFY=NEVER"),
        (f"<{SENDER}>", " NOTIFY=FAILURE,DELAY"),
        ("<>", " NOTIFY=SUCCESS"),
    ],
)
async def test_nobody_is_told_who_did_not_ask_or_has_no_reverse_path(site: Site, mail: str, notify: str) -> None:
    assert (await send(site, f"<{TEACHER}>{notify}", mail=mail)).startswith("250 ")
    assert await queued(site) == []


async def test_a_list_is_delivered_to_when_it_takes_the_message(site: Site) -> None:
    await site.cell(COLLEGE, "school.profs", Verdict.ALLOW)
    assert (await send(site, f"<profs@{DOMAIN}> NOTIFY=SUCCESS,FAILURE", ASKED)).startswith("250 ")
    [report] = await queued(site)
    assert [one["Final-Recipient"] for one in report.fields[1:]] == [f"rfc822; profs@{DOMAIN}", f"rfc822; {TEACHER}"]
    assert b"mailboxes" not in report.content


@pytest.mark.parametrize(
    ("notify", "at_once", "approved", "refused"),
    [
        ("", [], [], ["failed"]),
        ("NOTIFY=NEVER", [], [], []),
        ("NOTIFY=FAILURE", [], [], ["failed"]),
        ("NOTIFY=DELAY", ["delayed"], [], []),
        ("NOTIFY=SUCCESS", [], ["delivered"], []),
        ("NOTIFY=SUCCESS,DELAY,FAILURE", ["delayed"], ["delivered"], ["failed"]),
    ],
)
async def test_what_waits_for_a_moderator(
    site: Site, notify: str, at_once: list[str], approved: list[str], refused: list[str]
) -> None:
    """RFC 3461 sections 5.2.3, 5.2.5 and 5.2.6: each kind is told where it is among those asked for."""
    await site.cell(COLLEGE, "pupil", Verdict.MODERATE)
    for approve, later in ((True, approved), (False, refused)):
        await site.batch(lambda connection: connection.execute(delete(queued_recipient)))
        assert (await send(site, f"<{PUPIL}> {notify}".strip())).startswith("250 2.0.0 Accepted")
        assert await _kinds(site) == at_once
        await decide(site, approve=approve)
        assert await _kinds(site) == sorted(at_once + later)


async def _kinds(site: Site) -> list[str]:
    found = await queued(site)
    assert all((one.mail_from, one.to) == ("", SENDER) for one in found)
    return sorted(one.fields[1]["Action"] for one in found)


async def test_where_nothing_leaves_no_report_is_promised(academy_url: str, tmp_path: Path) -> None:
    mx = config.Mx(listen=("127.0.0.1:0", "127.0.0.1:0 proxy"))
    for sections in ({"queue": config.Queue()}, {"mx": config.Mx(listen=mx.listen, dsn=False)}):
        async with running(academy_url, tmp_path / next(iter(sections)), **sections) as site:
            wire = await site.connect()
            assert "DSN" not in await wire.ask("EHLO relay.elsewhere.example")
            assert (await wire.ask(f"MAIL FROM:<{SENDER}> RET=HDRS")).startswith("555")
