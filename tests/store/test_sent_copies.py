"""One copy in Sent, whether the gateway or the mail program puts it there first, or both at once."""

from __future__ import annotations

import asyncio
import io

import pytest
from sqlalchemy import false, select

from imap.backend import Account, FlagAction, MailboxRef, NewMessage
from imap.flags import FLAGGED, SEEN
from mailgate.database import Database
from mailgate.store import Dispatch, Gate, MailStore, Parcel, sent_copies
from mailgate.store.provisioning import SENT_ID
from mailgate.store.schema import account
from tests.store.messages import message, own, whole
from tests.store.shares import OFFICE, office

NAME = "trip"


def filed(text: str = NAME) -> NewMessage:
    """The program's own copy, which has more in it."""
    return NewMessage(io.BytesIO(b"Bcc: dora@example.org\r\n" + message(text)), SEEN, (), None)


GATES: list[Gate | None] = []
"""What the messages of a test go through."""


@pytest.fixture(
    params=[Gate(select(account.c.state).where(false()), {}), None], ids=["one statement", "several"], autouse=True
)
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One statement is for PostgreSQL alone."""
    monkeypatch.setitem(globals(), "GATES", [request.param])


async def send(store: MailStore, author: int = 1, text: str = NAME) -> None:
    """Alice sends to bob, in her name or an office's."""
    sent = Dispatch(f"{text}{author}", 1, author, "alice@example.org", f"<{text}@example.org>", 1_800_000_000)
    parcel = Parcel(message(text), frozenset({2}), sent_copy_for=author)
    await store.deliver_all([parcel], dispatch=sent, gate=GATES[0])


async def in_sent(account: Account, ref: MailboxRef | None = None) -> list[bytes]:
    """The messages of a Sent mailbox, one's own or another's."""
    return list((await whole(account, ref or own(account, SENT_ID))).values())


THEIRS = b"Bcc: dora@example.org\r\n" + message(NAME)


async def test_the_programs_copy_takes_the_gateways_place(store: MailStore, alice: Account) -> None:
    await send(store)
    assert await in_sent(alice) == [message(NAME)]
    appended = await alice.append("Sent", [filed()])
    assert list(appended.uids) == [2]
    assert await in_sent(alice) == [THEIRS]
    sent = await alice.mailbox("Sent")
    assert (sent.messages, sent.unseen, sent.size) == (1, 0, len(THEIRS))


async def test_the_gateway_keeps_none_where_the_program_was_quicker(store: MailStore, alice: Account) -> None:
    await alice.append("Sent", [filed()])
    await send(store)
    assert await in_sent(alice) == [THEIRS]
    assert (await alice.mailbox("Sent")).uidnext == 2


async def test_a_draft_that_is_replaced_by_what_was_sent(store: MailStore, alice: Account) -> None:
    await alice.append("Drafts", [filed("draft")])
    await send(store)
    await alice.replace(own(alice, 3), 1, "Sent", filed())
    assert await in_sent(alice) == [THEIRS]


@pytest.mark.parametrize("round_", range(5))
async def test_at_once_there_is_one(round_: int, store: MailStore, alice: Account) -> None:
    await asyncio.gather(send(store), alice.append("Sent", [filed()]))
    assert await in_sent(alice) == [THEIRS], round_


async def test_other_messages_stay(store: MailStore, alice: Account) -> None:
    await send(store)
    await alice.append("Sent", [filed("other")])
    await alice.append("Archive", [filed()])
    assert len(await in_sent(alice)) == 2


async def test_what_the_program_filed_twice_stays(store: MailStore, alice: Account) -> None:
    await alice.append("Sent", [filed()])
    await alice.append("Sent", [filed()])
    assert await in_sent(alice) == [THEIRS, THEIRS]


async def test_a_copy_that_somebody_marked_stays(store: MailStore, alice: Account) -> None:
    await send(store)
    await alice.store(own(alice, SENT_ID), [1], FlagAction.ADD, FLAGGED, [])
    await alice.append("Sent", [filed()])
    assert await in_sent(alice) == [message(NAME), THEIRS]


async def test_after_a_while_a_copy_is_another_one(
    store: MailStore, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(store)
    monkeypatch.setattr(sent_copies, "WITHIN", -1)
    await alice.append("Sent", [filed()])
    assert len(await in_sent(alice)) == 2


async def test_without_a_message_id_nothing_is_the_same(store: MailStore, alice: Account) -> None:
    bare = b"Subject: x\r\n\r\nx\r\n"
    for _ in range(2):
        sent = Dispatch(f"bare{_}", 1, 1, "alice@example.org", "", 1_800_000_000)
        await store.deliver_all([Parcel(bare, frozenset({2}), sent_copy_for=1)], dispatch=sent)
    await alice.append("Sent", [NewMessage(io.BytesIO(bare), SEEN, (), None)])
    assert len(await in_sent(alice)) == 3


async def test_an_offices_copy_gives_way_too(
    database: Database, store: MailStore, alice: Account, bob: Account
) -> None:
    ref = MailboxRef(OFFICE, SENT_ID)
    await office(database, {1: "lrswite", 2: "lrswite"})
    await send(store, OFFICE)
    await alice.append("Shared/Office/Sent", [filed()])
    assert await in_sent(bob, ref) == [THEIRS]
