"""Reading ahead: who reads one message after the other is going to ask for the next ones, too.

A mail program that keeps everything offline asks for each body by a command of its own. The application keeps what it
read last (`Account.read_whole`), so that reading some more at once spares the following commands the way to the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from imap.commands.fetch_plan import Plan
from imap.selected.course import Course

if TYPE_CHECKING:
    from imap.session import Session

_LARGEST: Final = 256 * 1024
_TOGETHER: Final = 1024 * 1024
"""Octets of one message, and of all that are read ahead at once."""
_FEW: Final = 16
"""A command that asks for more messages reads many at a time itself."""


async def read_ahead(session: Session, plan: Plan, spans: Sequence[range]) -> None:
    """Have the messages that are asked for read together with those that are likely to be next."""
    view = session.selected
    if len(spans) != 1 or not 0 < len(spans[0]) <= _FEW:
        return
    if view.course is None:
        view.course = Course()
    following = view.course.after(spans[0], view.count)
    if not following:
        return
    octets = 0
    wanted = []
    for entry in await view.mailbox.entries(view.uids[spans[0].start : following.stop]):
        if entry.size <= _LARGEST:
            octets += entry.size
            wanted.append(entry.message_id)
        if octets > _TOGETHER:
            break
    await session.account.read_whole(wanted)
    if plan.rendering:
        await session.account.rendered(set(wanted), plan.rendering)
