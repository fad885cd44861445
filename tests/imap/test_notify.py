"""NOTIFY (RFC 5465): its grammar, news of messages in mailboxes that are not selected, and its end."""

from __future__ import annotations

import pytest

from imap.backend import FlagAction
from imap.flags import FLAGGED, SEEN
from imap.limits import Limits
from tests.imap.conftest import Gateway, Talk, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client, eventually

EVENTS = b"[BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange "


async def test_new_messages_elsewhere_are_told_by_status(talk: Talk, account: MemoryAccount) -> None:
    await talk("""
        A: 1 NOTIFY SET (personal (MessageNew MessageExpunge))
        A< 1 OK …
    """)
    account.deliver(message(), "Sent")
    await talk("A< * STATUS Sent (MESSAGES 1 UIDNEXT 2)")
    account.deliver(message())
    await talk("A< * STATUS INBOX (MESSAGES 1 UIDNEXT 2)")


async def test_with_condstore_and_flag_changes(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(message(), "Sent")
    sent = account.find("Sent")
    await talk("""
        A: 1 ENABLE CONDSTORE
        A< * ENABLED CONDSTORE
        A< 1 OK …
        A: 2 NOTIFY SET STATUS (mailboxes (Sent Nowhere) (MessageNew FlagChange MessageExpunge))
        A< * STATUS Sent (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1700000002 HIGHESTMODSEQ 2)
        A< 2 OK …
        B: 1 SELECT Sent
        B* 1 OK …
        B: 2 STORE 1 +FLAGS (\\Flagged)
        B* 2 OK …
        A< * STATUS Sent (HIGHESTMODSEQ 3 UIDVALIDITY 1700000002)
        B: 3 STORE 1 +FLAGS (\\Seen \\Deleted)
        B* 3 OK …
        A< * STATUS Sent (UNSEEN 0 HIGHESTMODSEQ 4 UIDVALIDITY 1700000002)
        B: 4 EXPUNGE
        B* 4 OK …
        A< * STATUS Sent (MESSAGES 0 UIDNEXT 2 HIGHESTMODSEQ 5)
    """)
    assert sent.highestmodseq == 5


async def test_without_condstore_a_flag_that_changes_no_counter_is_not_told(
    client: Client, account: MemoryAccount
) -> None:
    account.deliver(message(), "Sent")
    await client.ok("NOTIFY SET (subtree Sent (MessageNew FlagChange MessageExpunge))")
    ref = account.find("Sent").ref
    await account.store(ref, [1], FlagAction.ADD, FLAGGED, ())
    await account.store(ref, [1], FlagAction.ADD, SEEN, ())
    assert await client.line() == b"* STATUS Sent (UNSEEN 0 UIDVALIDITY 1700000002)"


async def test_status_answers_only_what_is_watched_and_not_selected(talk: Talk, account: MemoryAccount) -> None:
    await account.create("Lists/Lemonade")
    await account.create("Listserv")
    await talk("""
        A: 1 SELECT INBOX
        A* 1 OK …
        A: 2 NOTIFY SET STATUS (subtree Lists (MessageNew MessageExpunge)) (inboxes (MessageNew MessageExpunge))
        A< * STATUS Lists (MESSAGES 0 UIDNEXT 1 UIDVALIDITY …)
        A< * STATUS Lists/Lemonade (MESSAGES 0 UIDNEXT 1 UIDVALIDITY …)
        A< 2 OK …
    """)


async def test_a_burst_is_told_as_one(client: Client, account: MemoryAccount) -> None:
    await client.ok("NOTIFY SET (personal (MessageNew MessageExpunge))")
    before = account.calls.get("statuses", 0)
    for _ in range(50):
        account.deliver(message(), "Sent")
    assert await client.line() == b"* STATUS Sent (MESSAGES 50 UIDNEXT 51)"
    assert account.calls["statuses"] == before + 1


async def test_sessions_of_one_account_look_once_for_all(gateway: Gateway, account: MemoryAccount) -> None:
    clients = [await gateway.client() for _ in range(5)]
    for client in clients:
        await client.ok("NOTIFY SET (personal (MessageNew MessageExpunge))")
    account.deliver(message(), "Sent")
    for client in clients:
        assert await client.line() == b"* STATUS Sent (MESSAGES 1 UIDNEXT 2)"
    assert account.calls["statuses"] == 1
    for client in clients:
        await client.close()
    await eventually(lambda: account.watchers == 0)


async def test_news_comes_within_idle_too(talk: Talk, account: MemoryAccount) -> None:
    await talk("""
        A: 1 NOTIFY SET (mailboxes Sent (MessageNew MessageExpunge))
        A< 1 OK …
        A: 2 IDLE
        A< + idling
    """)
    account.deliver(message(), "Sent")
    account.deliver(message(), "Junk")
    await talk("""
        A< * STATUS Sent (MESSAGES 1 UIDNEXT 2)
        A: DONE
        A< 2 OK …
    """)


async def test_what_the_session_does_itself_is_no_news(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(message())
    account.deliver(message())
    events = "MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange"
    await talk(f"A: 1 NOTIFY SET (personal ({events} ServerMetadataChange))")
    await talk("""
        A< 1 OK …
        A: 2 CREATE Lists/Lemonade
        A< 2 OK …
        A: 3 APPEND Lists/Lemonade {3+}
        A: abc
        A< 3 OK …
        A: 4 UNSUBSCRIBE Lists
        A< 4 OK …
        A: 5 RENAME Lists/Lemonade Lists/Lemon
        A< 5 OK …
        A: 6 SETMETADATA Sent (/private/comment "x")
        A< 6 OK …
        A: 7 SELECT INBOX
        A* 7 OK …
        A: 8 MOVE 1 Sent
        A< * OK [COPYUID …
        A< * 1 EXPUNGE
        A< 8 OK …
        A: 9 STORE 1 +FLAGS (\\Deleted)
        A* 9 OK …
        A: 10 CLOSE
        A< 10 OK …
        A: 11 DELETE Lists/Lemon
        A< 11 OK …
        A: 12 NOOP
        A< 12 OK …
    """)


async def test_notify_none_ends_it(talk: Talk, account: MemoryAccount) -> None:
    await talk("""
        A: 1 NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MessageNew MessageExpunge MailboxName))
        A< 1 OK …
        A: 2 SELECT INBOX
        A* 2 OK …
        A: 3 NOTIFY NONE
        A< 3 OK …
    """)
    account.deliver(message())
    account.deliver(message(), "Sent")
    await account.create("Lists")
    await talk("""
        A: 4 NOOP
        A< 4 OK …
        A: 5 SELECT Sent
        A* * 1 EXISTS
        A* 5 OK …
    """)


async def test_signing_out_ends_it(talk: Talk, account: MemoryAccount) -> None:
    await talk("""
        A: 1 NOTIFY SET (personal (MessageNew MessageExpunge))
        A< 1 OK …
        A: 2 UNAUTHENTICATE
        A< 2 OK …
    """)
    await eventually(lambda: account.watchers == 0)


async def test_a_client_that_does_not_read_costs_one_line_a_mailbox(client: Client, account: MemoryAccount) -> None:
    await client.ok("NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MessageNew MessageExpunge))")
    await client.send(b"a APPEND Sent {10}\r\n")
    assert (await client.line()).startswith(b"+ ")
    for _ in range(1000):
        account.deliver(message(), "Junk")
    await client.send(b"x" * 10 + b"\r\n")
    lines = await client.until("a")
    assert [line for line in lines if b"Junk" in line][-1] == b"* STATUS Junk (MESSAGES 1000 UIDNEXT 1001)"
    assert len(lines) < 10


async def test_too_much_to_tell_ends_it(gateway: Gateway, account: MemoryAccount) -> None:
    await gateway.server.stop(grace=1)
    await gateway.start(Limits(notifications=3))
    client = await gateway.client()
    await client.ok("NOTIFY SET (personal (MailboxName)) (selected (MessageNew MessageExpunge))")
    await account.create("a/b/c/d/e")
    assert (await client.line()).startswith(b"* OK [NOTIFICATIONOVERFLOW] ")
    await client.ok("SELECT INBOX")
    await account.create("other")
    account.deliver(message())
    assert await client.ok("NOOP") == []


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "SOME",
        "SET",
        "SET STATUS",
        "SET OTHER (personal NONE)",
        "SET (personal)",
        "SET (everything (MailboxName))",
        "SET (subtree-one x (MailboxName))",
        "SET (mailboxes (MailboxName))",
        "SET (subtree () (MailboxName))",
        "SET (personal ())",
        "SET (personal MailboxName)",
        "SET (personal (MessageNew))",
        "SET (personal (MessageExpunge))",
        "SET (personal (FlagChange))",
        "SET (personal (MessageNew FlagChange))",
        "SET (personal (MessageNew (UID) MessageExpunge))",
        "SET (selected (MessageNew (FAST) MessageExpunge))",
        "SET (selected (MessageNew () MessageExpunge))",
        "SET (selected (MailboxName))",
        "SET (selected NONE) (selected-delayed NONE)",
        "NONE x",
        "SET (personal NONE) x",
    ],
)
async def test_malformed_requests_are_bad(client: Client, arguments: str) -> None:
    assert (await client.command(f"NOTIFY {arguments}"))[-1].startswith(b"t2 BAD ")


@pytest.mark.parametrize("event", ["AnnotationChange", "Something", "MessageNew MessageExpunge AnnotationChange"])
async def test_events_that_are_not_known(client: Client, event: str) -> None:
    assert (await client.command(f"NOTIFY SET (personal ({event}))"))[-1].startswith(b"t2 NO " + EVENTS)


async def test_too_many_groups(client: Client) -> None:
    groups = " ".join(["(personal NONE)"] * 101)
    assert (await client.command(f"NOTIFY SET {groups}"))[-1].startswith(b"t2 NO [NOTIFICATIONOVERFLOW] ")
