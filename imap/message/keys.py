"""What SORT and THREAD compare, taken from a message once (RFC 5256, RFC 5957)."""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Iterable
from email.utils import parsedate_tz

import msgspec

from imap.collation import fold
from imap.message.address import Address
from imap.message.envelope import Envelope
from imap.message.header import decode_field

MAX_REFERENCES = 100
"""References kept per message: the first one, which names the thread, and the last ones, which are the nearest."""
MAX_KEY = 1000
"""Characters kept of each sort key."""

_MESSAGE_ID = re.compile(rb"<\s*(\"(?:[^\"\\]|\\.)*\"@[^<>\s]+|[^<>\s]+)\s*>")
_SPACES = re.compile(r"\s+")
_TRAILER = re.compile(r"(?:\s|\(fwd\))+$", re.IGNORECASE)
_BLOB = re.compile(r"\[[^\[\]]*\]\s*")
_LEADER = re.compile(r"\s+|(?:\[[^\[\]]*\]\s*)*(?:re|fwd?)\s*(?:\[[^\[\]]*\])?\s*:", re.IGNORECASE)
_FORWARD = re.compile(r"\[fwd:(.*)\]", re.IGNORECASE | re.DOTALL)
_DAY = re.compile(r"[0-9]{1,2}[\s-]{1,8}[A-Za-z]{3}[\s-]{1,8}[0-9]{2,4}(?![0-9])")
_DAY_SECONDS = 86_400


class SortKeys(msgspec.Struct, frozen=True, array_like=True):
    """Sort keys; texts are as `imap.collation.fold` gives them, the code points of which order them."""

    sent_at: int | None
    """The Date field in seconds since the epoch; None when it is missing or invalid: SORT then takes INTERNALDATE."""
    subject: str
    """The base subject (RFC 5256 2.1)."""
    from_: str
    """The mailbox of the first From address."""
    to: str
    cc: str
    display_from: str
    """The name of the first From address, else the address (RFC 5957 3)."""
    display_to: str

    def encode(self) -> bytes:
        """The keys in few octets, to store beside the message."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, encoded: bytes) -> SortKeys:
        """Read what `encode` gave. Raises ValueError when it is something else."""
        return _SORT_DECODER.decode(encoded)


class ThreadKeys(msgspec.Struct, frozen=True, array_like=True):
    """What links a message to others; ids are without angle brackets."""

    message_id: str
    """Empty when the message has no valid one."""
    references: tuple[str, ...]
    """From the oldest to the parent; In-Reply-To's first id when there are no valid References (RFC 5256 3)."""
    is_reply: bool
    """Whether the subject says reply or forward (RFC 5256 3, REFERENCES step 5)."""

    def encode(self) -> bytes:
        """The keys in few octets, to store beside the message."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, encoded: bytes) -> ThreadKeys:
        """Read what `encode` gave. Raises ValueError when it is something else."""
        return _THREAD_DECODER.decode(encoded)


_SORT_DECODER = msgspec.msgpack.Decoder(SortKeys)
_THREAD_DECODER = msgspec.msgpack.Decoder(ThreadKeys)


def sort_keys(envelope: Envelope, subject: str) -> SortKeys:
    """The sort keys of a message, given its base subject."""
    addresses = envelope.addresses
    return SortKeys(
        sent_at=sent_at(envelope.texts.get(b"date")),
        subject=fold(subject)[:MAX_KEY],
        from_=_mailbox(addresses[b"from"]),
        to=_mailbox(addresses[b"to"]),
        cc=_mailbox(addresses[b"cc"]),
        display_from=_display(addresses[b"from"]),
        display_to=_display(addresses[b"to"]),
    )


def thread_keys(envelope: Envelope, references: bytes | None, *, is_reply: bool) -> ThreadKeys:
    """The thread keys of a message, given its References field and what its subject says."""
    own = message_ids(envelope.texts.get(b"message-id", b""))
    chain = message_ids(references or b"")
    if not chain:
        chain = message_ids(envelope.texts.get(b"in-reply-to", b""))[:1]
    if len(chain) > MAX_REFERENCES:
        chain = [chain[0], *chain[1 - MAX_REFERENCES :]]
    return ThreadKeys(own[0] if own else "", tuple(chain), is_reply)


def message_ids(value: bytes) -> list[str]:
    """The message ids of a field in order, normalised: no brackets, no needless quotes (RFC 5256 3)."""
    return [_normalised(found) for found in _MESSAGE_ID.findall(value)]


def base_subject(value: bytes) -> tuple[str, bool]:
    """The base subject of a Subject value, and whether something marked it as a reply or forward (RFC 5256 2.1)."""
    subject = _SPACES.sub(" ", decode_field(value))[:MAX_KEY].replace("\0", "")
    is_reply = False
    while True:
        trimmed = _TRAILER.sub("", subject)
        is_reply = is_reply or "(fwd)" in subject[len(trimmed) :].lower()
        trimmed, removed = _without_prefixes(trimmed)
        is_reply = is_reply or removed
        forwarded = _FORWARD.fullmatch(trimmed)
        if forwarded is None:
            return trimmed, is_reply
        subject, is_reply = forwarded[1], True


def _without_prefixes(subject: str) -> tuple[str, bool]:
    """Steps 3 to 5: leaders, and blobs that leave something behind them."""
    position, is_reply = 0, False
    while True:
        leader = _LEADER.match(subject, position)
        if leader is not None:
            is_reply = is_reply or not leader[0].isspace()
        else:
            leader = _BLOB.match(subject, position)
            if leader is None or leader.end() == len(subject):
                return subject[position:], is_reply
        position = leader.end()


def sent_at(date: bytes | None) -> int | None:
    """A Date field in seconds since the epoch, None when it says none (RFC 5256 2.2).

    An invalid zone is taken for UTC, an invalid time for 00:00:00.
    """
    if not date:
        return None
    text = date[:200].decode("latin-1")
    try:
        parsed = parsedate_tz(text)
        if parsed is None and (day := _DAY.search(text)) is not None:
            parsed = parsedate_tz(f"{day[0]} 00:00:00 +0000")
        if parsed is None:
            return None
        year, month, number, *time, _, _, _, zone = parsed
        midnight = calendar.timegm(datetime.date(year, month, number).timetuple())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return midnight + _seconds(*time) - (zone if zone and abs(zone) < _DAY_SECONDS else 0)


def _seconds(hour: int, minute: int, second: int) -> int:
    """The time of the day, a leap second included; 0 when there is no such time."""
    valid = 0 <= hour < 24 and 0 <= minute < 60 and 0 <= second <= 60  # noqa: PLR2004 (the clock)
    return hour * 3600 + minute * 60 + second if valid else 0


def _normalised(message_id: bytes) -> str:
    local, at, domain = message_id.rpartition(b"@")
    if local[:1] == b'"' and local[-1:] == b'"':
        local = re.sub(rb"\\(.)", rb"\1", local[1:-1])
    return (local + at + domain).decode("utf-8", "replace")[:MAX_KEY]


def _mailbox(addresses: Iterable[Address]) -> str:
    for address in addresses:
        return _text(address.mailbox)
    return ""


def _display(addresses: Iterable[Address]) -> str:
    for address in addresses:
        if name := _text(address.name):
            return name
        mailbox = _text(address.mailbox)
        return mailbox if address.host is None else f"{mailbox}@{_text(address.host)}"
    return ""


def _text(value: bytes | None) -> str:
    return fold(decode_field(value).replace("\0", ""))[:MAX_KEY] if value else ""
