"""What the IMAP engine asks of the application: sign-in, mailboxes, messages, and news of changes.

The engine states these protocols and never imports who implements them. Names are `str` in NFC with ``/`` as the
hierarchy delimiter, ``INBOX`` always in capitals; sizes are octets; dates are seconds since the epoch, UTC.
Implementations raise the exceptions of `imap.errors`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, NamedTuple, Protocol

from imap.rights import Rights

HIERARCHY_DELIMITER = "/"

OTHER_USERS = "Other Users/"
"""Before the names of mailboxes that another person shares, with the person's user name (RFC 2342)."""
SHARED = "Shared/"
"""Before the names of mailboxes that are nobody's own, such as a school office's."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection, for throttling and logs."""

    host: str
    port: int
    tls: bool


class SaslExchange(Protocol):
    """The server's side of one SASL exchange (RFC 4422)."""

    account: Account | None
    """Who signed in, once `step` has returned None."""

    async def step(self, response: bytes | None) -> bytes | None:
        """Take the client's response (None when it sent no initial one); give the next challenge, or None when done.

        Raises AuthenticationFailed when the exchange fails.
        """
        ...


class Backend(Protocol):
    """The application, before anyone signed in."""

    def mechanisms(self) -> Sequence[str]:
        """The SASL mechanisms offered under TLS, in capitals."""
        ...

    def sasl(self, mechanism: str, peer: Peer) -> SaslExchange:
        """Begin an exchange of one of the `mechanisms`."""
        ...

    async def login(self, username: str, password: str, peer: Peer) -> Account:
        """Check a password as LOGIN sends it. Raises AuthenticationFailed, ServiceUnavailable."""
        ...


class MailboxRef(NamedTuple):
    """Which mailbox, whatever its name: no two mailboxes of a server share one, and none is ever used again."""

    account_id: int
    """Whose it is: the signed-in account, or one that shares it."""
    mailbox_id: int


SERVER = 0
"""The ``mailbox_id`` that stands for the server as a whole where annotations are concerned; no mailbox has it."""


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """A mailbox and its counters, as LIST and STATUS show them."""

    ref: MailboxRef
    name: str
    special_use: str | None
    """The attribute of RFC 6154, such as ``\\Sent``."""
    uidvalidity: int
    uidnext: int
    highestmodseq: int
    messages: int
    unseen: int
    deleted: int
    recent: int
    size: int
    rights: Rights = Rights.ALL
    """What the signed-in person may do there (RFC 4314)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole mailbox at one modification sequence; the three columns are aligned and ordered by UID."""

    uidvalidity: int
    uidnext: int
    highestmodseq: int
    recent_from: int
    """UIDs from this one on were announced to no session yet (RFC 3501 ``\\Recent``)."""
    keywords: tuple[str, ...]
    uids: Sequence[int]
    flags: Sequence[int]
    """Those of others' mailboxes have the ``\\Seen`` of this reader."""
    modseqs: Sequence[int]
    rights: Rights = Rights.ALL


class Change(NamedTuple):
    """A message that is new, or whose flags changed."""

    uid: int
    flags: int
    modseq: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened in a mailbox after a modification sequence; a UID is in `changed` or in `vanished`, not in both."""

    highestmodseq: int
    uidnext: int
    keywords: tuple[str, ...]
    changed: Sequence[Change]
    """Ordered by UID."""
    vanished: Sequence[int]
    """All UIDs expunged since, in ascending order; those of messages that came meanwhile included."""
    complete: bool = True
    """False when the expunge log does not reach back that far: `vanished` is then to be found by comparing UIDs."""
    rights: Rights = Rights.ALL


class FlagAction(enum.Enum):
    """STORE's three forms (RFC 9051 6.4.6)."""

    REPLACE = "FLAGS"
    ADD = "+FLAGS"
    REMOVE = "-FLAGS"


class AclChange(enum.Enum):
    """SETACL's three forms (RFC 4314 section 3.1)."""

    REPLACE = ""
    ADD = "+"
    REMOVE = "-"


class AclEntry(NamedTuple):
    """Who has which rights in a mailbox; ``-`` before an identifier takes them away (RFC 4314 section 2)."""

    identifier: str
    rights: Rights


@dataclass(frozen=True, slots=True)
class Grantable:
    """What LISTRIGHTS tells of an identifier: rights it always has, and rights that may be granted one by one."""

    always: Rights
    optional: Rights


