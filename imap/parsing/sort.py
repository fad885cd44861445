"""SORT and THREAD: criteria, algorithm, charset and search keys (RFC 5256 section 5, RFC 5957, RFC 5267)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import ClassVar, Final, NamedTuple

from imap.errors import BadCommand
from imap.parsing.commands import Command
from imap.parsing.fetch_items import FetchItem
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.limits import MAX_OPTIONS, MAX_SORT_CRITERIA
from imap.parsing.partial import PartialRange
from imap.parsing.return_options import SearchReturn, return_options, skip_word
from imap.parsing.search import charset, search_keys
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


_KEYS: Final = {key.value.encode(): key for key in SortKey}
_ALGORITHMS: Final = {algorithm.value.encode(): algorithm for algorithm in ThreadAlgorithm}


# sort = ["UID" SP] "SORT" SP sort-criteria SP search-criteria
# extended-sort = ["UID" SP] "SORT" search-return-opts SP sort-criteria SP search-criteria
def sort(cursor: Cursor, *, uid: bool) -> Sort:
    cursor.space()
    options, partial, items = return_options(cursor) or (None, None, ())
    cursor.expect(b"(")
    criteria = cursor.items(_criterion, limit=MAX_SORT_CRITERIA, what="sort criteria")
    cursor.space()
    text_charset = charset(cursor, saves=options is not None and SearchReturn.SAVE in options)
    scored = options is not None and SearchReturn.RELEVANCY in options
    scored = scored or any(criterion.key is SortKey.RELEVANCY for criterion in criteria)
    key, modseq = search_keys(cursor, scored=scored)
    return Sort(uid, tuple(criteria), key, text_charset, options, partial, modseq, items)


# sort-criterion = ["REVERSE" SP] sort-key
def _criterion(cursor: Cursor) -> SortCriterion:
    reverse = skip_word(cursor, b"REVERSE ")
    if (key := _KEYS.get(cursor.word(ATOM, "a sort criterion"))) is None:
        raise BadCommand("Unknown sort criterion")
    return SortCriterion(key, reverse)


# command-select =/ "CANCELUPDATE" 1*(SP quoted)
def cancel_update(cursor: Cursor) -> CancelUpdate:
    tags: list[str] = []
    while cursor.skip(b" "):
        if len(tags) == MAX_OPTIONS:
            raise BadCommand("More than {most} tags", most=MAX_OPTIONS)
        tags.append(cursor.decode(cursor.quoted("a tag in quotes"), "a tag"))
    if not tags:
        raise cursor.expected("the tags of searching commands")
    return CancelUpdate(tuple(tags))


# thread = ["UID" SP] "THREAD" SP thread-alg SP search-criteria
def thread(cursor: Cursor, *, uid: bool) -> Thread:
    cursor.space()
    if (algorithm := _ALGORITHMS.get(cursor.word(ATOM, "a threading algorithm"))) is None:
        raise BadCommand("Unknown threading algorithm")
    cursor.space()
    text_charset = charset(cursor)
    key, modseq = search_keys(cursor)
    return Thread(uid, algorithm, key, text_charset, modseq)
