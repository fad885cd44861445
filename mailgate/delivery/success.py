"""The report that a writer asked for with ``NOTIFY=SUCCESS`` (RFC 3461): to whom the message was delivered.

A list is delivered to when it takes the message (RFC 3461 section 5.2.7.1), and its members are nobody's business but
the staff's: a member of staff reads how many mailboxes it reached and who of the list has no account, by name. Nobody
reads an address that was not in the envelope. What waits for approval is not delivered, and not reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from mailgate.database import Tx
from mailgate.delivery.recipients import ListRecipient, PersonRecipient
from mailgate.delivery.reports import Reported, Reporter, printable, report
from mailgate.delivery.states import left_out
from mailgate.i18n import Language, translator
from mailgate.store import Parcel
from smtp.handler import Envelope, Recipient
from smtp.message import Prepared

SUCCESS: Final = "SUCCESS"
NAMES_AT_MOST: Final = 100
"""Of people without account, for each list."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who gets the report; `staff` says whether of lists more is told than that they took the message."""

    account_id: int
    staff: bool
    language: Language


@dataclass(frozen=True, slots=True)
class Delivered:
    """A recipient for whom a report was asked, and of a list how many mailboxes got it and who of it has none."""

    recipient: Recipient
    mailboxes: int | None = None
    without: tuple[str, ...] = ()


def asked(envelope: Envelope) -> list[Recipient]:
    """Those for whom a report is to be made now; nobody where there is no reverse path (RFC 3461 section 6.1)."""
    if not envelope.mail_from:
        return []
    here = (PersonRecipient, ListRecipient)
    found = [one for one in envelope.recipients if SUCCESS in one.notify and isinstance(one.resolved, here)]
    return [one for one in found if not (isinstance(one.resolved, ListRecipient) and one.resolved.hold_minutes)]


async def look(tx: Tx, asker: Asker, wanted: Sequence[Recipient], parcels: Sequence[Parcel]) -> list[Delivered]:
    """What there is to say of each recipient."""
    reached = {parcel.list_id: len(parcel.account_ids) for parcel in parcels}
    found = []
    for one in wanted:
        if isinstance(one.resolved, ListRecipient) and asker.staff:
            list_id = one.resolved.list_id
            found.append(Delivered(one, reached.get(list_id, 0), tuple(await left_out(tx, list_id))))
        else:
            found.append(Delivered(one))
    return found


def parcel(
    asker: Asker, envelope: Envelope, message: Prepared, delivered: Sequence[Delivered], *, reporter: Reporter
) -> Parcel:
    """The report, for the INBOX of who asked."""
    translate = translator(asker.language)
    lines = [line for one in delivered for line in _lines(one, asker.language)]
    words = "\n".join([translate(_("Your message was delivered:")), "", *lines, ""])
    content = report(
        reporter, asker.language, envelope.mail_from,
        Reported(message.header, message.message_id, envelope.envelope_id),
        translate(_("Delivered: {subject}")), words, [_of_one(one) for one in delivered],
    )  # fmt: skip
    return Parcel(BytesIO(content), frozenset({asker.account_id}), list_id=None)


def _lines(one: Delivered, language: Language) -> list[str]:
    translate = translator(language)
    to = one.recipient.address
    if one.mailboxes is None:
        return [translate(_("{address}: delivered")).format(address=to)]
    text = translate(_("{address}: delivered to {number} mailboxes"))
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
        "Action": "delivered",
        "Status": "2.0.0",
    }


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
