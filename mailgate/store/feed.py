"""The change feed: which mailboxes a transaction touched, to every process that has someone watching them.

A notification is a hint and never the truth: who gets one reads the log of the mailbox. Its payload is
``mail`` and then ``account:mailbox`` pairs in hexadecimal; mailbox 0 stands for the account's list of mailboxes, -1
for annotations. A pair that goes on with ``:modseq`` tells what the mailbox has come to, and that this is all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from imap.backend import Hint
from mailgate.database import Tx

MAILBOX_LIST: Final = 0
ANNOTATIONS: Final = -1
_TOPIC: Final = "mail"
_PAIRS_PER_PAYLOAD: Final = 150
"""Three 64-bit numbers take 51 characters at most: under the 8,000 bytes of a notification."""

Notify = Callable[[Hint], None]


def payloads(touched: Iterable[tuple[int, ...]]) -> Iterator[str]:
    """The notifications that announce these (account, mailbox) pairs, or triples with a modification sequence."""
    pairs = [":".join([f"{number:x}" for number in one]) for one in touched]
    for start in range(0, len(pairs), _PAIRS_PER_PAYLOAD):
        yield f"{_TOPIC} {' '.join(pairs[start : start + _PAIRS_PER_PAYLOAD])}"


async def announce(tx: Tx, touched: Iterable[tuple[int, ...]]) -> None:
    """Tell every process, when this commits, that these mailboxes changed: (account, mailbox), and the modification
    sequence if all that happened has it.
    """
    for payload in payloads(touched):
        await tx.notify(payload)


class Watchers:
    """Who wants to hear of which account, in this process."""

    def __init__(self) -> None:
        self._by_account: dict[int, list[Notify]] = {}

    def add(self, account_id: int, notify: Notify) -> Callable[[], None]:
        """Call `notify` at each hint of this account; the answer ends it."""
        self._by_account.setdefault(account_id, []).append(notify)
        return partial(self._remove, account_id, notify)

    def _remove(self, account_id: int, notify: Notify) -> None:
        watching = self._by_account.get(account_id, [])
        if notify in watching:
            watching.remove(notify)
        if not watching:
            self._by_account.pop(account_id, None)

    def receive(self, payload: str | None) -> None:
        """Take one notification of the database; None says that some were missed."""
        if payload is None:
            for account_id in list(self._by_account):
                self._tell(account_id, Hint(None, mailboxes_changed=True, annotations_changed=True))
            return
        topic, _, pairs = payload.partition(" ")
        if topic != _TOPIC:
            return
        touched: defaultdict[int, set[int]] = defaultdict(set)
        reached: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for pair in pairs.split():
            account, mailbox, *modseq = pair.split(":")
            account_id = int(account, 16)
            if account_id in self._by_account:
                touched[account_id].add(int(mailbox, 16))
                if modseq:
                    reached[account_id][int(mailbox, 16)] = int(modseq[0], 16)
        for account_id, mailboxes in touched.items():
            hint = Hint(
                frozenset(mailboxes - {MAILBOX_LIST, ANNOTATIONS}),
                mailboxes_changed=MAILBOX_LIST in mailboxes,
                annotations_changed=ANNOTATIONS in mailboxes,
                reached=reached[account_id],
            )
            self._tell(account_id, hint)

    def _tell(self, account_id: int, hint: Hint) -> None:
        for notify in tuple(self._by_account.get(account_id, ())):
            notify(hint)
