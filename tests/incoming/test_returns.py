"""Reports of failure about copies that left: they count against the address, and land in no mailbox."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, func, select

from directory.schema import address
from mailgate.database import open_database
from mailgate.delivery.returns import status_of
from mailgate.moderation.tokens import load_key
from mailgate.policy import schools
from mailgate.queue.enqueue import Outgoing, OutsideRecipient, enqueuing
from mailgate.queue.reverse_paths import named_in, reverse_path
from mailgate.queue.schedule import Priority, Schedule
from mailgate.queue.schema import queued_message, queued_recipient
from mailgate.queue.wishes import Mode, choose, chosen, outside_failure
from mailgate.store import MailStore, Parcel
from tests.incoming.conftest import Site
from tests.incoming.test_incoming import COLLEGE, TEACHER, person

PARENT = person("relative")
DOMAIN = "ent.example.org"


def report(
    *, action: str = "failed", status: str = "5.1.1", kind: str = "report; report-type=delivery-status"
) -> bytes:
    """What another server sends back."""
    return (
        f"From: MAILER-DAEMON@relay.example\r\nTo: you\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: multipart/{kind}; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSorry\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\n"
        f"Final-Recipient: rfc822; home@example.net\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Voyage\r\n\r\nBonjour\r\n--b--\r\n"
    ).encode()


@dataclass
class Left:
    """Copies that left, by the reverse path of each."""

    paths: list[str]


@pytest.fixture
async def left(site: Site) -> Left:
    """Four messages that went to a parent's address outside."""
    await site.batch(lambda connection: choose(connection, PARENT.address, "home@example.net", Mode.COPY))
    await site.batch(
        lambda connection: schools.change(connection, schools.school_id_of(connection, COLLEGE), "language", "en")
    )
    person_id = await site.batch(
        lambda connection: connection.scalar(select(address.c.person_id).where(address.c.address == PARENT.address))
    )
    database = await open_database(site.url)
    store = MailStore(database)
    to = [OutsideRecipient("home@example.net", person_id=person_id)]
    out = Outgoing(None, f"bounces@{DOMAIN}", to, Priority.BULK, verp=True)
    stored = enqueuing(out, Schedule((86_400,), 86_400, 0))
    for at in range(4):
        await store.deliver_all([Parcel(b"Subject: %d\r\n\r\nx\r\n" % at, frozenset(), list_id=None, stored=stored)])
    key = await load_key(database)
    await database.close()

    def numbers(connection: Connection) -> list[int]:
        return list(
            connection.scalars(select(queued_recipient.c.queue_id).where(queued_recipient.c.person_id == person_id))
        )

    return Left([reverse_path(key, DOMAIN, person_id, number) for number in await site.batch(numbers)])


async def _forget(site: Site) -> None:
    def work(connection: Connection) -> None:
        choose(connection, PARENT.address, None)
        for table in (queued_recipient, queued_message):
            connection.execute(delete(table))

    await site.batch(work)


async def failures(site: Site) -> int:
    return int(await site.batch(lambda c: c.scalar(select(func.count()).select_from(outside_failure))))


async def test_three_reports_end_it_and_the_owner_is_told_once(site: Site, left: Left) -> None:
    first, second, third, fourth = left.paths
    harmless = [report(action="delayed", status="4.4.1"), report(status="5.2.3"), report(kind="mixed"),
                b"From: a@b.example\r\nSubject: Out of office\r\n\r\nBack soon\r\n"]  # fmt: skip
    for content in harmless:
        assert await site.send(first, content=content, sender="") == "250 2.0.0 Report taken"
    assert await failures(site) == 0
    for path in (first, first, second.upper(), second):
        assert await site.send(path, content=report(), sender="") == "250 2.0.0 Report taken"
    assert await failures(site) == 2, "each message counts once"
    for path in (third, fourth):
        await site.send(path, content=report(), sender="")
    assert (await site.batch(lambda connection: chosen(connection, PARENT.address))).suspended_at > 0
    [letter] = [one for one in await site.inbox(PARENT.address) if b"home@example.net" in one]
    assert b"Subject: Nothing more is sent to your address outside" in letter
    await _forget(site)


async def test_what_is_no_report_to_a_genuine_address_is_refused(site: Site, left: Left) -> None:
    path = left.paths[0]
    forged = path.replace(path[10:14], "aaaa")
    wire = await site.connect()
    await wire.ask("MAIL FROM:<>")
    assert (await wire.ask(f"RCPT TO:<{forged}>")).startswith("550 5.1.1")
    assert (await wire.ask(f"RCPT TO:<bounces+x@{DOMAIN}>")).startswith("550 5.1.1")
    assert (await wire.ask(f"RCPT TO:<{path}>")).startswith("250")
    assert (await wire.ask(f"RCPT TO:<{TEACHER}>")).startswith("452 4.5.3")
    assert (await wire.ask(f"RCPT TO:<{left.paths[1]}>")).startswith("452 4.5.3")
    assert (await wire.data(report() + b".\r\n")).startswith("250")
    assert (await site.rcpt(path))[0].startswith("550 5.7.1"), "a report has the null reverse path"
    assert await failures(site) == 1
    await _forget(site)


@given(st.binary(max_size=200))
@example(report()[:-90])
def test_any_octets_are_a_report_or_none(octets: bytes) -> None:
    found = status_of(octets)
    assert found is None or found.startswith("5.")
    head, _, tail = report().partition(b"Action:")
    assert (status_of(head + b"Action:" + octets + tail) or "5.").startswith("5.")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (report(), "5.1.1"),
        (report(status="5.7.1 (policy)"), "5.7.1"),
        (report(status=""), "5.0.0"),
        (report(status="4.4.7"), None),
        (report(action="FAILED"), "5.1.1"),
        (report(action="relayed", status="2.0.0"), None),
        (report()[:-40], "5.1.1"),
    ],
)
def test_the_status_of_what_failed_for_good(content: bytes, expected: str | None) -> None:
    assert status_of(content) == expected


@given(st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=40, max_size=44))
def test_a_token_is_of_this_key_or_none(token: str) -> None:
    path = reverse_path(b"key", DOMAIN, 2**63 - 1, 7)
    assert named_in(b"key", DOMAIN, path) == (2**63 - 1, 7)
    assert named_in(b"other", DOMAIN, path) is None
    assert named_in(b"key", "elsewhere.example", path) is None
    assert named_in(b"key", DOMAIN, f"bounces+{token}@{DOMAIN}") is None
