"""ESEARCH: several mailboxes searched one after the other, without selecting them (RFC 7377)."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from imap.backend import MailboxStatus
from imap.commands.contexts import begin_updates, put_refusal, updating
from imap.commands.search import find_scored, highest_modseq, relevancies_of, saving
from imap.errors import CommandRefused, MailboxNotFound, NotPermitted
from imap.parsing.esearch import SELECTED, Esearch
from imap.parsing.mailbox_filter import Scope
from imap.parsing.return_options import SearchReturn
from imap.parsing.search import Search
from imap.parsing.wire import mailbox_name
from imap.responses import Completion
from imap.rights import Rights
from imap.search.frozen import FrozenView
from imap.search.results import Correlator, esearch_response, return_data, returned
from imap.watching.scopes import includes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imap.session import Session


async def esearch(session: Session, tag: str, command: Esearch) -> Completion:
    """ESEARCH: one response for each mailbox where something fits, none for the others (RFC 7377 2.1)."""
    search = Search(
        uid=True,
        key=command.key,
        charset=command.charset,
        returns=command.returns,
        modseq=command.modseq,
        partial=command.partial,
        items=command.items,
    )
    done = None
    if SELECTED in command.sources:
        done = session.selected.mailbox.ref
        await _search_selected(session, tag, search)
    if command.sources != (SELECTED,):
        found = [mailbox async for mailbox in _sources(session, command) if mailbox.ref != done]
        for number, mailbox in enumerate(found):
            if mailbox.messages:
                await _search_other(session, tag, search, mailbox)
                await session.spill()
            await session.progress(number + 1, len(found))
    return Completion("ESEARCH completed")


async def _sources(session: Session, command: Esearch) -> AsyncIterator[MailboxStatus]:
    """The mailboxes that are meant and may be read, each once; a name that is no mailbox, or closed, is passed over."""
    account = session.account
    scopes = {source.scope for source in command.sources}
    subscribed = await account.subscriptions() if Scope.SUBSCRIBED in scopes else ()
    named = {name for source in command.sources if source.scope is Scope.MAILBOXES for name in source.names}
    for mailbox in await account.mailboxes():
        named.discard(mailbox.name)
        if Rights.READ in mailbox.rights and any(
            includes(source, mailbox.name, mailbox.ref, account_id=account.account_id, subscribed=subscribed)
            for source in command.sources
        ):
            yield mailbox
    for name in sorted(named):
        # reading is enough where a mailbox is named; listing it is not asked for (RFC 7377 2.2)
        try:
            yield await account.mailbox(name)
        except (MailboxNotFound, NotPermitted):
            continue


async def _search_selected(session: Session, tag: str, search: Search) -> None:
    view = session.selected
    frozen = FrozenView.of(view)
    (mailbox,) = await session.account.statuses([view.mailbox.ref]) or (None,)
    if mailbox is None:
        raise CommandRefused("The mailbox was deleted", code="NONEXISTENT")
    correlator = _correlator(session, tag, mailbox)
    with saving(session, search.returns), updating(session, tag, frozen, search) as context:
        found, scores = await find_scored(session, frozen, search)
        if context is not None:
            context.correlator = correlator
            found = await begin_updates(session, context, frozen, found)
    if SearchReturn.SAVE in (search.returns or ()):
        named = returned(found, search.returns or (), search.partial)
        view.saved = array("I", sorted({frozen.uids[position] for position in named}))
    _put(session, correlator, frozen, found, search, scores)
    put_refusal(session, tag, search)


async def _search_other(session: Session, tag: str, search: Search, mailbox: MailboxStatus) -> None:
    """A mailbox as it is now; one that goes away meanwhile has nothing that fits."""
    registry = session.context.registry
    try:
        view = await registry.open(session.account, mailbox.ref, readonly=True)
    except (MailboxNotFound, NotPermitted):
        return
    try:
        frozen = FrozenView.of(view)
        found, scores = await find_scored(session, frozen, search)
        _put(session, _correlator(session, tag, mailbox), frozen, found, search, scores)
    finally:
        registry.close(view)


def _correlator(session: Session, tag: str, mailbox: MailboxStatus) -> Correlator:
    return Correlator(tag, mailbox_name(mailbox.name, utf8=session.utf8), mailbox.uidvalidity)


def _put(
    session: Session,
    correlator: Correlator,
    frozen: FrozenView,
    found: Sequence[int],
    search: Search,
    scores: Mapping[int, int],
) -> None:
    returns = search.returns or frozenset()
    if not found or returns == {SearchReturn.SAVE}:
        return
    named = returned(found, returns, search.partial)
    modseq = highest_modseq(frozen, named) if search.modseq and named else None
    uids = [frozen.uids[position] for position in found]
    data = return_data(uids, returns, search.partial, modseq, relevancies_of(found, scores))
    session.put(esearch_response(correlator, data, uid=True))
