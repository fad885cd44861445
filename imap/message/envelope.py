"""ENVELOPE (RFC 9051 7.5.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from imap.message.address import MAX_ADDRESSES, Address, parse_addresses
from imap.message.header import Field, field_value
from imap.message.wire import NIL, nlist, nstring

_TEXTS = (b"date", b"subject", b"in-reply-to", b"message-id")
_ADDRESSES = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")
_NAMES = frozenset((*_TEXTS, *_ADDRESSES))


class Envelope:
    """The envelope fields of one header block."""

    __slots__ = ("addresses", "addresses_left", "texts")

    def __init__(self, fields: Iterable[Field], max_addresses: int = MAX_ADDRESSES) -> None:
        self.texts: dict[bytes, bytes] = {}
        self.addresses: dict[bytes, list[Address]] = {name: [] for name in _ADDRESSES}
        for name, raw in fields:
            if name in _NAMES:
                if name in self.addresses:
                    found = parse_addresses(field_value(raw), max_addresses)
                    max_addresses -= len(found)
                    self.addresses[name] += found
                else:
                    self.texts[name] = field_value(raw)
        self.addresses_left = max_addresses

    def encode(self) -> bytes:
        """The envelope as a parenthesized list; Sender and Reply-To default to From."""
        origin = encode_addresses(self.addresses[b"from"])
        text, addresses = self.texts.get, self.addresses
        return b"(%b %b %b %b %b %b %b %b %b %b)" % (
            nstring(text(b"date")),
            nstring(text(b"subject")),
            origin,
            encode_addresses(addresses[b"sender"]) if addresses[b"sender"] else origin,
            encode_addresses(addresses[b"reply-to"]) if addresses[b"reply-to"] else origin,
            encode_addresses(addresses[b"to"]),
            encode_addresses(addresses[b"cc"]),
            encode_addresses(addresses[b"bcc"]),
            nstring(text(b"in-reply-to")),
            nstring(text(b"message-id")),
        )


def message_id(fields: Iterable[Field]) -> bytes:
    """The last text of the envelope of this header block, without working out the others."""
    return nstring(next((field_value(raw) for name, raw in reversed(list(fields)) if name == b"message-id"), None))


def encode_addresses(addresses: Sequence[Address]) -> bytes:
    """An address list without space between its members (RFC 9051 9, "env-from"), NIL when empty."""
    if not addresses:
        return NIL
    return nlist((b"(%b)" % b" ".join(map(nstring, address)) for address in addresses), b"")
