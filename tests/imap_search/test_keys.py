"""Each search key finds what RFC 9051 section 6.4.4 says."""

from __future__ import annotations

import calendar
import time

import pytest

from imap import flags
from imap.errors import BadCommand
from tests.imap_search.mailbox import Mailbox


def at(year: int, month: int, day: int, hour: int = 12) -> int:
    return calendar.timegm((year, month, day, hour, 0, 0))


@pytest.fixture
def mailbox() -> Mailbox:
    mailbox = Mailbox()
    mailbox.add(
        "From: =?utf-8?q?H=C3=A9l=C3=A8ne_Martin?= <helene@example.org>\n"
        "To: 6eme-a.parents@example.org\nCc: Principal <principal@example.org>\n"
        "Subject: =?iso-8859-1?q?R=E9union?= =?utf-8?b?IGRlcyBwYXJlbnRz?=\n"
        "Date: Mon, 2 Mar 2026 23:30:00 -0500\n\nRendez-vous à la cantine.\n",
        uid=3,
        flags=flags.SEEN,
        modseq=10,
        date=at(2026, 3, 3),
    )
    mailbox.add(
        "From: bob@example.org\nBcc: cachee@example.org\nSubject: Notes\nDate: Fri, 6 Mar 26 08:00 +0100\n"
        "X-Empty:\n\n" + "x" * 500 + "\n",
        uid=5,
        flags=flags.FLAGGED | 1 << 6,
        modseq=20,
        date=at(2026, 3, 6, 0),
        saved_at=at(2026, 3, 8),
    )
    mailbox.add(
        "From: bob@example.org\nSubject: Sans date\n\nRien.\n",
        uid=9,
        flags=flags.SEEN | flags.ANSWERED | flags.DELETED | flags.DRAFT | 1 << 5,
        modseq=30,
        date=at(2026, 3, 6, 23),
    )
    mailbox.recent = {5, 9}
    mailbox.saved = [3, 9]
    return mailbox


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("ALL", [3, 5, 9]),
        ("SEEN", [3, 9]),
        ("UNSEEN", [5]),
        ("ANSWERED", [9]),
        ("UNANSWERED", [3, 5]),
        ("DELETED", [9]),
        ("UNDELETED", [3, 5]),
        ("DRAFT", [9]),
        ("UNDRAFT", [3, 5]),
        ("FLAGGED", [5]),
        ("UNFLAGGED", [3, 9]),
        ("RECENT", [5, 9]),
        ("OLD", [3]),
        ("NEW", [5]),
        ("KEYWORD DEVOIRS", [5]),
        ("UNKEYWORD devoirs", [3, 9]),
        ("KEYWORD $forwarded", [9]),
        ("KEYWORD unknown", []),
        ("UNKEYWORD unknown", [3, 5, 9]),
        ("1", [3]),
        ("2:*", [5, 9]),
        ("*", [9]),
        ("3,1", [3, 9]),
        ("4", []),
        ("UID 3:5", [3, 5]),
        ("UID 4294967295:5", [5, 9]),
        ("UID 100:*", [9]),
        ("UID 4", []),
        ("$", [3, 9]),
        ("UID $", [3, 9]),
        ("NOT $", [5]),
        ("2,$", [3, 5, 9]),
        ("MODSEQ 20", [5, 9]),
        ('MODSEQ "/flags/\\\\seen" all 0', [3, 5, 9]),
        ("BEFORE 6-Mar-2026", [3]),
        ("ON 6-Mar-2026", [5, 9]),
        ("SINCE 6-Mar-2026", [5, 9]),
        ("SINCE 7-Mar-2026", []),
        ("SAVEDBEFORE 6-Mar-2026", [3]),
        ("SAVEDON 6-Mar-2026", [9]),
        ("SAVEDSINCE 6-Mar-2026", [5, 9]),
        ("SAVEDON 8-Mar-2026", [5]),
        ("SAVEDSINCE 9-Mar-2026", []),
        ("NOT SAVEDSINCE 7-Mar-2026", [3, 9]),
        ("SAVEDATESUPPORTED", [3, 5, 9]),
        ("SENTON 2-Mar-2026", [3]),
        ("SENTBEFORE 3-Mar-2026", [3]),
        ("SENTSINCE 3-Mar-2026", [5]),
        ("NOT SENTSINCE 1-Jan-1970", [9]),
        ("LARGER 500", [5]),
        ("SMALLER 100", [9]),
        ('SUBJECT "réunion"', [3]),
        ('SUBJECT "RÉUNION"', [3]),
        ('SUBJECT "réunion des parents"', [3]),
        ("SUBJECT reunion", []),
        ('SUBJECT "re"', [3]),
        ('FROM "bòb"', []),
        ('FROM "hélène"', [3]),
        ("FROM example.org", [3, 5, 9]),
        ("TO PARENTS", [3]),
        ("CC principal", [3]),
        ("BCC cachee", [5]),
        ('HEADER X-Empty ""', [5]),
        ('HEADER x-empty "a"', []),
        ('HEADER Cc ""', [3]),
        ('HEADER From "bob"', [5, 9]),
        ("BODY cantine", [3]),
        ('BODY "réunion"', []),
        ('TEXT "réunion"', [3]),
        ("TEXT x-empty", [5]),
        ('BODY ""', [3, 5, 9]),
        ('TEXT ""', [3, 5, 9]),
        ("NOT BODY cantine", [5, 9]),
        ("OR BODY cantine SUBJECT notes", [3, 5]),
        ("OR SUBJECT notes BODY cantine", [3, 5]),
        ("NOT (OR SEEN SUBJECT notes)", []),
        ('NOT (SEEN SUBJECT "réunion")', [5, 9]),
        ("OR (SEEN BODY cantine) (FLAGGED LARGER 100)", [3, 5]),
        ("OR NOT BODY cantine NOT SEEN", [5, 9]),
        ("FROM bob OR (BODY rien) (BODY xxx) NOT SUBJECT notes", [9]),
    ],
)
async def test_key(mailbox: Mailbox, program: str, expected: list[int]) -> None:
    assert await mailbox.search(program) == expected


@pytest.mark.parametrize("program", ["ALL", "1:*", "UID 1:*", "$", "SUBJECT x", "NOT BODY x", "SINCE 1-Jan-2026"])
async def test_an_empty_mailbox_has_nothing(program: str) -> None:
    assert await Mailbox().search(program) == []


async def test_a_message_that_is_gone_is_left_out(mailbox: Mailbox) -> None:
    mailbox.gone = {3}
    assert await mailbox.search("FROM example") == [5, 9]
    assert await mailbox.search("NOT BODY nothing") == [5, 9]


async def test_within() -> None:
    now = int(time.time())
    mailbox = Mailbox()
    for age in (86_400, 3_600, 5):
        mailbox.add("Subject: x\n\n", date=now - age)
    assert await mailbox.search("OLDER 3600") == [1, 2]
    assert await mailbox.search("YOUNGER 4000") == [2, 3]
    assert await mailbox.search("OLDER 86500") == []
    assert await mailbox.search("YOUNGER 4294967295") == [1, 2, 3]
    assert await mailbox.search("NOT OLDER 60 SUBJECT x") == [3]


@pytest.mark.parametrize("program", ["OLDER", "OLDER 0", "YOUNGER 01", "YOUNGER -1", "YOUNGER 4294967296", "SAVEDON"])
async def test_malformed(program: str) -> None:
    with pytest.raises(BadCommand):
        await Mailbox().search(program)
