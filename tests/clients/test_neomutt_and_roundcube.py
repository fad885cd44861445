"""NeoMutt, which writes UTF-8 where it likes, and Roundcube with the extensions that it finds announced."""

from __future__ import annotations

from tests.clients.conftest import WITH_PICTURE, Upload, note
from tests.imap.conftest import Talk
from tests.imap.wire import Client

REUNION = note("=?utf-8?q?R=C3=A9union?=", "À l'été")


async def test_raw_utf8_in_a_quoted_search_string(client: Client, upload: Upload) -> None:
    await upload(REUNION, note("Sortie"))
    await client.ok("SELECT INBOX")
    assert await client.ok('UID SEARCH TEXT "été"') == [b"* SEARCH 1"]
    assert await client.ok('SEARCH SUBJECT "réunion"') == [b"* SEARCH 1"]
    assert await client.ok('UID SEARCH BODY "réunion"') == [b"* SEARCH"]


async def test_utf8_is_enabled_unasked_and_names_follow(talk: Talk) -> None:
    await talk(
        """
        A: a0 ENABLE UTF8=ACCEPT
        A< * ENABLED UTF8=ACCEPT
        A< a0 OK …
        A: a1 CREATE "Élèves"
        A< a1 OK …
        A: a2 LIST "" "É%"
        A< * LIST (\\HasNoChildren) "/" "Élèves"
        A< a2 OK …
        A: a3 SELECT "Élèves"
        A* a3 OK …
        B: b0 LIST "" "&AMk-*"
        B< * LIST (\\HasNoChildren) "/" &AMk-l&AOg-ves
        B< b0 OK …
        """
    )


async def test_neomutt_comes_back_with_qresync(talk: Talk, client: Client, upload: Upload) -> None:
    await upload(note("un"), note("deux"), note("trois"))
    await talk(
        """
        A: a1 ENABLE QRESYNC
        A< * ENABLED QRESYNC
        A< a1 OK …
        A: a2 SELECT "INBOX"
        A* * OK [HIGHESTMODSEQ 4] …
        A* a2 OK …
        A: a3 FETCH 1:3 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (DATE FROM SUBJECT X-LABEL)])
        A< * 1 FETCH (UID 1 FLAGS (…) INTERNALDATE "…" RFC822.SIZE … BODY[HEADER.FIELDS (DATE FROM SUBJECT X-LABEL)] {…
        A* a3 OK …
        A: a4 CLOSE
        A< a4 OK …
        B: b1 SELECT INBOX
        B* b1 OK …
        B: b2 UID MOVE 1 Trash
        B* b2 OK …
        B: b3 UID STORE 3 +FLAGS (\\Flagged)
        B* b3 OK …
        """
    )
    (status,) = await client.ok("STATUS INBOX (UIDVALIDITY)")
    uidvalidity = int(status.split()[-1].rstrip(b")"))
    await talk(
        f"""
        A: a5 SELECT "INBOX" (QRESYNC ({uidvalidity} 4 1:3))
        A* * 2 EXISTS
        A* * OK [HIGHESTMODSEQ 6] …
        A< * OK [MAILBOXID (…)] …
        A< * VANISHED (EARLIER) 1
        A< * 2 FETCH (UID 3 FLAGS (\\Flagged) MODSEQ (6))
        A< a5 OK …
        A: a6 UID FETCH 1:3 (UID FLAGS) (CHANGEDSINCE 4 VANISHED)
        A< * VANISHED (EARLIER) 1
        A< * 2 FETCH (UID 3 FLAGS (\\Flagged) MODSEQ (6))
        A< a6 OK …
        """
    )


async def test_roundcube_with_what_is_announced(client: Client, upload: Upload) -> None:
    await upload(WITH_PICTURE, note("deux"))
    for used in (b" SORT", b" THREAD=", b" ACL", b" METADATA"):
        assert used in (await client.ok("CAPABILITY"))[0]
    assert await client.ok("MYRIGHTS INBOX") == [b"* MYRIGHTS INBOX lrswipkxtea0cd"]
    assert await client.ok('ID ("name" "Roundcube" "version" NIL)') == [b'* ID ("name" "mailgate")']
    assert await client.ok("NAMESPACE") == [b'* NAMESPACE (("" "/")) (("Other Users/" "/")) (("Shared/" "/"))']
    assert b'* LIST (\\HasNoChildren \\Subscribed \\Drafts) "/" Drafts' in await client.ok(
        'LIST (SUBSCRIBED) "" "*" RETURN (SPECIAL-USE)'
    )
    assert b" NO [USEATTR] " in (await client.command('CREATE "Brouillons" (USE (\\Drafts))'))[-1]
    await client.ok('CREATE "Brouillons"')
    (status,) = await client.ok("STATUS INBOX (UIDNEXT UIDVALIDITY UNSEEN MESSAGES HIGHESTMODSEQ SIZE)")
    assert b" UNSEEN 2 MESSAGES 2 HIGHESTMODSEQ 3 SIZE " in status
    await client.ok("SELECT INBOX (CONDSTORE)")
    assert await client.ok("UID SORT (ARRIVAL) UTF-8 ALL") == [b"* SORT 1 2"]
    assert (await client.ok("UID SEARCH RETURN (MIN MAX COUNT ALL) UNDELETED"))[0].endswith(
        b" UID COUNT 2 MIN 1 MAX 2 ALL 1:2"
    )
    (answer,) = await client.ok("UID FETCH 1 (BINARY.PEEK[1.1] BINARY.SIZE[2] BINARY.PEEK[2]<0.4>)")
    text = "Voilà la photo.\r\n".encode()
    assert b"BINARY[1.1] {%d}\r\n%b" % (len(text), text) in answer
    assert b"BINARY.SIZE[2] 256" in answer
    assert b"BINARY[2]<0> ~{4}\r\n\x00\x01\x02\x03" in answer
    assert (await client.ok("GETQUOTAROOT INBOX"))[1].startswith(b'* QUOTA "" (STORAGE ')
    await client.ok("UID STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert await client.ok("UID EXPUNGE 1:2") == [b"* 1 EXPUNGE"]
