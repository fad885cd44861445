"""Every command as a value: what the client asked for, with nothing of how it was written.

A repr holds no secret. Mailbox names are `str` in NFC, INBOX in capitals.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import ClassVar

from imap.backend import FlagAction
from imap.parsing.fetch_items import FetchItem
from imap.parsing.literals import Literal
from imap.parsing.partial import PartialRange
from imap.parsing.search_keys import SearchKey
from imap.parsing.sequence import SequenceSet


class Command:
    """One command; ``verb`` is its name as the completion response repeats it."""

    __slots__ = ()
    verb: ClassVar[str]


# Any state


@dataclass(frozen=True, slots=True)
class Capability(Command):
    """CAPABILITY (RFC 9051 6.1.1)."""

    verb: ClassVar[str] = "CAPABILITY"


@dataclass(frozen=True, slots=True)
class Noop(Command):
    """NOOP (RFC 9051 6.1.2)."""

    verb: ClassVar[str] = "NOOP"


@dataclass(frozen=True, slots=True)
class Logout(Command):
    """LOGOUT (RFC 9051 6.1.3)."""

    verb: ClassVar[str] = "LOGOUT"


@dataclass(frozen=True, slots=True)
class Id(Command):
    """ID (RFC 2971): the client's fields, or None for NIL."""

    verb: ClassVar[str] = "ID"
    fields: tuple[tuple[str, str | None], ...] | None


# Not authenticated


@dataclass(frozen=True, slots=True)
class StartTls(Command):
    """STARTTLS (RFC 9051 6.2.1)."""

    verb: ClassVar[str] = "STARTTLS"


@dataclass(frozen=True, slots=True)
class Authenticate(Command):
    """AUTHENTICATE (RFC 9051 6.2.2); the initial response is decoded, empty for ``=``, None when there is none."""

    verb: ClassVar[str] = "AUTHENTICATE"
    mechanism: str
    initial_response: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Login(Command):
    """LOGIN (RFC 9051 6.2.3)."""

    verb: ClassVar[str] = "LOGIN"
    username: str = field(repr=False)
    password: str = field(repr=False)


# Authenticated


@dataclass(frozen=True, slots=True)
class Enable(Command):
    """ENABLE (RFC 9051 6.3.1): capability names in capitals."""

    verb: ClassVar[str] = "ENABLE"
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Namespace(Command):
    """NAMESPACE (RFC 9051 6.3.10)."""

    verb: ClassVar[str] = "NAMESPACE"


@dataclass(frozen=True, slots=True)
class QResyncParam:
    """What the client knows of the mailbox (RFC 7162 3.2.5)."""

    uidvalidity: int
    modseq: int
    known_uids: SequenceSet | None = None
    seq_match: tuple[SequenceSet, SequenceSet] | None = None
    """Known sequence numbers and their UIDs; neither holds ``*`` or ``$``."""


@dataclass(frozen=True, slots=True)
class Select(Command):
    """SELECT, and EXAMINE when ``readonly`` (RFC 9051 6.3.2, 6.3.3, RFC 7162 3.1.8)."""

    verb: ClassVar[str] = "SELECT"
    name: str
    readonly: bool = False
    condstore: bool = False
    qresync: QResyncParam | None = None
    given: str | None = field(default=None, compare=False)
    """The name as it was written, where it is another form of `name`; so in the other commands on mailboxes."""


@dataclass(frozen=True, slots=True)
class Create(Command):
    """CREATE (RFC 9051 6.3.4, RFC 6154 3): without the delimiter that may end the name; ``\\Sent`` and so on."""

    verb: ClassVar[str] = "CREATE"
    name: str
    special_use: str | None = None
    given: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Delete(Command):
    """DELETE (RFC 9051 6.3.5)."""

    verb: ClassVar[str] = "DELETE"
    name: str
    given: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Rename(Command):
    """RENAME (RFC 9051 6.3.6)."""

    verb: ClassVar[str] = "RENAME"
    old: str
    new: str
    given: str | None = field(default=None, compare=False)
    """The old name as it was written, where it or the new one is in another form."""


