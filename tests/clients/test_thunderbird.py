"""Thunderbird's conversations, as recorded from version 153: set-up, reading, filing, folders, sending."""

from __future__ import annotations

from base64 import b64encode

from imap.flags import MAX_KEYWORDS
from imap.message import LISTING_FIELDS
from tests.clients.conftest import ADA, BOB, School, Upload, note
from tests.imap.compressed import CompressedClient
from tests.imap.conftest import Talk
from tests.imap.memory_backend import plain_response
from tests.imap.wire import Client

LISTING = " ".join(LISTING_FIELDS)


async def test_from_the_greeting_to_the_list_of_messages(gateway: School, upload: Upload) -> None:
    await upload(note("un"), note("deux"))
    program = await gateway.connect()
    assert b"[CAPABILITY IMAP4rev2 IMAP4rev1 " in await program.line()
    await program.send(b"1 authenticate PLAIN\r\n")
    assert await program.line() == b"+ "
    await program.send(plain_response(ADA, gateway.passwords[ADA]).encode() + b"\r\n")
    signed_in = await program.line()
    assert signed_in.startswith(b"1 OK [CAPABILITY ")
    for name in b"NAMESPACE IDLE UIDPLUS MOVE LITERAL+ SPECIAL-USE LIST-EXTENDED QUOTA ID CONDSTORE".split():
        assert b" " + name + b" " in signed_in
    assert await program.ok("namespace") == [b'* NAMESPACE (("" "/")) (("Other Users/" "/")) (("Shared/" "/"))']
    assert await program.ok('ID ("name" "Thunderbird" "version" "153.0")') == [b'* ID ("name" "mailgate")']
    assert await program.ok('list (subscribed) "" "*" return (special-use)') == [
        b'* LIST (\\HasNoChildren \\Subscribed) "/" INBOX',
        b'* LIST (\\HasNoChildren \\Subscribed \\Archive) "/" Archive',
        b'* LIST (\\HasNoChildren \\Subscribed \\Drafts) "/" Drafts',
        b'* LIST (\\HasNoChildren \\Subscribed \\Junk) "/" Junk',
        b'* LIST (\\HasNoChildren \\Subscribed \\Sent) "/" Sent',
        b'* LIST (\\HasNoChildren \\Subscribed \\Trash) "/" Trash',
    ]
    selected = await program.ok('select "INBOX"')
    assert b"* 2 EXISTS" in selected
    assert any(line.startswith(b"* OK [PERMANENTFLAGS (") and b"\\*)]" in line for line in selected)
    assert (await program.ok('getquotaroot "INBOX"'))[0] == b'* QUOTAROOT INBOX ""'
    flags = await program.ok("UID fetch 1:* (FLAGS)")
    assert [line.split(b" FLAGS")[0] for line in flags] == [b"* 1 FETCH (UID 1", b"* 2 FETCH (UID 2"]
    size = len(note("deux"))
    listed = await program.ok(f"UID fetch 2 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS ({LISTING})])")
    assert listed[0].startswith(b"* 2 FETCH (UID 2 RFC822.SIZE %d FLAGS (" % size)
    assert b"BODY[HEADER.FIELDS (" + LISTING.encode() + b")] {" in listed[0]
    assert b"\r\nSubject: deux\r\n" in listed[0]
    whole = await program.ok("UID fetch 1:500 (UID RFC822.SIZE BODY.PEEK[])")
    assert [line.partition(b"}\r\n")[2].removesuffix(b")") for line in whole] == [note("un"), note("deux")]
    assert await program.ok("UID search unseen") == [b"* SEARCH 1 2"]


async def test_a_folder_that_was_just_made_is_shown(client: Client) -> None:
    """Thunderbird shows subscribed folders only."""
    await client.ok('create "Devoirs"')
    assert b'* LIST (\\HasNoChildren \\Subscribed) "/" Devoirs' in await client.ok(
        'list (subscribed) "" "*" return (special-use)'
    )


async def test_news_on_five_connections_each_in_a_folder_of_its_own(gateway: School, client: Client) -> None:
    folders = ("INBOX", "Sent", "Drafts", "Archive", "Trash")
    programs = {folder: await gateway.client() for folder in folders}
    for folder, program in programs.items():
        await program.ok(f'select "{folder}"')
        await program.send(b"i IDLE\r\n")
        assert await program.line() == b"+ idling"
    for folder in folders:
        assert b" OK " in await client.append(folder, note(folder))
    for folder, program in programs.items():
        assert await program.line() == b"* 1 EXISTS", folder
        assert await program.line() == b"* 1 RECENT"
        await program.send(b"DONE\r\n")
        assert await program.line() == b"i OK IDLE completed"


