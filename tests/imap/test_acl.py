"""Rights as the engine shows and heeds them: RFC 4314 sections 3 to 5, RFC 8440."""

from __future__ import annotations

import pytest

from imap.flags import DELETED, SEEN
from imap.rights import Rights, letters, parse_rights, settable, shown
from tests.imap.conftest import Gateway, Talk, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


def allow(account: MemoryAccount, name: str, rights: str) -> None:
    account.find(name).rights = parse_rights(rights)


def test_the_old_letters_stand_for_new_ones() -> None:
    assert letters(parse_rights("cd")) == "kxte"
    assert shown(parse_rights("lrk")) == "lrkc"
    assert shown(parse_rights("te")) == "ted"
    assert shown(Rights.ALL) == "lrswipkxtea0cd"


def test_flags_by_right() -> None:
    assert settable(parse_rights("s")) == SEEN
    assert settable(parse_rights("t")) == DELETED
    assert settable(parse_rights("wst")) == -1


async def test_ones_own_mailbox_is_ones_own(talk: Talk) -> None:
    await talk("""
        A: 1 MYRIGHTS inbox
        A< * MYRIGHTS INBOX lrswipkxtea0cd
        A< 1 OK …
        A: 2 GETACL Drafts
        A< * ACL Drafts ada lrswipkxtea0cd
        A< 2 OK …
        A: 3 MYRIGHTS Nowhere
        A< 3 NO [NONEXISTENT] …
    """)


async def test_the_list_changes_by_its_three_forms(talk: Talk) -> None:
    await talk("""
        A: 1 SETACL Drafts bob lrd
        A< 1 OK …
        A: 2 SETACL Drafts bob +w
        A< 2 OK …
        A: 3 SETACL Drafts bob -r
        A< 3 OK …
        A: 4 SETACL Drafts -eve w
        A< 4 OK …
        A: 5 GETACL Drafts
        A< * ACL Drafts ada lrswipkxtea0cd -eve w bob lwted
        A< 5 OK …
        A: 6 DELETEACL Drafts bob
        A< 6 OK …
        A: 7 GETACL Drafts
        A< * ACL Drafts ada lrswipkxtea0cd -eve w
        A< 7 OK …
        A: 8 LISTRIGHTS Drafts bob
        A< * LISTRIGHTS Drafts bob "" l r s w i p k x t e a 0 c d
        A< 8 OK …
        A: 9 LISTRIGHTS Drafts ada
        A< * LISTRIGHTS Drafts ada lrswipkxtea0cd
        A< 9 OK …
    """)


@pytest.mark.parametrize(
    "command",
    [
        "SETACL Drafts bob lrQ",
        "SETACL Drafts bob lrq",
        "SETACL Drafts bob",
        'SETACL Drafts "" l',
        "GETACL",
        "MYRIGHTS a b",
    ],
)
async def test_what_the_grammar_refuses(client: Client, command: str) -> None:
    assert b" BAD " in (await client.command(command))[-1]


async def test_what_may_not_be_listed_does_not_exist(talk: Talk, account: MemoryAccount) -> None:
    allow(account, "Archive", "")
    allow(account, "Junk", "l")
    await talk("""
        A: 1 LIST "" *
        A< * LIST (\\HasNoChildren) "/" INBOX
        A< * LIST (\\HasNoChildren \\Drafts) "/" Drafts
        A< * LIST (\\Noselect \\HasNoChildren \\Junk) "/" Junk
        A* 1 OK …
        A: 2 SELECT Archive
        A< 2 NO [NONEXISTENT] …
        A: 3 GETACL Archive
        A< 3 NO [NONEXISTENT] …
        A: 4 MYRIGHTS Archive
        A< 4 NO [NONEXISTENT] …
        A: 5 STATUS Junk (MESSAGES)
        A< 5 NO [NOPERM] …
        A: 6 SETACL Junk bob l
        A< 6 NO [NOPERM] …
        A: 7 LIST "" Junk RETURN (MYRIGHTS STATUS (MESSAGES))
        A< * LIST (\\Noselect \\HasNoChildren \\Junk) "/" Junk
        A< * MYRIGHTS Junk l
        A< 7 OK …
    """)


async def test_rights_in_list_only_for_what_is_selected(talk: Talk, account: MemoryAccount) -> None:
    await account.create("a/b")
    account.subscribed = {"INBOX", "a/b"}
    await talk("""
        A: 1 LIST (SUBSCRIBED RECURSIVEMATCH) "" % RETURN (MYRIGHTS)
        A< * LIST (\\HasNoChildren \\Subscribed) "/" INBOX
        A< * MYRIGHTS INBOX lrswipkxtea0cd
        A< * LIST (\\HasChildren) "/" a ("CHILDINFO" ("SUBSCRIBED"))
        A< 1 OK …
    """)


