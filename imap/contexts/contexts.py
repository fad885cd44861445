"""The contexts of one selected mailbox, and how news of the mailbox become news of the results.

Messages that may have begun or ceased to fit are noted at once; whether they do is decided later, when the account can
be awaited. What is expunged leaves the results at once, before its sequence number is gone (RFC 5267 4.3.4).
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from imap.contexts.program import among, lasts, names_last, with_uids
from imap.contexts.results import Results, SortValues, Update
from imap.errors import CommandRefused
from imap.parsing.fetch_items import FetchItem
from imap.parsing.search_keys import SearchKey
from imap.parsing.sort import SortCriterion
from imap.parsing.wire import uid_set
from imap.search import search as find
from imap.search.frozen import FrozenView
from imap.search.results import Correlator, esearch_response
from imap.search.view import MessageSource
from imap.selected.source import SelectedSource
from imap.selected.view import View
from imap.sort.values import sort_values

_log = logging.getLogger(__name__)

Put = Callable[[bytes], None]
Show = Callable[[Collection[int], tuple[FetchItem, ...]], Awaitable[None]]
"""Puts FETCH responses of messages by their UIDs."""


class Context:
    """One searching command with UPDATE."""

    def __init__(
        self, tag: str, frozen: FrozenView, key: SearchKey, criteria: Sequence[SortCriterion], *, uid: bool
    ) -> None:
        self.tag = tag
        self.correlator = Correlator(tag)
        self.items: tuple[FetchItem, ...] = ()
        """What to show of new messages that fit (RFC 5465 section 7)."""
        self.uid = uid
        self.key = with_uids(key, frozen)
        self.criteria = criteria
        self.results: Results | None = None
        """None until the command has its first results."""
        self.lasts = lasts(self.key)
        self.names_last = names_last(self.key)
        self.reach = self.last = frozen.uids[-1] if len(frozen.uids) else 0
        """Messages after `reach` were not looked at yet; ``*`` meant `last` when they were."""
        self.doubtful: set[int] = set()
        self.vanished: set[int] = set()

    def updates(self, item: bytes, updates: Iterable[Update], view: View) -> list[bytes]:
        """One data item, ADDTO or REMOVEFROM; none without an update."""
        pairs = [
            b"%d %b" % (position, uid_set(uids if self.uid else [view.position(uid) + 1 for uid in uids]))
            for position, uids in updates
        ]
        return [b"%b (%b)" % (item, b" ".join(pairs))] if pairs else []

    def response(self, data: Sequence[bytes]) -> bytes:
        """The ESEARCH response with these items; nothing without any."""
        return esearch_response(self.correlator, data, uid=self.uid) if data else b""


class Contexts:
    """Contexts by their tags; they end with the selection."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._contexts: dict[str, Context] = {}
        self._failed = False

    def __len__(self) -> int:
        return len(self._contexts)

    def __contains__(self, tag: str) -> bool:
        return tag in self._contexts

    def add(self, context: Context) -> None:
        """Begin to note what happens; updates come once the context has results."""
        self._contexts[context.tag] = context

    def cancel(self, tag: str) -> None:
        """No more updates."""
        self._contexts.pop(tag, None)

    def sorted_messages(self) -> int:
        """How many results of SORT are kept."""
        return sum(len(c.results) for c in self._contexts.values() if c.criteria and c.results is not None)

    def note(self, changed: Iterable[int], vanished: Iterable[int]) -> None:
        """Flags of messages changed, and messages were expunged."""
        self._failed = False
        for context in self._contexts.values():
            if not context.lasts:
                context.doubtful.update(changed)
            context.vanished.update(vanished)

    def removals(self) -> bytes:
        """REMOVEFROM for what was expunged: to be sent before the expunge itself."""
        lines = []
        for context in self._contexts.values():
            if context.vanished and context.results is not None:
                updates = context.results.remove(context.vanished)
                lines.append(context.response(context.updates(b"REMOVEFROM", updates, self._view)))
                context.doubtful -= context.vanished
                context.vanished.clear()
        return b"".join(lines)

    # Deciding

    async def refresh(self, put: Put, show: Show) -> None:
        """Decide what is in doubt and put the updates. Call it once the messages themselves were announced.

        What the account could not be asked for stays in doubt.
        """
        self._failed = False
        for context in tuple(self._contexts.values()):
            await self._refresh(context, put, show)

    @property
    def in_doubt(self) -> bool:
        """Whether `refresh` has something to do; after a failure only once there is news again."""
        return not self._failed and any(map(self._in_doubt, self._contexts.values()))

    def _in_doubt(self, context: Context) -> bool:
        announced = self._view.announced()
        last = announced[-1] if len(announced) else 0
        moved = context.names_last and last != context.last
        return context.results is not None and (moved or last > context.reach or bool(context.doubtful))

    async def _refresh(self, context: Context, put: Put, show: Show) -> None:
        view = self._view
        while self._in_doubt(context) and context.tag in self._contexts:
            announced = view.announced()
            arrived = announced[bisect_right(announced, context.reach) :]
            last = announced[-1] if len(announced) else 0
            if context.names_last and last != context.last:
                context.doubtful.update((context.last, last))
            context.last = last
            context.reach = max(context.reach, last)
            doubtful = sorted({*(uid for uid in context.doubtful if view.position(uid) >= 0), *arrived})
            context.doubtful.clear()
            if not doubtful:
                return
            frozen = FrozenView.of(view)
            source = SelectedSource(view.mailbox)
            try:
                fit = set(await find(among(doubtful, context.key), frozen, source, view.mailbox.ref))
                values = await self._values(context, fit, source)
                if context.items and (new := fit.intersection(arrived)):
                    await show(new, context.items)
            except CommandRefused as error:
                _log.warning("results not brought up to date", extra={"code": error.code})
                context.doubtful.update(doubtful)
                self._failed = True
                return
            put(self._apply(context, doubtful, fit, values))

    async def _values(self, context: Context, fit: set[int], source: MessageSource) -> SortValues:
        """What new results of SORT are sorted by."""
        if not context.criteria or context.results is None:
            return {}
        added = [uid for uid in sorted(fit) if uid not in context.results]
        return await sort_values(context.criteria, added, self._view.mailbox.ref, source)

    def _apply(self, context: Context, doubtful: Sequence[int], fit: set[int], values: SortValues) -> bytes:
        """Change the results, and say so at once: the positions hold at this moment."""
        view, results = self._view, context.results
        if results is None or context.tag not in self._contexts:
            return b""
        there = [uid for uid in doubtful if view.mailbox.index(uid) >= 0 and view.position(uid) >= 0]
        removed = results.remove([uid for uid in there if uid not in fit])
        added = [uid for uid in there if uid in fit and uid not in results and (not context.criteria or uid in values)]
        data = context.updates(b"REMOVEFROM", removed, view)
        data += context.updates(b"ADDTO", results.insert(added, values), view)
        return context.response(data)
