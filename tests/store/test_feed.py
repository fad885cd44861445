"""Notifications are short, and reach those who watch the account."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imap.backend import Hint
from mailgate.store.feed import Watchers, payloads

_pairs = st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(-1, 2**63 - 1)), max_size=700)


@given(_pairs)
def test_payloads_stay_below_the_limit_and_carry_all(pairs: list[tuple[int, int]]) -> None:
    heard: set[tuple[int, int]] = set()
    watchers = Watchers()
    for account_id in {account_id for account_id, _ in pairs}:

        def notify(hint: Hint, account_id: int = account_id) -> None:
            heard.update((account_id, mailbox_id) for mailbox_id in hint.mailbox_ids or ())
            if hint.mailboxes_changed:
                heard.add((account_id, 0))
            if hint.annotations_changed:
                heard.add((account_id, -1))

        watchers.add(account_id, notify)
    for payload in payloads(pairs):
        assert len(payload) < 8000
        watchers.receive(payload)
    assert heard == set(pairs)


def test_the_longest_pairs_fit() -> None:
    assert all(len(payload) < 8000 for payload in payloads([(2**63 - 1, 2**63 - 1)] * 1000))


def test_a_missed_notification_may_concern_everyone() -> None:
    heard: list[tuple[str, Hint]] = []
    watchers = Watchers()
    watchers.add(1, lambda hint: heard.append(("a", hint)))
    stop = watchers.add(1, lambda hint: heard.append(("b", hint)))
    watchers.add(2, lambda hint: heard.append(("c", hint)))
    stop()
    stop()
    watchers.receive(None)
    anything = Hint(None, mailboxes_changed=True, annotations_changed=True)
    assert heard == [("a", anything), ("c", anything)]


def test_a_watcher_may_end_its_watch_while_it_is_told() -> None:
    heard: list[Hint] = []
    watchers = Watchers()

    def once(hint: Hint) -> None:
        heard.append(hint)
        stop()

    stop = watchers.add(1, once)
    watchers.receive("mail 1:1")
    watchers.receive("mail 1:1")
    assert heard == [Hint(frozenset({1}))]


def test_other_topics_are_not_ours() -> None:
    heard: list[Hint] = []
    watchers = Watchers()
    watchers.add(1, heard.append)
    watchers.receive("queue 1:1")
    watchers.receive("mail")
    assert heard == []
