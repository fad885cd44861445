"""NOTIFY (RFC 5465)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imap.notifications import EVERYTHING, NOTHING, SelectedNews, listen, stop_listening
from imap.parsing.fetch_items import FetchAttribute
from imap.parsing.mailbox_filter import Scope
from imap.parsing.notify import Event, EventGroup, Notify
from imap.responses import Completion

if TYPE_CHECKING:
    from imap.session import Session

_SELECTED = {Scope.SELECTED, Scope.SELECTED_DELAYED}


async def notify(session: Session, _tag: str, command: Notify) -> Completion:
    """NOTIFY SET, which first tells all that is known of the selected mailbox, and NOTIFY NONE."""
    if command.groups is None:
        session.news, session.notifying = NOTHING, False
        _hear(session, ())
        return Completion("NOTIFY completed")
    groups = [group for group in command.groups if group.mailboxes.scope not in _SELECTED]
    if session.view is not None:
        await session.view.mailbox.refresh()
    if groups:
        await listen(session)
    if session.view is not None:
        session.news = EVERYTHING
        await session.tell(session.view, expunge=True)
    session.news, session.notifying = _selected_news(command.groups), True
    _hear(session, groups)
    await _put_first_lines(session, status=command.status)
    if FetchAttribute.MODSEQ in session.news.items:
        session.enable_condstore()
    return Completion("NOTIFY completed")


def _hear(session: Session, groups: Sequence[EventGroup]) -> None:
    """From now on these events, and nothing of what waits from before."""
    listener = session.listener
    if listener is None:
        return
    listener.groups = groups
    listener.clear()
    if not groups and not listener.all_annotations:
        stop_listening(session)


async def _put_first_lines(session: Session, *, status: bool) -> None:
    if session.listener is not None:
        for line in session.listener.first_lines(status=status, utf8=session.utf8):
            session.put(line)
            await session.spill()


def _selected_news(groups: tuple[EventGroup, ...]) -> SelectedNews:
    for group in groups:
        if group.mailboxes.scope in _SELECTED:
            return SelectedNews(
                arrivals=Event.MESSAGE_NEW in group.events,
                expunges=Event.MESSAGE_EXPUNGE in group.events,
                flags=Event.FLAG_CHANGE in group.events,
                delayed=group.mailboxes.scope is Scope.SELECTED_DELAYED,
                items=group.items,
            )
    return NOTHING
