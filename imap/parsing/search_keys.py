"""Search criteria as a tree (RFC 9051 section 6.4.4, RFC 7162 section 3.1.5, RFC 5032, RFC 8514).

Keys that are short for others are already spelled out: UNSEEN is ``Not(HasFlag(SEEN))``, NEW is
``And(IsRecent, Not(HasFlag(SEEN)))``, OLD is ``Not(IsRecent)``.
"""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from typing import TypeAlias

from imap.parsing.sequence import SequenceSet


class When(enum.Enum):
    """How a date is compared, days only."""

    BEFORE = "BEFORE"
    ON = "ON"
    SINCE = "SINCE"


@dataclass(frozen=True, slots=True)
class All:
    """ALL: every message."""


@dataclass(frozen=True, slots=True)
class And:
    """All of the keys; never empty."""

    keys: tuple[SearchKey, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Either key."""

    left: SearchKey
    right: SearchKey


@dataclass(frozen=True, slots=True)
class Not:
    """Not the key."""

    key: SearchKey


@dataclass(frozen=True, slots=True)
class HasFlag:
    """A system flag is set; ``mask`` is its one bit of `imap.flags`."""

    mask: int


@dataclass(frozen=True, slots=True)
class HasKeyword:
    """A keyword is set; names compare without regard to case."""

    name: str


@dataclass(frozen=True, slots=True)
class IsRecent:
    """``\\Recent`` for this session (RFC 3501 section 2.3.2)."""


@dataclass(frozen=True, slots=True)
class NumberIn:
    """The sequence number, or with ``$`` the saved result, is in the set."""

    numbers: SequenceSet


@dataclass(frozen=True, slots=True)
class UidIn:
    """The UID is in the set."""

    uids: SequenceSet


@dataclass(frozen=True, slots=True)
class ModSeqFrom:
    """MODSEQ: the modification sequence is this or greater; a named metadata entry is checked and then ignored."""

    modseq: int


@dataclass(frozen=True, slots=True)
class ReceivedDate:
    """BEFORE, ON, SINCE: the internal date."""

    when: When
    day: datetime.date


@dataclass(frozen=True, slots=True)
class SavedDate:
    """SAVEDBEFORE, SAVEDON, SAVEDSINCE: when the message came into the mailbox (RFC 8514 section 4.3)."""

    when: When
    day: datetime.date


@dataclass(frozen=True, slots=True)
class OlderThan:
    """OLDER: the internal date lies this many seconds back, or more (RFC 5032)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class YoungerThan:
    """YOUNGER: the internal date lies this many seconds back, or fewer (RFC 5032)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class SentDate:
    """SENTBEFORE, SENTON, SENTSINCE: the Date field, its zone disregarded."""

    when: When
    day: datetime.date


@dataclass(frozen=True, slots=True)
class HasEmailId:
    """EMAILID: exactly this identifier (RFC 8474 section 6)."""

    identifier: str


@dataclass(frozen=True, slots=True)
class HasThreadId:
    """THREADID: exactly this identifier (RFC 8474 section 6)."""

    identifier: str


@dataclass(frozen=True, slots=True)
class LargerThan:
    """LARGER: more than this many octets."""

    size: int


@dataclass(frozen=True, slots=True)
class SmallerThan:
    """SMALLER: fewer than this many octets."""

    size: int


@dataclass(frozen=True, slots=True)
class HeaderContains:
    """HEADER, BCC, CC, FROM, SUBJECT, TO: a field of this name (lower case) holds the text; empty: it exists."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class BodyContains:
    """BODY: the text stands in the body."""

    text: str


@dataclass(frozen=True, slots=True)
class TextContains:
    """TEXT: the text stands in the header or the body."""

    text: str


@dataclass(frozen=True, slots=True)
class Filter:
    """FILTER: what is kept under this name, in lower case (RFC 5466); never in a key that is searched for."""

    name: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Around the whole of the keys while FILTER stands among them."""

    key: SearchKey


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """FUZZY: the key, its texts matched inexactly (RFC 6203)."""

    key: SearchKey


SearchKey: TypeAlias = (
    All
    | And
    | Or
    | Not
    | HasFlag
    | HasKeyword
    | IsRecent
    | NumberIn
    | UidIn
    | ModSeqFrom
    | ReceivedDate
    | SavedDate
    | OlderThan
    | YoungerThan
    | SentDate
    | HasEmailId
    | HasThreadId
    | LargerThan
    | SmallerThan
    | HeaderContains
    | BodyContains
    | TextContains
    | Fuzzy
    | Filter
    | Unresolved
)


def has_fuzzy(key: SearchKey) -> bool:
    """Whether FUZZY stands anywhere in the tree."""
    match key:
        case Fuzzy():
            return True
        case And(keys):
            return any(map(has_fuzzy, keys))
        case Or(left, right):
            return has_fuzzy(left) or has_fuzzy(right)
        case Not(child):
            return has_fuzzy(child)
    return False
