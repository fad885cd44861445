"""The report that a writer asked for with ``NOTIFY`` (RFC 3461): to whom the message was delivered.

A list is delivered to when it takes the message (RFC 3461 section 5.2.7.1), and its members are nobody's business but
the staff's: a member of staff reads how many mailboxes it reached and who of the list has no account, by name. Nobody
reads an address that was not in the envelope. What waits, for a moderator or for the minutes of its list, is reported
as "delayed" with the words for why, where DELAY was asked for (RFC 3461 section 5.2.5), and as delivered when somebody
or the clock lets it pass (`Wish`). To a writer outside reports go by the queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import msgspec

from mailgate.config import Queue
from mailgate.database import Tx
from mailgate.delivery.recipients import ListRecipient, Moderated, PersonRecipient, number_of
from mailgate.delivery.reports import Reported, Reporter, printable, report
from mailgate.delivery.states import left_out
from mailgate.i18n import Language, translator
from mailgate.queue.enqueue import Outgoing, OutsideRecipient, enqueuing
from mailgate.queue.outbound import schedule_of
from mailgate.queue.schedule import Priority, Schedule
from mailgate.store import Parcel
from smtp.handler import Envelope, Recipient, Transaction
from smtp.message import Prepared
from smtp.tls_demand import TlsDemand

SUCCESS: Final = "SUCCESS"
FAILURE: Final = "FAILURE"
DELAY: Final = "DELAY"
NAMES_AT_MOST: Final = 100
"""Of people without account, for each list."""
_HERE: Final = (PersonRecipient, ListRecipient, Moderated)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who gets the report; `staff` says whether of lists more is told than that they took the message.

    `post` is the way to a writer outside, whose account is `OUTSIDE_WRITER`.
    """

    account_id: int
    staff: bool
    language: Language
    post: Post | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """How what is said to a writer outside leaves."""

    schedule: Schedule
    tls: TlsDemand


@dataclass(frozen=True, slots=True)
class Delivered:
    """A recipient for whom a report was asked, and of a list how many mailboxes got it and who of it has none."""

    recipient: Recipient
    mailboxes: int | None = None
    without: tuple[str, ...] = ()
    waits: str = ""
    """Why it is not delivered yet, in English; empty when it is."""


def post_of(queue: Queue, require_tls: int) -> Post | None:
    """The way to a writer outside; None where nothing leaves."""
    return None if queue.route == "none" else Post(schedule_of(queue), TlsDemand(require_tls))


class Wish(msgspec.Struct, frozen=True):
    """Who is to be told what becomes of a copy that waits: `to` is the reverse path, `original` what ORCPT said."""

    account_id: int
    staff: bool
    language: Language
    to: str
    address: str
    original: str | None
    envelope_id: str | None
    success: bool = True
    """Of its delivery; else of its failure alone."""
    failure: bool = False
    full: bool = False
    """With the whole message, when it fails (RET=FULL)."""
    future: str = ""
    """What the writer asked for who wanted the message to be sent later (RFC 4865)."""


def asked(envelope: Transaction) -> list[Recipient]:
    """Those for whom a report is to be made now; nobody where there is no reverse path (RFC 3461 section 6.1)."""
    return [one for one in _here(envelope) if (DELAY if _waits(one.resolved) else SUCCESS) in one.notify]


def wishes(asker: Asker, envelope: Transaction) -> dict[int, str]:
    """By list or account, what a held message is to know of those whose writer is to be told something, as JSON: who
    said nothing is told of a failure (RFC 3461 section 5.2). Writers outside who want no word are there too.
    """
    outside = not isinstance(envelope, Envelope)
    return {
        number_of(one.resolved): msgspec.json.encode(
            Wish(
                asker.account_id, asker.staff, asker.language, envelope.mail_from,
                one.address, one.original, envelope.envelope_id, SUCCESS in one.notify,
                not one.notify or FAILURE in one.notify, envelope.dsn_return == "FULL", envelope.release_request,
            )
        ).decode()
        for one in _here(envelope)
        if outside or not one.notify or one.notify & {SUCCESS, FAILURE}
    }  # fmt: skip


def _here(envelope: Transaction) -> list[Recipient]:
    here = (PersonRecipient, ListRecipient, Moderated)
    if not envelope.mail_from:
        return []
    return [one for one in envelope.recipients if one.refusal is None and isinstance(one.resolved, here)]


def _waits(found: object) -> bool:
    return isinstance(found, Moderated) or (isinstance(found, ListRecipient) and bool(found.hold_minutes))


