"""STORE and EXPUNGE (RFC 9051 sections 6.4.6 and 6.4.3, RFC 4315, RFC 7162)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

from imap.commands.batching import Batched, following
from imap.commands.messages import chunks, existing_uids, positions, require_writable
from imap.parsing.store import Expunge, Store
from imap.parsing.wire import uid_set
from imap.responses import Completion
from imap.rights import settable
from imap.selected.marking import Marks
from imap.selected.news import NewsStyle, flag_lines, flags_lines
from imap.selected.view import Columns, View

if TYPE_CHECKING:
    from imap.session import Session

_ALL_FLAGS: Final = -1
_ATTEMPTS: Final = 3
"""Times that a STORE is worked out from the columns while others are quicker; then the database does it."""
_CHUNK: Final = 2_000
"""Messages whose answers are made at once."""


async def store(session: Session, tag: str, command: Store) -> Completion | None:
    """STORE and UID STORE: one write for all messages, and for those STOREs that wait behind and can go along."""
    view = session.selected
    if command.unchanged_since is not None:
        session.enable_condstore()
    require_writable(view)
    spans = positions(view, command.messages, uid=command.uid)
    if command.unchanged_since is None:
        with session.patience():
            written = await _write_known(session, view, Batched(tag, command, spans))
        if written is not None:
            return await _answer(session, view, *written)
    return await _store_unknown(session, view, command, spans)


async def _write_known(session: Session, view: View, first: Batched) -> tuple[Marks, list[Batched]] | None:
    """Write a STORE as the columns have it, with those that go along; None, and nothing is written, where that does not
    do. One that changes nothing is not written: a look sees to it that this is so.
    """
    async with view.mailbox.storing:
        for attempt in range(_ATTEMPTS):
            if not is_known(session, view):
                break
            marks, batch = _work_out(session, view, first)
            if not batch:
                break
            if attempt and not marks.count:  # and all that was committed is known
                return marks, batch
            if not marks.count:
                await view.mailbox.refresh()
            elif await write(session, view, marks):
                return marks, batch
            elif marks.is_current:
                break  # nobody was quicker: the store has to work it out
    return None


def _work_out(session: Session, view: View, first: Batched) -> tuple[Marks, list[Batched]]:
    marks, batch = Marks(view.mailbox), list[Batched]()
    for one in chain((first,), following(session, view, first.spans)):
        flags = one.command.flags
        if not marks.add(one.spans, one.command.action, flags.mask, flags.keywords):
            break
        batch.append(one)
    return marks, batch


async def _answer(session: Session, view: View, marks: Marks, batch: Sequence[Batched]) -> Completion | None:
    """What each command did and its completion, in their order; news of others come with the last."""
    told = set(marks.uids) if session.condstore and any(one.command.silent for one in batch) else set[int]()
    completion = Completion("STORE completed")
    for one in batch[:-1]:
        await _put_flags(session, view, one.command, one.spans, told)
        session.complete(one.tag, one.command, completion)
        session.connection.reader.skip_line()
    last = batch[-1]
    await _put_flags(session, view, last.command, last.spans, told)
    if last is batch[0]:
        return completion
    await session.finish(last.tag, last.command, completion)
    return None


async def _store_unknown(session: Session, view: View, command: Store, spans: Sequence[range]) -> Completion:
    """STORE as the database has it."""
    uids = view.uids_of(spans)
    gone = set(view.vanished).intersection(uids)
    with session.patience():
        stored = await session.account.store(
            view.mailbox.ref,
            [uid for uid in uids if uid not in gone] if gone else uids,
            command.action,
            command.flags.mask,
            command.flags.keywords,
            command.unchanged_since,
        )
        await view.mailbox.settle_stored(stored, view)
    await _put_flags(
        session, view, command, spans, {change.uid for change in stored.changed}, frozenset(stored.conflicts)
    )
    condition = "NO" if gone and not command.uid else "OK"
    code = "EXPUNGEISSUED" if condition == "NO" else None
    if stored.conflicts:
        numbers = stored.conflicts if command.uid else [view.position(uid) + 1 for uid in stored.conflicts]
        code = f"MODIFIED {uid_set(numbers).decode()}"
    text = "Some of these messages were expunged" if condition == "NO" else "STORE completed"
    return Completion(text, code, condition)


def is_known(session: Session, view: View) -> bool:
    """Whether STORE can be worked out from the columns of the mailbox: it is one's own, and no message has gone."""
    mailbox = view.mailbox
    own = mailbox.ref.account_id == session.account.account_id
    return own and view.in_step and settable(mailbox.rights) == _ALL_FLAGS


async def write(session: Session, view: View, marks: Marks) -> bool:
    """Write what was worked out, which the columns then show; False when there is nothing, when others were quicker, of
    which the columns then show all, and when the store has to work it out.
    """
    if not marks.count:
        return False
    stamp = await session.account.mark(view.mailbox.ref, marks.marking)
    if stamp is None:
        await view.mailbox.refresh()
        return False
    await marks.settle(view, stamp)
    return True


async def _put_flags(
    session: Session,
    view: View,
    command: Store,
    spans: Sequence[range],
    told: Collection[int],
    conflicts: Collection[int] = frozenset(),
) -> None:
    """FETCH responses after STORE: all flags, or with SILENT only new modification sequences; conflicts in full."""
    style = session.style(uid=command.uid)
    if view.keywords_told != len(view.mailbox.keywords):
        session.put(b"".join(flag_lines(view, style)))
    if command.silent and not conflicts and not session.condstore:
        return
    for span in chunks(spans, _CHUNK):
        messages = view.columns(span)
        if command.silent:
            lines = _silent_lines(session, view, style, messages, told, conflicts)
        else:
            lines = flags_lines(style, messages, view.flag_column(messages))
            view.forget_news(messages.uids)
        session.put(b"".join(lines))
        await session.spill()


def _silent_lines(
    session: Session,
    view: View,
    style: NewsStyle,
    messages: Columns,
    told: Collection[int],
    conflicts: Collection[int],
) -> list[bytes]:
    failed = [index for index, uid in enumerate(messages.uids) if uid in conflicts]
    full = messages.only(failed)
    lines = dict(zip(failed, flags_lines(style, full, view.flag_column(full)), strict=True))
    view.forget_news(full.uids)
    if session.condstore:
        changed = [index for index, uid in enumerate(messages.uids) if uid in told and uid not in conflicts]
        lines.update(zip(changed, flags_lines(style, messages.only(changed), None), strict=True))
    return [lines[index] for index in sorted(lines)]


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
