"""Mailbox names: what is allowed, and the hierarchy in them (RFC 9051 section 5.1)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

from imap.backend import HIERARCHY_DELIMITER
from imap.errors import InvalidMailboxName

INBOX: Final = "INBOX"
MAX_NAME_LENGTH: Final = 200
"""Characters of a full name; RFC 9051 asks for no more."""
MAX_DEPTH: Final = 20

_FORBIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Controls, surrogates, line and paragraph separators: Net-Unicode (RFC 5198) has none of them."""


def check_name(name: str) -> None:
    """Raise InvalidMailboxName when no mailbox can have this name."""
    if not name or len(name) > MAX_NAME_LENGTH:
        raise InvalidMailboxName("A mailbox name has 1 to {most} characters", most=MAX_NAME_LENGTH)
    if not _FORBIDDEN_CATEGORIES.isdisjoint(map(unicodedata.category, name)):
        raise InvalidMailboxName("A mailbox name has no control characters")
    levels = name.split(HIERARCHY_DELIMITER)
    if not all(levels):
        raise InvalidMailboxName("A mailbox name has no empty level")
    if len(levels) > MAX_DEPTH:
        raise InvalidMailboxName("A mailbox name has {most} levels at most", most=MAX_DEPTH)


def ancestors(name: str) -> Iterator[str]:
    """The names of the levels above, from the top: ``a``, ``a/b`` for ``a/b/c``."""
    end = name.find(HIERARCHY_DELIMITER)
    while end >= 0:
        yield name[:end]
        end = name.find(HIERARCHY_DELIMITER, end + 1)


def is_below(name: str, parent: str) -> bool:
    """Whether `name` is a child of `parent` at any depth."""
    return name.startswith(parent + HIERARCHY_DELIMITER)
