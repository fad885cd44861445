"""SORT (RFC 5256, RFC 5957, RFC 5267 section 3, RFC 6203 section 6, RFC 7162 section 3.1.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imap.commands.contexts import begin_updates, put_refusal, updating
from imap.commands.search import find_scored, numbers_response, put_results, saving
from imap.parsing.sort import Sort
from imap.responses import Completion
from imap.search.frozen import FrozenView
from imap.selected.source import SelectedSource
from imap.sort import sort_positions
from imap.sort.columns import aside

if TYPE_CHECKING:
    from imap.session import Session


async def sort(session: Session, tag: str, command: Sort) -> Completion:
    """SORT and UID SORT; with RETURN the answer is ESEARCH in the order of the criteria."""
    view = session.selected
    frozen = FrozenView.of(view)
    with saving(session, command.returns), updating(session, tag, frozen, command) as context:
        found, scores = await find_scored(session, frozen, command)
        found = await sort_positions(
            command.criteria, frozen.uids, found, view.mailbox, SelectedSource(view.mailbox), session.progress, scores
        )
        if context is not None:
            found = await begin_updates(session, context, frozen, found)
    if command.returns is None:
        session.put(await aside(len(found), lambda: numbers_response(frozen, found, command)))
    else:
        await put_results(session, tag, frozen, found, command, command.returns, scores)
        put_refusal(session, tag, command)
    return Completion("SORT completed")
