"""What of a message that was sent still waits, for a moderator or for the minutes of its list: found, and ended."""

from __future__ import annotations

from collections.abc import Sequence

from mailgate.database import Tx
from mailgate.moderation import held as table
from mailgate.moderation.deciding import DecidedError, Decider, Moderation, NoSuchMessageError
from mailgate.moderation.held import OPEN, HeldMessage


async def held_of(tx: Tx, dispatch_id: str, *, list_id: int | None = None) -> list[HeldMessage]:
    """What of a message waited or waits, for everybody or for one list, whatever became of it."""
    found = await table.of_dispatch(tx, dispatch_id)
    return [one for one in found if list_id is None or (one.kind == "list" and one.target_id == list_id)]


async def end(moderation: Moderation, waits: Sequence[HeldMessage], by: Decider) -> int:
    """Cancel what still waits, so that nobody can let it pass any more; give how many.

    What somebody decided meanwhile is left: it has gone out, and is looked for in mailboxes, or it never will.
    """
    ended = 0
    for one in waits:
        if one.state in OPEN:
            try:
                await moderation.withdraw(one.held_id, by)
            except (DecidedError, NoSuchMessageError):
                continue
            ended += 1
    return ended
