"""The algorithm REFERENCES (RFC 5256 section 3), step by step and without recursion."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from imap.errors import CommandRefused
from imap.message import ThreadKeys
from imap.thread.forest import NONE, Forest
from imap.thread.tree import Threads

_MOST_NODES: Final = 5_000_000
"""Messages and message ids that only others name: some hundred octets each."""


class References:
    """Takes messages in the order of the mailbox, links them as they come, and makes threads of them."""

    def __init__(self) -> None:
        self._forest = Forest()
        # By the hash of its message id: Python salts it, so that nobody can make two ids collide.
        self._node_of: dict[int, int] = {}
        self._place_of = array("i")
        """For each node its message, NONE for a dummy."""
        self._nodes = array("i")
        """For each message its node."""
        self._dates = array("q")
        self._subjects: dict[str, int] = {"": 0}
        self._subject_of = array("i")
        self._replies = bytearray()

    def add(self, date: int, subject: str, keys: ThreadKeys) -> None:
        """The next message: its sent date, its base subject and its links (step 1). Raises CommandRefused."""
        node_of, forest = self._node, self._forest
        chain = [node_of(hash(message_id)) for message_id in keys.references]
        node = node_of(hash(keys.message_id)) if keys.message_id else self._new_node()
        if self._place_of[node] != NONE:
            node = self._new_node()
        self._place_of[node] = len(self._nodes)
        self._nodes.append(node)
        self._dates.append(date)
        self._subject_of.append(self._subjects.setdefault(subject, len(self._subjects)))
        self._replies.append(keys.is_reply)
        # step 1.A
        for parent, child in pairwise(chain):
            if forest.parents[child] == NONE:
                forest.link(parent, child)
        # step 1.B
        parent = chain[-1] if chain else NONE
        if forest.parents[node] != parent:
            forest.cut(node)
            if parent != NONE:
                forest.link(parent, node)

    def _node(self, message_id: int) -> int:
        node = self._node_of.get(message_id)
        if node is None:
            node = self._node_of[message_id] = self._new_node()
        return node

    def _new_node(self) -> int:
        if len(self._place_of) >= _MOST_NODES:
            raise CommandRefused("These messages name too many others", code="LIMIT")
        self._place_of.append(NONE)
        return self._forest.add()

    def threads(self) -> Threads:
        """The threads of the messages added (steps 2 to 6)."""
        tops, children = self._gather()
        messages = len(self._nodes)
        rank = _ranks(self._dates)
        gathering = _Gathering(tops, children, messages, rank, self._subject_of, self._replies)
        gathering.sort_tops()
        gathering.merge_subjects()
        for siblings in gathering.children.values():
            siblings.sort(key=rank.__getitem__)
        gathering.sort_tops()
        return Threads(messages, gathering.tops, gathering.children)

    def _gather(self) -> tuple[list[int], dict[int, list[int]]]:
        """Tops and children by place, dummies pruned (steps 2 and 3).

        Below the top, children of a dummy go to the nearest message above them; a dummy at the top stays only when it
        has several children, and then has a place after all messages.
        """
        place_of, messages = self._place_of, len(self._nodes)
        tops: list[int] = []
        children: dict[int, list[int]] = {}
        under_dummy: dict[int, list[int]] = {}
        for place, node in enumerate(self._nodes):
            above = self._above(node)
            if above == NONE:
                tops.append(place)
            elif place_of[above] != NONE:
                children.setdefault(place_of[above], []).append(place)
            else:
                under_dummy.setdefault(above, []).append(place)
        for siblings in under_dummy.values():
            if len(siblings) == 1:
                tops += siblings
            else:
                tops.append(messages)
                children[messages] = siblings
                messages += 1
        return tops, children

    def _above(self, node: int) -> int:
        """The nearest message above a node, else the dummy at the top, NONE for a top. Dummies passed are relinked."""
        parents, place_of = self._forest.parents, self._place_of
        above = parents[node]
        passed = []
        while above != NONE and place_of[above] == NONE and parents[above] != NONE:
            passed.append(above)
            above = parents[above]
        for dummy in passed:
            parents[dummy] = above
        return above


def _ranks(dates: array[int]) -> array[int]:
    """For each place its rank by sent date, equal ones by sequence number (RFC 5256 2.2)."""
    ranks = array("i", bytes(4 * len(dates)))
    for rank, place in enumerate(sorted(range(len(dates)), key=dates.__getitem__)):
        ranks[place] = rank
    return ranks


class _Gathering:
    """The threads under the root while those of one subject are put together (step 5)."""

    def __init__(
        self,
        tops: list[int],
        children: dict[int, list[int]],
        messages: int,
        rank: array[int],
        subject_of: array[int],
        replies: bytearray,
    ) -> None:
        self.tops = tops
        self.children = children
        self._messages = messages
        self._next = messages + sum(top >= messages for top in tops)
        self._rank = rank
        self._subject_of = subject_of
        self._replies = replies

    def _is_dummy(self, top: int) -> bool:
        return top >= self._messages

    def _is_reply(self, top: int) -> bool:
        return top < self._messages and bool(self._replies[top])

    def _first(self, top: int) -> int:
        """The message that stands for the thread: the first child of a dummy."""
        return self.children[top][0] if top >= self._messages else top

    def sort_tops(self) -> None:
        """Sort the threads by sent date, a dummy by its first child (steps 4 and 6)."""
        rank: Callable[[int], int] = self._rank.__getitem__
        for top in self.tops:
            if self._is_dummy(top):
                self.children[top].sort(key=rank)
        self.tops.sort(key=lambda top: rank(self._first(top)))

    def merge_subjects(self) -> None:
        """Put threads of one subject together (step 5)."""
        subjects = [self._subject_of[self._first(top)] for top in self.tops]
        table = self._table(subjects)
        left: list[int] = []
        for current, subject in zip(self.tops, subjects, strict=True):
            kept = table[subject] if subject else current
            if kept == current:
                left.append(current)
            elif self._is_dummy(kept):
                self.children[kept] += self.children.pop(current) if self._is_dummy(current) else [current]
            elif self._is_reply(current) and not self._is_reply(kept):
                self.children.setdefault(kept, []).append(current)
            else:
                # the new dummy comes for the message that stands for the subject
                self.children[self._next] = [kept, current]
                table[subject] = self._next
                left.append(self._next)
                self._next += 1
        replaced = {child for top in left if self._is_dummy(top) for child in self.children[top]}
        self.tops = [top for top in left if top not in replaced]

    def _table(self, subjects: list[int]) -> dict[int, int]:
        """The subject table: for each subject the thread that others join (step 5.B)."""
        table: dict[int, int] = {}
        for current, subject in zip(self.tops, subjects, strict=True):
            if not subject:
                continue
            known = table.setdefault(subject, current)
            if not self._is_dummy(known) and (
                self._is_dummy(current) or (self._is_reply(known) and not self._is_reply(current))
            ):
                table[subject] = current
        return table