async def test_levels_without_a_mailbox_are_shown_where_a_pattern_ends_at_a_level(
    talk: Talk, account: MemoryAccount
) -> None:
    account._new("Shared/Office/Sent")
    await talk("""
        A: 1 LIST "" S%
        A* * LIST (\\Noselect \\HasChildren) "/" Shared
        A< 1 OK …
        A: 2 LIST "" Shared/%
        A< * LIST (\\Noselect \\HasChildren) "/" Shared/Office
        A< 2 OK …
        A: 3 LIST "" Shared*
        A< * LIST (\\HasNoChildren) "/" Shared/Office/Sent
        A< 3 OK …
    """)


async def test_select_tells_the_rights(talk: Talk, account: MemoryAccount) -> None:
    allow(account, "Drafts", "lrs")
    allow(account, "Junk", "rt")
    await talk("""
        A: 1 SELECT Drafts
        A< * FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft)
        A< * OK [PERMANENTFLAGS (\\Seen)] …
        A* 1 OK [READ-ONLY] …
        A: 2 SELECT Junk
        A* * OK [PERMANENTFLAGS (\\Deleted)] …
        A* 2 OK [READ-WRITE] …
    """)


async def test_store_changes_what_it_may(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(message(), mask=2)
    allow(account, "INBOX", "lrs")
    await talk("""
        A: 1 SELECT INBOX
        A* 1 OK [READ-ONLY] …
        A: 2 STORE 1 +FLAGS (\\Seen \\Deleted $Label1)
        A< * 1 FETCH (FLAGS (\\Recent \\Seen \\Answered))
        A< 2 OK …
        A: 3 STORE 1 +FLAGS (\\Deleted)
        A< 3 NO [NOPERM] …
        A: 4 STORE 1 FLAGS ()
        A< * 1 FETCH (FLAGS (\\Recent \\Answered))
        A< 4 OK …
        A: 5 EXPUNGE
        A< 5 NO [NOPERM] …
        A: 6 MOVE 1 Trash
        A< 6 NO [NOPERM] …
        A: 7 CLOSE
        A< 7 OK …
    """)


async def test_fetch_leaves_seen_alone_without_the_right(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(message())
    allow(account, "INBOX", "lrw")
    await talk("""
        A: 1 SELECT INBOX
        A* 1 OK …
        A: 2 FETCH 1 BODY[TEXT]
        A< * 1 FETCH (BODY[TEXT] …
        A< 2 OK …
        A: 3 FETCH 1 FLAGS
        A< * 1 FETCH (FLAGS (\\Recent))
        A< 3 OK …
    """)


async def test_copies_keep_the_flags_that_may_be_set(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(message(), mask=SEEN | DELETED | 16)
    allow(account, "Archive", "lrwis")
    allow(account, "Junk", "lr")
    await talk("""
        A: 1 SELECT INBOX
        A* 1 OK …
        A: 2 COPY 1 Archive
        A< 2 OK [COPYUID …
        A: 3 COPY 1 Junk
        A< 3 NO [NOPERM] …
        A: 4 SELECT Archive
        A* 4 OK …
        A: 5 FETCH 1 FLAGS
        A< * 1 FETCH (FLAGS (\\Recent \\Seen \\Draft))
        A< 5 OK …
    """)


async def test_rights_that_change_while_a_mailbox_is_selected(gateway: Gateway, talk: Talk) -> None:
    account = gateway.account
    account.deliver(message())
    await talk("""
        A: 1 SELECT INBOX
        A* 1 OK [READ-WRITE] …
    """)
    allow(account, "INBOX", "lrs")
    await talk("""
        A: 2 NOOP
        A< * FLAGS …
        A< * OK [PERMANENTFLAGS (\\Seen)] …
        A< 2 OK …
        A: 3 NOOP
        A< 3 OK …
    """)
    allow(account, "INBOX", "l")
    await talk("""
        A: 4 NOOP
        A< * 1 EXPUNGE
        A< 4 OK …
        A: 5 STORE 1:* +FLAGS (\\Seen)
        A< 5 NO [NONEXISTENT] …
        A: 6 SELECT INBOX
        A< * OK [CLOSED] …
        A< 6 NO [NOPERM] …
    """)
    allow(account, "INBOX", "lr")
    await talk("""
        A: 7 SELECT INBOX
        A* * 1 EXISTS
        A* 7 OK [READ-ONLY] …
    """)
