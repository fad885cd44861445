"""What the IMAP engine asks of the application: sign-in, mailboxes, messages, and news of changes.

The engine states these protocols and never imports who implements them. Names are `str` in NFC with ``/`` as the
hierarchy delimiter, ``INBOX`` always in capitals; sizes are octets; dates are seconds since the epoch, UTC.
Implementations raise the exceptions of `imap.errors`.
"""

from imap.backend.account import Account
from imap.backend.acl import AclChange, AclEntry, Grantable
from imap.backend.annotations import SERVER, AnnotationChange, AnnotationChanges
from imap.backend.changes import EVERYTHING, Change, Changes, Hint, Known, Snapshot, Vanished
from imap.backend.entries import Entries, Entry
from imap.backend.mailboxes import HIERARCHY_DELIMITER, OTHER_USERS, SHARED, Located, MailboxRef, MailboxStatus, Quota
from imap.backend.marking import FlagAction, Marking, Stored
from imap.backend.messages import Appended, Copied, NewMessage, Rendered, Rendering, Replaced
from imap.backend.sign_in import Backend, Peer, SaslExchange
from imap.backend.texts import TextHits, TextKey, TextScope

__all__ = [
    "EVERYTHING",
    "HIERARCHY_DELIMITER",
    "OTHER_USERS",
    "SERVER",
    "SHARED",
    "Account",
    "AclChange",
    "AclEntry",
    "AnnotationChange",
    "AnnotationChanges",
    "Appended",
    "Backend",
    "Change",
    "Changes",
    "Copied",
    "Entries",
    "Entry",
    "FlagAction",
    "Grantable",
    "Hint",
    "Known",
    "Located",
    "MailboxRef",
    "MailboxStatus",
    "Marking",
    "NewMessage",
    "Peer",
    "Quota",
    "Rendered",
    "Rendering",
    "Replaced",
    "SaslExchange",
    "Snapshot",
    "Stored",
    "TextHits",
    "TextKey",
    "TextScope",
    "Vanished",
]