async def look(tx: Tx, asker: Asker, wanted: Sequence[Recipient], parcels: Sequence[Parcel]) -> list[Delivered]:
    """What there is to say of each recipient."""
    reached = {parcel.list_id: len(parcel.account_ids) for parcel in parcels}
    found = []
    for one in wanted:
        if isinstance(one.resolved, Moderated):
            found.append(Delivered(one, waits=_("{address}: waits for approval")))
        elif isinstance(one.resolved, ListRecipient) and one.resolved.hold_minutes:
            found.append(Delivered(one, waits=_("{address}: waits for the minutes of this list")))
        elif isinstance(one.resolved, ListRecipient) and asker.staff:
            list_id = one.resolved.list_id
            found.append(Delivered(one, reached.get(list_id, 0), tuple(await left_out(tx, list_id))))
        else:
            found.append(Delivered(one))
    return found


def parcel(
    asker: Asker, envelope: Transaction, message: Prepared, delivered: Sequence[Delivered], *, reporter: Reporter
) -> Parcel:
    """The report, for the INBOX of who asked, or for the queue."""
    reported = Reported(
        message.header.octets,
        message.message_id,
        envelope.envelope_id,
        envelope.accepted_at,
        future=envelope.release_request,
    )
    return _parcel(asker, envelope.mail_from, reported, delivered, reporter)


async def later(tx: Tx, wish: Wish, list_id: int | None, mailboxes: int) -> Delivered:
    """What there is to say of a recipient, a list or (None) a person, whose copy has waited and goes now."""
    recipient = Recipient(wish.address, original=wish.original)
    if list_id is None or not wish.staff:
        return Delivered(recipient)
    return Delivered(recipient, mailboxes, tuple(await left_out(tx, list_id)))


def late_parcel(
    wish: Wish, message: Reported, delivered: Delivered, *, reporter: Reporter, post: Post | None = None
) -> Parcel:
    """The report that a copy which waited is delivered."""
    asker = Asker(wish.account_id, wish.staff, wish.language, post)
    return _parcel(asker, wish.to, message, [delivered], reporter)


def _parcel(asker: Asker, to: str, message: Reported, delivered: Sequence[Delivered], reporter: Reporter) -> Parcel:
    translate = translator(asker.language)
    there = [line for one in delivered if not one.waits for line in _lines(one, asker.language)]
    waits = [translate(one.waits).format(address=one.recipient.address) for one in delivered if one.waits]
    words = [translate(_("Your message was delivered:")), "", *there, ""] if there else []
    if waits:
        words += [translate(_("Your message waits; you will be told when it is delivered:")), "", *waits, ""]
    subject = translate(_("Delivered: {subject}") if there else _("Waiting: {subject}"))
    fields = [_of_one(one) for one in delivered]
    content = report(reporter, asker.language, to, message, subject, "\n".join(words), fields)
    if asker.post is None:
        return Parcel(BytesIO(content), frozenset({asker.account_id}), list_id=None)
    out = Outgoing(
        None, "", [OutsideRecipient(to, frozenset({"NEVER"}))], Priority.NORMAL,
        eightbit=not content.isascii(), utf8=not to.isascii(), tls=asker.post.tls,
    )  # fmt: skip
    return Parcel(BytesIO(content), frozenset(), list_id=None, stored=enqueuing(out, asker.post.schedule))


def _lines(one: Delivered, language: Language) -> list[str]:
    translate = translator(language)
    to = one.recipient.address
    if one.mailboxes is None:
        return [translate(_("{address}: delivered")).format(address=to)]
    text = translate(_("{address}: delivered (mailboxes: {number})"))
    lines = [text.format(address=to, number=one.mailboxes)]
    if one.without:
        text = translate(_("  Without account, so that they did not get it ({number}): {names}"))
        names = ", ".join(one.without[:NAMES_AT_MOST]) + (" …" if len(one.without) > NAMES_AT_MOST else "")
        lines.append(text.format(number=len(one.without), names=names))
    return lines


def _of_one(one: Delivered) -> dict[str, str]:
    """RFC 3464 section 2.3."""
    original = {"Original-Recipient": printable(one.recipient.original)} if one.recipient.original else {}
    return {
        **original,
        "Final-Recipient": f"rfc822; {one.recipient.address}",
        "Action": "delayed" if one.waits else "delivered",
        "Status": "4.0.0" if one.waits else "2.0.0",
    }


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