@dataclass(frozen=True, slots=True)
class Subscribe(Command):
    """SUBSCRIBE (RFC 9051 6.3.7)."""

    verb: ClassVar[str] = "SUBSCRIBE"
    name: str


@dataclass(frozen=True, slots=True)
class Unsubscribe(Command):
    """UNSUBSCRIBE (RFC 9051 6.3.8)."""

    verb: ClassVar[str] = "UNSUBSCRIBE"
    name: str


class StatusItem(enum.Enum):
    """What STATUS tells (RFC 9051 6.3.11, RFC 7162, RFC 7889, RFC 8474, RFC 9208)."""

    MESSAGES = "MESSAGES"
    RECENT = "RECENT"
    UIDNEXT = "UIDNEXT"
    UIDVALIDITY = "UIDVALIDITY"
    UNSEEN = "UNSEEN"
    DELETED = "DELETED"
    DELETED_STORAGE = "DELETED-STORAGE"
    SIZE = "SIZE"
    HIGHESTMODSEQ = "HIGHESTMODSEQ"
    APPENDLIMIT = "APPENDLIMIT"
    MAILBOXID = "MAILBOXID"


class ListSelect(enum.Enum):
    """LIST selection options (RFC 5258 3, RFC 6154)."""

    SUBSCRIBED = "SUBSCRIBED"
    REMOTE = "REMOTE"
    RECURSIVEMATCH = "RECURSIVEMATCH"
    SPECIAL_USE = "SPECIAL-USE"


class ListReturn(enum.Enum):
    """LIST return options (RFC 5258 3, RFC 6154, RFC 8440); STATUS and METADATA stand in `List` by themselves."""

    SUBSCRIBED = "SUBSCRIBED"
    CHILDREN = "CHILDREN"
    SPECIAL_USE = "SPECIAL-USE"
    MYRIGHTS = "MYRIGHTS"


@dataclass(frozen=True, slots=True)
class List(Command):
    """LIST (RFC 9051 6.3.9, RFC 5258, RFC 5819)."""

    verb: ClassVar[str] = "LIST"
    reference: str
    patterns: tuple[str, ...]
    select: frozenset[ListSelect] = frozenset()
    returns: frozenset[ListReturn] = frozenset()
    status: tuple[StatusItem, ...] = ()
    metadata: tuple[str, ...] = ()
    """Annotations to show of each mailbox, as they were written (RFC 9590)."""
    extended: bool = False
    """True when options or a list of patterns were written: then an empty pattern has no special meaning."""


@dataclass(frozen=True, slots=True)
class Lsub(Command):
    """LSUB (RFC 3501 6.3.9)."""

    verb: ClassVar[str] = "LSUB"
    reference: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Status(Command):
    """STATUS (RFC 9051 6.3.11)."""

    verb: ClassVar[str] = "STATUS"
    name: str
    items: tuple[StatusItem, ...]


@dataclass(frozen=True, slots=True)
class FlagList:
    """Flags to set: system flags as a mask of `imap.flags`, keywords by name, none twice."""

    mask: int = 0
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Url:
    """A piece of a message that is on the server already (RFC 4469 section 3); for `imap.parsing.url.parse_url`."""

    url: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppendItem:
    """One message of APPEND or REPLACE; the date is in seconds since the epoch."""

    flags: FlagList
    date: int | None
    parts: tuple[Literal | Url, ...]
    """A single literal, or what CATENATE puts together (RFC 4469 section 5)."""
    utf8: bool = False
    """True when a part came as ``UTF8 (~{n}`` (RFC 6855 section 4)."""


@dataclass(frozen=True, slots=True)
class Append(Command):
    """APPEND (RFC 9051 6.3.12), of several messages with RFC 3502."""

    verb: ClassVar[str] = "APPEND"
    name: str
    messages: tuple[AppendItem, ...]
    given: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Idle(Command):
    """IDLE (RFC 9051 6.3.13)."""

    verb: ClassVar[str] = "IDLE"


