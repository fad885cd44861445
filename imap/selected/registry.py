"""Which mailboxes are selected in this process, each held once however many sessions select it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

from imap.backend import Account, Hint, Located, MailboxRef
from imap.errors import ImapError, MailboxNotFound
from imap.selected.mailbox import SharedMailbox
from imap.selected.view import View
from imap.selected.warm import WarmMailboxes

_log = logging.getLogger(__name__)


class _OwnerWatch:
    """One watch for all mailboxes of one owner that one account has selected."""

    __slots__ = ("end", "heard", "looks", "mailboxes", "users")

    def __init__(self, account: Account, owner: int) -> None:
        self.mailboxes: dict[int, SharedMailbox] = {}
        self.users = 0
        """How many views the mailboxes have; one that is gone may still have some when its number is selected again."""
        self.looks = 0
        """SELECT commands that look for a mailbox just now."""
        self.heard = 0
        """Hints until now."""
        self.end: Callable[[], None] = account.watch(owner, self._notify)

    def _notify(self, hint: Hint) -> None:
        self.heard += 1
        ids = self.mailboxes.keys() if hint.mailbox_ids is None or hint.mailboxes_changed else hint.mailbox_ids
        for mailbox_id in tuple(ids):
            mailbox = self.mailboxes.get(mailbox_id)
            if mailbox is not None and mailbox.uidvalidity:
                mailbox.hint(hint.reached.get(mailbox_id))


class Registry:
    """The selected mailboxes of all sessions of one server."""

    def __init__(self) -> None:
        self._watches: dict[tuple[int, int], _OwnerWatch] = {}
        """By the account that signed in and the owner."""
        self._warm = WarmMailboxes()
        self._tasks: set[asyncio.Task[None]] = set()

    async def select(self, account: Account, name: str, *, readonly: bool) -> View:
        """Select by name: where the mailbox is in memory, by one look. Raises MailboxNotFound, NotPermitted."""
        own = account.account_id
        watch = self._watch(account, own)
        watch.looks += 1
        heard = watch.heard
        try:
            located = await account.locate(name)
            # what happens after this look is heard of from before it: of one's own mailboxes alone
            quiet = located.ref.account_id == own and watch.heard == heard
            return await self.open(account, located.ref, readonly=readonly, reached=located if quiet else None)
        finally:
            watch.looks -= 1
            self._end_if_unused(watch, own, own)

    async def open(self, account: Account, ref: MailboxRef, *, readonly: bool, reached: Located | None = None) -> View:
        """Select: a view of the newest state; end it with `close`. Raises MailboxNotFound.

        The newest state is the one that was `reached`, if that is known, and no hint came since.
        """
        owner, mailbox_id = ref
        watch = self._watch(account, owner)
        mailbox = watch.mailboxes.get(mailbox_id)
        if mailbox is None or mailbox.deleted:
            mailbox = self._warm.take(account.account_id, ref) or SharedMailbox(account, ref)
            mailbox.account = account
            watch.mailboxes[mailbox_id] = mailbox
        watch.users += 1
        mailbox.users += 1
        try:
            if not mailbox.uidvalidity:
                await mailbox.load()
            elif reached is None or (mailbox.highestmodseq, mailbox.stamp) != reached[1:]:
                await mailbox.refresh()
        except BaseException:
            self._leave(mailbox)
            raise
        if mailbox.deleted:
            self._leave(mailbox)
            raise MailboxNotFound("The mailbox was deleted")
        return View(mailbox, readonly=readonly)

    def _watch(self, account: Account, owner: int) -> _OwnerWatch:
        watch = self._watches.get((account.account_id, owner))
        if watch is None:
            watch = self._watches[account.account_id, owner] = _OwnerWatch(account, owner)
        return watch

    def _end_if_unused(self, watch: _OwnerWatch, account_id: int, owner: int) -> None:
        if not watch.users and not watch.looks:
            watch.end()
            del self._watches[account_id, owner]

    def close(self, view: View) -> None:
        """Unselect."""
        view.notify = None
        view.mailbox.views.remove(view)
        self._leave(view.mailbox)

    def _leave(self, mailbox: SharedMailbox) -> None:
        key, mailbox_id = (mailbox.account.account_id, mailbox.ref.account_id), mailbox.ref.mailbox_id
        watch = self._watches[key]
        watch.users -= 1
        mailbox.users -= 1
        if mailbox.users:
            return
        if watch.mailboxes[mailbox_id] is mailbox:
            del watch.mailboxes[mailbox_id]
        self._warm.keep(mailbox)
        if mailbox.is_unfinished:
            self._spawn(_retire(mailbox))
        self._end_if_unused(watch, *key)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait for the work in the background of mailboxes that were left."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))


async def _retire(mailbox: SharedMailbox) -> None:
    """Keep which messages were shown as recent; a failure only shows them as recent once more."""
    await mailbox.close()
    try:
        await mailbox.keep_recent()
    except ImapError as error:
        _log.info("recent messages not kept: %s", error.code)
    except Exception:
        _log.exception("recent messages not kept")
