"""SEARCH (RFC 9051 section 6.4.4, RFC 4731, RFC 5182, RFC 7162 section 3.1.5)."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imap.errors import CommandRefused
from imap.parsing.commands import Search, SearchReturn
from imap.parsing.sequence import SequenceSet
from imap.parsing.wire import quote_string, uid_set
from imap.responses import Completion
from imap.search import search as find
from imap.selected.view import View

if TYPE_CHECKING:
    from imap.session import Session


async def search(session: Session, tag: str, command: Search) -> Completion:
    """SEARCH and UID SEARCH; the saved result changes only with SAVE."""
    view = session.selected
    if command.modseq:
        session.enable_condstore()
    returns = command.returns
    if returns is None and session.rev2:
        returns = frozenset({SearchReturn.ALL})
    saves = returns is not None and SearchReturn.SAVE in returns
    frozen = _Frozen.of(view)
    try:
        uids = await find(command.key, frozen, session.account, view.mailbox.ref, session.progress)
    except CommandRefused:
        if saves:
            view.saved = ()
        raise
    found = [position for position in map(view.position, uids) if position >= 0]
    if returns is None:
        session.put(_search_response(frozen, found, command))
        return Completion("SEARCH completed")
    if saves:
        view.saved = _saved(frozen, found, returns)
    if returns != {SearchReturn.SAVE}:
        session.put(_esearch_response(frozen, found, command, tag, returns))
    return Completion("SEARCH completed")


@dataclass(frozen=True, slots=True)
class _Frozen:
    """The mailbox as it is when the search begins, expunged messages that are still shown included."""

    view: View
    uids: Sequence[int]
    flags: Sequence[int]
    modseqs: Sequence[int]
    keywords: Sequence[str]

    @classmethod
    def of(cls, view: View) -> _Frozen:
        mailbox, count = view.mailbox, view.count
        uids = view.uids[:count]
        if view.in_step:
            return cls(view, uids, mailbox.flags[:count], mailbox.modseqs[:count], mailbox.keywords)
        flags, modseqs = array("q", bytes(8 * count)), array("Q", bytes(8 * count))
        for state in view.states(range(count)):
            flags[state.number - 1] = state.flags
            modseqs[state.number - 1] = state.modseq
        return cls(view, uids, flags, modseqs, mailbox.keywords)

    def is_recent(self, uid: int) -> bool:
        return self.view.is_recent(uid)

    def positions(self, messages: SequenceSet, *, uid: bool) -> list[range]:
        return self.view.positions(messages, uid=uid)


def _numbers(frozen: _Frozen, found: Sequence[int], command: Search) -> list[int]:
    """Positions as the client counts: UIDs or sequence numbers."""
    return [frozen.uids[position] for position in found] if command.uid else [position + 1 for position in found]


def _highest(frozen: _Frozen, positions: Collection[int]) -> int:
    return max(frozen.modseqs[position] for position in positions)


def _search_response(frozen: _Frozen, found: Sequence[int], command: Search) -> bytes:
    """SEARCH of RFC 3501, with the highest modification sequence when one was asked for."""
    numbers = "".join(f" {number}" for number in _numbers(frozen, found, command))
    modseq = f" (MODSEQ {_highest(frozen, found)})" if command.modseq and found else ""
    return f"* SEARCH{numbers}{modseq}\r\n".encode()


def _esearch_response(
    frozen: _Frozen, found: Sequence[int], command: Search, tag: str, returns: Collection[SearchReturn]
) -> bytes:
    """ESEARCH (RFC 9051 7.3.4); MODSEQ as RFC 4731 section 3.2 has it."""
    numbers = _numbers(frozen, found, command)
    pieces = [b"* ESEARCH (TAG %b)" % quote_string(tag)]
    if command.uid:
        pieces.append(b"UID")
    if SearchReturn.COUNT in returns:
        pieces.append(b"COUNT %d" % len(numbers))
    if numbers:
        if SearchReturn.MIN in returns:
            pieces.append(b"MIN %d" % numbers[0])
        if SearchReturn.MAX in returns:
            pieces.append(b"MAX %d" % numbers[-1])
        if SearchReturn.ALL in returns:
            pieces.append(b"ALL %b" % uid_set(numbers))
        if command.modseq:
            pieces.append(b"MODSEQ %d" % _highest(frozen, _returned(found, returns)))
    return b" ".join(pieces) + b"\r\n"


def _returned(found: Sequence[int], returns: Collection[SearchReturn]) -> Collection[int]:
    """The messages that the answer names: all of them, or the first and the last (RFC 4731 3.2)."""
    if SearchReturn.ALL in returns or SearchReturn.COUNT in returns:
        return found
    ends = {found[0]} if SearchReturn.MIN in returns else set()
    if SearchReturn.MAX in returns:
        ends.add(found[-1])
    return ends or found


def _saved(frozen: _Frozen, found: Sequence[int], returns: Collection[SearchReturn]) -> Sequence[int]:
    """What ``$`` stands for after this search (RFC 9051 6.4.4.1, table 4)."""
    kept = sorted(_returned(found, returns)) if found else ()
    return array("I", (frozen.uids[position] for position in kept))