@dataclass(frozen=True, slots=True)
class Stored:
    """What STORE did: one modification sequence for the whole command."""

    modseq: int
    keywords: tuple[str, ...]
    changed: Sequence[Change]
    """Messages whose mask is now different; the others were left as they were, modseq included."""
    conflicts: Sequence[int] = ()
    """UIDs that UNCHANGEDSINCE left alone (RFC 7162 3.1.3)."""


@dataclass(frozen=True, slots=True)
class Marking:
    """STORE worked out from flags that the caller holds: right as long as nothing else has changed in the mailbox."""

    since: int
    """The mailbox's modification sequence at which the caller's flags are right. The next one is the change's."""
    kept: int
    added: int
    """A message gets ``flags & kept | added``."""
    changed: Sequence[Change]
    """The messages that change, as they are then, by ascending UID."""
    is_range: bool
    """Nothing else changes if all messages from the first to the last of them are so treated."""
    unseen: int
    deleted: int
    """What that adds to the numbers of messages without ``\\Seen`` and with ``\\Deleted``."""


@dataclass(frozen=True, slots=True)
class Copied:
    """COPY or MOVE: where the messages went and their UIDs pair by pair, for COPYUID."""

    mailbox: MailboxRef
    uidvalidity: int
    source: Sequence[int]
    target: Sequence[int]
    modseq: int = 0
    """MOVE: the source mailbox's modification sequence after the expunge."""


@dataclass(frozen=True, slots=True)
class Appended:
    """APPEND: where the messages went, for APPENDUID."""

    mailbox: MailboxRef
    uidvalidity: int
    uids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Replaced:
    """REPLACE: where the new message went, and the source mailbox's modification sequence after the expunge."""

    appended: Appended
    modseq: int


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to append; the engine has read its literal into `content` and rewound it."""

    content: IO[bytes]
    flags: int
    """System flags only."""
    keywords: tuple[str, ...]
    internal_date: int | None


class Rendering(enum.Flag):
    """The wire texts made once at delivery; ask only for what the command shows."""

    ENVELOPE = enum.auto()
    BODY = enum.auto()
    BODYSTRUCTURE = enum.auto()
    HEADER = enum.auto()
    """The header block up to and with its empty line."""
    LISTING = enum.auto()
    """HEADER.FIELDS of `imap.message.LISTING_FIELDS`, what Thunderbird asks for to show a folder."""
    PARTS = enum.auto()
    """The part table, for `imap.message.PartTable.decode`."""
    SORT_KEYS = enum.auto()
    """For `imap.message.SortKeys.decode`."""
    THREAD_KEYS = enum.auto()
    """For `imap.message.ThreadKeys.decode`."""
    PREVIEW = enum.auto()
    """The beginning of the text in UTF-8 (RFC 8970)."""


class Rendered(NamedTuple):
    """Those of the wire texts that were asked for; the others are empty."""

    envelope: bytes = b""
    body: bytes = b""
    bodystructure: bytes = b""
    header: bytes = b""
    listing: bytes = b""
    parts: bytes = b""
    sort_keys: bytes = b""
    thread_keys: bytes = b""
    preview: bytes | None = b""
    """None for a message that was stored without one: see `Account.make_previews`."""


class Entry(NamedTuple):
    """One message in one mailbox: what does not change."""

    uid: int
    message_id: bytes
    """The content's key, shared by all copies; all keys of a server are of one length."""
    internal_date: int
    size: int
    saved_at: int
    """When it came into this mailbox (RFC 8514)."""


class TextScope(enum.Enum):
    """Where a text is looked for (RFC 9051 6.4.4)."""

    FIELD = "HEADER"
    """The values of one header field."""
    BODY = "BODY"
    """Text parts, and headers of messages within."""
    TEXT = "TEXT"
    """The whole header, MIME headers and names of attachments, and all that BODY means."""


@dataclass(frozen=True, slots=True)
class TextKey:
    """One text criterion of a search."""

    scope: TextScope
    needle: str
    """As `imap.collation.fold` gives it; empty only for a field: it exists."""
    field: str = ""
    """The name of the field in lower case, for `TextScope.FIELD`."""
    fuzzy: bool = False
    """Word by word and without accents (RFC 6203), not as a substring."""


@dataclass(frozen=True, slots=True)
class TextHits:
    """What an index of texts knows, by message id; what is in neither part does not fit."""

    found: Sequence[Mapping[bytes, int]]
    """For each key, in their order: the messages that fit, with their relevancy from 1 to 100."""
    unindexed: Collection[bytes]
    """Messages that the index has not taken in yet: they are to be read."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Storage of the account (RFC 9208), in octets; a limit of 0 means none."""

    used: int
    limit: int
    messages: int


