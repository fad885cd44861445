"""Parents and children as they are linked and cut: no link ever makes a loop (RFC 5256 section 3, step 1)."""

from __future__ import annotations

from array import array
from typing import Final

from imap.errors import CommandRefused

NONE: Final = -1
_MOST_STEPS: Final = 20_000_000
"""Steps towards roots: a mailbox whose messages really answer one another takes a few for each message."""
_COPIED_AT_ONCE: Final = 200
"""Links that are copied in the time of one step."""


class Forest:
    """Nodes from 0, each with a parent or none.

    Beside its parent each node knows some ancestor further up, so that a long chain is climbed only once; a cut makes
    them forget it.
    """

    def __init__(self) -> None:
        self.parents = array("i")
        self._ancestors = array("i")
        self._steps = 0

    def add(self) -> int:
        """A new node without a parent."""
        self.parents.append(NONE)
        self._ancestors.append(NONE)
        return len(self.parents) - 1

    def link(self, parent: int, child: int) -> None:
        """Make a node without a parent a child, unless it is the parent's ancestor. Raises CommandRefused."""
        if self._root(parent) != child:
            self.parents[child] = self._ancestors[child] = parent

    def cut(self, child: int) -> None:
        """Take the node away from its parent."""
        if self.parents[child] != NONE:
            self.parents[child] = NONE
            self._ancestors = self.parents[:]
            self._count(len(self.parents) // _COPIED_AT_ONCE)

    def _root(self, node: int) -> int:
        ancestors = self._ancestors
        passed = []
        while (above := ancestors[node]) != NONE:
            passed.append(node)
            node = above
        if len(passed) > 1:
            for below in passed:
                ancestors[below] = node
        self._count(len(passed))
        return node

    def _count(self, steps: int) -> None:
        self._steps += steps
        if self._steps > _MOST_STEPS:
            raise CommandRefused("The references of these messages are too tangled", code="LIMIT")
