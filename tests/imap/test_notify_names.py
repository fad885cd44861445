"""NOTIFY (RFC 5465): names, subscriptions, rights and annotations of mailboxes."""

from __future__ import annotations

from imap.rights import Rights, parse_rights
from tests.imap.conftest import Talk, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


async def test_mailboxes_that_come_go_and_change_their_name(talk: Talk, account: MemoryAccount) -> None:
    await talk("""
        A: 1 NOTIFY SET (personal (MailboxName))
        A< 1 OK …
        B: 1 CREATE Lists/Lemonade
        B< 1 OK …
        A< * LIST (\\HasChildren \\Subscribed) "/" Lists
        A< * LIST (\\HasNoChildren \\Subscribed) "/" Lists/Lemonade
        B: 2 RENAME Lists Old
        B< 2 OK …
        A< * LIST (\\HasChildren) "/" Old ("OLDNAME" (Lists))
        B: 3 DELETE Old/Lemonade
        B< 3 OK …
        A< * LIST (\\HasNoChildren) "/" Old
        A< * LIST (\\NonExistent \\HasNoChildren) "/" Old/Lemonade
    """)


async def test_only_names_that_are_asked_for(talk: Talk) -> None:
    await talk("""
        A: 1 NOTIFY SET (mailboxes Lists/Lemonade (MailboxName))
        A< 1 OK …
        B: 1 CREATE Lists/Lime
        B< 1 OK …
        B: 2 CREATE Lists/Lemonade
        B< 2 OK …
        A< * LIST (\\HasNoChildren \\Subscribed) "/" Lists/Lemonade
        B: 3 RENAME Lists/Lemonade Lemon
        B< 3 OK …
        A< * LIST (\\HasNoChildren) "/" Lemon ("OLDNAME" (Lists/Lemonade))
    """)


async def test_subscriptions(talk: Talk) -> None:
    await talk("""
        A: 1 NOTIFY SET (subscribed (SubscriptionChange))
        A< 1 OK …
        B: 1 UNSUBSCRIBE Sent
        B< 1 OK …
        A< * LIST (\\HasNoChildren \\Sent) "/" Sent
        B: 2 SUBSCRIBE Sent
        B< 2 OK …
        A< * LIST (\\HasNoChildren \\Subscribed \\Sent) "/" Sent
        B: 3 SUBSCRIBE Gone/&AOk-t&AOk-
        B< 3 OK …
        A< * LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" Gone/&AOk-t&AOk-
    """)


async def test_a_name_that_is_another_mailbox_now_has_another_uidvalidity(
    client: Client, account: MemoryAccount
) -> None:
    await account.create("Lists")
    await client.ok("NOTIFY SET (subtree Lists (MessageNew MessageExpunge FlagChange))")
    await account.delete("Lists")
    await account.create("Lists")
    assert await client.line() == b"* STATUS Lists (UIDVALIDITY 1700000008)"


async def test_access_that_is_lost_and_given_back(talk: Talk, account: MemoryAccount) -> None:
    box = account.find("Junk")
    box.rights = parse_rights("l")
    await talk("""
        A: 1 NOTIFY SET (mailboxes Junk (MessageNew MessageExpunge))
        A< * LIST (\\Noselect \\HasNoChildren \\Subscribed \\Junk \\NoAccess) "/" Junk
        A< 1 OK …
    """)
    account.deliver(message(), "Junk")
    box.rights = Rights.ALL
    await account.subscribe("Other")
    await talk('A< * LIST (\\HasNoChildren \\Subscribed \\Junk) "/" Junk')
    box.rights = parse_rights("lws")
    await account.subscribe("Another")
    await talk('A* * LIST (\\Noselect \\HasNoChildren \\Subscribed \\Junk \\NoAccess) "/" Junk')
    box.rights = parse_rights("rw")
    await account.subscribe("A third")
    account.deliver(message(), "Junk")
    await talk("A: 2 NOOP")
    await talk("A* 2 OK …")


async def test_annotations(talk: Talk) -> None:
    await talk("""
        A: 1 NOTIFY SET (mailboxes (Sent Junk) (MailboxMetadataChange ServerMetadataChange))
        A< 1 OK …
        B: 1 SETMETADATA Sent (/private/comment "x" /shared/comment "y")
        B< 1 OK …
        A< * METADATA Sent /private/comment /shared/comment
        B: 2 SETMETADATA Archive (/private/comment "x")
        B< 2 OK …
        B: 3 SETMETADATA Sent (/private/comment NIL)
        B< 3 OK …
        A< * METADATA Sent /private/comment
        B: 4 SETMETADATA "" (/private/comment "x")
        B< 4 OK …
        A< * METADATA "" /private/comment
    """)


async def test_enable_metadata_tells_within_commands_and_idle(talk: Talk) -> None:
    await talk("""
        A: 1 ENABLE METADATA
        A< * ENABLED METADATA
        A< 1 OK …
        B: 1 SETMETADATA Sent (/private/comment "x")
        B< 1 OK …
        A: 2 IDLE
        A* * METADATA Sent /private/comment
        B: 2 SETMETADATA "" (/private/comment "x")
        B< 2 OK …
        A* * METADATA "" /private/comment
        A: DONE
        A< 2 OK …
        A: 3 SETMETADATA Sent (/private/comment "mine")
        A< 3 OK …
        A: 4 NOTIFY NONE
        A< 4 OK …
        A: 5 IDLE
        A< + …
        B: 3 SETMETADATA Junk (/private/comment "x")
        B< 3 OK …
        A< * METADATA Junk /private/comment
    """)
