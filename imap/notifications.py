"""A session's part in NOTIFY and in unsolicited METADATA: when its listener is asked, and what its own commands did."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, NamedTuple

from imap.backend import MailboxRef
from imap.errors import ImapError
from imap.parsing.fetch_items import FetchItem
from imap.watching.listener import Listener

if TYPE_CHECKING:
    from imap.session import Session

_AT_ONCE: Final = 256


class SelectedNews(NamedTuple):
    """What a client wants to hear of the selected mailbox (RFC 5465 section 6.1)."""

    arrivals: bool = True
    expunges: bool = True
    flags: bool = True
    delayed: bool = False
    """Expunges only where RFC 9051 section 7.5.1 allows them."""
    items: tuple[FetchItem, ...] = ()
    """What to tell at once of new messages."""


EVERYTHING: Final = SelectedNews()
"""Until NOTIFY is used."""
NOTHING: Final = SelectedNews(arrivals=False, expunges=False, flags=False)


async def listen(session: Session) -> Listener:
    """The session's listener, hearing of the account from now on."""
    if session.listener is None:
        listener = Listener(session.push, most=session.context.limits.notifications)
        listener.watch = await session.context.watches.join(session.account, listener)
        session.listener = listener
        tell_selected(session)
    return session.listener


def stop_listening(session: Session) -> None:
    """Hear of the account no more."""
    if session.listener is not None:
        session.context.watches.leave(session.listener.watch, session.listener)
        session.listener = None


def tell_selected(session: Session) -> None:
    """Another mailbox is selected now, or none."""
    if session.listener is not None:
        session.listener.selected = None if session.view is None else session.view.mailbox.ref


async def settle_selected(session: Session) -> None:
    """The selected mailbox is about to be left: what happened in it until now was for its view to tell."""
    if session.listener is not None and session.view is not None:
        with contextlib.suppress(ImapError):
            await session.listener.watch.look(session.view.mailbox.ref)


async def settle_names(session: Session, *names: str) -> None:
    """The session itself created, deleted, renamed or (un)subscribed these: no news to it (RFC 5465 section 5)."""
    if session.listener is not None:
        with contextlib.suppress(ImapError):
            await session.listener.watch.look(names=True)
        session.listener.forget_names(*names)


async def settle_messages(session: Session, ref: MailboxRef) -> None:
    """The session itself changed messages of a mailbox that is not selected."""
    if session.listener is not None and (session.view is None or session.view.mailbox.ref != ref):
        with contextlib.suppress(ImapError):
            await session.listener.watch.look(ref)
        session.listener.forget_messages(ref)


async def settle_annotations(session: Session, ref: MailboxRef, name: str, revision: int) -> None:
    """The session itself set annotations."""
    if session.listener is not None:
        with contextlib.suppress(ImapError):
            await session.listener.watch.look(annotations=ref.account_id)
        session.listener.forget_annotations(name, revision)


async def put_waiting(session: Session) -> None:
    """Everything that waits, as part of a command's answer."""
    while session.listener is not None and session.listener.waiting:
        session.put(_take(session, session.listener))
        await session.spill()


def push_waiting(session: Session) -> None:
    """Everything that waits, to a client that listens, unless it is behind with reading."""
    while session.listener is not None and session.listener.waiting and session.connection.can_write:
        session.connection.push(_take(session, session.listener))


def _take(session: Session, listener: Listener) -> bytes:
    if listener.overflown:
        session.news, session.notifying = NOTHING, False
    return listener.take(_AT_ONCE, condstore=session.condstore, utf8=session.utf8, note=session.style().note)
