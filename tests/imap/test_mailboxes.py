"""LIST and its extensions, LSUB, STATUS, CREATE, DELETE, RENAME, subscriptions, quota."""

from __future__ import annotations

import time

from imap import flags
from tests.imap.conftest import Talk, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


async def test_list(talk: Talk) -> None:
    await talk(
        """
        A: a0 CREATE Classe/6A
        A< a0 OK [MAILBOXID (…)] CREATE completed
        A: a1 LIST "" ""
        A< * LIST (\\Noselect) "/" ""
        A< a1 OK …
        A: a2 LIST "" "%"
        A< * LIST (\\HasNoChildren) "/" INBOX
        A< * LIST (\\HasNoChildren \\Archive) "/" Archive
        A< * LIST (\\HasChildren) "/" Classe
        A< * LIST (\\HasNoChildren \\Drafts) "/" Drafts
        A< * LIST (\\HasNoChildren \\Junk) "/" Junk
        A< * LIST (\\HasNoChildren \\Sent) "/" Sent
        A< * LIST (\\HasNoChildren \\Trash) "/" Trash
        A< a2 OK LIST completed
        A: a3 LIST "Classe/" *
        A< * LIST (\\HasNoChildren) "/" Classe/6A
        A< a3 OK …
        A: a4 LIST "" inbox
        A< * LIST (\\HasNoChildren) "/" INBOX
        A< a4 OK …
        A: a5 LIST "" (INBOX Sent)
        A< * LIST (\\HasNoChildren) "/" INBOX
        A< * LIST (\\HasNoChildren \\Sent) "/" Sent
        A< a5 OK …
        A: a6 LIST (SPECIAL-USE) "" "S%" RETURN (CHILDREN)
        A< * LIST (\\HasNoChildren \\Sent) "/" Sent
        A< a6 OK …
        """
    )


async def test_list_as_thunderbird_asks_it(talk: Talk) -> None:
    await talk(
        """
        A: a0 UNSUBSCRIBE Junk
        A< a0 OK …
        A: a1 SUBSCRIBE Gone/Away
        A< a1 OK …
        A: a2 LIST (SUBSCRIBED) "" "*" RETURN (SPECIAL-USE)
        A< * LIST (\\HasNoChildren \\Subscribed) "/" INBOX
        A< * LIST (\\HasNoChildren \\Subscribed \\Archive) "/" Archive
        A< * LIST (\\HasNoChildren \\Subscribed \\Drafts) "/" Drafts
        A< * LIST (\\HasNoChildren \\Subscribed \\Sent) "/" Sent
        A< * LIST (\\HasNoChildren \\Subscribed \\Trash) "/" Trash
        A< * LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" Gone/Away
        A< a2 OK …
        A: a3 LIST (SUBSCRIBED RECURSIVEMATCH) "" "G%"
        A< * LIST (\\NonExistent \\HasNoChildren) "/" Gone ("CHILDINFO" ("SUBSCRIBED"))
        A< a3 OK …
        A: a4 LSUB "" "%"
        A< * LSUB () "/" Archive
        A< * LSUB () "/" Drafts
        A< * LSUB (\\Noselect) "/" Gone
        A< * LSUB () "/" INBOX
        A< * LSUB () "/" Sent
        A< * LSUB () "/" Trash
        A< a4 OK …
        A: a5 LSUB "" "Gone*"
        A< * LSUB () "/" Gone/Away
        A< a5 OK …
        """
    )


async def test_recursive_match_of_a_subscribed_parent(talk: Talk) -> None:
    await talk(
        """
        A: a0 CREATE A/B/C
        A< a0 OK …
        A: a1 UNSUBSCRIBE A/B
        A< a1 OK …
        A: a2 LIST (RECURSIVEMATCH SUBSCRIBED) "" "A%"
        A< * LIST (\\HasChildren \\Subscribed) "/" A ("CHILDINFO" ("SUBSCRIBED"))
        A< * LIST (\\HasNoChildren \\Subscribed \\Archive) "/" Archive
        A< a2 OK …
        A: a3 LIST (RECURSIVEMATCH) "" "*"
        A< a3 BAD …
        """
    )


