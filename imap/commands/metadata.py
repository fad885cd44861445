"""GETMETADATA and SETMETADATA (RFC 5464), and annotations in LIST (RFC 9590)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from imap.backend import SERVER, MailboxRef
from imap.commands.filters import check_filter
from imap.errors import CommandRefused, NotPermitted
from imap.notifications import settle_annotations
from imap.parsing.metadata import UNBOUNDED, GetMetadata, SetMetadata
from imap.parsing.wire import NIL, astring, mailbox_name, quote_string
from imap.responses import Completion
from imap.rights import annotatable

if TYPE_CHECKING:
    from imap.session import Session

_SHARED: Final = "/shared"
_VALUES_AT_ONCE: Final = 20
"""Values read at once: of 64 KiB each at most."""


async def get_metadata(session: Session, _tag: str, command: GetMetadata) -> Completion:
    """GETMETADATA: an entry that was named and does not exist is answered with NIL."""
    where = await _resolve(session, command.name)
    sizes = await session.account.annotation_sizes(where)
    wanted: dict[str, str] = {}
    for written in command.entries:
        wanted.update(_matching(written, sizes, command.depth))
    longest = 0
    shown: list[tuple[str, str]] = []
    for entry, name in wanted.items():
        if command.maxsize is not None and sizes.get(entry, 0) > command.maxsize:
            longest = max(longest, sizes[entry])
        else:
            shown.append((entry, name))
    for start in range(0, len(shown), _VALUES_AT_ONCE):
        piece = shown[start : start + _VALUES_AT_ONCE]
        values = await session.account.annotation_values([where], [entry for entry, _ in piece])
        put_values(session, command.name, [name for _, name in piece], values.get(where, {}))
        await session.spill()
    return Completion("GETMETADATA completed", f"METADATA LONGENTRIES {longest}" if longest else None)


async def set_metadata(session: Session, _tag: str, command: SetMetadata) -> Completion:
    """SETMETADATA: all of the entries or none."""
    where = await _resolve(session, command.name)
    if where.mailbox_id == SERVER and any(_is_shared(entry) for entry, _ in command.values):
        raise NotPermitted("Shared entries of the server are set by its administrator")
    limit = session.context.limits.annotation
    if any(len(value) > limit for _, value in command.values if value is not None):
        raise CommandRefused("A value has {most} octets at most", most=limit, code=f"METADATA MAXSIZE {limit}")
    if where.mailbox_id == SERVER:
        for entry, value in command.values:
            if value is not None:
                check_filter(entry, value)
    revision = await session.account.annotate(where, dict(command.values))
    await settle_annotations(session, where, command.name, revision)
    return Completion("SETMETADATA completed")


def put_values(session: Session, mailbox: str, names: Sequence[str], values: Mapping[str, bytes]) -> None:
    """One METADATA response (RFC 5464 4.4.1): these entries as the client wrote them, NIL for what has no value."""
    pairs = (b"%b %b" % (astring(name), _value(values.get(name.lower()))) for name in names)
    session.put(b"* METADATA %b (%b)\r\n" % (mailbox_name(mailbox, utf8=session.utf8), b" ".join(pairs)))


async def _resolve(session: Session, name: str) -> MailboxRef:
    """Where the annotations are. Raises MailboxNotFound, NotPermitted (RFC 5464 section 3.3)."""
    account = session.account
    if not name:
        return MailboxRef(account.account_id, SERVER)
    try:
        mailbox = await account.mailbox(name)
    except NotPermitted:
        # reading is but one of the rights that would do
        found = [mailbox for mailbox in await account.mailboxes() if mailbox.name == name]
        if not found:
            raise
        mailbox = found[0]
    if not annotatable(mailbox.rights):
        raise NotPermitted("You have no right to do this")
    return mailbox.ref


def _matching(written: str, sizes: Mapping[str, int], depth: int) -> dict[str, str]:
    """Entries with the names to show them by: the one that was written, and what exists below it (RFC 5464 4.2.2)."""
    root = written.lower()
    found = {root: written} if root in sizes or not depth else {}
    if depth:
        below = root + "/"
        children = sorted(entry for entry in sizes if entry.startswith(below))
        found |= {entry: entry for entry in children if depth == UNBOUNDED or "/" not in entry[len(below) :]}
    return found


def _is_shared(entry: str) -> bool:
    return entry == _SHARED or entry.startswith(_SHARED + "/")


def _value(value: bytes | None) -> bytes:
    """A value as the response carries it; one with NUL in a literal8."""
    if value is None:
        return NIL
    return b"~{%d}\r\n%b" % (len(value), value) if b"\0" in value else quote_string(value)
