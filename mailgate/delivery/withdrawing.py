"""A message taken back out of mailboxes: purged by an operator, or recalled where nobody has opened it yet.

Both may stop anywhere and be begun again: what was taken stays taken and recorded, what is left is found again. What
is looked for once more after the last batch is what somebody copied meanwhile: a copy needs one to copy from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from mailgate.database import Database, Tx
from mailgate.delivery.waiting import end, held_of
from mailgate.delivery.whereabouts import Sought, State, Trace, own_copies, present, seek, traces
from mailgate.moderation.deciding import Decider, Moderation
from mailgate.policy.audit import record_in
from mailgate.queue import withdrawing as queue
from mailgate.store import collector, withdrawals
from mailgate.store.withdrawals import BATCH, Copy, Kind

Progress = Callable[[int, int], None]
"""Told how many copies were taken, and how many there are in all."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants a message back, and why."""

    kind: Kind
    actor: str
    reason: str = ""
    name: str = ""
    """What moderators read of who it is."""
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """A report in numbers; all but `copies` are of people or shared mailboxes."""

    copies: int
    """Copies that were taken out."""
    withdrawn: int
    """Those who have none any more for it."""
    kept: int
    """Those who still have one."""
    gone: int
    """Those who had removed theirs before."""
    opened: int


async def take_back(
    database: Database,
    moderation: Moderation,
    sought: Sought,
    order: Order,
    progress: Progress = lambda done, total: None,
) -> Sought:
    """End what of a message waits, here or to leave, then withdraw what was delivered; give what to look for now.

    In this order: what a moderator lets pass meanwhile is in mailboxes by then, and nothing comes after.
    """
    sent = sought.dispatch
    waits = await database.read(partial(held_of, dispatch_id=sent.dispatch_id, list_id=sought.list_id))
    await end(moderation, waits, Decider(order.name, order.actor, order.account_id))
    if sought.list_id is None:
        await database.write(partial(queue.take_back, dispatch_id=sent.dispatch_id, now=int(time.time())))
    else:
        copies = partial(queue.take_back_copies, dispatch_id=sent.dispatch_id, contents=sought.contents)
        await database.write(partial(copies, now=int(time.time())))
    now = await database.read(partial(seek, dispatch=sent, list_id=sought.list_id, sent=sought.sent))
    await withdraw(database, now, order, progress)
    return now


async def withdraw(
    database: Database, sought: Sought, order: Order, progress: Progress = lambda done, total: None
) -> int:
    """Take a message out of every mailbox that is meant, in batches; give how many copies.

    Purging takes all; recalling leaves those that somebody opened, but for archives of lists. A content without a
    mailbox is deleted at once.
    """
    await _note(database, sought, order, "begun")
    filed = await database.read(lambda tx: own_copies(tx, sought)) if sought.sent else []
    contents = {*sought.contents, *(content for _, content in filed)}
    taken = 0
    while copies := await database.read(lambda tx: present(tx, sought)):
        before = taken
        for start in range(0, len(copies), BATCH):
            batch = copies[start : start + BATCH]
            taken += await database.write(partial(_withdraw, sought=sought, order=order, copies=batch))
            progress(taken, before + len(copies))
        if taken == before:
            break
    await collector.collect_now(database, contents)
    await _note(database, sought, order, f"done, {taken} copies taken")
    return taken


def tally(found: Sequence[Trace]) -> Tally:
    """Count a report."""
    kept = {trace.account_id for trace in found if trace.state is State.THERE}
    taken = {trace.account_id for trace in found if trace.state in {State.PURGED, State.RECALLED}}
    return Tally(
        copies=sum(trace.state in {State.PURGED, State.RECALLED} for trace in found),
        withdrawn=len(taken - kept),
        kept=len(kept),
        gone=len({trace.account_id for trace in found if trace.state is State.GONE}),
        opened=len({trace.account_id for trace in found if trace.opened or trace.opened_by}),
    )


async def report(database: Database, sought: Sought) -> list[Trace]:
    """Everything that is known of the message now."""
    return await database.read(lambda tx: traces(tx, sought))


async def _withdraw(tx: Tx, sought: Sought, order: Order, copies: Sequence[Copy]) -> int:
    return await withdrawals.withdraw(
        tx,
        sought.dispatch.dispatch_id,
        copies,
        order.kind,
        int(time.time()),
        unread_only=order.kind == "recall",
    )


async def _note(database: Database, sought: Sought, order: Order, what: str) -> None:
    sent = sought.dispatch
    detail = "; ".join(filter(None, [what, f"id {sent.dispatch_id}", f"from {sent.author}", order.reason]))

    async def work(tx: Tx) -> None:
        await record_in(tx, order.kind, sent.internet_id, detail, actor=order.actor)

    await database.write(work)
