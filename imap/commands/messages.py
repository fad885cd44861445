"""What the commands on messages share: who is meant, and who may write."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from imap.errors import BadCommand, CommandRefused, MessageGone
from imap.parsing.sequence import SequenceSet
from imap.selected.view import View


def positions(view: View, messages: SequenceSet, *, uid: bool) -> list[range]:
    """Where the named messages stand. Raises BadCommand for a sequence number that does not exist."""
    if not uid and messages.exceeds(view.count):
        raise BadCommand("No such message number")
    return view.positions(messages, uid=uid)


def existing_uids(view: View, messages: SequenceSet, *, uid: bool) -> array[int]:
    """The UIDs of the named messages.

    UIDs that are gone are left out; with sequence numbers one that is gone, though not yet announced as expunged,
    raises MessageGone (RFC 2180 4.4.1, RFC 5530).
    """
    uids = view.uids_of(positions(view, messages, uid=uid))
    if view.vanished:
        gone = set(view.vanished)
        kept = array("I", (number for number in uids if number not in gone))
        if len(kept) < len(uids) and not uid:
            raise MessageGone("Some of these messages were expunged")
        return kept
    return uids


def require_writable(view: View) -> None:
    """Raises CommandRefused in a mailbox opened by EXAMINE, and in one that is gone."""
    if view.readonly:
        raise CommandRefused("The mailbox is open for reading only", code="READ-ONLY")
    if view.mailbox.deleted:
        raise CommandRefused("The mailbox was deleted", code="NONEXISTENT")


def chunks(spans: Sequence[range], size: int) -> Iterator[range]:
    """The same positions in pieces of this size at most."""
    for span in spans:
        for start in range(span.start, span.stop, size):
            yield range(start, min(start + size, span.stop))
