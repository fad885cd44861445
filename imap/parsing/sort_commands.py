"""SORT and THREAD as values (RFC 5256, RFC 5957, RFC 5267)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from imap.parsing.commands import Command, SearchReturn
from imap.parsing.fetch_items import FetchItem
from imap.parsing.partial import PartialRange
from imap.parsing.search_keys import SearchKey


class SortKey(enum.Enum):
    """What is compared (RFC 5256 section 3, RFC 5957 section 4, RFC 6203 section 6)."""

    ARRIVAL = "ARRIVAL"
    CC = "CC"
    DATE = "DATE"
    DISPLAYFROM = "DISPLAYFROM"
    DISPLAYTO = "DISPLAYTO"
    FROM = "FROM"
    RELEVANCY = "RELEVANCY"
    SIZE = "SIZE"
    SUBJECT = "SUBJECT"
    TO = "TO"


class SortCriterion(NamedTuple):
    """One key, descending with REVERSE."""

    key: SortKey
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Sort(Command):
    """SORT and UID SORT; ``returns`` is None without RETURN: then the answer is the SORT response."""

    verb: ClassVar[str] = "SORT"
    uid: bool
    criteria: tuple[SortCriterion, ...]
    key: SearchKey = field(repr=False)
    charset: str
    returns: frozenset[SearchReturn] | None = None
    partial: PartialRange | None = None
    modseq: bool = False
    """Whether a MODSEQ key stands anywhere: the answer then tells the highest one (RFC 7162 3.1.6)."""
    items: tuple[FetchItem, ...] = ()
    """What UPDATE tells at once of new messages (RFC 5465 section 7)."""


@dataclass(frozen=True, slots=True)
class CancelUpdate(Command):
    """CANCELUPDATE: no more updates for the commands with these tags (RFC 5267 4.3.5)."""

    verb: ClassVar[str] = "CANCELUPDATE"
    tags: tuple[str, ...]


class ThreadAlgorithm(enum.Enum):
    """How messages are put into threads (RFC 5256 section 3)."""

    ORDEREDSUBJECT = "ORDEREDSUBJECT"
    REFERENCES = "REFERENCES"


@dataclass(frozen=True, slots=True)
class Thread(Command):
    """THREAD and UID THREAD."""

    verb: ClassVar[str] = "THREAD"
    uid: bool
    algorithm: ThreadAlgorithm
    key: SearchKey = field(repr=False)
    charset: str
    modseq: bool = False
    """Whether a MODSEQ key stands anywhere: the client is then aware of CONDSTORE."""
