"""What became of a message for each recipient, on both engines: worked out from what is in mailboxes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import bindparam, insert, update

from imap.backend import FlagAction
from imap.flags import SEEN
from mailgate.database import Database, Statement, Tx
from mailgate.delivery import recipients, states
from mailgate.delivery.recipients import ListRecipient, PersonRecipient
from mailgate.delivery.states import Delivery, Report
from mailgate.policy.schema import school_setting
from mailgate.store import Dispatch, MailStore, Parcel, dispatches, withdrawals
from mailgate.store.schema import account
from tests.policy.academy import accounts, lists
from tests.store.messages import message, own

SCHOOL = "clg-frederic-mistral.ent.example.org"
PARENTS = f"6eme-a.parents@{SCHOOL}"
_SUSPEND = Statement(
    update(account).values(state="suspended").where(account.c.account_id == bindparam("account"))
)  # fmt: skip
_ALLOW = Statement(insert(school_setting).values(school_id=bindparam("school"), name="opened_shown", value="true"))
_FORBID = Statement(school_setting.delete())


@pytest.fixture
async def store(academy: Database) -> AsyncIterator[MailStore]:
    opened = MailStore(academy)
    await opened.start()
    yield opened
    await opened.close()


async def person(database: Database, number: int) -> int:
    found = await database.read(lambda tx: recipients.resolve(tx, accounts()[number].address))
    assert isinstance(found, PersonRecipient)
    return found.account_id


async def the_list(database: Database) -> ListRecipient:
    found = await database.read(lambda tx: recipients.resolve(tx, PARENTS))
    assert isinstance(found, ListRecipient)
    return found


async def post(store: MailStore, database: Database, name: str) -> tuple[Dispatch, list[int]]:
    """Send to the list and to one more, as a submission does; give who is on the list and has an account."""
    to = await the_list(database)
    teacher = await person(database, next(one for one, each in accounts().items() if each.profile == "teacher"))
    reached = await database.read(lambda tx: recipients.reached(tx, [teacher], [to.list_id]))
    sent = Dispatch(name, teacher, teacher, "t@ent.example.org", f"<{name}@x>", int(time.time()))
    parcels = [
        Parcel(message(f"{name} to people"), reached[0]),
        Parcel(message(f"{name} to list"), reached[to.list_id], list_id=to.list_id),
    ]
    await store.deliver_all(parcels, dispatch=sent)
    return sent, sorted(reached[to.list_id])


async def look(database: Database, sent: Dispatch) -> Report:
    return await database.read(lambda tx: states.report(tx, sent))


async def test_delivered_opened_taken_back_and_no_account(store: MailStore, academy: Database) -> None:
    members = lists()[PARENTS]["members"]
    gone = await person(academy, members[0])
    await academy.write(lambda tx: tx.run(_SUSPEND, account=gone))
    sent, got = await post(store, academy, "first")
    to = await the_list(academy)
    assert len(got) == len(members) - 1
    reader = store.account(got[0], "reader")
    uid = (await reader.snapshot(own(reader))).uids[-1]
    await reader.store(own(reader), [uid], FlagAction.ADD, SEEN, [])
    hidden = await look(academy, sent)
    assert hidden.count(to.list_id) == Counter({Delivery.DELIVERED: len(got), Delivery.NO_ACCOUNT: 1})
    assert hidden.count(0) == Counter({Delivery.DELIVERED: 1})
    await academy.write(lambda tx: tx.run(_ALLOW, school=to.target.school_id))
    shown = await look(academy, sent)
    assert shown.count(to.list_id)[Delivery.OPENED] == 1
    assert [one.account_id for one in shown.recipients if one.state is Delivery.OPENED] == got[:1]
    assert [one.account_id for one in shown.recipients if one.state is Delivery.NO_ACCOUNT] == [gone]
    assert sum(Counter(shown.families).values()) <= len(
        {child for one in members for child in accounts()[one].children}
    )

    async def take_back(tx: Tx) -> int:
        [content] = [one.content_id for one in await dispatches.copies_of(tx, "first") if one.list_id]
        copies = await withdrawals.holders(tx, [content])
        return await withdrawals.withdraw(tx, "first", copies, "recall", int(time.time()), unread_only=True)

    assert await academy.write(take_back) == len(got) - 1
    after = (await look(academy, sent)).count(to.list_id)
    assert after == Counter({Delivery.TAKEN_BACK: len(got) - 1, Delivery.OPENED: 1, Delivery.NO_ACCOUNT: 1})
    await academy.write(lambda tx: tx.run(_FORBID))


async def test_who_deleted_it_still_got_it(store: MailStore, academy: Database) -> None:
    sent, got = await post(store, academy, "second")
    reader = store.account(got[1], "reader")
    uid = (await reader.snapshot(own(reader))).uids[-1]
    await reader.expunge(own(reader), [uid])
    assert (await look(academy, sent)).count((await the_list(academy)).list_id)[Delivery.DELIVERED] == len(got)


async def test_names_of_who_has_no_account(academy: Database) -> None:
    to = await the_list(academy)
    gone = await person(academy, lists()[PARENTS]["members"][1])
    await academy.write(lambda tx: tx.run(_SUSPEND, account=gone))
    names = await academy.read(lambda tx: states.left_out(tx, to.list_id))
    assert names
    assert all("@" not in name for name in names)
