"""Messages for searches, and the two ways to search them: by the index, and by reading."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Sequence
from email.header import Header

from imap.backend import Account, MailboxRef, TextKey
from imap.search.folded import Matcher, folded_body, folded_header
from imap.search.texts import WholeMessage
from mailgate.store.search.indexer import Indexer
from tests.store.messages import own, whole


def letter(text: str, subject: str = "Réunion", *, number: int = 0, encoding: str = "quoted-printable") -> bytes:
    """A message in ISO-8859-15 or, where that lacks a letter, UTF-8; encoded as many are."""
    try:
        charset, octets = "iso-8859-15", text.encode("iso-8859-15")
    except UnicodeEncodeError:
        charset, octets = "utf-8", text.encode()
    body = quopri.encodestring(octets) if encoding == "quoted-printable" else base64.encodebytes(octets)
    head = (
        f"From: Anne Lefèvre <anne.lefevre@example.org>\r\nTo: 6eme-a.parents@example.org\r\n"
        f"Subject: {Header(subject, 'utf-8').encode()}\r\nMessage-ID: <{number}@example.org>\r\n"
        f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    return head.encode() + body.replace(b"\n", b"\r\n")


def spelled(number: int) -> str:
    """A word for a number, without digits."""
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:06}")


async def drain(indexer: Indexer) -> int:
    """Index all that waits; give the number."""
    total = 0
    while done := await indexer.index_batch(16):
        total += done
    return total


async def indexed(account: Account, keys: Sequence[TextKey], ref: MailboxRef | None = None) -> list[set[int]]:
    """For each key the UIDs that the account finds, its unindexed tail read here."""
    ref = ref or own(account)
    snapshot = await account.snapshot(ref)
    entries = await account.entries(ref, snapshot.uids)
    hits = await account.find_text({entry.message_id for entry in entries}, keys)
    contents = await account.read_whole(hits.unindexed)
    return [
        {
            entry.uid
            for entry in entries
            if entry.message_id in found or (entry.message_id in contents and scans(key, contents[entry.message_id]))
        }
        for key, found in zip(keys, hits.found, strict=True)
    ]


def scans(key: TextKey, content: bytes) -> bool:
    """Whether a message fits by its own octets."""
    texts = WholeMessage(content)
    return Matcher(key).fits(folded_header(texts), folded_body(texts))


async def scanned(account: Account, keys: Sequence[TextKey]) -> list[set[int]]:
    """For each key the UIDs that fit by reading every message."""
    contents = await whole(account)
    return [{uid for uid, content in contents.items() if scans(key, content)} for key in keys]
