"""FETCH (RFC 9051 section 6.4.5): messages in chunks, bodies in pieces, memory bounded whatever is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from imap import flags
from imap.backend import Entry, FlagAction, Rendered
from imap.commands.fetch_plan import Chunk, Plan, make_plan
from imap.commands.fetch_sections import put_sections
from imap.commands.messages import positions
from imap.errors import BadCommand, CommandRefused, MessageGone
from imap.parsing.commands import Fetch
from imap.responses import Completion
from imap.selected.resync import vanished_since
from imap.selected.view import State, View

if TYPE_CHECKING:
    from imap.session import Session

_CHUNK: Final = 500
"""Messages per look into the store."""


async def fetch(session: Session, _tag: str, command: Fetch) -> Completion:
    """FETCH and UID FETCH."""
    view = session.selected
    if command.vanished and not (session.qresync and command.uid and command.changed_since is not None):
        raise BadCommand("VANISHED needs ENABLE QRESYNC, UID FETCH and CHANGEDSINCE")
    plan = make_plan(command, condstore=session.condstore, readonly=view.readonly)
    if plan.modseq:
        session.enable_condstore()
    spans = positions(view, command.messages, uid=command.uid)
    if command.vanished:
        await _put_vanished(session, view, command)
    asked = sum(map(len, spans))
    shown = 0
    for span in _chunks(spans):
        states = list(view.states(span))
        shown += len(states)
        if command.changed_since is not None:
            states = [state for state in states if state.modseq > command.changed_since]
        if states:
            shown -= await _fetch_chunk(session, view, plan, states)
            await session.spill()
    if plan.refusals:
        raise CommandRefused("The transfer encoding of a part is not known", code="UNKNOWN-CTE")
    if shown < asked and not command.uid:
        raise MessageGone("Some of these messages were expunged")
    return Completion("FETCH completed")


async def _put_vanished(session: Session, view: View, command: Fetch) -> None:
    since = command.changed_since or 0
    changes = await session.account.changes(view.mailbox.mailbox_id, since)
    gone = vanished_since(view, changes, command.messages)
    if gone:
        session.put(b"* VANISHED (EARLIER) %b\r\n" % gone)


def _chunks(spans: Sequence[range]) -> Iterator[range]:
    for span in spans:
        for start in range(span.start, span.stop, _CHUNK):
            yield range(start, min(start + _CHUNK, span.stop))


async def _fetch_chunk(session: Session, view: View, plan: Plan, states: list[State]) -> int:
    """Answer for some messages; give how many of them turned out to be gone."""
    asked = len(states)
    entries: Sequence[Entry] = ()
    rendered: list[Rendered] = []
    if plan.needs_entries:
        found = await session.account.entries(view.mailbox.mailbox_id, [state.uid for state in states])
        by_uid = {entry.uid: entry for entry in found}
        if len(by_uid) < len(states):
            states = [state for state in states if state.uid in by_uid]
        entries = [by_uid[state.uid] for state in states]
    if plan.rendering:
        texts = await session.account.rendered({entry.message_id for entry in entries}, plan.rendering)
        if any(entry.message_id not in texts for entry in entries):
            kept = [index for index, entry in enumerate(entries) if entry.message_id in texts]
            states, entries = [states[index] for index in kept], [entries[index] for index in kept]
        rendered = [texts[entry.message_id] for entry in entries]
    seen = plan.sets_seen and await _set_seen(session, view, states)
    if plan.needs_entries:
        states = _as_now(view, states)
    chunk = Chunk(view, states, entries, rendered)
    rows = plan.rows(chunk, with_flags=seen)
    if plan.sections:
        await put_sections(session, plan, chunk, rows)
    else:
        session.put(b"".join(rows))
    return asked - len(states)


async def _set_seen(session: Session, view: View, states: Sequence[State]) -> bool:
    """Set ``\\Seen`` as reading does; True when some message had it not: then the answer tells all flags."""
    unseen = [state.uid for state in states if not state.flags & flags.SEEN]
    if not unseen:
        return False
    stored = await session.account.store(view.mailbox.mailbox_id, unseen, FlagAction.ADD, flags.SEEN, ())
    await view.mailbox.settle(stored.modseq, changed=stored.changed, keywords=stored.keywords, origin=view)
    return True


def _as_now(view: View, states: list[State]) -> list[State]:
    """The same messages with the flags they have by now; a message just expunged keeps its last ones."""
    mailbox = view.mailbox
    now = []
    for state in states:
        index = mailbox.index(state.uid)
        changed = index >= 0 and mailbox.modseqs[index] != state.modseq
        now.append(state._replace(flags=mailbox.flags[index], modseq=mailbox.modseqs[index]) if changed else state)
    return now
