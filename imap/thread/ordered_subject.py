"""The algorithm ORDEREDSUBJECT, "poor man's threading" (RFC 5256 section 3)."""

from __future__ import annotations

from array import array

from imap.message import ThreadKeys
from imap.thread.tree import Threads


class OrderedSubject:
    """Takes messages in the order of the mailbox, and puts those of one base subject into one thread."""

    def __init__(self) -> None:
        self._dates = array("q")
        self._threads: dict[str, list[int]] = {}

    def add(self, date: int, subject: str, _: ThreadKeys) -> None:
        """The next message: its sent date and its base subject."""
        self._threads.setdefault(subject, []).append(len(self._dates))
        self._dates.append(date)

    def threads(self) -> Threads:
        """The threads of the messages added: the first one has all others as its children."""
        date_of = self._dates.__getitem__
        threads = [sorted(places, key=date_of) for places in self._threads.values()]
        threads.sort(key=lambda places: (date_of(places[0]), places[0]))
        children = {places[0]: places[1:] for places in threads if len(places) > 1}
        return Threads(len(self._dates), [places[0] for places in threads], children)
