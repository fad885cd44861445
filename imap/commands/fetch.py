"""FETCH (RFC 9051 section 6.4.5): messages in chunks, bodies in pieces, memory bounded whatever is asked."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from imap import flags
from imap.backend import Entries, FlagAction, Rendered
from imap.commands.ahead import one_ahead
from imap.commands.fetch_plan import Chunk, Plan, make_plan
from imap.commands.fetch_sections import put_sections
from imap.commands.messages import chunks, positions
from imap.commands.read_ahead import read_ahead
from imap.commands.store import is_known, write
from imap.errors import BadCommand, CommandRefused, MessageGone, NotPermitted
from imap.parsing.fetch import Fetch
from imap.parsing.fetch_items import FetchItem
from imap.parsing.partial import PartialRange
from imap.parsing.sequence import SequenceSet
from imap.responses import Completion
from imap.rights import Rights
from imap.selected.marking import Marks, spans_of
from imap.selected.resync import vanished_since
from imap.selected.view import Columns, View

if TYPE_CHECKING:
    from imap.session import Session

_CHUNK: Final = 500
"""Messages per look into the store."""
_PREVIEWS: Final = 50
"""Messages whose previews are made at a time, each from 256 KiB at most."""
_AHEAD: Final = 1_000
"""Messages whose entries are read at once when a command asks for many."""
_JOINED: Final = 100
"""Responses put in one piece: a block of memory of 256 KiB would come anew from the system each time."""


async def fetch(session: Session, _tag: str, command: Fetch) -> Completion:
    """FETCH and UID FETCH."""
    view = session.selected
    if command.vanished and not (session.qresync and command.uid and command.changed_since is not None):
        raise BadCommand("VANISHED needs ENABLE QRESYNC, UID FETCH and CHANGEDSINCE")
    plan = make_plan(
        command,
        condstore=session.condstore,
        readonly=view.readonly or Rights.SEEN not in view.mailbox.rights,
        utf8=session.utf8,
        uidonly=session.uidonly,
    )
    if plan.modseq:
        session.enable_condstore()
    spans = positions(view, command.messages, uid=command.uid)
    if command.vanished:
        await _put_vanished(session, view, command)
    if command.partial is not None:
        spans = _part(spans, command.partial)
    asked = sum(map(len, spans))
    shown, unknown = await _fetch_spans(session, plan, spans, command.changed_since)
    if unknown:
        raise CommandRefused("The transfer encoding of a part is not known", code="UNKNOWN-CTE")
    if shown < asked and not command.uid:
        raise MessageGone("Some of these messages were expunged")
    return Completion("FETCH completed")


async def put_items(session: Session, view: View, uids: Collection[int], items: tuple[FetchItem, ...]) -> None:
    """FETCH responses that no FETCH asked for, of announced messages; nothing is marked as seen."""
    command = Fetch(uid=False, messages=SequenceSet(()), items=items)
    first = bisect_left(view.uids, min(uids, default=0), 0, view.count)
    for span in chunks([range(first, view.count)], _CHUNK):
        messages = view.columns(span)
        messages = messages.only([index for index, uid in enumerate(messages.uids) if uid in uids])
        if messages.uids:
            plan = make_plan(
                command, condstore=session.condstore, readonly=True, utf8=session.utf8, uidonly=session.uidonly
            )
            await _put_chunk(session, plan, await _read_chunk(session, view, plan, messages))
            await session.spill()


async def _fetch_spans(
    session: Session, plan: Plan, spans: Sequence[range], changed_since: int | None
) -> tuple[int, int]:
    """Answer chunk by chunk, the next one being read meanwhile; give how many messages were still there, and how many
    parts have a transfer encoding that is not known.
    """
    view = session.selected
    if plan.sections:
        await read_ahead(session, plan, spans)
    asked = sum(map(len, spans))
    many = plan.needs_entries and asked > _CHUNK

    async def read(span: range, around: range) -> tuple[int, Chunk]:
        messages = view.columns(span)
        present = len(messages.uids)
        if changed_since is not None:
            messages = messages.since(changed_since)
        if many and messages.uids:
            await view.mailbox.learn(view.uids[around.start : around.stop])
        chunk = await _read_chunk(session, view, plan, messages)
        return present - (len(messages.uids) - len(chunk.messages.uids)), chunk

    if len(spans) == 1 and asked <= _CHUNK:
        shown, chunk = await read(spans[0], spans[0])
        return shown, await _put_chunk(session, plan, chunk)
    shown = unknown = 0
    spans_around = ((span, around) for around in chunks(spans, _AHEAD) for span in chunks([around], _CHUNK))
    async with aclosing(one_ahead(read(*span) for span in spans_around)) as read_chunks:
        async for present, chunk in read_chunks:
            shown += present
            unknown += await _put_chunk(session, plan, chunk)
            await session.spill()
            await session.progress(shown, asked)
    return shown, unknown


async def _put_vanished(session: Session, view: View, command: Fetch) -> None:
    since = command.changed_since or 0
    vanished = await view.mailbox.vanished(since)
    gone = vanished_since(view, vanished, command.messages)
    if gone:
        session.put(b"* VANISHED (EARLIER) %b\r\n" % gone)


def _part(spans: Sequence[range], partial: PartialRange) -> list[range]:
    """The positions at these places among all that the set names (RFC 9394 3.3)."""
    places = partial.of(range(sum(map(len, spans))))
    kept = []
    passed = 0
    for span in spans:
        cut = span[max(places[0] - passed, 0) : max(places[-1] + 1 - passed, 0)] if places else range(0)
        if cut:
            kept.append(cut)
        passed += len(span)
    return kept


async def _read_chunk(session: Session, view: View, plan: Plan, messages: Columns) -> Chunk:
    """What the answer for some messages is made of; those that turn out to be gone are left out."""
    read_at = view.mailbox.highestmodseq
    entries = Entries()
    rendered: Sequence[Rendered] = ()
    if plan.needs_entries and messages.uids:
        messages, entries = await _read_entries(session, view, messages)
    if plan.rendering and messages.uids:
        messages, entries, rendered = await _read_rendered(session, plan, messages, entries)
    return Chunk(view, messages, entries, rendered, read_at)


async def _put_chunk(session: Session, plan: Plan, chunk: Chunk) -> int:
    """Answer for the messages of a chunk, with the flags that they have by now; give what `put_sections` does."""
    view = chunk.view
    if not chunk.messages.uids:
        return 0
    seen = plan.sets_seen and await _set_seen(session, view, chunk.messages)
    if view.mailbox.highestmodseq != chunk.read_at:
        chunk = replace(chunk, messages=_as_now(view, chunk.messages))
    if plan.tells_news:
        view.forget_news(chunk.messages.uids)
    pieces = plan.pieces(chunk, with_flags=seen)
    if plan.sections:
        return await put_sections(session, plan, chunk, pieces)
    for start in range(0, len(chunk.messages.uids), _JOINED):
        some = [column[start : start + _JOINED] for column in pieces]
        session.put(b"".join(chain.from_iterable(zip(*some, strict=True)) if len(some) > 1 else some[0]))
        await session.spill()
    return 0


async def _read_entries(session: Session, view: View, messages: Columns) -> tuple[Columns, Entries]:
    """What the store knows of the messages; those that are gone by now are left out."""
    entries = await view.mailbox.entries(messages.uids)
    if len(entries) == len(messages.uids):
        return messages, entries
    present = frozenset(entries.uids)
    return messages.only([index for index, uid in enumerate(messages.uids) if uid in present]), entries


async def _read_rendered(
    session: Session, plan: Plan, messages: Columns, entries: Entries
) -> tuple[Columns, Entries, Sequence[Rendered]]:
    """The texts of the messages; those whose content is gone by now are left out."""
    ids = entries.message_ids
    texts = await session.account.rendered(dict.fromkeys(ids), plan.rendering)
    if plan.previews:
        texts = await _with_previews(session, texts)
    found = [texts[message_id] for message_id in ids if message_id in texts]
    if len(found) < len(ids):
        kept = [index for index, message_id in enumerate(ids) if message_id in texts]
        messages, entries = messages.only(kept), entries.only(kept)
    return messages, entries, found


async def _with_previews(session: Session, texts: Mapping[bytes, Rendered]) -> Mapping[bytes, Rendered]:
    """The same texts, with the previews that an earlier version did not make."""
    missing = [message_id for message_id, text in texts.items() if text.preview is None]
    if not missing:
        return texts
    found = dict(texts)
    for start in range(0, len(missing), _PREVIEWS):
        made = await session.account.make_previews(missing[start : start + _PREVIEWS])
        for message_id in missing[start : start + _PREVIEWS]:
            found[message_id] = found[message_id]._replace(preview=made.get(message_id, b""))
    return found


async def _set_seen(session: Session, view: View, messages: Columns) -> bool:
    """Set ``\\Seen`` as reading does; True when some message had it not: then the answer tells all flags.

    A right that was taken away since the last look is no failure of FETCH (RFC 4314 section 4).
    """
    unseen = [uid for uid, mask in zip(messages.uids, messages.flags, strict=True) if not mask & flags.SEEN]
    if not unseen:
        return False
    if is_known(session, view):
        marks = Marks(view.mailbox)
        spans = spans_of(number - 1 for number in messages.numbers)
        if marks.add(spans, FlagAction.ADD, flags.SEEN, ()) and await write(session, view, marks):
            return True
    try:
        stored = await session.account.store(view.mailbox.ref, unseen, FlagAction.ADD, flags.SEEN, ())
    except NotPermitted:
        return False
    await view.mailbox.settle_stored(stored, view)
    return True


def _as_now(view: View, messages: Columns) -> Columns:
    """The same messages with the flags they have by now; a message just expunged keeps its last ones."""
    mailbox = view.mailbox
    masks, modseqs = list(messages.flags), list(messages.modseqs)
    for place, index in enumerate(map(mailbox.index, messages.uids)):
        if index >= 0:
            masks[place], modseqs[place] = mailbox.flags[index], mailbox.modseqs[index]
    return messages._replace(flags=masks, modseqs=modseqs)