@dataclass(frozen=True, slots=True)
class GetQuota(Command):
    """GETQUOTA (RFC 9208 4.1.1)."""

    verb: ClassVar[str] = "GETQUOTA"
    root: str


@dataclass(frozen=True, slots=True)
class GetQuotaRoot(Command):
    """GETQUOTAROOT (RFC 9208 4.1.2)."""

    verb: ClassVar[str] = "GETQUOTAROOT"
    name: str


# Selected


@dataclass(frozen=True, slots=True)
class Check(Command):
    """CHECK (RFC 3501 6.4.1)."""

    verb: ClassVar[str] = "CHECK"


@dataclass(frozen=True, slots=True)
class Close(Command):
    """CLOSE (RFC 9051 6.4.1)."""

    verb: ClassVar[str] = "CLOSE"


@dataclass(frozen=True, slots=True)
class Unselect(Command):
    """UNSELECT (RFC 9051 6.4.2)."""

    verb: ClassVar[str] = "UNSELECT"


@dataclass(frozen=True, slots=True)
class Expunge(Command):
    """EXPUNGE (RFC 9051 6.4.3), and UID EXPUNGE when ``uids`` is given (RFC 4315 2.1)."""

    verb: ClassVar[str] = "EXPUNGE"
    uids: SequenceSet | None = None


class SearchReturn(enum.Enum):
    """SEARCH and SORT return options (RFC 4731 3.1, RFC 5182, RFC 5267, RFC 9394, RFC 6203 4)."""

    MIN = "MIN"
    MAX = "MAX"
    ALL = "ALL"
    COUNT = "COUNT"
    SAVE = "SAVE"
    PARTIAL = "PARTIAL"
    RELEVANCY = "RELEVANCY"
    CONTEXT = "CONTEXT"
    UPDATE = "UPDATE"


@dataclass(frozen=True, slots=True)
class Search(Command):
    """SEARCH and UID SEARCH (RFC 9051 6.4.4).

    ``returns`` is None without RETURN: then the answer is the SEARCH response of RFC 3501 for a plain session;
    ``RETURN ()`` is given as ``ALL``.
    """

    verb: ClassVar[str] = "SEARCH"
    uid: bool
    key: SearchKey = field(repr=False)
    charset: str | None = None
    returns: frozenset[SearchReturn] | None = None
    modseq: bool = False
    """Whether a MODSEQ key stands anywhere: the answer then tells the highest one (RFC 7162 3.1.5)."""
    partial: PartialRange | None = None
    items: tuple[FetchItem, ...] = ()
    """What UPDATE tells at once of new messages (RFC 5465 section 7)."""


@dataclass(frozen=True, slots=True)
class Fetch(Command):
    """FETCH and UID FETCH (RFC 9051 6.4.5, RFC 7162 3.1.4 and 3.2.6, RFC 9394 3.3); macros are spelled out."""

    verb: ClassVar[str] = "FETCH"
    uid: bool
    messages: SequenceSet
    items: tuple[FetchItem, ...]
    changed_since: int | None = None
    vanished: bool = False
    partial: PartialRange | None = None


@dataclass(frozen=True, slots=True)
class Store(Command):
    """STORE and UID STORE (RFC 9051 6.4.6, RFC 7162 3.1.3)."""

    verb: ClassVar[str] = "STORE"
    uid: bool
    messages: SequenceSet
    action: FlagAction
    silent: bool
    flags: FlagList
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class Copy(Command):
    """COPY and UID COPY (RFC 9051 6.4.7)."""

    verb: ClassVar[str] = "COPY"
    uid: bool
    messages: SequenceSet
    name: str


@dataclass(frozen=True, slots=True)
class Replace(Command):
    """REPLACE and UID REPLACE (RFC 8508 section 3); the set holds one message."""

    verb: ClassVar[str] = "REPLACE"
    uid: bool
    message: SequenceSet
    name: str
    item: AppendItem


@dataclass(frozen=True, slots=True)
class Move(Command):
    """MOVE and UID MOVE (RFC 9051 6.4.8)."""

    verb: ClassVar[str] = "MOVE"
    uid: bool
    messages: SequenceSet
    name: str
