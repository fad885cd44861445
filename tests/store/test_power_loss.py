"""After a loss of power no UID or modification sequence is given twice; after any other end none is skipped."""

from __future__ import annotations

import pytest

from imap.backend import Account
from mailgate.database import Database
from mailgate.store import MailStore, power_loss
from tests.store.messages import message, own, status, whole


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """On PostgreSQL what is visible is on disk."""
    return sqlite_url


async def test_numbers_are_skipped_after_a_loss_of_power(database: Database, store: MailStore, alice: Account) -> None:
    assert not await power_loss.begin(database, "first")
    await store.deliver(message("before"), [1])
    before = await status(alice, "INBOX")
    assert await power_loss.begin(database, "second")
    after = await status(alice, "INBOX")
    assert (after.messages, after.uidvalidity) == (1, before.uidvalidity)
    assert after.uidnext == before.uidnext + power_loss.UIDS
    assert after.highestmodseq == before.highestmodseq + power_loss.MODSEQS
    await store.deliver(message("after"), [1])
    assert await whole(alice) == {1: message("before"), before.uidnext + power_loss.UIDS: message("after")}
    assert not await power_loss.begin(database, "second"), "a gateway that was killed on a machine that runs on"


async def test_nothing_is_skipped_after_an_end_in_order(database: Database, store: MailStore, alice: Account) -> None:
    await power_loss.begin(database, "first")
    await store.deliver(message(), [1])
    before = await alice.snapshot(own(alice))
    await power_loss.end(database)
    assert not await power_loss.begin(database, "second")
    assert await alice.snapshot(own(alice)) == before
