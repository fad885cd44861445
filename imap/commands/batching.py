"""STOREs that a client sent without waiting for the answer to the one before: they are written together.

Nothing that another session may see tells them from STOREs one by one: each has a modification sequence of its own, is
answered by itself and in its order, and names messages that no other of them does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from imap.commands.messages import positions
from imap.errors import ImapError
from imap.parsing.literals import CommandInput
from imap.parsing.parser import parse_command
from imap.parsing.store import Store
from imap.selected.view import View

if TYPE_CHECKING:
    from imap.session import Session

_COMMANDS: Final = 100
"""Commands of one write at most: the event loop does not turn while they are answered."""
_MESSAGES: Final = 1_000
"""Messages that they name at most."""
_STORE: Final = b" STORE "
_HEAD: Final = 64
"""Octets in which the name of a command is looked for."""


class Batched(NamedTuple):
    """A STORE whose messages were found."""

    tag: str
    command: Store
    spans: Sequence[range]


def following(session: Session, view: View, spans: Sequence[range]) -> Iterator[Batched]:
    """The STOREs that wait behind one on these messages and can go along with it; they stay in the reader's buffer.

    What is unusual is not among them, nor what comes after it: it is executed by itself, when it is its turn. Nor is
    anything where the news that end a command may make it fail.
    """
    if not session.connection.reader.has_line:
        return
    may_fail = view.contexts is not None or session.listener is not None or session.news.items
    if may_fail or sum(map(len, spans)) > _MESSAGES:
        return
    named = {position for span in spans for position in span}
    for line in session.connection.reader.lines(_COMMANDS - 1):
        one = _read(session, view, line)
        if one is None:
            return
        count = len(named) + sum(map(len, one.spans))
        if count > _MESSAGES:
            return
        named.update(*one.spans)
        if len(named) < count:
            return
        yield one


def _read(session: Session, view: View, line: bytes) -> Batched | None:
    if _STORE not in line[:_HEAD].upper():
        return None
    try:
        tag, command = parse_command(CommandInput((line,)), utf8=session.utf8)
        if not isinstance(command, Store) or command.unchanged_since is not None:
            return None
        if session.uidonly and not command.uid:
            return None
        return Batched(tag, command, positions(view, command.messages, uid=command.uid))
    except ImapError:
        return None