@dataclass(frozen=True, slots=True)
class Hint:
    """News that mailboxes of one owner may have changed: the log is the truth, this only says where to look.

    ``mailbox_ids`` is None when anything may have changed (the listener lost its connection for a while).
    """

    mailbox_ids: frozenset[int] | None
    mailboxes_changed: bool = field(default=False)
    """True when a mailbox was created, renamed, deleted or (un)subscribed."""
    annotations_changed: bool = field(default=False)
    """True when annotations of any mailbox or of the server changed."""
    reached: Mapping[int, int] = field(default_factory=dict)
    """The modification sequences of those of the mailboxes that only came to these: who is there already need not look.
    """


class AnnotationChange(NamedTuple):
    """An annotation that was set or removed."""

    mailbox_id: int
    """`SERVER` for the server."""
    entry: str
    revision: int


@dataclass(frozen=True, slots=True)
class AnnotationChanges:
    """What happened to an owner's annotations after a revision."""

    revision: int
    changed: Sequence[AnnotationChange]


class Account(Protocol):
    """A signed-in person's mailboxes, and those that others share. Every write survives the death of the process once
    it returns, and the loss of power too, but for `store` and `mark`: flags may be some seconds behind then.

    What the person has no right to do raises NotPermitted, or MailboxNotFound where not even the mailbox's existence
    may be known (RFC 4314 sections 4 and 6). Others' mailboxes stand below `OTHER_USERS` and `SHARED`.
    """

    account_id: int
    username: str
    append_limit: int

    async def mailboxes(self) -> Sequence[MailboxStatus]:
        """All mailboxes with their counters, ordered by name with INBOX first, those that others share at the end."""
        ...

    async def mailbox(self, name: str) -> MailboxStatus:
        """One mailbox that may be read. Raises MailboxNotFound, NotPermitted."""
        ...

    async def my_rights(self, name: str) -> Rights:
        """What the person may do in a mailbox. Raises MailboxNotFound."""
        ...

    async def acl(self, name: str) -> Sequence[AclEntry]:
        """The access control list of a mailbox. Raises MailboxNotFound, NotPermitted."""
        ...

    async def set_acl(self, name: str, identifier: str, change: AclChange, rights: Rights) -> None:
        """Grant or take back rights. Raises MailboxNotFound, NotPermitted, BadCommand for a malformed identifier."""
        ...

    async def delete_acl(self, name: str, identifier: str) -> None:
        """Take an identifier off the list. Raises MailboxNotFound, NotPermitted, BadCommand."""
        ...

    async def list_rights(self, name: str, identifier: str) -> Grantable:
        """What may be granted. Raises MailboxNotFound, NotPermitted, BadCommand."""
        ...

    async def subscriptions(self) -> Collection[str]:
        """Subscribed names; a name may outlive its mailbox (RFC 9051 6.3.7)."""
        ...

    async def create(self, name: str, special_use: str | None = None) -> MailboxStatus:
        """Create and subscribe a mailbox, with the missing levels above it.

        Raises MailboxExists, InvalidMailboxName.
        """
        ...

    async def delete(self, name: str) -> None:
        """Delete a mailbox and its messages. Raises MailboxNotFound, MailboxIsPermanent, MailboxHasChildren."""
        ...

    async def rename(self, old: str, new: str) -> None:
        """Rename with all children; renaming INBOX moves its messages only (RFC 9051 6.3.6).

        Raises MailboxNotFound, MailboxExists, MailboxIsPermanent, InvalidMailboxName.
        """
        ...

    async def subscribe(self, name: str) -> None: ...

    async def unsubscribe(self, name: str) -> None: ...

    async def snapshot(self, mailbox: MailboxRef) -> Snapshot:
        """The whole mailbox, to select it. Raises MailboxNotFound."""
        ...

    async def changes(self, mailbox: MailboxRef, since: int) -> Changes:
        """What happened after modification sequence `since`. Raises MailboxNotFound when it was deleted."""
        ...

    async def claim_recent(self, mailbox: MailboxRef, uidnext: int) -> int:
        """Take ``\\Recent`` of all UIDs below `uidnext` for this session; give the first UID that is its own."""
        ...

    async def entries(self, mailbox: MailboxRef, uids: Sequence[int]) -> Sequence[Entry]:
        """The entries of these UIDs, ordered by UID; those that are gone are left out."""
        ...

    async def rendered(self, message_ids: Collection[bytes], which: Rendering) -> Mapping[bytes, Rendered]:
        """The wire texts of these messages."""
        ...

    async def find_text(self, message_ids: Collection[bytes], keys: Sequence[TextKey]) -> TextHits:
        """Which of these messages fit each key, exactly as a scan of their texts would say, and which are not indexed.

        An application without an index says that none of them are.
        """
        ...

    async def make_previews(self, message_ids: Collection[bytes]) -> Mapping[bytes, bytes]:
        """Make the previews that messages were stored without, and keep them; the caller bounds their number."""
        ...

    async def read(self, message_id: bytes, start: int, stop: int) -> bytes:
        """Octets ``start`` to ``stop`` (exclusive, cut to the size) of a message; ask for 256 KiB at most."""
        ...

    async def read_whole(self, message_ids: Collection[bytes]) -> Mapping[bytes, bytes]:
        """Whole messages in one go; the caller bounds the sum of their sizes.

        Those of up to 256 KiB are kept for a while, so that they can be read ahead.
        """
        ...

    async def store(
        self,
        mailbox: MailboxRef,
        uids: Sequence[int],
        action: FlagAction,
        flags: int,
        keywords: Sequence[str],
        unchanged_since: int | None = None,
    ) -> Stored:
        """Change flags of all `uids` at once: system flags by mask, keywords by name, new names added to the table.

        Flags that the person may not change stay as they are; NotPermitted is raised when that is all of them.
        Raises TooManyKeywords.
        """
        ...

    async def mark(self, mailbox: MailboxRef, marking: Marking) -> bool:
        """Change flags as `marking` says, in a mailbox of one's own, or give False: nothing is written when the mailbox
        is no longer at the modification sequence that `marking` starts from, or is another's. `store` then does it.
        """
        ...

    async def expunge(self, mailbox: MailboxRef, uids: Sequence[int] | None) -> tuple[int, Sequence[int]]:
        """Remove messages that have ``\\Deleted``, all of them or those among `uids`; give (modseq, UIDs removed)."""
        ...

    async def copy(self, mailbox: MailboxRef, uids: Sequence[int], target: str) -> Copied:
        """Copy with flags, keywords and dates. Raises MailboxNotFound, OverQuota."""
        ...

    async def move(self, mailbox: MailboxRef, uids: Sequence[int], target: str) -> Copied:
        """Move in one transaction: a message that is already gone is left out. Raises MailboxNotFound."""
        ...

    async def append(self, target: str, messages: Sequence[NewMessage]) -> Appended:
        """Append all or none. Raises MailboxNotFound, OverQuota, MessageTooLarge."""
        ...

    async def replace(self, mailbox: MailboxRef, uid: int, target: str, message: NewMessage) -> Replaced:
        """Append a message and expunge another in one transaction; only the difference counts for the quota.

        Raises MessageGone, MailboxNotFound, OverQuota, MessageTooLarge.
        """
        ...

    async def statuses(self, mailboxes: Collection[MailboxRef]) -> Sequence[MailboxStatus]:
        """These mailboxes with their counters; those that are gone or may not be seen are left out."""
        ...

    async def annotation_sizes(self, where: MailboxRef) -> Mapping[str, int]:
        """All annotations (RFC 5464) with the octets of their values; entries are in lower case.

        Of private values only this account's own. The server is ``MailboxRef(account_id, SERVER)``.
        """
        ...

    async def annotation_values(
        self, wheres: Collection[MailboxRef], entries: Collection[str]
    ) -> Mapping[MailboxRef, Mapping[str, bytes]]:
        """The values of these entries where they have one."""
        ...

    async def annotate(self, where: MailboxRef, values: Mapping[str, bytes | None]) -> int:
        """Set these annotations, None removing one, all or nothing; give the revision of this change.

        Raises MailboxNotFound, NotPermitted, TooManyAnnotations, OverQuota.
        """
        ...

    async def annotation_changes(self, owner: int, since: int) -> AnnotationChanges:
        """Which annotations of the owner's mailboxes (and, for the account's own, of the server) changed since."""
        ...

    async def quota(self) -> Quota: ...

    def watch(self, owner: int, notify: Callable[[Hint], None]) -> Callable[[], None]:
        """Call `notify` in the event loop at each hint of the owner's mailboxes; the answer ends the watch."""
        ...
