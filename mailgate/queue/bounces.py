"""What the sender is told of a message that left: it failed, it waits, or nobody will report further (RFC 3464).

The report goes to the reverse path, when that is a mailbox here, in the language of its school; never to the null
reverse path, and never for what the sender did not want to be told (NOTIFY, RFC 3461 section 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import Enum
from io import BytesIO
from typing import Final

from imap.backend import Rendering
from imap.errors import MessageGone
from mailgate.database import Database, Tx
from mailgate.delivery import recipients
from mailgate.delivery.recipients import PersonRecipient
from mailgate.delivery.reports import Reported, Reporter, printable, report
from mailgate.i18n import Language, translator
from mailgate.policy.schools import language_of_person
from mailgate.queue.claim import Entry
from mailgate.store import Parcel
from mailgate.store.messages import cut, joined, read_chunks, read_range, read_rendered
from smtp.header import Header, read_fields
from smtp.tls_demand import TlsDemand

WHOLE: Final = 1024 * 1024
"""Octets of a message that is returned whole to who asked for it (RET=FULL); of a larger one the header."""


class Kind(Enum):
    """What is told: the word of NOTIFY that asks for it, whether it is told unasked, and the Action field."""

    FAILED = ("FAILURE", True, "failed")
    DELAYED = ("DELAY", True, "delayed")
    RELAYED = ("SUCCESS", False, "relayed")

    def wanted(self, notify: Sequence[str]) -> bool:
        """Whether the sender is to be told of a recipient with this NOTIFY."""
        keyword, unasked, _ = self.value
        return keyword in notify if notify else unasked


@dataclass(frozen=True, slots=True)
class Told:
    """A recipient, and what was answered last."""

    address: str
    notify: Sequence[str]
    original: str | None
    status: str
    code: int
    answer: str
    remote: str
    given_up: bool = False
    """It was not refused: its time was over."""


class Bounces:
    """Writes reports to senders."""

    def __init__(self, database: Database, reporter: Reporter, language: Language) -> None:
        self._database = database
        self._reporter = reporter
        self._language = language

    async def parcel(self, entry: Entry, kind: Kind, told: Sequence[Told]) -> Parcel | None:
        """The report of those who are to be told of, for the INBOX of the sender; None when nobody is to be told."""
        wanted = [one for one in told if kind.wanted(one.notify)]
        if not wanted or not entry.mail_from:
            return None

        async def work(tx: Tx) -> tuple[int, Language, Reported] | None:
            to = await recipients.resolve(tx, entry.mail_from)
            if not isinstance(to, PersonRecipient) or not to.open:
                return None
            language = await language_of_person(tx, to.account_id) or self._language
            return (
                to.account_id,
                language,
                await _reported(tx, entry, whole=kind is Kind.FAILED and entry.tls is not TlsDemand.REQUIRED),
            )

        found = await self._database.read(work)
        if found is None:
            return None
        account_id, language, message = found
        words = _Words(language, kind, entry)
        content = report(
            self._reporter, language, entry.mail_from, message, words.subject(), words.text(wanted),
            [_fields(one, kind, entry) for one in wanted],
        )  # fmt: skip
        return Parcel(BytesIO(content), frozenset({account_id}), list_id=None)


async def _reported(tx: Tx, entry: Entry, *, whole: bool) -> Reported:
    try:
        header = await read_header(tx, entry.content_id)
    except MessageGone:
        header = b""
    kept = Header(read_fields(header)).without(b"return-path")
    content = None
    if whole and entry.ret == "FULL" and entry.size <= WHOLE:
        chunks = await read_chunks(tx, [entry.content_id])
        content = without_return_path(joined(chunks).get(entry.content_id, b""))
    arrived_at, future = entry.accepted_at or entry.created_at, entry.release_request or ""
    return Reported(kept.octets, kept.message_id, entry.envelope_id, arrived_at, content, future)


async def read_header(tx: Tx, content_id: bytes) -> bytes:
    """The header block of a content, with its empty line. Raises MessageGone."""
    rendered = await read_rendered(tx, [content_id], Rendering.HEADER)
    if content_id not in rendered:
        raise MessageGone("This message is gone")
    return rendered[content_id].header


def without_return_path(beginning: bytes) -> bytes:
    """The beginning of a stored content as it leaves: the field that final delivery put on top is taken off."""
    if beginning[:12].lower() != b"return-path:":
        return beginning
    return beginning[beginning.index(b"\r\n") + 2 :]


async def read_block(tx: Tx, content_id: bytes, start: int, stop: int) -> bytes:
    """A range of a content. Raises MessageGone."""
    return cut(await read_range(tx, content_id, start, stop), start, stop)


def _fields(one: Told, kind: Kind, entry: Entry) -> dict[str, str]:
    """RFC 3464 section 2.3; a recipient outside ASCII as RFC 6533 section 3 has it."""
    type_ = "rfc822" if one.address.isascii() else "utf-8"
    found = {"Original-Recipient": printable(one.original)} if one.original else {}
    found["Final-Recipient"] = f"{type_}; {printable(one.address) if type_ == 'rfc822' else one.address}"
    found["Action"] = kind.value[2]
    found["Status"] = "5.4.7" if one.given_up else one.status or ("2.0.0" if kind is Kind.RELAYED else "4.4.7")
    if one.remote:
        found["Remote-MTA"] = f"dns; {one.remote.partition('[')[0]}"
    if one.code and one.remote:
        found["Diagnostic-Code"] = f"smtp; {one.code} {one.status} {printable(one.answer)}"
    if kind is Kind.DELAYED:
        found["Will-Retry-Until"] = format_datetime(datetime.fromtimestamp(entry.expires_at, UTC))
    return found


class _Words:
    """What people read."""

    def __init__(self, language: Language, kind: Kind, entry: Entry) -> None:
        self._translate = translator(language)
        self._kind = kind
        self._days = max(1, round((entry.expires_at - entry.created_at) / 86_400))

    def subject(self) -> str:
        return self._translate(
            {
                Kind.FAILED: _("Not delivered: {subject}"),
                Kind.DELAYED: _("Still waiting: {subject}"),
                Kind.RELAYED: _("Passed on: {subject}"),
            }[self._kind]
        )

    def text(self, told: Sequence[Told]) -> str:
        opening = {
            Kind.FAILED: _("Your message could not be delivered to:"),
            Kind.DELAYED: _("Your message has not been delivered yet to:"),
            Kind.RELAYED: _("Your message was passed on to a server that sends no further reports, for:"),
        }[self._kind]
        lines = [self._translate(opening), ""]
        for one in told:
            lines.append(one.address)
            lines += [f"  {line}" for line in self._lines(one)]
        if self._kind is Kind.DELAYED:
            text = _("It is tried again by itself for {days} days; you need not send it again.")
            lines += ["", self._translate(text).format(days=self._days)]
        return "\n".join([*lines, ""])

    def _lines(self, one: Told) -> list[str]:
        if self._kind is Kind.RELAYED:
            return []
        given_up = _("For {days} days its server could not be reached, or asked to try again later.")
        reason = given_up if one.given_up else _reason(one.status) if self._kind is Kind.FAILED else ""
        lines = [self._translate(reason).format(days=self._days)] if reason else []
        if one.remote and one.answer:
            text = _("The answer of {server}: {answer}")
            lines.append(self._translate(text).format(server=one.remote.partition("[")[0], answer=one.answer))
        elif one.answer:
            lines.append(one.answer)
        return lines


def _reason(status: str) -> str:
    """A sentence for an enhanced status code (RFC 3463)."""
    detail = status.partition(".")[2]
    reasons = {
        "1.1": _("There is no such address there. Please check how it is written."),
        "1.2": _("There is no such domain. Please check how the address is written."),
        "1.10": _("This domain takes no mail."),
        "4.4": _("This domain takes no mail."),
        "2.1": _("This mailbox is closed."),
        "2.2": _("This mailbox is full."),
        "2.3": _("The message is too large for this mailbox."),
        "3.4": _("The message is too large for the other server."),
        "7.10": _("You asked for TLS all the way, and there is no such connection to the other server."),
        "7.30": _("You asked for TLS all the way, and the other server does not promise it."),
    }
    return reasons.get(detail, _("The other server refuses the message."))


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
