"""A mailbox's keyword table: names in bit order, each name once whatever its case (RFC 9051 section 2.3.2).

It is kept in the mailbox row as text; a keyword is an atom, so a space parts the names. Names are added and never
removed, so that a mask read earlier keeps its meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from imap.errors import TooManyKeywords
from imap.flags import KEYWORD_SHIFT, MAX_KEYWORDS, SYSTEM_MASK

MAX_KEYWORD_LENGTH: Final = 100
"""Characters: the whole table is copied at each change of its mailbox."""


def parse(text: str) -> tuple[str, ...]:
    """The names of a stored table."""
    return tuple(text.split())


def bits(table: Sequence[str], names: Iterable[str]) -> int:
    """The mask of those `names` that the table holds."""
    indexes = {known.lower(): index for index, known in enumerate(table)}
    mask = 0
    for name in names:
        index = indexes.get(name.lower())
        if index is not None:
            mask |= 1 << (KEYWORD_SHIFT + index)
    return mask


def extend(table: tuple[str, ...], names: Iterable[str]) -> tuple[str, ...]:
    """The table with the missing `names` after it. Raises TooManyKeywords."""
    known = {name.lower() for name in table}
    added: list[str] = []
    for name in names:
        if name.lower() not in known:
            if len(name) > MAX_KEYWORD_LENGTH:
                raise TooManyKeywords("A keyword has {most} characters at most", most=MAX_KEYWORD_LENGTH)
            known.add(name.lower())
            added.append(name)
    if len(table) + len(added) > MAX_KEYWORDS:
        raise TooManyKeywords("A mailbox has {most} keywords at most", most=MAX_KEYWORDS)
    return (*table, *added)


def translate(
    masks: Iterable[int], source: Sequence[str], target: tuple[str, ...]
) -> tuple[dict[int, int], tuple[str, ...]]:
    """Map each mask from one table to another by name: the mapping, and the target's table with what it lacked.

    Names that no longer fit are left out: a message that cannot keep a label can still be filed.
    """
    distinct = set(masks)
    used = 0
    for mask in distinct:
        used |= mask
    names = {index: name for index, name in enumerate(source) if used >> (KEYWORD_SHIFT + index) & 1}
    missing = [name for name in names.values() if not bits(target, [name])]
    table = extend(target, missing[: MAX_KEYWORDS - len(target)])
    moved = {1 << (KEYWORD_SHIFT + index): bits(table, [name]) for index, name in names.items()}
    mapping = {mask: mask & SYSTEM_MASK | sum(new for old, new in moved.items() if mask & old) for mask in distinct}
    return mapping, table
