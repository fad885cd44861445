"""What the writer of a held message is told of its end beside words: reports that programs read (RFC 3464).

A copy that is delivered brings the report that was asked for. A copy that is not brings one letter that is both, words
in the first part and the report behind them: who sent it reads once why, and programs need not guess (RFC 3461 section
5.2 asks for a report unless the sender wants none; then the words come alone).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from mailgate.database import Database
from mailgate.delivery import success
from mailgate.delivery.reports import Reported, Reporter, printable
from mailgate.delivery.success import Post, Wish
from mailgate.moderation.held import HeldMessage, State, read_content
from mailgate.moderation.links import Service
from mailgate.store import Parcel

WHOLE: Final = 1024 * 1024
"""Octets of a message that is returned whole to who asked for it (RET=FULL); of a larger one the header, as of one that
requires TLS (RFC 8689 section 5).
"""
_STATUS: Final = {State.REFUSED: "5.7.1", State.EXPIRED: "5.4.7"}
"""RFC 3463: not authorized, refused; time expired."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A copy that is not delivered, for programs; `account_id` owns the reverse path, None for one outside."""

    reporter: Reporter
    message: Reported
    recipient: dict[str, str]
    account_id: int | None


def wish_of(held: HeldMessage) -> Wish | None:
    """What its writer asked to be told; None of one who asked for nothing, or cannot be told."""
    return None if held.wish is None else msgspec.json.decode(held.wish, type=Wish)


async def success_report(
    database: Database, service: Service, held: HeldMessage, copies: Sequence[Parcel], post: Post | None = None
) -> list[Parcel]:
    """What ``NOTIFY=SUCCESS`` asked for, now that the message is delivered; by `post` to a writer outside."""
    wish = wish_of(held)
    if wish is None or not wish.success or (message := await _reported(database, held, wish)) is None:
        return []
    list_id = held.target_id if held.kind == "list" else None
    mailboxes = sum(len(one.account_ids) for one in copies)
    delivered = await database.read(lambda tx: success.later(tx, wish, list_id, mailboxes))
    return [success.late_parcel(wish, message, delivered, reporter=_reporter(service), post=post)]


async def failure_of(database: Database, service: Service, held: HeldMessage, *, outside: bool) -> Failure | None:
    """The report of a copy that is refused or has expired; None where its sender wants none. A writer outside of whom
    nothing is known wants one.
    """
    wish = wish_of(held)
    if (wish is None and not outside) or (wish is not None and not wish.failure):
        return None
    message = await _reported(database, held, wish)
    if message is None:
        return None
    address = held.target if wish is None else wish.address
    original = {"Original-Recipient": printable(wish.original)} if wish and wish.original else {}
    fields = {**original, "Final-Recipient": f"rfc822; {address}", "Action": "failed", "Status": _STATUS[held.state]}
    return Failure(_reporter(service), message, fields, None if wish is None else wish.account_id)


def _reporter(service: Service) -> Reporter:
    return Reporter(f"postmaster@{service.domain}", service.hostname)


async def _reported(database: Database, held: HeldMessage, wish: Wish | None) -> Reported | None:
    """None when the content is gone."""
    whole = wish is not None and wish.full and held.size <= WHOLE and not held.require_tls
    content = await read_content(database, held, None if whole else held.header_size)
    if content is None:
        return None
    envelope_id, future = (None, "") if wish is None else (wish.envelope_id, wish.future)
    with content:
        header = _left(content.read(held.header_size))
        octets = header + content.read() if whole else None
    return Reported(header, held.message_ref, envelope_id, held.created_at, octets, future)


def _left(header: bytes) -> bytes:
    """Without the reverse path, which final delivery put on top."""
    return header.partition(b"\r\n")[2] if header[:12].lower() == b"return-path:" else header
