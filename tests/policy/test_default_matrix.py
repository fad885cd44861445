"""The shipped matrix on the demo academy, against the rules in words and the ground truth of who has what in common."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

import pytest

from mailgate.database import Database, Tx
from mailgate.delivery.recipients import ListRecipient, PersonRecipient, resolve
from mailgate.policy.matrix import WRITERS, Decision, Scope, Verdict
from mailgate.policy.targets import OutsideTarget, PersonTarget
from mailgate.policy.writing import may_write
from tests.policy.academy import STAFF, Account, accounts, lists, narrowest_first
from tests.policy.rules import ALLOW, MODERATE, REFUSE, to_list, to_person


def writers(count: int) -> list[Account]:
    """Some of each profile, always the same."""
    chance = random.Random(2009)
    found: list[Account] = []
    for profile in sorted({one.profile for one in accounts().values()}):
        people = sorted((one for one in accounts().values() if one.profile == profile), key=lambda one: one.number)
        found += chance.sample(people, min(count, len(people)))
    return found


async def ids(tx: Tx, people: Iterable[Account]) -> dict[int, PersonTarget]:
    found = {}
    for one in people:
        recipient = await resolve(tx, one.address)
        assert isinstance(recipient, PersonRecipient)
        found[one.number] = recipient.target
    return found


async def test_every_profile_to_every_profile(academy: Database) -> None:
    senders = writers(4)
    others = [*random.Random(7).sample(sorted(accounts().values(), key=lambda one: one.number), 250), *writers(6)]
    families = [accounts()[child] for one in senders for child in one.children]
    parents = [one for one in accounts().values() if any(sender.number in one.children for sender in senders)]
    mates = [
        one
        for one in accounts().values()
        if any(narrowest_first(sender, one)[0] in {Scope.OWN_CLASS, Scope.OWN_GROUP} for sender in senders[::3])
    ]
    others = [*others, *families, *parents, *mates[::4]]

    async def work(tx: Tx) -> Counter[tuple[str, str, Verdict]]:
        targets = await ids(tx, {one.number: one for one in (*senders, *others)}.values())
        seen: Counter[tuple[str, str, Verdict]] = Counter()
        for sender in senders:
            for other in others:
                if other is sender:
                    continue
                decision = await may_write(tx, targets[sender.number].person_id, targets[other.number])
                assert decision.verdict is to_person(sender, other), (sender, other, decision)
                seen[sender.profile, other.profile, decision.verdict] += 1
        return seen

    seen = await academy.read(work)
    for writer, reader in [("pupil", "pupil"), ("pupil", "relative"), ("relative", "pupil"), ("relative", "teacher")]:
        assert seen[writer, reader, ALLOW], (writer, reader)
        assert seen[writer, reader, REFUSE], (writer, reader)


async def test_every_profile_to_every_list(academy: Database) -> None:
    senders = writers(3)
    chosen = sorted(lists(), key=lambda address: (lists()[address]["kind"], lists()[address]["audience"], address))[::2]

    async def work(tx: Tx) -> Counter[tuple[str, Verdict]]:
        people = await ids(tx, senders)
        seen: Counter[tuple[str, Verdict]] = Counter()
        for address in chosen:
            found = await resolve(tx, address)
            assert isinstance(found, ListRecipient)
            for sender in senders:
                decision = await may_write(tx, people[sender.number].person_id, found.target)
                assert decision.verdict is to_list(sender, address), (sender, address, decision)
                seen[sender.profile, decision.verdict] += 1
        return seen

    seen = await academy.read(work)
    assert seen["teacher", MODERATE]
    assert seen["relative", MODERATE]
    assert seen["pupil", MODERATE]
    assert not seen["pupil", ALLOW]


@pytest.mark.parametrize("profile", [name for name in WRITERS if name != "outside"])
async def test_only_staff_write_outside(academy: Database, profile: str) -> None:
    sender = next(one for one in accounts().values() if one.profile == profile)

    async def work(tx: Tx) -> Decision:
        found = await ids(tx, [sender])
        return await may_write(tx, found[sender.number].person_id, OutsideTarget())

    decision = await academy.read(work)
    assert decision.verdict is (ALLOW if profile in STAFF else REFUSE)


async def test_everybody_may_write_to_oneself(academy: Database) -> None:
    async def work(tx: Tx) -> list[Verdict]:
        found = await ids(tx, writers(1))
        return [(await may_write(tx, one.person_id, one)).verdict for one in found.values()]

    assert set(await academy.read(work)) == {ALLOW}
