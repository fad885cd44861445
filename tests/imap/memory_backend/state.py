"""What an account in memory is made of, and what its parts all need."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from imap import flags
from imap.backend import AnnotationChange, Copied, Hint, MailboxRef
from imap.errors import MailboxNotFound
from imap.message import RenderedMessage, render
from imap.rights import Rights, settable
from tests.imap.memory_backend.mailbox import Mailbox

SPECIAL_USES = {
    "Sent": "\\Sent",
    "Drafts": "\\Drafts",
    "Trash": "\\Trash",
    "Junk": "\\Junk",
    "Archive": "\\Archive",
}


class AccountState:
    """One person's mailboxes; ``calls`` counts the looks at the store by method name."""

    def __init__(self, account_id: int, username: str, password: str) -> None:
        self.account_id = account_id
        self.username = username
        self.password = password
        self.append_limit = 0
        self.quota_limit = 0
        self.boxes: dict[MailboxRef, Mailbox] = {}
        self.subscribed: set[str] = set()
        self.calls: dict[str, int] = {}
        self.without_preview: set[bytes] = set()
        """Keys of messages as an older version stored them."""
        self._contents: dict[bytes, tuple[bytes, RenderedMessage]] = {}
        self._keys: dict[bytes, bytes] = {}
        self.annotations: dict[str, bytes] = {}
        """Of the server."""
        self.most_annotations = 100
        self.revision = 0
        self._annotation_log: list[AnnotationChange] = []
        self._watchers: list[Callable[[Hint], None]] = []
        self._next_id = 1
        self._new("INBOX")
        for name, use in SPECIAL_USES.items():
            self._new(name, use)

    # For tests: what happens outside any session

    def deliver(self, content: bytes, mailbox: str = "INBOX", mask: int = 0, keywords: Sequence[str] = ()) -> int:
        """A message arrives; give its UID."""
        uid = self.find(mailbox).add(content, mask, keywords, int(time.time()), self.key(content))
        self._tell(mailbox)
        return uid

    def find(self, name: str) -> Mailbox:
        """The mailbox. Raises MailboxNotFound."""
        for box in self.boxes.values():
            if box.name == name:
                return box
        raise MailboxNotFound(f"No mailbox {name}")

    @property
    def watchers(self) -> int:
        """How many watches are on."""
        return len(self._watchers)

    def key(self, content: bytes) -> bytes:
        """The content's key, rendering it when it is new."""
        if content not in self._keys:
            self._keys[content] = b"%08d" % len(self._keys)
            self._contents[self._keys[content]] = (content, render(content))
        return self._keys[content]

    # For the parts

    def _tell(self, *names: str, structure: bool = False, annotations: bool = False) -> None:
        ids = frozenset(box.ref.mailbox_id for box in self.boxes.values() if box.name in names)
        for notify in tuple(self._watchers):
            notify(Hint(ids, structure, annotations))

    def _new(self, name: str, special_use: str | None = None) -> Mailbox:
        box = Mailbox(MailboxRef(self.account_id, self._next_id), name, 1_700_000_000 + self._next_id, special_use)
        self.boxes[box.ref] = box
        self._next_id += 1
        self.subscribed.add(name)
        return box

    def _box(self, ref: MailboxRef) -> Mailbox:
        if ref not in self.boxes:
            raise MailboxNotFound("The mailbox was deleted")
        return self.boxes[ref]

    def _allowed(self, name: str, needed: Rights) -> Mailbox:
        box = self.find(name)
        box.require(needed)
        return box

    def _count(self, method: str) -> None:
        self.calls[method] = self.calls.get(method, 0) + 1

    def _transfer(self, source: Mailbox, uids: Sequence[int], target: Mailbox) -> Copied:
        pairs = []
        for uid in uids:
            message = source.messages.get(uid)
            if message is not None:
                kept = message.flags & settable(target.rights)
                names = flags.flag_names(kept & ~flags.SYSTEM_MASK, source.keywords)
                mask = kept & flags.SYSTEM_MASK
                pairs.append((uid, target.add(message.content, mask, names, message.date, message.key)))
        self._tell(target.name)
        return Copied(target.ref, target.uidvalidity, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
