"""What a signed-in person can do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from imap.backend.acl import AclChange, AclEntry, Grantable
from imap.backend.annotations import AnnotationChanges
from imap.backend.changes import Changes, Hint, Known, Snapshot, Vanished
from imap.backend.entries import Entries
from imap.backend.mailboxes import Located, MailboxRef, MailboxStatus, Quota
from imap.backend.marking import FlagAction, Marking, Stored
from imap.backend.messages import Appended, Copied, NewMessage, Rendered, Rendering, Replaced
from imap.backend.texts import TextHits, TextKey
from imap.rights import Rights


class Account(Protocol):
    """A signed-in person's mailboxes, and those that others share. Every write survives the death of the process once
    it returns, and the loss of power too, but for `store`, `mark` and `claim_recent`: these may be some seconds behind
    then.

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

    async def locate(self, name: str) -> Located:
        """Where a mailbox that may be read is, to select it. Raises MailboxNotFound, NotPermitted."""
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

    async def changes(self, mailbox: MailboxRef, known: Known) -> Changes:
        """What happened beyond what is `known`. Raises MailboxNotFound when it was deleted."""
        ...

    async def vanished(self, mailbox: MailboxRef, since: int) -> Vanished:
        """What was expunged after modification sequence `since`, however long ago. Raises MailboxNotFound."""
        ...

    async def claim_recent(self, mailbox: MailboxRef, uidnext: int) -> int:
        """Take ``\\Recent`` of all UIDs below `uidnext` for this session; give the first UID that is its own.

        This need not survive the loss of power: messages are recent once more then.
        """
        ...

    async def entries(self, mailbox: MailboxRef, uids: Sequence[int]) -> Entries:
        """The entries of these UIDs, each named once, ordered by UID; those that are gone are left out."""
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

    async def mark(self, mailbox: MailboxRef, marking: Marking) -> int | None:
        """Change flags as `marking` says, in a mailbox of one's own, and give the stamp of the change; or None: nothing
        is written when the mailbox is no longer as `marking` takes it to be, or is another's. `store` then does it.
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
