"""What single messages are sorted by, to compare one with another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imap.backend import MailboxRef
from imap.parsing.sort import SortCriterion
from imap.search.view import MessageSource
from imap.sort.columns import needed, values
from imap.sort.reading import read_keyed, sort_keys


class Descending:
    """A value that sorts in reverse."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:  # noqa: ANN401 (a number or a text)
        self.value = value

    def __lt__(self, other: Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


async def sort_values(
    criteria: Sequence[SortCriterion], uids: Sequence[int], mailbox: MailboxRef, source: MessageSource
) -> dict[int, tuple[Any, ...]]:
    """For each UID that is still there its values by the criteria, and the UID: no two are equal. UIDs must ascend."""
    found: dict[int, tuple[Any, ...]] = {}
    which = needed(criterion.key for criterion in criteria)
    async for keyed in read_keyed(source, mailbox, uids, which):
        entries = [entry for _, entry, _ in keyed]
        keys = await sort_keys(source, keyed) if which else ()
        columns: list[list[Any]] = []
        for key, reverse in criteria:
            column = values(key, entries, keys)
            columns.append(list(map(Descending, column)) if reverse else column)
        columns.append([entry.uid for entry in entries])
        found.update((row[-1], row) for row in zip(*columns, strict=True))
    return found
