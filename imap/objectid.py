"""Object identifiers: what names a mailbox, a message and a thread whatever happens to it (RFC 8474).

Each has a letter of its own in front and differs from others by more than case (section 8.1). Identical contents share
an EMAILID and so a THREADID (section 5.1); everything is derived, so that no two servers on one store differ.
"""

from __future__ import annotations

import hashlib

from imap.backend import MailboxRef
from imap.message import ThreadKeys


def mailbox_id(mailbox: MailboxRef) -> str:
    """MAILBOXID: it stays when the mailbox is renamed."""
    return f"M{mailbox.account_id}-{mailbox.mailbox_id}"


def email_id(message_id: bytes) -> str:
    """EMAILID of a content, by its key."""
    return f"E{message_id.hex()}"


def thread_id(message_id: bytes, thread_keys: bytes) -> str:
    """THREADID: that of the oldest message known of by References, else of the message itself."""
    keys = ThreadKeys.decode(thread_keys)
    root = keys.references[0] if keys.references else keys.message_id
    named = root.encode("utf-8", "surrogatepass") if root else message_id
    return f"T{hashlib.blake2b(named, digest_size=12).hexdigest()}"