async def test_reading_tagging_and_deleting(talk: Talk, upload: Upload) -> None:
    await upload(note("un"), note("deux"), note("trois"))
    await talk(
        """
        A: 1 select "INBOX"
        A* 1 OK …
        A: 2 uid store 1 +Flags (\\Seen)
        A< * 1 FETCH (UID 1 FLAGS (… \\Seen))
        A< 2 OK …
        A: 3 uid store 2 +Flags ($label1)
        A< * FLAGS (… $label1)
        A< * OK [PERMANENTFLAGS (… $label1 \\*)] …
        A< * 2 FETCH (UID 2 FLAGS (… $label1))
        A< 3 OK …
        A: 4 uid search keyword $label1
        A< * SEARCH 2
        A< 4 OK …
        A: 5 uid move 1:2 "Trash"
        A< * OK [COPYUID … 1:2 1:2] …
        A< * 2 EXPUNGE
        A< * 1 EXPUNGE
        A< 5 OK …
        A: 6 noop
        A< 6 OK …
        A: 7 select "Trash"
        A* 7 OK …
        A: 8 UID fetch 1:* (FLAGS)
        A< * 1 FETCH (UID 1 FLAGS (… \\Seen))
        A< * 2 FETCH (UID 2 FLAGS (… $label1))
        A< 8 OK …
        """
    )


async def test_a_mailbox_full_of_tags_says_that_it_takes_no_more(client: Client, upload: Upload) -> None:
    await upload(note("un"))
    await client.ok('select "INBOX"')
    for number in range(MAX_KEYWORDS - 1):
        told = await client.ok(f"uid store 1 +FLAGS.SILENT (tag{number})")
        assert told[-1].startswith(b"* OK [PERMANENTFLAGS (")
        assert b" \\*)]" in told[-1]
    (_, told_last) = await client.ok("uid store 1 +FLAGS.SILENT (last)")
    assert b" last)]" in told_last
    assert b" NO [LIMIT] " in (await client.command("uid store 1 +FLAGS.SILENT (more)"))[-1]
    selected = await client.ok('select "INBOX"')
    assert b"\\*" not in b"".join(selected)


async def test_deleting_without_move_leaves_the_message_there_as_deleted(talk: Talk, upload: Upload) -> None:
    await upload(note("un"))
    await talk(
        """
        A: 1 select "INBOX"
        A* 1 OK …
        A: 2 uid copy 1 "Trash"
        A< 2 OK [COPYUID … 1 1] …
        A: 3 uid store 1 +FLAGS (\\Deleted \\Seen)
        A< * 1 FETCH (UID 1 FLAGS (… \\Seen \\Deleted))
        A< 3 OK …
        A: 4 logout
        A* 4 OK …
        B: 1 select "INBOX"
        B* * 1 EXISTS
        B* 1 OK …
        B: 2 UID fetch 1:* (FLAGS)
        B< * 1 FETCH (UID 1 FLAGS (\\Seen \\Deleted))
        B< 2 OK …
        """
    )


async def test_a_poll_with_condstore(talk: Talk, upload: Upload) -> None:
    await upload(note("un"), note("deux"))
    await talk(
        """
        A: 1 select "INBOX" (CONDSTORE)
        A* * OK [HIGHESTMODSEQ 3] …
        A* 1 OK …
        B: 1 select "INBOX"
        B* 1 OK …
        B: 2 uid store 2 +FLAGS (\\Flagged)
        B* 2 OK …
        A: 2 close
        A< 2 OK …
        A: 3 select "INBOX" (CONDSTORE)
        A* * OK [HIGHESTMODSEQ 4] …
        A* 3 OK …
        A: 4 UID fetch 1:* (FLAGS) (CHANGEDSINCE 3)
        A< * 2 FETCH (UID 2 FLAGS (… MODSEQ (4))
        A< 4 OK …
        """
    )


async def test_a_deleted_folder_goes_below_trash_with_its_children_and_then_for_good(talk: Talk) -> None:
    await talk(
        """
        A: 1 create "Devoirs"
        A< 1 OK …
        A: 2 create "Devoirs/6A"
        A< 2 OK …
        A: 3 append "Devoirs/6A" (\\Seen) {5+}
        A: a: bc
        A< 3 OK [APPENDUID …
        A: 4 rename "Devoirs" "Trash/Devoirs"
        A< 4 OK …
        A: 5 subscribe "Trash/Devoirs"
        A< 5 OK …
        A: 6 unsubscribe "Devoirs"
        A< 6 OK …
        A: 7 subscribe "Trash/Devoirs/6A"
        A< 7 OK …
        A: 8 unsubscribe "Devoirs/6A"
        A< 8 OK …
        A: 9 list (subscribed) "" "*Devoirs*" return (special-use)
        A< * LIST (\\HasChildren \\Subscribed) "/" Trash/Devoirs
        A< * LIST (\\HasNoChildren \\Subscribed) "/" Trash/Devoirs/6A
        A< 9 OK …
        A: 10 select "Trash/Devoirs/6A"
        A* * 1 EXISTS
        A* 10 OK …
        A: 11 close
        A< 11 OK …
        A: 12 delete "Trash/Devoirs/6A"
        A< 12 OK …
        A: 13 delete "Trash/Devoirs"
        A< 13 OK …
        A: 14 list "" "*Devoirs*"
        A< 14 OK …
        """
    )


