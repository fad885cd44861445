"""SELECT, EXAMINE, CLOSE, UNSELECT (RFC 9051 sections 6.3.2, 6.3.3, 6.4.1, 6.4.2; RFC 7162 section 3.2.5)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from imap.commands.folders import old_name
from imap.commands.messages import chunks
from imap.errors import BadCommand, NotPermitted
from imap.mailbox_tree import MailboxTree, list_line
from imap.notifications import settle_messages, settle_selected, tell_selected
from imap.objectid import mailbox_id
from imap.parsing.commands import Close, Unselect
from imap.parsing.select import QResyncParam, Select
from imap.parsing.sequence import SequenceSet
from imap.responses import Completion
from imap.rights import Rights, read_write
from imap.selected.news import flag_lines, flags_lines
from imap.selected.resync import matched_uid, vanished_since
from imap.selected.view import View

if TYPE_CHECKING:
    from imap.session import Session

_CHUNK: Final = 10_000
"""Messages that are looked at at once."""


async def select(session: Session, _tag: str, command: Select) -> Completion:
    """SELECT and EXAMINE: a failure leaves no mailbox selected."""
    if command.qresync is not None and not session.qresync:
        raise BadCommand("Please ENABLE QRESYNC first")
    if session.view is not None:
        await settle_selected(session)
        session.unselect()
        session.note("Previous mailbox closed", "CLOSED")
    if command.condstore or command.qresync is not None:
        session.enable_condstore()
    account = session.account
    view = await session.context.registry.select(account, command.name, readonly=command.readonly)
    session.view = view
    view.notify = session.push
    tell_selected(session)
    if not session.rev2:
        await _claim_recent(view)
        view.begin()  # others may have changed the mailbox meanwhile
    _put_state(session, view)
    if session.rev2:
        await _put_list(session, command)
    if command.qresync is not None and command.qresync.uidvalidity == view.mailbox.uidvalidity:
        await _resynchronize(session, view, command.qresync)
    if command.readonly:
        return Completion("EXAMINE completed", "READ-ONLY")
    return Completion("SELECT completed", "READ-WRITE" if read_write(view.mailbox.rights) else "READ-ONLY")


async def close(session: Session, _tag: str, _command: Close) -> Completion:
    """CLOSE: expunges without a word, and never in a mailbox opened by EXAMINE; nor without the right to, which is
    no failure (RFC 4314 section 4).
    """
    view = session.selected
    await settle_selected(session)
    session.unselect()
    if not view.readonly and not view.mailbox.deleted and Rights.EXPUNGE in view.mailbox.rights:
        with contextlib.suppress(NotPermitted):
            modseq, gone = await session.account.expunge(view.mailbox.ref, None)
            if gone:
                await view.mailbox.settle(modseq, vanished=gone)
                await settle_messages(session, view.mailbox.ref)
    return Completion("CLOSE completed")


async def unselect(session: Session, _tag: str, _command: Unselect) -> Completion:
    """UNSELECT: leaves without expunging."""
    await settle_selected(session)
    session.unselect()
    return Completion("UNSELECT completed")


async def _claim_recent(view: View) -> None:
    mailbox = view.mailbox
    if view.readonly:
        view.add_recent(range(mailbox.recent_from, mailbox.uidnext))
    else:
        view.add_recent(await mailbox.claim_recent())


def _put_state(session: Session, view: View) -> None:
    """All that a client must know before its first command (RFC 9051 6.3.2)."""
    mailbox = view.mailbox
    for line in flag_lines(view, session.style()):
        session.put(line)
    session.put(b"* %d EXISTS\r\n" % view.count)
    if not session.rev2:
        session.put(b"* %d RECENT\r\n" % view.recent_count())
        unseen = view.first_unseen()
        if unseen and not session.uidonly:
            session.note("First unseen", f"UNSEEN {unseen}")
    session.note("UIDs valid", f"UIDVALIDITY {mailbox.uidvalidity}")
    session.note("Predicted next UID", f"UIDNEXT {mailbox.uidnext}")
    session.note("Highest", f"HIGHESTMODSEQ {mailbox.highestmodseq}")
    session.note("Kept when renamed", f"MAILBOXID ({mailbox_id(mailbox.ref)})")


async def _put_list(session: Session, command: Select) -> None:
    """The mailbox with its attributes, and the name that was asked for where that is another form of it."""
    tree = MailboxTree(await session.account.mailboxes(), ())
    extended = b"" if command.given is None else old_name(session, command.given)
    session.put(list_line(command.name, tree.attributes(command.name), utf8=session.utf8, extended=extended))


async def _resynchronize(session: Session, view: View, known: QResyncParam) -> None:
    """What happened since the client was last here (RFC 7162 3.2.5.1, 3.2.5.2)."""
    if known.modseq >= view.mailbox.highestmodseq:
        return
    uids = known.known_uids or SequenceSet(((1, max(view.mailbox.uidnext - 1, 1)),))
    vanished = await view.mailbox.vanished(known.modseq)
    above = matched_uid(view, *known.seq_match) if known.seq_match is not None else 0
    gone = vanished_since(view, vanished, uids, above=above)
    if gone:
        session.put(b"* VANISHED (EARLIER) %b\r\n" % gone)
    style = session.style(uid=True)
    for span in chunks(view.changed_positions(uids, known.modseq), _CHUNK):
        changed = view.columns(span).since(known.modseq)
        session.put(b"".join(flags_lines(style, changed, view.flag_column(changed))))
        await session.spill()
