"""What a selected mailbox remembers of its changes, against all that happened."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imap.selected.journal import MOST, Journal

FIRST = 10
Events = list[tuple[int, int, bool]]
"""Modification sequence, UID, and whether it was expunged."""

steps_of_few = st.lists(st.lists(st.booleans(), min_size=1, max_size=4), max_size=12)
lengths = st.lists(st.integers(1, MOST + 3), max_size=6)


def told(steps: list[list[bool]], *, again: bool) -> tuple[Journal, Events]:
    """Each step is some changes, each with a modification sequence of its own; each UID is touched once.

    `again`: a step tells what the one before told, too, as a look that began before it does.
    """
    journal = Journal(FIRST)
    events: Events = []
    reached, before = FIRST, 0
    for step in steps:
        start = len(events)
        events += [(reached + 1 + place, len(events) + 1 + place, gone) for place, gone in enumerate(step)]
        known, reached = reached, reached + len(step)
        seen = events[before if again else start :]
        journal.note(known, reached, [uid for _, uid, gone in seen if not gone], [uid for _, uid, gone in seen if gone])
        before = start
    return journal, events


@given(steps=steps_of_few, again=st.booleans())
def test_nothing_is_missed_and_what_was_expunged_is_exact(*, steps: list[list[bool]], again: bool) -> None:
    journal, events = told(steps, again=again)
    ends = {FIRST}
    for step in steps:
        ends.add(max(ends) + len(step))
    for since in range(FIRST - 1, max(ends) + 2):
        changed, expunged = journal.changed(since), journal.expunged(since)
        if since < FIRST:
            assert changed is None
            assert expunged is None
            continue
        assert changed is not None
        assert changed >= {uid for modseq, uid, gone in events if modseq > since and not gone}
        if since in ends or expunged is not None:
            assert expunged == [uid for modseq, uid, gone in events if modseq > since and gone]
        if since in ends and not again:
            assert changed == {uid for modseq, uid, gone in events if modseq > since and not gone}


@given(changed=lengths, gone=lengths)
def test_it_forgets_the_oldest_and_says_so(changed: list[int], gone: list[int]) -> None:
    journal, reached, ends = Journal(FIRST), FIRST, [FIRST]
    numbers = [(number, False) for number in changed] + [(number, True) for number in gone]
    events: list[tuple[int, range, bool]] = []
    first = 1
    for number, expunged in numbers:
        uids = range(first, first + number)
        first += number
        journal.note(reached, reached + 1, () if expunged else uids, uids if expunged else ())
        reached += 1
        ends.append(reached)
        events.append((reached, uids, expunged))
        assert journal.octets <= 512 + 32 * MOST
    for since in ends:
        for known, wanted in ((journal.changed(since), False), (journal.expunged(since), True)):
            expected = {uid for at, uids, kind in events if at > since and kind is wanted for uid in uids}
            assert known is None or set(known) == expected
    assert journal.changed(reached) == set()
    assert journal.expunged(reached) == []
