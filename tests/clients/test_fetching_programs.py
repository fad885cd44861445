"""Programs that fetch, mirror and sort: mbsync, OfflineIMAP, getmail, fetchmail, alpine, curl, imapfilter."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from tests.clients.conftest import ADA, School, Upload, note
from tests.imap.conftest import Talk
from tests.imap.wire import Client


async def test_mbsync_asks_for_many_messages_without_waiting(client: Client, upload: Upload) -> None:
    subjects = [f"m{number}" for number in range(40)]
    await upload(*map(note, subjects))
    await client.ok('SELECT "INBOX"')
    await client.send(b"".join(b"f%d UID FETCH %d (BODY.PEEK[])\r\n" % (n, n) for n in range(1, 41)) + b"x NOOP\r\n")
    lines = await client.until("x")
    assert len(lines) == 2 * len(subjects) + 1
    for number, subject in enumerate(subjects, 1):
        fetched, completion = lines[2 * number - 2], lines[2 * number - 1]
        assert fetched.startswith(b"* %d FETCH (UID %d BODY[] {" % (number, number))
        assert fetched.endswith(note(subject) + b")")
        assert completion == b"f%d OK FETCH completed" % number


async def test_mbsync_finds_what_it_uploaded_by_its_own_field(client: Client) -> None:
    await client.ok('SELECT "INBOX"')
    text = b"X-TUID: 0123456789AB\r\nSubject: x\r\n\r\na\r\n"
    assert b" OK [APPENDUID " in await client.append("INBOX", text, '(\\Seen) "07-Sep-2026 08:30:00 +0200" ')
    (answer,) = await client.ok("UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (X-TUID)])")
    assert b'\\Seen) INTERNALDATE " 7-Sep-2026 06:30:00 +0000" BODY[HEADER.FIELDS (X-TUID)] {24}\r\n' in answer
    assert answer.endswith(b"X-TUID: 0123456789AB\r\n\r\n)")
    assert await client.ok("UID STORE 1 +FLAGS.SILENT (\\Deleted)") == []
    assert await client.ok("UID EXPUNGE 1") == [b"* 1 EXPUNGE"]


async def test_offlineimap_and_getmail_look_over_all_messages(talk: Talk, upload: Upload) -> None:
    await upload(note("un"), note("deux"))
    await talk(
        """
        A: 1 EXAMINE "INBOX"
        A* 1 OK [READ-ONLY] …
        A: 2 FETCH 1:* (FLAGS UID INTERNALDATE)
        A< * 1 FETCH (FLAGS (…) UID 1 INTERNALDATE "…")
        A< * 2 FETCH (FLAGS (…) UID 2 INTERNALDATE "…")
        A< 2 OK …
        A: 3 FETCH 1:* (UID RFC822.SIZE)
        A< * 1 FETCH (UID 1 RFC822.SIZE …)
        A< * 2 FETCH (UID 2 RFC822.SIZE …)
        A< 3 OK …
        A: 4 UID SEARCH HEADER Message-Id <deux@client.example>
        A< * SEARCH 2
        A< 4 OK …
        """
    )


async def test_fetchmail_counts_messages_and_takes_them_away(talk: Talk, upload: Upload) -> None:
    await upload(note("un"), note("deux"), note("trois"))
    await talk(
        """
        A: A1 SELECT "INBOX"
        A* * 3 EXISTS
        A* A1 OK [READ-WRITE] …
        A: A2 EXPUNGE
        A< A2 OK …
        A: A3 SEARCH UNSEEN
        A< * SEARCH 1 2 3
        A< A3 OK …
        A: A4 FETCH 1:3 RFC822.SIZE
        A< * 1 FETCH (RFC822.SIZE …)
        A< * 2 FETCH (RFC822.SIZE …)
        A< * 3 FETCH (RFC822.SIZE …)
        A< A4 OK …
        A: A5 FETCH 1 RFC822.HEADER
        A< * 1 FETCH (RFC822.HEADER {…Subject: un…)
        A< A5 OK …
        A: A6 FETCH 1 BODY.PEEK[TEXT]
        A< * 1 FETCH (BODY[TEXT] {9}…Bonjour…)
        A< A6 OK …
        A: A7 STORE 1 +FLAGS (\\Seen \\Deleted)
        A< * 1 FETCH (FLAGS (… \\Seen \\Deleted))
        A< A7 OK …
        A: A8 EXPUNGE
        A< * 1 EXPUNGE
        A< A8 OK …
        A: A9 FETCH 1 RFC822.HEADER
        A< * 1 FETCH (RFC822.HEADER {…Subject: deux…)
        A< A9 OK …
        A: B1 LOGOUT
        A* B1 OK …
        """
    )


async def test_alpine_reads_by_number(talk: Talk, upload: Upload) -> None:
    await upload(note("un"), note("deux"))
    await talk(
        """
        A: 1 SELECT INBOX
        A* 1 OK …
        A: 2 FETCH 1:2 (UID ENVELOPE BODY.PEEK[HEADER.FIELDS (Newsgroups References)] INTERNALDATE RFC822.SIZE FLAGS)
        A< * 1 FETCH (UID 1 ENVELOPE ("Mon, 7 Sep 2026 08:30:00 +0200" "un" (("Bob Durand" … FLAGS (…)…
        A< * 2 FETCH (UID 2 ENVELOPE ("Mon, 7 Sep 2026 08:30:00 +0200" "deux" …
        A< 2 OK …
        A: 3 FETCH 2 (BODYSTRUCTURE FLAGS)
        A< * 2 FETCH (BODYSTRUCTURE ("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 9 1 NIL NIL NIL NIL) FLAGS (…))
        A< 3 OK …
        A: 4 FETCH 2 BODY[1]
        A< * 2 FETCH (FLAGS (… \\Seen) BODY[1] {9}…Bonjour…)
        A< 4 OK …
        A: 5 CHECK
        A< 5 OK …
        A: 6 SEARCH UNSEEN UNDELETED
        A< * SEARCH 1
        A< 6 OK …
        """
    )


async def test_reading_a_whole_message_marks_it_as_seen(talk: Talk, upload: Upload) -> None:
    """As curl does, which asks for BODY[]."""
    await upload(note("un"))
    await talk(
        """
        A: 1 SELECT INBOX
        A* 1 OK …
        A: 2 UID FETCH 1 BODY[]
        A< * 1 FETCH (UID 1 FLAGS (… \\Seen) BODY[] {…Bonjour…)
        A< 2 OK …
        B: 1 STATUS INBOX (UNSEEN)
        B< * STATUS INBOX (UNSEEN 0)
        B< 1 OK …
        """
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl(gateway: School, client: Client, upload: Upload) -> None:
    await upload(note("un"), note("deux"))
    host, port = gateway.imaps
    secret = f"{ADA}:{gateway.passwords[ADA]}"
    command = ["curl", "-sS", "--cacert", str(gateway.ca), "-u", secret, f"imaps://{host}:{port}/INBOX;UID=2"]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate()
    assert child.returncode == 0
    assert output == note("deux")
    await client.ok("SELECT INBOX")
    assert await client.ok("SEARCH SEEN") == [b"* SEARCH 2"]


async def test_imapfilter_makes_the_mailbox_that_it_was_told_to_try(talk: Talk, upload: Upload) -> None:
    await upload(note("un"), note("deux"))
    await talk(
        """
        A: 1 SELECT INBOX
        A* 1 OK …
        A: 2 UID COPY 1 "Listes/6A"
        A< 2 NO [TRYCREATE] …
        A: 3 CREATE "Listes/6A"
        A< 3 OK …
        A: 4 SUBSCRIBE "Listes/6A"
        A< 4 OK …
        A: 5 UID COPY 1 "Listes/6A"
        A< 5 OK [COPYUID … 1 1] …
        A: 6 UID MOVE 2 "Listes/6B"
        A< 6 NO [TRYCREATE] …
        A: 7 APPEND "Listes/6B" {5+}
        A: a: bc
        A< 7 NO [TRYCREATE] …
        A: 8 UID STORE 1 +FLAGS.SILENT (\\Deleted)
        A< 8 OK …
        A: 9 CLOSE
        A< 9 OK …
        A: 10 STATUS INBOX (MESSAGES)
        A< * STATUS INBOX (MESSAGES 1)
        A< 10 OK …
        """
    )
