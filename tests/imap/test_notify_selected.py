"""NOTIFY (RFC 5465): the selected mailbox, told without a command."""

from __future__ import annotations

from imap.flags import SEEN
from tests.imap.conftest import Talk, message
from tests.imap.memory_backend import MemoryAccount


async def test_the_selected_mailbox_is_told_without_idle(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(message())
    account.deliver(message())
    await talk("""
        A: 1 NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))
        A< 1 OK …
        A: 2 SELECT INBOX
        A* 2 OK …
        B: 1 SELECT INBOX
        B* 1 OK …
        B: 2 STORE 2 +FLAGS (\\Flagged)
        B* 2 OK …
        A< * 2 FETCH (UID 2 FLAGS (…\\Flagged…))
        B: 3 STORE 1 +FLAGS.SILENT (\\Deleted)
        B* 3 OK …
        A< * 1 FETCH (UID 1 FLAGS (…\\Deleted…))
        B: 4 EXPUNGE
        B* 4 OK …
        A< * 1 EXPUNGE
    """)
    account.deliver(message())
    await talk("""
        A< * 2 EXISTS
        A< * 2 RECENT
    """)


async def test_new_messages_with_what_was_asked_of_them(talk: Talk, account: MemoryAccount) -> None:
    await talk("""
        A: 1 NOTIFY SET (selected (MessageNew (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge))
        A< 1 OK …
        A: 2 EXAMINE INBOX
        A* 2 OK …
    """)
    account.deliver(message("First"))
    await talk("""
        A< * 1 EXISTS
        A* * 1 FETCH (UID 1 FLAGS (…) BODY[HEADER.FIELDS (SUBJECT)] {…Subject: First…)
        A: 3 IDLE
        A< + idling
    """)
    account.deliver(message("Second"))
    await talk("""
        A< * 2 EXISTS
        A* * 2 FETCH (UID 2 FLAGS (…) BODY[HEADER.FIELDS (SUBJECT)] {…Subject: Second…)
        A: DONE
        A< 3 OK …
        A: 4 APPEND INBOX {3+}
        A: abc
        A< * 3 EXISTS
        A< * … RECENT
        A< 4 OK …
    """)


async def test_update_shows_new_messages_that_fit(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(message("boss"))
    await talk("""
        A: 1 SELECT INBOX
        A* 1 OK …
        A: 2 SEARCH RETURN (COUNT UPDATE (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])) SUBJECT boss
        A< * ESEARCH (TAG "2") COUNT 1
        A< 2 OK …
        A: 3 IDLE
        A< + …
    """)
    account.deliver(message("other"))
    account.deliver(message("boss"))
    await talk("""
        A* * 3 EXISTS
        A* * 3 FETCH (UID 3 BODY[HEADER.FIELDS (SUBJECT)] {…Subject: boss…)
        A< * ESEARCH (TAG "2") ADDTO (… 3)
        A: DONE
        A< 3 OK …
        A: 4 STORE 2 +FLAGS (\\Flagged)
        A* 4 OK …
        A: 5 APPEND INBOX {19+}
        A: Subject: boss
        A:
        A: x
        A< * 4 EXISTS
        A< * … RECENT
        A< * ESEARCH (TAG "2") ADDTO (… 4)
        A< 5 OK …
    """)


async def test_reading_what_is_new_does_not_mark_it_seen(talk: Talk, account: MemoryAccount) -> None:
    await talk("""
        A: 1 NOTIFY SET (selected (MessageNew (BODY[TEXT]) MessageExpunge))
        A< 1 OK …
        A: 2 SELECT INBOX
        A* 2 OK …
    """)
    account.deliver(message(body="Read me"))
    await talk("""
        A< * 1 EXISTS
        A< * 1 RECENT
        A< * 1 FETCH (BODY[TEXT] {…Read me…)
    """)
    assert not account.find("INBOX").messages[1].flags & SEEN


async def test_delayed_expunges_wait_for_a_command(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(message())
    account.deliver(message())
    await talk("""
        A: 1 NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))
        A< 1 OK …
        A: 2 SELECT INBOX
        A* 2 OK …
        B: 1 SELECT INBOX
        B* 1 OK …
        B: 2 STORE 1 +FLAGS.SILENT (\\Deleted)
        B* 2 OK …
        A< * 1 FETCH (UID 1 FLAGS (…\\Deleted…))
        B: 3 EXPUNGE
        B* 3 OK …
        B: 4 STORE 1 +FLAGS.SILENT (\\Flagged)
        B* 4 OK …
        A< * 2 FETCH (UID 2 FLAGS (…\\Flagged…))
        A: 3 FETCH 2 (UID)
        A< * 2 FETCH (UID 2)
        A< 3 OK …
        A: 4 NOOP
        A< * 1 EXPUNGE
        A< 4 OK …
    """)


async def test_without_a_word_on_the_selected_mailbox_it_is_frozen(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(message())
    await talk("""
        A: 1 SELECT INBOX
        A* 1 OK …
    """)
    account.deliver(message())
    await talk("""
        A: 2 NOTIFY SET (mailboxes Sent (MessageNew MessageExpunge))
        A< * 2 EXISTS
        A< * … RECENT
        A< 2 OK …
        B: 1 SELECT INBOX
        B* 1 OK …
        B: 2 STORE 1:2 +FLAGS (\\Deleted)
        B* 2 OK …
        B: 3 UID EXPUNGE 1
        B* 3 OK …
    """)
    account.deliver(message())
    await talk("""
        A: 3 NOOP
        A< 3 OK …
        A: 4 IDLE
        A< + idling
        A: DONE
        A< 4 OK …
        A: 5 FETCH 2 (UID)
        A< * 2 FETCH (UID 2)
        A< 5 OK …
        A: 6 EXPUNGE
        A< * 2 EXPUNGE
        A< * 1 EXPUNGE
        A< 6 OK …
        A: 7 NOTIFY SET (selected NONE)
        A< * 1 EXISTS
        A< * … RECENT
        A< 7 OK …
    """)
