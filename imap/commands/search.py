"""SEARCH (RFC 9051 section 6.4.4, RFC 4731, RFC 5182, RFC 7162 section 3.1.5, RFC 9394)."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from imap.commands.contexts import begin_updates, put_refusal, updating
from imap.errors import CommandRefused
from imap.parsing.return_options import SearchReturn
from imap.parsing.search import Search
from imap.parsing.search_keys import All
from imap.parsing.sort import Sort, Thread
from imap.responses import Completion
from imap.search import find
from imap.search.frozen import FrozenView
from imap.search.results import Correlator, esearch_response, return_data, returned
from imap.selected.source import SelectedSource
from imap.sort.columns import aside

if TYPE_CHECKING:
    from imap.session import Session


async def search(session: Session, tag: str, command: Search) -> Completion:
    """SEARCH and UID SEARCH; the saved result changes only with SAVE."""
    frozen = FrozenView.of(session.selected)
    returns = command.returns
    if returns is None and session.rev2:
        returns = frozenset({SearchReturn.ALL})
    with saving(session, returns), updating(session, tag, frozen, command) as context:
        found, scores = await find_scored(session, frozen, command)
        if context is not None:
            found = await begin_updates(session, context, frozen, found)
    if returns is None:
        session.put(await aside(len(found), lambda: numbers_response(frozen, found, command)))
    else:
        await put_results(session, tag, frozen, found, command, returns, scores)
        put_refusal(session, tag, command)
    return Completion("SEARCH completed")


@contextlib.contextmanager
def saving(session: Session, returns: Collection[SearchReturn] | None) -> Iterator[None]:
    """A searching command with SAVE that is refused empties ``$`` (RFC 5182 section 2.1)."""
    try:
        yield
    except CommandRefused:
        if returns is not None and SearchReturn.SAVE in returns:
            session.selected.saved = ()
        raise


async def find_positions(session: Session, frozen: FrozenView, command: Search | Sort | Thread) -> list[int]:
    """The positions of the messages that fit the keys, ascending. Raises CommandRefused."""
    return (await find_scored(session, frozen, command))[0]


async def find_scored(
    session: Session, frozen: FrozenView, command: Search | Sort | Thread
) -> tuple[list[int], Mapping[int, int]]:
    """The positions that fit, ascending, and the relevancy of each (RFC 6203 4): empty when all have 100.

    Raises CommandRefused.
    """
    if command.modseq:
        session.enable_condstore()
    if isinstance(command.key, All):
        return list(range(len(frozen.uids))), {}
    mailbox = frozen.view.mailbox
    found = await find(command.key, frozen, SelectedSource(mailbox), mailbox.ref, session.progress)
    return found.positions, found.relevancy


async def put_results(
    session: Session,
    tag: str,
    frozen: FrozenView,
    found: Sequence[int],
    command: Search | Sort,
    returns: Collection[SearchReturn],
    scores: Mapping[int, int],
) -> None:
    """Keep and tell what RETURN asks of the positions found, which stand in the order of the command."""
    named = returned(found, returns, command.partial)
    if SearchReturn.SAVE in returns:
        frozen.view.saved = array("I", sorted({frozen.uids[position] for position in named}))
    if returns != {SearchReturn.SAVE}:
        modseq = highest_modseq(frozen, named) if command.modseq and named else None
        numbers, relevancies = _numbers(frozen, found, uid=command.uid), relevancies_of(found, scores)
        data = await aside(len(found), lambda: return_data(numbers, returns, command.partial, modseq, relevancies))
        session.put(esearch_response(Correlator(tag), data, uid=command.uid))


def relevancies_of(found: Sequence[int], scores: Mapping[int, int]) -> list[int]:
    """The relevancy of each position, from what `find_scored` gave."""
    return [scores.get(position, 100) for position in found]


def numbers_response(frozen: FrozenView, found: Sequence[int], command: Search | Sort) -> bytes:
    """SEARCH or SORT with the numbers, and the highest modification sequence if one was asked for (RFC 7162 3.1.5)."""
    words = ["*", command.verb]
    if found:
        # a list's own text, its commas left out: half the time of a text for each number
        words.append(repr(_numbers(frozen, found, uid=command.uid))[1:-1].replace(",", ""))
    if command.modseq and found:
        words.append(f"(MODSEQ {highest_modseq(frozen, found)})")
    return f"{' '.join(words)}\r\n".encode()


def highest_modseq(frozen: FrozenView, positions: Collection[int]) -> int:
    """The highest modification sequence at these positions."""
    return max(frozen.modseqs[position] for position in positions)


def _numbers(frozen: FrozenView, found: Sequence[int], *, uid: bool) -> list[int]:
    """Positions as the client counts: UIDs or sequence numbers."""
    return list(map(frozen.uids.__getitem__, found)) if uid else [position + 1 for position in found]
