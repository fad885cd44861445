"""STORE and EXPUNGE (RFC 9051 sections 6.4.6 and 6.4.3, RFC 4315, RFC 7162)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from imap.backend import FlagAction, Stored
from imap.commands.messages import existing_uids, positions, require_writable
from imap.parsing.store import Expunge, Store
from imap.parsing.wire import uid_set
from imap.responses import Completion
from imap.rights import settable
from imap.selected.marking import Marks, masks
from imap.selected.news import flag_lines, flags_line
from imap.selected.view import View

if TYPE_CHECKING:
    from imap.session import Session

_ALL_FLAGS: Final = -1


async def store(session: Session, _tag: str, command: Store) -> Completion:
    """STORE and UID STORE: one write for all messages."""
    view = session.selected
    if command.unchanged_since is not None:
        session.enable_condstore()
    require_writable(view)
    spans = positions(view, command.messages, uid=command.uid)
    uids = view.uids_of(spans)
    gone = set(view.vanished).intersection(uids)
    with session.patience():
        stored = None
        if command.unchanged_since is None:
            flags = command.flags
            stored = await store_known(session, view, spans, command.action, flags.mask, flags.keywords)
        if stored is None:
            stored = await session.account.store(
                view.mailbox.ref,
                [uid for uid in uids if uid not in gone] if gone else uids,
                command.action,
                command.flags.mask,
                command.flags.keywords,
                command.unchanged_since,
            )
            await view.mailbox.settle(stored.modseq, changed=stored.changed, keywords=stored.keywords, origin=view)
    told = {change.uid for change in stored.changed} if command.silent else None
    await _put_flags(session, command, spans, told, set(stored.conflicts))
    condition = "NO" if gone and not command.uid else "OK"
    code = "EXPUNGEISSUED" if condition == "NO" else None
    if stored.conflicts:
        numbers = stored.conflicts if command.uid else [view.position(uid) + 1 for uid in stored.conflicts]
        code = f"MODIFIED {uid_set(numbers).decode()}"
    text = "Some of these messages were expunged" if condition == "NO" else "STORE completed"
    return Completion(text, code, condition)


async def store_known(
    session: Session, view: View, spans: list[range], action: FlagAction, system: int, names: Sequence[str]
) -> Stored | None:
    """Change flags as the columns of the mailbox have it, which then show it; None where they are not enough for that.

    That is when a message is gone, a keyword is new, nothing changes (or so it seems), or others were quicker.
    """
    mailbox = view.mailbox
    own = mailbox.ref.account_id == session.account.account_id and settable(mailbox.rights) == _ALL_FLAGS
    if not own or not view.in_step:
        return None
    wanted = masks(mailbox.keywords, action, system, names)
    if wanted is None:
        return None
    marks = Marks(mailbox, *wanted)
    if not marks.add(spans) or not marks.changed or not await session.account.mark(mailbox.ref, marks.marking):
        return None
    await mailbox.settle(marks.modseq, changed=marks.changed, origin=view)
    return Stored(marks.modseq, mailbox.keywords, marks.changed)


async def _put_flags(
    session: Session, command: Store, spans: list[range], told: set[int] | None, conflicts: set[int]
) -> None:
    """FETCH responses after STORE: all flags, or with SILENT only new modification sequences; conflicts in full."""
    view = session.selected
    style = session.style(uid=command.uid)
    if view.keywords_told != len(view.mailbox.keywords):
        session.put(b"".join(flag_lines(view, style)))
    for span in spans:
        for number, uid, mask, modseq in view.states(span):
            if told is None or uid in conflicts:
                session.put(flags_line(style, number, uid, view.flag_text(uid, mask), modseq))
                view.changed.discard(uid)
            elif session.condstore and uid in told:
                session.put(flags_line(style, number, uid, None, modseq))
            await session.spill()


async def expunge(session: Session, _tag: str, command: Expunge) -> Completion:
    """EXPUNGE and UID EXPUNGE."""
    view = session.selected
    require_writable(view)
    uids = None if command.uids is None else existing_uids(view, command.uids, uid=True)
    if uids is not None and not uids:
        return Completion("EXPUNGE completed")
    with session.patience():
        modseq, gone = await session.account.expunge(view.mailbox.ref, uids)
    if gone:
        await view.mailbox.settle(modseq, vanished=gone)
    highest = f"HIGHESTMODSEQ {view.mailbox.highestmodseq}" if gone and session.qresync else None
    return Completion("EXPUNGE completed", highest)
