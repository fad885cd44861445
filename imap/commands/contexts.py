"""Updates of search results: the return option UPDATE, and CANCELUPDATE (RFC 5267 section 4.3)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from imap.contexts import Context, Contexts
from imap.contexts.results import MailboxOrder, SortedOrder
from imap.errors import BadCommand
from imap.parsing.return_options import SearchReturn
from imap.parsing.search import Search
from imap.parsing.sort import CancelUpdate, Sort, SortKey
from imap.responses import Completion, status
from imap.search.frozen import FrozenView
from imap.selected.source import SelectedSource
from imap.sort.values import sort_values

if TYPE_CHECKING:
    from imap.session import Session


@contextlib.contextmanager
def updating(session: Session, tag: str, frozen: FrozenView, command: Search | Sort) -> Iterator[Context | None]:
    """Note what happens to the messages from here on, where UPDATE asks for it; a failure ends that again.

    Gives None without UPDATE, for a sort by RELEVANCY, and where no more contexts are to be had. Raises BadCommand for
    a tag that is in use.
    """
    view = frozen.view
    if command.returns is None or SearchReturn.UPDATE not in command.returns:
        yield None
        return
    if view.contexts is None:
        view.contexts = Contexts(view)
    contexts = view.contexts
    if tag in contexts:
        raise BadCommand("Tag reuse: this tag names another command with UPDATE")
    criteria = command.criteria if isinstance(command, Sort) else ()
    scored = any(criterion.key is SortKey.RELEVANCY for criterion in criteria)
    if scored or len(contexts) >= session.context.limits.update_contexts:
        yield None
        return
    context = Context(tag, frozen, command.key, criteria, uid=command.uid)
    context.items = command.items
    context.vanished.update(view.vanished)  # the client may still find them
    contexts.add(context)
    try:
        yield context
    except BaseException:
        contexts.cancel(tag)
        raise


async def begin_updates(session: Session, context: Context, frozen: FrozenView, found: Sequence[int]) -> list[int]:
    """Give the context its first results, the positions found in their order; too many to sort cancel it.

    Gives the positions to answer with: of a SORT without the messages that are gone by now.
    """
    uids = [frozen.uids[position] for position in found]
    contexts = frozen.view.contexts
    if not context.criteria or contexts is None:
        context.results = MailboxOrder(uids)
        return list(found)
    if contexts.sorted_messages() + len(uids) > session.context.limits.sorted_results:
        contexts.cancel(context.tag)
        return list(found)
    mailbox = frozen.view.mailbox
    values = await sort_values(context.criteria, sorted(uids), mailbox.ref, SelectedSource(mailbox))
    context.results = SortedOrder((uid for uid in uids if uid in values), values)
    return [position for position, uid in zip(found, uids, strict=True) if uid in values]


def put_refusal(session: Session, tag: str, command: Search | Sort) -> None:
    """Say that there will be no updates, where UPDATE asked for them in vain (RFC 5267 4.3.1)."""
    contexts = session.selected.contexts
    if command.returns is not None and SearchReturn.UPDATE in command.returns and (not contexts or tag not in contexts):
        session.put(status("*", "NO", "Too many contexts", f'NOUPDATE "{tag}"'))


async def cancel_update(session: Session, _tag: str, command: CancelUpdate) -> Completion:
    """CANCELUPDATE."""
    contexts = session.selected.contexts
    if contexts is None or not all(tag in contexts for tag in command.tags):
        raise BadCommand("No command with UPDATE has this tag")
    for tag in command.tags:
        contexts.cancel(tag)
    return Completion("No further updates")