async def test_list_with_status_looks_at_the_store_once(client: Client, account: MemoryAccount) -> None:
    account.deliver(message(), mask=flags.SEEN)
    account.deliver(message())
    lines = await client.ok('LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN))')
    assert lines[:4] == [
        b'* LIST (\\HasNoChildren) "/" INBOX',
        b"* STATUS INBOX (MESSAGES 2 UNSEEN 1)",
        b'* LIST (\\HasNoChildren \\Archive) "/" Archive',
        b"* STATUS Archive (MESSAGES 0 UNSEEN 0)",
    ]
    assert account.calls == {"mailboxes": 1}


async def test_status(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(b"A: b\r\n\r\n12345", mask=flags.DELETED)
    account.deliver(b"A: b\r\n\r\n1", mask=flags.SEEN)
    await talk(
        """
        A: a1 STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE APPENDLIMIT DELETED-STORAGE)
        A< * STATUS INBOX (MESSAGES 2 RECENT 2 UIDNEXT 3 UIDVALIDITY 1700000001 UNSEEN 1 DELETED 1 SIZE 22 …
        A< a1 OK …
        A: a2 STATUS INBOX (DELETED-STORAGE APPENDLIMIT HIGHESTMODSEQ)
        A< * STATUS INBOX (DELETED-STORAGE 13 APPENDLIMIT 52428800 HIGHESTMODSEQ 3)
        A< a2 OK …
        A: a3 SELECT INBOX
        A* a3 OK …
        A: a4 STATUS INBOX (MESSAGES)
        A< * STATUS INBOX (MESSAGES 2)
        A< a4 OK …
        A: a5 STATUS None (MESSAGES)
        A< a5 NO [NONEXISTENT] …
        A: a6 STATUS INBOX (NONSENSE)
        A< a6 BAD …
        """
    )


async def test_names_in_both_encodings(talk: Talk) -> None:
    await talk(
        """
        A: a1 CREATE "&AMk-l&AOg-ves"
        A< a1 OK …
        A: a2 LIST "" "*ves"
        A< * LIST (\\HasNoChildren) "/" &AMk-l&AOg-ves
        A< a2 OK …
        A: a3 CREATE "&Jjo"
        A< a3 BAD …
        A: a4 ENABLE UTF8=ACCEPT
        A< * ENABLED UTF8=ACCEPT
        A< a4 OK …
        A: a5 LIST "" "Él*"
        A< * LIST (\\HasNoChildren) "/" "Élèves"
        A< a5 OK …
        A: a6 SELECT "Élèves"
        A* a6 OK …
        """
    )


async def test_create_delete_rename(talk: Talk) -> None:
    await talk(
        """
        A: a1 CREATE Old/Child
        A< a1 OK …
        A: a2 CREATE Old
        A< a2 NO [ALREADYEXISTS] …
        A: a3 DELETE Old
        A< a3 NO [HASCHILDREN] …
        A: a4 RENAME Old Trash/Old
        A< a4 OK …
        A: a5 LIST "" "Trash/*"
        A< * LIST (\\HasChildren) "/" Trash/Old
        A< * LIST (\\HasNoChildren) "/" Trash/Old/Child
        A< a5 OK …
        A: a6 DELETE Trash/Old/Child
        A< a6 OK …
        A: a7 DELETE INBOX
        A< a7 NO [CANNOT] …
        A: a8 RENAME None Other
        A< a8 NO [NONEXISTENT] …
        A: d1 DELETE Archive
        A< d1 OK …
        A: a9 CREATE Mail (USE (\\Archive))
        A< a9 OK …
        A: b1 LIST "" Mail
        A< * LIST (\\HasNoChildren \\Archive) "/" Mail
        A< b1 OK …
        """
    )


async def test_renaming_inbox_moves_its_messages_and_leaves_its_children(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(message())
    await talk(
        """
        A: a1 CREATE INBOX/Child
        A< a1 OK …
        A: a2 RENAME INBOX Saved
        A< a2 OK …
        A: a3 STATUS Saved (MESSAGES)
        A< * STATUS Saved (MESSAGES 1)
        A< a3 OK …
        A: a4 STATUS INBOX/Child (MESSAGES)
        A< * STATUS INBOX/Child (MESSAGES 0)
        A< a4 OK …
        """
    )


async def test_quota(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(b"x" * 3000)
    await talk(
        """
        A: a1 GETQUOTAROOT INBOX
        A< * QUOTAROOT INBOX
        A< a1 OK …
        A: a2 GETQUOTA ""
        A< a2 NO [NONEXISTENT] …
        """
    )
    account.quota_limit = 10 * 1024 * 1024
    await talk(
        """
        A: a3 GETQUOTAROOT Sent
        A< * QUOTAROOT Sent ""
        A< * QUOTA "" (STORAGE 3 10240)
        A< a3 OK …
        A: a4 GETQUOTA ""
        A< * QUOTA "" (STORAGE 3 10240)
        A< a4 OK …
        A: a5 GETQUOTAROOT None
        A< a5 NO [NONEXISTENT] …
        """
    )


async def test_wildcards_cost_no_more_than_their_length(client: Client) -> None:
    await client.ok(f"CREATE {'a' * 200}")
    start = time.process_time()
    assert await client.ok(f'LIST "" "{"%*" * 200}b"') == []
    assert time.process_time() - start < 5


async def test_names_in_another_form_are_told(talk: Talk, account: MemoryAccount) -> None:
    """RFC 9051 section 6.3.9.7: é in one code point or two, INBOX in any case."""
    await talk(
        """
        A: a0 CREATE "E&AwE-t"
        A< a0 OK …
        A: a1 ENABLE IMAP4rev2
        A* a1 OK …
        A: a2 SELECT inbox
        A* * LIST (\\HasNoChildren) "/" INBOX ("OLDNAME" (inbox))
        A< a2 OK …
        A: a3 EXAMINE Sent
        A* * LIST (\\HasNoChildren \\Sent) "/" Sent
        A< a3 OK …
        A: a4 CREATE "E\u0301cole/a"
        A< * LIST (\\HasNoChildren \\Subscribed) "/" "École/a" ("OLDNAME" ("E\u0301cole/a"))
        A< a4 OK …
        A: a5 RENAME "École" "E\u0301té"
        A< * LIST (\\HasChildren…) "/" "Été" ("OLDNAME" ("École"))
        A< a5 OK …
        A: a6 DELETE "E\u0301té/a"
        A< * LIST (\\NonExistent \\HasNoChildren…) "/" "Été/a" ("OLDNAME" ("E\u0301té/a"))
        A< a6 OK …
        A: a7 APPEND "E\u0301té" {4+}
        A: a: b
        A< * LIST (…) "/" "Été" ("OLDNAME" ("E\u0301té"))
        A< a7 OK …
        A: a8 CREATE x/
        A< a8 OK …
        """
    )


async def test_a_special_use_is_given_to_one_mailbox_at_a_time(talk: Talk) -> None:
    """RFC 6154 section 3; which uses there are is told by LIST."""
    await talk(
        """
        A: a1 CREATE x (USE (\\Archive))
        A< a1 NO [USEATTR] …
        A: a2 CREATE x (USE (\\Flagged))
        A< a2 NO [USEATTR] …
        A: a3 CREATE x (USE (\\Junk \\Trash))
        A< a3 NO [USEATTR] …
        A: a4 LIST "" x
        A< a4 OK …
        A: a5 DELETE Archive
        A< a5 OK …
        A: a6 CREATE x (USE (\\archive))
        A< a6 OK …
        A: a7 LIST (SPECIAL-USE) "" x
        A< * LIST (\\HasNoChildren \\Archive) "/" x
        A< a7 OK …
        A: a8 CREATE y (USE ())
        A< a8 OK …
        A: a9 DELETE Sent
        A< a9 NO [CANNOT] …
        A: b1 DELETE INBOX
        A< b1 NO [CANNOT] …
        """
    )