async def test_search_with_a_synchronizing_literal(talk: Talk, upload: Upload) -> None:
    await upload(note("=?utf-8?q?R=C3=A9union?="), note("Sortie"))
    await talk(
        """
        A: 1 select "INBOX"
        A* 1 OK …
        A: 2 UID search CHARSET UTF-8 SUBJECT {8}
        A< + OK
        A: réunion
        A< * SEARCH 1
        A< 2 OK …
        """
    )


async def test_with_utf8_it_names_folders_searches_and_files_in_utf8(gateway: School) -> None:
    """What `./run thunderbird` shows on the wire; in COMPRESS as everything that Thunderbird says after sign-in."""
    program = await CompressedClient.of(await gateway.client()).start()
    assert await program.ok("ENABLE UTF8=ACCEPT") == [b"* ENABLED UTF8=ACCEPT"]
    assert await program.ok("LANGUAGE en-US") == [b"* LANGUAGE (en)"]
    await program.ok('create "Élèves"')
    (rights,) = await program.ok('myrights "Élèves"')
    assert rights.startswith('* MYRIGHTS "Élèves" '.encode())
    text = note("À lundi", "Déjà")
    filed = await program.command(b'append "\xc3\x89l\xc3\xa8ves" (\\Seen) UTF8 (~{%d+}\r\n%b)' % (len(text), text))
    assert b" OK [APPENDUID " in filed[-1]
    await program.ok('select "Élèves"')
    await program.send(b"s uid SEARCH UNDELETED SUBJECT {8}\r\n")
    assert (await program.line()).startswith(b"+")
    await program.send("À lundi\r\n".encode())
    assert await program.line() == b"* SEARCH 1"
    assert (await program.line()).startswith(b"s OK")
    assert await program.ok('uid SEARCH UNDELETED BODY "déjà"') == [b"* SEARCH 1"]
    (start,) = await program.ok(
        "UID fetch 1 (UID BODY.PEEK[HEADER.FIELDS (Content-Type Content-Transfer-Encoding)] BODY.PEEK[TEXT]<0.2048>)"
    )
    assert "BODY[TEXT]<0> {8}\r\nDéjà\r\n".encode() in start


async def test_the_copy_that_the_program_files_is_the_only_one(gateway: School, client: Client) -> None:
    reader = await gateway.client(BOB)
    await reader.ok("SELECT INBOX")
    await reader.send(b"i IDLE\r\n")
    await reader.line()
    text = f"From: {ADA}\r\nTo: {BOB}\r\nSubject: Déjà\r\nMessage-ID: <x@client.example>\r\n\r\nÀ lundi\r\n".encode()
    wire = await gateway.submission()
    assert (await wire.reply()).startswith("220 ")
    assert "\n250-8BITMIME\n" in await wire.ask("EHLO [127.0.0.1]")
    secret = b64encode(f"\0{ADA}\0{gateway.passwords[ADA]}".encode()).decode()
    assert (await wire.ask(f"AUTH PLAIN {secret}")).startswith("235 ")
    await wire.begin(BOB, mail=f"MAIL FROM:<{ADA}> BODY=8BITMIME SIZE={len(text)}")
    assert (await wire.data(text + b".\r\n")).startswith("250 2.0.0")
    assert await reader.line() == b"* 1 EXISTS"
    assert await reader.line() == b"* 1 RECENT"
    await reader.send(b"DONE\r\n")
    await reader.line()
    (arrived,) = await reader.ok("UID FETCH 1 (BODY.PEEK[TEXT] BODY.PEEK[HEADER.FIELDS (Subject)])")
    assert "À lundi\r\n".encode() in arrived
    assert "Subject: Déjà\r\n".encode() in arrived
    assert await client.ok("STATUS Sent (MESSAGES)") == [b"* STATUS Sent (MESSAGES 1)"]
    assert b" OK [APPENDUID " in await client.append('"Sent"', text, "(\\Seen) ")
    assert await client.ok("STATUS Sent (MESSAGES UNSEEN)") == [b"* STATUS Sent (MESSAGES 1 UNSEEN 0)"]
