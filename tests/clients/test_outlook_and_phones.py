"""Outlook, iOS Mail, K-9 and FairEmail: what public sources say they ask (they cannot be recorded)."""

from __future__ import annotations

import re
from base64 import b64encode

from tests.clients.conftest import ADA, BOB, WITH_PICTURE, School, Upload, note
from tests.imap.conftest import Talk
from tests.imap.wire import Client
from tests.imap_message.grammar import read_body


async def test_outlook_signs_in_and_opens_an_empty_inbox(gateway: School) -> None:
    program = await gateway.connect()
    await program.line()
    before = await program.ok("CAPABILITY")
    await program.ok(f'LOGIN "{ADA}" "{gateway.passwords[ADA]}"')
    (after,) = await program.ok("CAPABILITY")
    assert b" IDLE " in after
    assert b" IDLE " not in before[0]
    assert await program.ok('ID ("name" "Microsoft Outlook" "version" "16.0")') == [b'* ID ("name" "mailgate")']
    assert await program.ok('LIST "" ""') == [b'* LIST (\\Noselect) "/" ""']
    assert b'* LSUB () "/" INBOX' in await program.ok('LSUB "" "*"')
    selected = await program.ok('SELECT "INBOX"')
    assert b"* 0 EXISTS" in selected
    assert any(re.match(rb"\* OK \[UIDVALIDITY [1-9][0-9]*\]", line) for line in selected)
    assert await program.ok("UID FETCH 1:* (UID FLAGS)") == []


async def test_the_new_outlook_enables_uidonly_and_breaks_on_it(gateway: School) -> None:
    """It sends its ID before it signs in, and then message numbers in the mode that forbids them."""
    program = await gateway.connect()
    await program.line()
    await program.ok('ID ("name" "Microsoft Office 365" "version" "15.20.9160.4" "vendor" "Microsoft Corporation")')
    *told, completion = await program.command(f'LOGIN "{ADA}" "{gateway.passwords[ADA]}"')
    (after,) = await program.ok("CAPABILITY")
    assert b"UIDONLY" not in b" ".join([*told, completion, after])


async def test_outlook_fetches_headers_and_whole_messages(client: Client, upload: Upload) -> None:
    await upload(WITH_PICTURE)
    await client.ok('SELECT "INBOX"')
    head, _, _ = WITH_PICTURE.partition(b"\r\n\r\n")
    (answer,) = await client.ok("UID FETCH 1:* (BODY.PEEK[HEADER] ENVELOPE BODYSTRUCTURE UID FLAGS RFC822.SIZE)")
    assert answer.startswith(b"* 1 FETCH (UID 1 ")
    assert b" RFC822.SIZE %d" % len(WITH_PICTURE) in answer
    assert b"BODY[HEADER] {%d}\r\n%b\r\n\r\n" % (len(head) + 4, head) in answer
    (answer,) = await client.ok("UID FETCH 1 BODY.PEEK[]")
    assert answer == b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%b)" % (len(WITH_PICTURE), WITH_PICTURE)
    assert await client.ok("UID SEARCH SEEN") == [b"* SEARCH"]


async def test_the_obsolete_peek_of_outlook_is_bad_and_costs_nothing_else(client: Client, upload: Upload) -> None:
    await upload(note("un"))
    await client.ok('SELECT "INBOX"')
    for _ in range(3):
        assert b" BAD " in (await client.command("UID FETCH 1 (RFC822.PEEK RFC822.SIZE)"))[-1]
        await client.ok("UID FETCH 1 (BODY.PEEK[])")


async def test_outlook_idles_with_nothing_selected(talk: Talk) -> None:
    await talk(
        """
        A: 1 IDLE
        A< + idling
        A: DONE
        A< 1 OK …
        A: 2 SELECT INBOX
        A* 2 OK …
        """
    )


