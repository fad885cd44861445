"""Untagged responses that tell a session what happened in its mailbox (RFC 9051 7.4, 7.5; RFC 7162 3.2.10)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from imap.flags import MAX_KEYWORDS, SYSTEM_FLAGS
from imap.parsing.wire import uid_set
from imap.responses import status
from imap.rights import Rights, settable
from imap.selected.mailbox import at
from imap.selected.view import Columns, View, Wanted


def note(text: str, code: str) -> bytes:
    """``* OK [code] text``."""
    return status("*", "OK", text, code)


@dataclass(frozen=True, slots=True)
class NewsStyle:
    """How this client wants its news."""

    vanished: bool = False
    """VANISHED instead of EXPUNGE: QRESYNC or UIDONLY is enabled."""
    modseq: bool = False
    """MODSEQ in each FETCH: the client is CONDSTORE-aware."""
    uid: bool = False
    """UID in each FETCH (RFC 9051 6.4.9, RFC 7162 3.2.4)."""
    recent: bool = True
    """RECENT, for a client that did not enable IMAP4rev2."""
    uidonly: bool = False
    """UIDFETCH instead of FETCH: UIDONLY is enabled (RFC 9586 section 3.4)."""
    note: Callable[[str, str], bytes] = note
    """The line ``* OK [code] text`` in the client's language, from the text and the code."""


def take_news(view: View, style: NewsStyle, wanted: Wanted, *, most: int) -> bytes:
    """The responses that bring the client up to date; the view then counts them as told.

    Expunges are wanted only where the command allows them (RFC 9051 7.5.1); new messages are told only once no expunge
    waits, flags of ``most`` messages at a time: call again while `View.has_news`.
    """
    lines: list[bytes] = []
    if view.vanished and wanted.expunges:
        lines += _expunged(view, style)
    if view.vanished:
        if style.modseq:
            lines.append(style.note("Expunges are still to come", f"HIGHESTMODSEQ {view.floor}"))
    elif wanted.arrivals and (not view.in_step or view.count != len(view.mailbox.uids)):
        lines += _arrived(view, style)
    if view.keywords_told != len(view.mailbox.keywords) or view.rights_told != view.mailbox.rights:
        lines += flag_lines(view, style)
    if wanted.flags:
        lines += _flags(view, style, most)
    return b"".join(lines)


def take_arrivals(view: View, style: NewsStyle) -> bytes:
    """New messages before the expunges that wait, for the command that caused both (RFC 8508 section 3.2)."""
    return b"".join(_arrived(view, style))


def flag_lines(view: View, style: NewsStyle) -> list[bytes]:
    """FLAGS and PERMANENTFLAGS (RFC 9051 7.3.5), which the view then counts as told; the latter by the rights."""
    mailbox = view.mailbox
    view.keywords_told, view.rights_told = len(mailbox.keywords), mailbox.rights
    flags = " ".join((*SYSTEM_FLAGS, *mailbox.keywords)).encode()
    allowed = 0 if view.readonly else settable(mailbox.rights)
    names = [name for name, bit in SYSTEM_FLAGS.items() if bit & allowed]
    if not view.readonly and Rights.WRITE in mailbox.rights:
        names += mailbox.keywords
        names += ["\\*"] if len(mailbox.keywords) < MAX_KEYWORDS else []
    return [b"* FLAGS (%b)\r\n" % flags, style.note("Flags kept", f"PERMANENTFLAGS ({' '.join(names)})")]


def _expunged(view: View, style: NewsStyle) -> list[bytes]:
    gone = sorted(view.vanished)
    positions = [view.position(uid) for uid in gone]
    view.vanished = []
    view.uids = view.mailbox.uids
    view.count -= len(gone)
    if style.vanished:
        return [b"* VANISHED %b\r\n" % uid_set(gone)]
    return [b"* %d EXPUNGE\r\n" % (position + 1) for position in reversed(positions)]


def _arrived(view: View, style: NewsStyle) -> list[bytes]:
    mailbox = view.mailbox
    last = view.uids[view.count - 1] if view.count else 0
    begin = bisect_right(mailbox.uids, last)
    if not view.vanished:
        view.uids = mailbox.uids
    elif begin < len(mailbox.uids):
        view.uids = view.uids[: view.count] + mailbox.uids[begin:]
    if begin == len(mailbox.uids):
        return []
    first = mailbox.uids[begin]
    view.count += len(mailbox.uids) - begin
    if view.changed:
        view.changed = {uid for uid in view.changed if uid < first}
    lines = [b"* %d EXISTS\r\n" % view.count]
    if style.recent:
        view.add_recent(range(max(first, mailbox.recent_from), mailbox.uidnext))
        if not view.readonly:
            mailbox.recent_from = max(mailbox.recent_from, mailbox.uidnext)
        lines.append(b"* %d RECENT\r\n" % view.recent_count())
    return lines


def _flags(view: View, style: NewsStyle, most: int) -> list[bytes]:
    if not view.changed:
        return []
    chosen = sorted(view.changed) if len(view.changed) <= most else nsmallest(most, view.changed)
    view.changed.difference_update(chosen)
    mailbox = view.mailbox
    found = [(view.position(uid) + 1, uid, mailbox.index(uid)) for uid in chosen]
    found = [(number, uid, index) for number, uid, index in found if number and index >= 0]
    if not found:
        return []
    numbers, uids, indexes = zip(*found, strict=True)
    columns = Columns(numbers, uids, at(mailbox.flags, indexes), at(mailbox.modseqs, indexes))
    return flags_lines(style, columns, view.flag_column(columns))


def flags_lines(style: NewsStyle, columns: Columns, flags: Sequence[bytes] | None) -> list[bytes]:
    """FETCH responses of flags that changed; without FLAGS for a STORE that asked for silence."""
    items: list[tuple[bytes, Sequence[object]]] = []
    if style.uid and not style.uidonly:
        items.append((b"UID %d", columns.uids))
    if flags is not None:
        items.append((b"FLAGS (%b)", flags))
    if style.modseq:
        items.append((b"MODSEQ (%d)", columns.modseqs))
    template = b"* %d UIDFETCH (" if style.uidonly else b"* %d FETCH ("
    template += b" ".join([piece for piece, _ in items]) + b")\r\n"
    named = columns.uids if style.uidonly else columns.numbers
    return [template % row for row in zip(named, *[values for _, values in items], strict=True)]