async def test_outlook_submits(gateway: School) -> None:
    wire = await gateway.submission()
    await wire.reply()
    assert " LOGIN" in await wire.ask("EHLO DESKTOP-4T7_PROF")
    assert await wire.ask("AUTH LOGIN") == "334 VXNlcm5hbWU6"
    assert await wire.ask(b64encode(ADA.encode())) == "334 UGFzc3dvcmQ6"
    assert (await wire.ask(b64encode(gateway.passwords[ADA].encode()))).startswith("235 2.7.0")
    assert (await wire.ask(f"MAIL FROM: <{ADA}>")).startswith("250 2.1.0")
    assert (await wire.ask(f"RCPT TO: <{BOB}>")).startswith("250 2.1.5")
    text = f"From: <{ADA}>\r\nTo: <{BOB}>\r\nSubject: Outlook\r\n\r\nBonjour\r\n"
    assert (await wire.data(text.encode() + b".\r\n")).startswith("250 2.0.0")
    reader = await gateway.client(BOB)
    await reader.ok("SELECT INBOX")
    assert await reader.ok("SEARCH SUBJECT Outlook") == [b"* SEARCH 1"]


async def test_ios_opens_many_connections_and_idles_on_inbox(gateway: School, client: Client, upload: Upload) -> None:
    idle, *others = [await gateway.client() for _ in range(12)]
    await idle.ok("SELECT INBOX")
    await idle.send(b"i IDLE\r\n")
    await idle.line()
    for other, folder in zip(others, ("Sent", "Drafts", "Archive", "Trash", "Junk", *["INBOX"] * 6), strict=True):
        await other.ok(f"SELECT {folder}")
    await upload(WITH_PICTURE)
    assert await idle.line() == b"* 1 EXISTS"
    reader = others[-1]
    assert b"* 1 EXISTS" in await reader.ok("NOOP")
    (answer,) = await reader.ok("UID FETCH 1 (BODYSTRUCTURE)")
    structure = read_body(answer.partition(b"BODYSTRUCTURE ")[2].removesuffix(b")"), extension=True)
    assert isinstance(structure, list)
    assert structure[1] == b"mixed"
    (answer,) = await reader.ok("UID FETCH 1 (BODY.PEEK[1.1.MIME] BODY.PEEK[1.1] BODY.PEEK[2]<0.8>)")
    assert re.search(rb"BODY\[1\.1\.MIME\] \{[0-9]+\}\r\nContent-Type: text/plain", answer)
    assert b" BODY[1.1] {22}\r\nVoil=C3=A0 la photo.\r\n BODY[2]<0> {8}\r\nAAECAwQF)" in answer


async def test_k9_and_fairemail(client: Client, upload: Upload) -> None:
    await upload(note("un"), mailbox="Sent", options="(\\Seen) ")
    await upload(note("deux"), WITH_PICTURE)
    listed = await client.ok(
        'LIST "" "*" RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES UNSEEN SIZE UIDNEXT))'
    )
    assert b'* LIST (\\HasNoChildren \\Subscribed \\Sent) "/" Sent' in listed
    assert b"* STATUS Sent (MESSAGES 1 UNSEEN 0 SIZE %d UIDNEXT 2)" % len(note("un")) in listed
    await client.ok('SELECT "INBOX"')
    (number,) = await client.ok("UID SEARCH 1:* SINCE 1-Feb-2026 NOT DELETED")
    assert number == b"* SEARCH 1 2"
    fields = "date subject from content-type to cc reply-to message-id references in-reply-to list-unsubscribe sender"
    lines = await client.ok(f"UID FETCH 1,2 (UID INTERNALDATE RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS ({fields})])")
    assert b"Subject: deux\r\n" in lines[0]
    assert b"Subject: Photo de classe\r\n" in lines[1]
    (answer,) = await client.ok("UID FETCH 2 (UID BODYSTRUCTURE BODY.PEEK[1.2]<0.5120>)")
    assert b"<p>Voil&agrave; la photo.</p>" in answer
